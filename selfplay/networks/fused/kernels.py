"""Batch norm, ReLU and residual sum in one pass each, forwards and backwards, over bfloat16 in memory as uint16.

Arrays are [M, C]: M cells of all boards of a batch, C channels, as channels-last memory lies. A bfloat16 is the upper
half of a float32; sums are taken in float32 over CHUNK cells at a time, and those in float64. Knows no convolution and
no network.
"""

from __future__ import annotations

import numpy as np
from numba import njit

CHUNK = 512  # cells whose sum float32 holds exactly enough; more take longer to round than to add
ONE, HALF, SIXTEEN = np.uint32(1), np.uint32(0x7FFF), np.uint32(16)
QUIET = np.uint16(0x7FC0)  # not a number


@njit(cache=True, inline="always")
def widen(bits):
    """A bfloat16's float32."""
    return np.uint32(np.uint32(bits) << SIXTEEN).view(np.float32)


@njit(cache=True, inline="always")
def narrow(value):
    """The nearest bfloat16, of two equally near the even one; what is not a number stays so."""
    bits = np.float32(value).view(np.uint32)
    near = np.uint16((bits + HALF + ((bits >> SIXTEEN) & ONE)) >> SIXTEEN)
    return near if value == value else QUIET


@njit(cache=True)
def statistics(x, shift, part, sums):
    """sums [2, C] float64 ← Σ (x − shift) and Σ (x − shift)², over cells of x [M, C]. shift: [C] float32, near the
    mean, lest the squares drown it. part: [2, C] float32, scratch."""
    cells, channels = x.shape
    sums[:] = 0
    for start in range(0, cells, CHUNK):
        part[:] = 0
        for m in range(start, min(start + CHUNK, cells)):
            for c in range(channels):
                value = widen(x[m, c]) - shift[c]
                part[0, c] += value
                part[1, c] += value * value
        for c in range(channels):
            sums[0, c] += part[0, c]
            sums[1, c] += part[1, c]


@njit(cache=True)
def normalise(x, scale, offset, y):
    """y [M, C] ← max(0, x·scale + offset), for scale and offset [C] float32."""
    cells, channels = x.shape
    zero = np.float32(0)
    for m in range(cells):
        for c in range(channels):
            value = widen(x[m, c]) * scale[c] + offset[c]
            y[m, c] = narrow(zero if value <= zero else value)


@njit(cache=True)
def normalise_and_add(x, scale, offset, residual, y):
    """y [M, C] ← max(0, x·scale + offset + residual)."""
    cells, channels = x.shape
    zero = np.float32(0)
    for m in range(cells):
        for c in range(channels):
            value = widen(x[m, c]) * scale[c] + offset[c] + widen(residual[m, c])
            y[m, c] = narrow(zero if value <= zero else value)


@njit(cache=True)
def slopes(dy, y, x, mean, part, sums):
    """sums [2, C] float64 ← Σ g and Σ g·(x − mean), where g is dy where y > 0, and 0 elsewhere: y's gradient before
    its ReLU. part: [2, C] float32, scratch."""
    cells, channels = x.shape
    zero = np.float32(0)
    sums[:] = 0
    for start in range(0, cells, CHUNK):
        part[:] = 0
        for m in range(start, min(start + CHUNK, cells)):
            for c in range(channels):
                g = widen(dy[m, c]) if y[m, c] != 0 else zero
                part[0, c] += g
                part[1, c] += g * (widen(x[m, c]) - mean[c])
        for c in range(channels):
            sums[0, c] += part[0, c]
            sums[1, c] += part[1, c]


@njit(cache=True)
def through_norm(dy, y, x, scale, slope, offset, dx):
    """dx [M, C] ← g·scale + x·slope + offset, with g as above: the gradient before batch norm."""
    cells, channels = x.shape
    zero = np.float32(0)
    for m in range(cells):
        for c in range(channels):
            g = widen(dy[m, c]) if y[m, c] != 0 else zero
            dx[m, c] = narrow(g * scale[c] + widen(x[m, c]) * slope[c] + offset[c])


@njit(cache=True)
def add_rectified(dy, y, dx):
    """dx [M, C] ← dx + g, with g as above: what comes through the residual."""
    cells, channels = dx.shape
    zero = np.float32(0)
    for m in range(cells):
        for c in range(channels):
            dx[m, c] = narrow(widen(dx[m, c]) + (widen(dy[m, c]) if y[m, c] != 0 else zero))
