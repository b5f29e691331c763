"""3x3 convolutions of small boards in bfloat16, forwards and backwards, with no work on the padding.

Compiled by Numba around two inner tiles that are written in LLVM's terms, since Numba has no vectors: `_row` computes
one row of a board for 32 output channels, `_filters` a part of the filters' gradient. Both walk a table of offsets and
keep their sums in registers; products are pairs of bfloat16 added to float32 (the instruction vdpbf16ps). oneDNN, which
torch calls, multiplies by the zeros around a board, too, and turns filters' gradients at 0.6 of its own best speed.
Knows no batch norm and no network.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils, config
from numba.extending import intrinsic

LANES = 16  # float32 in a register
OUTPUTS = 32  # output channels of a tile: two registers
INPUTS = 8  # input channels of a tile of the filters' gradient
BOARDS = 8  # whose transposed planes stay in the fastest cache
WIDTHS = (7, 8)  # of boards that have a tile

# Whether what Numba compiles may use the instructions for bfloat16; without them they are spelled out, slowly. Where
# there are matrix instructions (AMX), oneDNN uses them and is faster.
NATIVE = bool(
    config.CPU_NAME in (None, "host")  # type: ignore[attr-defined]
    and not config.DISABLE_JIT  # type: ignore[attr-defined]
    and binding.get_host_cpu_features().get("avx512bf16", False)
    and not binding.get_host_cpu_features().get("amx-bf16", False)
)


class _BFloat(ir.Type):
    """LLVM's bfloat, which llvmlite doesn't name."""

    intrinsic_name = "bf16"

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash("bfloat")


_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_WORDS = ir.VectorType(ir.IntType(32), LANES)
_PAIRS = ir.VectorType(_BFloat(), 2 * LANES)
_HALVES = ir.VectorType(_BFloat(), LANES)
_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align, typ=kind)


def _store(builder: Any, value: Any, address: Any, align: int) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def _plus(builder: Any, address: Any, constant: int) -> Any:
    return builder.add(address, ir.Constant(_I64, constant))


def _spread(builder: Any, address: Any) -> Any:
    """[16] × the two bfloat16 at the address."""
    word = _load(builder, address, _I32, 2)
    one = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), word, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, ir.Constant(_WORDS, ir.Undefined), ir.Constant(_WORDS, [0] * LANES))


def _dot(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the products of pairs: total[i] + a[2i] b[2i] + a[2i+1] b[2i+1], for a and b as words."""
    if NATIVE:
        kind = ir.FunctionType(_FLOATS, [_FLOATS, _PAIRS, _PAIRS])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512bf16.dpbf16ps.512")
        return builder.call(function, [total, builder.bitcast(a, _PAIRS), builder.bitcast(b, _PAIRS)])
    sixteen, upper = (ir.Constant(_WORDS, [value] * LANES) for value in (16, 0xFFFF0000))
    for part in (lambda x: builder.and_(x, upper), lambda x: builder.shl(x, sixteen)):
        factors = [builder.bitcast(part(x), _FLOATS) for x in (a, b)]
        total = builder.fadd(total, builder.fmul(*factors))
    return total


def _narrow(builder: Any, values: Any) -> Any:
    """[16] bfloat16 nearest to float32, ties to even; only where NATIVE are numbers beyond all others seen to."""
    if NATIVE:
        return builder.fptrunc(values, _HALVES)
    one, half, sixteen = (ir.Constant(_WORDS, [value] * LANES) for value in (1, 0x7FFF, 16))
    bits = builder.bitcast(values, _WORDS)
    odd = builder.and_(builder.lshr(bits, sixteen), one)
    rounded = builder.lshr(builder.add(bits, builder.add(odd, half)), sixteen)
    return builder.trunc(rounded, ir.VectorType(ir.IntType(16), LANES))


def _sums(builder: Any, tables: tuple[Any, Any], count: Any, starts: list[Any], step: Any) -> list[Any]:
    """A loop over `count` entries of two tables of int32 offsets, which are added to two addresses: step(a, b, sums)
    gives the sums of the next round."""
    before = builder.block
    loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.branch(loop)  # count is at least 1
    builder.position_at_end(loop)
    index = builder.phi(_I64)
    index.add_incoming(ir.Constant(_I64, 0), before)
    sums = [builder.phi(_FLOATS) for _ in starts]
    for phi, start in zip(sums, starts, strict=True):
        phi.add_incoming(start, before)
    at = builder.mul(index, ir.Constant(_I64, 4))
    offsets = [builder.sext(_load(builder, builder.add(table, at), _I32, 4), _I64) for table in tables]
    found = step(*offsets, list(sums))
    following = _plus(builder, index, 1)
    index.add_incoming(following, builder.block)
    for phi, value in zip(sums, found, strict=True):
        phi.add_incoming(value, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
    builder.position_at_end(after)
    return found


def _row_of(width: int) -> Any:
    @intrinsic
    def row(typing: Any, x: Any, filters: Any, y: Any, inputs: Any, outputs: Any, xs: Any, fs: Any, count: Any) -> Any:
        """One row of a board, all addresses and strides in bytes: x at the board, filters at the tile, y at the row;
        inputs and outputs between cells of x and y; tables of offsets into x and filters."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, filters, y, inputs, outputs, xs, fs, count = arguments

            def step(a: Any, b: Any, sums: list[Any]) -> list[Any]:
                cell, weights = builder.add(x, a), builder.add(filters, b)
                cells = []
                for _ in range(width):
                    cells.append(_spread(builder, cell))
                    cell = builder.add(cell, inputs)
                for shift in range(3):
                    for half in range(2):
                        weight = _load(builder, _plus(builder, weights, (2 * shift + half) * 64), _WORDS, 4)
                        for w in range(width):
                            if 0 <= w + shift - 1 < width:
                                at = 2 * w + half
                                sums[at] = _dot(builder, sums[at], cells[w + shift - 1], weight)
                return sums

            zero = ir.Constant(_FLOATS, [0.0] * LANES)
            for index, total in enumerate(_sums(builder, (xs, fs), count, [zero] * (2 * width), step)):
                where = builder.add(y, builder.mul(outputs, ir.Constant(_I64, index // 2)))
                _store(builder, _narrow(builder, total), _plus(builder, where, 32 * (index % 2)), 2)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), generate

    return row


_row_7, _row_8 = _row_of(7), _row_of(8)


@intrinsic
def _filters(typing: Any, x: Any, g: Any, to: Any, plane: Any, outputs: Any, xs: Any, gs: Any, count: Any) -> Any:
    """Adds to INPUTS rows of OUTPUTS float32 at `to`, `outputs` bytes apart: of x, whose channels lie `plane` bytes
    apart, and g, pairs of cells by tables of offsets."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, g, to, plane, outputs, xs, gs, count = arguments
        places = [builder.add(to, builder.mul(outputs, ir.Constant(_I64, i))) for i in range(INPUTS)]
        places = [_plus(builder, place, 64 * half) for place in places for half in range(2)]

        def step(a: Any, b: Any, sums: list[Any]) -> list[Any]:
            cell, pairs = builder.add(x, a), builder.add(g, b)
            halves = [_load(builder, _plus(builder, pairs, 64 * half), _WORDS, 4) for half in range(2)]
            for i in range(INPUTS):
                spread = _spread(builder, cell)
                for half in range(2):
                    sums[2 * i + half] = _dot(builder, sums[2 * i + half], spread, halves[half])
                cell = builder.add(cell, plane)
            return sums

        starts = [_load(builder, place, _FLOATS, 4) for place in places]
        for place, total in zip(places, _sums(builder, (xs, gs), count, starts, step), strict=True):
            _store(builder, total, place, 4)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 8), generate


@njit(cache=True)
def _convolve(x, filters, xs, fs, counts, y):
    """y [B, R, W, O] ← x [B, R, W, I] by packed filters [O / 32, 9 I / 2, 32, 2], all bfloat16 as uint16. xs, fs:
    [R, 3 I / 2] int32 offsets in bytes of x and of filters, of which a row of the board takes `counts` [R]."""
    boards, rows, width, inputs = x.shape
    outputs = y.shape[3]
    x_at, y_at, filters_at = x.ctypes.data, y.ctypes.data, filters.ctypes.data
    tile_bytes = 9 * inputs * OUTPUTS * 2
    for b in range(boards):
        board = x_at + b * rows * width * inputs * 2
        for tile in range(outputs // OUTPUTS):
            weights = filters_at + tile * tile_bytes
            for r in range(rows):
                row = y_at + ((b * rows + r) * width * outputs + tile * OUTPUTS) * 2
                x_table, f_table = xs.ctypes.data + r * xs.shape[1] * 4, fs.ctypes.data + r * fs.shape[1] * 4
                if width == 7:
                    _row_7(board, weights, row, inputs * 2, outputs * 2, x_table, f_table, counts[r])
                else:
                    _row_8(board, weights, row, inputs * 2, outputs * 2, x_table, f_table, counts[r])


@njit(cache=True)
def _filters_gradient(x, g, xs, gs, counts, planes, pairs, dfilters):
    """dfilters [3, 3, I, O] float32 ← of x [B, R, W, I] and the gradient g [B, R, W, O] of what it was convolved to.

    Scratch: planes [I, BOARDS, W, H] uint64, rows −1 to 4H − 2 of each column; pairs [O / 32, BOARDS, W,
    (R + 1) // 2, 32] uint32, cells of rows 2h and 2h + 1. xs, gs: [3, n] int32 offsets in bytes for
    each column of the filters, of which `counts` [3] a board; one board after the other."""
    boards, rows, width, inputs = x.shape
    outputs, words = g.shape[3], planes.shape[3]
    plane = planes.shape[1] * width * words * 8
    tile_bytes = pairs.shape[1] * width * pairs.shape[3] * OUTPUTS * 4
    taken, masks = np.zeros(4, np.int64), np.zeros(4, np.uint64)
    dfilters[:] = 0
    for start in range(0, boards, BOARDS):
        here = min(BOARDS, boards - start)
        for b in range(start, start + here):
            for k in range(words):
                for j in range(4):
                    taken[j] = min(max(4 * k - 1 + j, 0), rows - 1)
                    masks[j] = np.uint64(0xFFFF if 0 <= 4 * k - 1 + j < rows else 0)
                for w in range(width):
                    r0, r1, r2, r3 = x[b, taken[0], w], x[b, taken[1], w], x[b, taken[2], w], x[b, taken[3], w]
                    m0, m1, m2, m3 = masks[0], masks[1], masks[2], masks[3]
                    for i in range(inputs):
                        lower = (np.uint64(r0[i]) & m0) | ((np.uint64(r1[i]) & m1) << np.uint64(16))
                        upper = (np.uint64(r2[i]) & m2) | ((np.uint64(r3[i]) & m3) << np.uint64(16))
                        planes[i, b - start, w, k] = lower | (upper << np.uint64(32))
            for h in range(pairs.shape[3]):
                mask = np.uint32(0xFFFF if 2 * h + 1 < rows else 0)
                for w in range(width):
                    first, second = g[b, 2 * h, w], g[b, min(2 * h + 1, rows - 1), w]
                    for tile in range(outputs // OUTPUTS):
                        words_here = pairs[tile, b - start, w, h]
                        for o in range(OUTPUTS):
                            upper_half = np.uint32(second[tile * OUTPUTS + o]) & mask
                            words_here[o] = np.uint32(first[tile * OUTPUTS + o]) | (upper_half << np.uint32(16))
        for across in range(3):
            x_table, g_table = xs.ctypes.data + across * xs.shape[1] * 4, gs.ctypes.data + across * gs.shape[1] * 4
            for down in range(3):
                for i in range(0, inputs, INPUTS):
                    for tile in range(outputs // OUTPUTS):
                        _filters(  # type: ignore[call-arg]
                            planes.ctypes.data + i * plane + down * 2, pairs.ctypes.data + tile * tile_bytes,
                            dfilters.ctypes.data + (((down * 3 + across) * inputs + i) * outputs + tile * OUTPUTS) * 4,
                            plane, outputs * 4, x_table, g_table, counts[across] * here,
                        )  # fmt: skip


def suits(x: torch.Tensor, filters: torch.Tensor) -> bool:
    """Whether this is the fastest way here: the processor has the instructions, and the shapes their tiles."""
    outputs, inputs, size, _ = filters.shape
    return NATIVE and size == 3 and x.shape[3] in WIDTHS and inputs % OUTPUTS == 0 and outputs % OUTPUTS == 0


def forward(x: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """x [B, I, R, W] by filters [O, I, 3, 3], both bfloat16, x channels last: [B, O, R, W]."""
    outputs, inputs = filters.shape[:2]
    y = torch.empty((len(x), outputs, *x.shape[2:]), dtype=x.dtype, memory_format=torch.channels_last)
    # [O / 32, down, I / 2, across, 32, 2]: in the order in which a row takes them
    shaped = filters.reshape(outputs // OUTPUTS, OUTPUTS, inputs // 2, 2, 3, 3).permute(0, 4, 2, 5, 1, 3).contiguous()
    _convolve(_cells(x), shaped.view(torch.uint16).numpy(), *_row_tables(x.shape[2], x.shape[3], inputs), _cells(y))
    return y


def input_gradient(dy: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Of the input [B, I, R, W], from that of the output [B, O, R, W]: a convolution by the filters turned round."""
    return forward(dy, filters.flip(2, 3).transpose(0, 1))


def filters_gradient(x: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    """[O, I, 3, 3] float32, from x [B, I, R, W] and dy [B, O, R, W], both bfloat16, channels last."""
    (_, inputs, rows, width), outputs = x.shape, dy.shape[1]
    tables, height = _filter_tables(rows, width)
    planes = np.empty((inputs, BOARDS, width, height // 4), np.uint64)
    pairs = np.empty((outputs // OUTPUTS, BOARDS, width, -(-rows // 2), OUTPUTS), np.uint32)
    found = np.empty((3, 3, inputs, outputs), np.float32)
    _filters_gradient(_cells(x), _cells(dy), *tables, planes, pairs, found)
    return torch.from_numpy(found).permute(3, 2, 0, 1)


def _cells(x: torch.Tensor) -> np.ndarray:
    """The memory of x [B, C, R, W], bfloat16, channels last: [B, R, W, C] uint16."""
    cells: np.ndarray = x.view(torch.uint16).permute(0, 2, 3, 1).numpy()
    return cells


@cache
def _row_tables(rows: int, width: int, inputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row of a board, the offsets of the rows that it is computed from, by pairs of input channels."""
    xs, fs = np.zeros((2, rows, 3 * inputs // 2), np.int32)
    counts = np.zeros(rows, np.int64)
    for row in range(rows):
        entries = [
            ((row + down - 1) * width * inputs * 2 + pair * 4, (down * inputs // 2 + pair) * 3 * OUTPUTS * 4)
            for down in range(3) if 0 <= row + down - 1 < rows
            for pair in range(inputs // 2)
        ]  # fmt: skip
        counts[row] = len(entries)
        xs[row, : len(entries)], fs[row, : len(entries)] = np.array(entries).T
    return xs, fs, counts


@cache
def _filter_tables(rows: int, width: int) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], int]:
    """For each column of the filters, the offsets of the pairs of cells that it sees, and the height of a plane."""
    couples = -(-rows // 2)
    height = -(-(2 * couples + 2) // 4) * 4
    xs, gs = np.zeros((2, 3, BOARDS * width * couples), np.int32)
    counts = np.zeros(3, np.int64)
    for across in range(3):
        entries = [
            (((board * width + w + across - 1) * height + 2 * couple) * 2,
             ((board * width + w) * couples + couple) * OUTPUTS * 4)
            for board in range(BOARDS)
            for w in range(width) if 0 <= w + across - 1 < width
            for couple in range(couples)
        ]  # fmt: skip
        counts[across] = len(entries) // BOARDS
        xs[across, : len(entries)], gs[across, : len(entries)] = np.array(entries).T
    return (xs, gs, counts), height
