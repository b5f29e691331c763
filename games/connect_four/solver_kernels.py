"""Numba kernels of the exact connect-four solver: bit tricks, the transposition table, one null-window search.

They answer one question, "is the score of this position greater than t?", and know nothing of opening tables, of
move lists or of what a caller does with the answer; `solver.py` asks the questions.

A position is (own, mask): bit = column * 7 + row, row 0 at the bottom, row 6 always empty; `own` holds the stones of
the side to move. Scores are Pons's: 22 minus the winner's number of stones at the end, negative for a loss, 0 drawn.

The search is iterative (recursive kernels do not survive Numba's disk cache) and keeps its whole state in arrays, so
that a caller can run it in slices and stay interruptible.
"""

from __future__ import annotations

import numpy as np
from numba import njit

COLUMNS = 7
ROWS = 6
CELLS = COLUMNS * ROWS
KEY_BITS = 49

BOTTOM = np.uint64(sum(1 << (7 * column) for column in range(COLUMNS)))
BOARD = np.uint64(int(BOTTOM) * 0b111111)
EVEN_ROWS = np.uint64(int(BOTTOM) * 0b101010)  # rows 1, 3, 5 counted from 0: "even squares" counted from 1
ODD_ROWS = np.uint64(int(BOTTOM) * 0b010101)
COLUMN = np.uint64(0b1111111)

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_KEY_MASK = np.uint64((1 << KEY_BITS) - 1)

# Registers of a suspended search.
DEPTH, PHASE, ANSWER, NODES, ROOT_PLY, THRESHOLD = 0, 1, 2, 3, 4, 5
NUM_REGISTERS = 6
ENTER, LEAVE = 0, 1
UNKNOWN = -1
FINISHED, SUSPENDED = 0, 1

# Up to this ply a position and its mirror image share a table entry. Later, reaching the mirror image of a position
# met before is so rare that reversing the columns costs more than it saves.
SYMMETRIC_PLIES = 18

# Up to this ply the children are looked up in the table before any is searched: 10 % fewer nodes; later, not worth it.
LOOKAHEAD_PLIES = 25

# Later positions are cheaper to search again than to look up in a table that lies outside the caches.
TABLE_PLIES = 36


@njit(cache=True)
def popcount(bits: np.uint64) -> np.int64:
    """Number of ones. LLVM recognises the pattern and emits one instruction."""
    bits = bits - ((bits >> _ONE) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True)
def completing_cells(stones: np.uint64, mask: np.uint64) -> np.uint64:
    """Empty cells, reachable now or not, that would give `stones` four in a line."""
    cells = (stones << _ONE) & (stones << np.uint64(2)) & (stones << np.uint64(3))
    for step in range(6, 9):  # diagonal down, horizontal, diagonal up; the empty row 6 stops every line
        one, two, three = np.uint64(step), np.uint64(2 * step), np.uint64(3 * step)
        below = (stones << one) & (stones << two)
        above = (stones >> one) & (stones >> two)
        cells |= below & ((stones << three) | (stones >> one))
        cells |= above & ((stones >> three) | (stones << one))
    return cells & (BOARD ^ mask)


@njit(cache=True)
def has_four(stones: np.uint64) -> bool:
    """Whether `stones` contain four in a line."""
    for step in (1, 6, 7, 8):
        pairs = stones & (stones >> np.uint64(step))
        if pairs & (pairs >> np.uint64(2 * step)):
            return True
    return False


@njit(cache=True)
def mirror(bits: np.uint64) -> np.uint64:
    """The same bits with columns in reverse order; works for boards and for keys."""
    swapped = bits & (COLUMN << np.uint64(21))
    for column in range(3):
        low, high = np.uint64(7 * column), np.uint64(7 * (6 - column))
        swapped |= ((bits >> low) & COLUMN) << high
        swapped |= ((bits >> high) & COLUMN) << low
    return swapped


@njit(cache=True)
def canonical_key(own: np.uint64, mask: np.uint64) -> np.uint64:
    """One 49-bit number for a position and its mirror image.

    own + mask is unique: a column of height h contributes 2^h - 1 plus any number below 2^h, so neither the height
    nor the stones can be confused, and the sum stays below 128, inside the column's seven bits.
    """
    key = own + mask
    return min(key, mirror(key))


@njit(cache=True)
def _bucket_and_tag(own, mask, ply, bucket_bits):
    """First slot of the position's bucket of four, and the part of its key that the slot does not imply."""
    key = own + mask
    if ply <= SYMMETRIC_PLIES:
        key = min(key, mirror(key))
    # Both steps can be undone within 49 bits, so slot and tag together are the key: a match is never a collision.
    key ^= key >> np.uint64(23)
    key = (key * np.uint64(0x1C4C1B3F7E9A5)) & _KEY_MASK
    shift = np.uint64(KEY_BITS - bucket_bits)
    return np.int64(key >> shift) << 2, key & ((_ONE << shift) - _ONE)


# A table entry: tag << 20 | effort << 14 | (lower + 32) << 7 | (upper + 32). Zero is an empty slot: no real entry has
# a lower and an upper bound of -32.
@njit(cache=True)
def _probe(table, slot, tag):
    """The entry of this tag in the bucket, or 0."""
    for entry_index in range(slot, slot + 4):
        entry = table[entry_index]
        if entry >> np.uint64(20) == tag and entry != _ZERO:
            return entry
    return _ZERO


@njit(cache=True)
def _store(table, slot, tag, lower, upper, effort):
    """Writes to the table: tightens the entry of this tag, or replaces the cheapest of the bucket."""
    victim = slot
    cheapest = np.int64(64)
    for entry_index in range(slot, slot + 4):
        entry = table[entry_index]
        if entry == _ZERO:
            victim = entry_index
            break
        if entry >> np.uint64(20) == tag:
            lower = max(lower, np.int64((entry >> np.uint64(7)) & COLUMN) - 32)
            upper = min(upper, np.int64(entry & COLUMN) - 32)
            effort = max(effort, np.int64((entry >> np.uint64(14)) & np.uint64(63)))
            victim = entry_index
            break
        spent = np.int64((entry >> np.uint64(14)) & np.uint64(63))
        if spent < cheapest:
            cheapest = spent
            victim = entry_index
    bounds = (np.uint64(lower + 32) << np.uint64(7)) | np.uint64(upper + 32)
    table[victim] = (tag << np.uint64(20)) | (np.uint64(effort) << np.uint64(14)) | bounds


@njit(cache=True)
def _non_losing_moves(own, mask):
    """Cells to play that do not lose at once to the opponent's next stone; 0 if every move does.

    The side to move has no immediate win. An opponent's threat that can be played now must be taken, two of them
    cannot; and a stone directly under an opponent's threat hands that threat over.
    """
    playable = (mask + BOTTOM) & BOARD
    threats = completing_cells(own ^ mask, mask)
    forced = playable & threats
    if forced != _ZERO:
        if forced & (forced - _ONE) != _ZERO:
            return _ZERO
        playable = forced
    return playable & ~(threats >> _ONE)


@njit(cache=True)
def _order_moves(moves, own, mask, playable):
    """Writes playable cells to moves[:n], the most promising last, and returns n.

    Moves that leave more completing cells come first, then central columns. Each word is count << 56 | cell.
    """
    number = 0
    for rank in range(COLUMNS):
        # 0 6 1 5 2 4 3: from the edges to the centre, so that among equals the centre ends up last
        column = rank >> 1 if rank & 1 == 0 else COLUMNS - 1 - (rank >> 1)
        move = playable & (COLUMN << np.uint64(7 * column))
        if move == _ZERO:
            continue
        count = np.uint64(popcount(completing_cells(own | move, mask | move)))
        place = number
        while place > 0 and moves[place - 1] >> np.uint64(56) > count:
            moves[place] = moves[place - 1]
            place -= 1
        moves[place] = (count << np.uint64(56)) | move
        number += 1
    return number


@njit(cache=True)
def _follow_up_bound(own, mask):
    """Upper bound on the score of the side to move by strategy alone: -1, 0, or CELLS for "says nothing".

    The opponent answers every move in the same column ("claimeven", V. Allis, "A knowledge-based approach of
    Connect-Four", 1988). It can do so in two cases.

    Every column has an even number of empty cells: then every second cell of each column is the opponent's. Without a
    four in the cells that remain to us we cannot win; with a four in the opponent's, we lose as well.

    One column has an odd number, and in it the opponent threatens a cell that we reach second by such play: the
    opponent gets there, so without a four in the cells that fall to us on the way, we lose.
    """
    odd_columns = (mask + BOTTOM) & EVEN_ROWS  # the next cell of each column with an odd number of empty ones
    empty = BOARD ^ mask
    if odd_columns == _ZERO:
        if has_four(own | (empty & ODD_ROWS)):
            return CELLS
        return -1 if has_four((own ^ mask) | (empty & EVEN_ROWS)) else 0
    if odd_columns & (odd_columns - _ONE) != _ZERO:
        return CELLS
    column = (odd_columns | (odd_columns << np.uint64(2)) | (odd_columns << np.uint64(4))) & EVEN_ROWS
    threats = completing_cells(own ^ mask, mask) & (column << _ONE) & ODD_ROWS
    if threats == _ZERO:
        return CELLS
    # The lowest such threat; `column` never reaches row 6, so the shift stays inside the column.
    ours_there = column & EVEN_ROWS & ((threats & (_ZERO - threats)) - _ONE)
    elsewhere = empty & ODD_ROWS & ~(column << _ONE)
    return CELLS if has_four(own | ours_there | elsewhere) else -1


@njit(cache=True)
def _answer_without_search(table, slot, tag, own, mask, ply, threshold):
    """1 or 0 if bounds settle "score > threshold"; UNKNOWN if moves must be tried."""
    if -((CELLS - 2 - ply) // 2) > threshold:  # cannot lose sooner than that
        return 1
    if (CELLS - 1 - ply) // 2 <= threshold:  # cannot win sooner than that
        return 0
    entry = _probe(table, slot, tag) if ply <= TABLE_PLIES else _ZERO
    if entry != _ZERO:
        if np.int64((entry >> np.uint64(7)) & COLUMN) - 32 > threshold:
            return 1
        if np.int64(entry & COLUMN) - 32 <= threshold:
            return 0
    return 0 if _follow_up_bound(own, mask) <= threshold else UNKNOWN


@njit(cache=True)
def _known_good_move(table, bucket_bits, own, mask, ply, playable, threshold):
    """Whether the table already knows a move that scores above the threshold (enhanced transposition cut-off)."""
    for column in range(COLUMNS):
        move = playable & (COLUMN << np.uint64(7 * column))
        if move != _ZERO:
            slot, tag = _bucket_and_tag(own ^ mask, mask | move, ply + 1, bucket_bits)
            entry = _probe(table, slot, tag)
            if entry != _ZERO and 32 - np.int64(entry & COLUMN) > threshold:
                return True
    return False


@njit(cache=True)
def _effort(nodes):
    """log2 of a number of nodes, the price of replacing a table entry."""
    effort = 0
    while nodes > 1:
        nodes >>= 1
        effort += 1
    return effort


@njit(cache=True)
def search(table, bucket_bits, own, mask, moves, left, began, registers, budget):
    """Runs or resumes a search until it ends or `budget` nodes are spent; changes table, frames and registers.

    Question: is the score of position (own[0], mask[0]) greater than registers[THRESHOLD]? The side to move must not
    have an immediate win and the game must not be over. Answer: registers[ANSWER], 1 or 0, once FINISHED is returned.

    table: [4 << bucket_bits] uint64. Frames, one a ply: own, mask: [43] uint64; moves: [43, 7] uint64; left, began:
    [43] int64. registers: [6] int64; a new search has PHASE = ENTER, DEPTH = 0 and ROOT_PLY = stones on the board.
    """
    depth = registers[DEPTH]
    phase = registers[PHASE]
    answer = registers[ANSWER]
    nodes = registers[NODES]
    stop_at = nodes + budget
    while True:
        # Every second ply sees the question from the other side: score > t  <=>  not (-score > -t - 1).
        threshold = registers[THRESHOLD] if depth & 1 == 0 else -registers[THRESHOLD] - 1
        ply = registers[ROOT_PLY] + depth
        if phase == ENTER:
            if nodes >= stop_at:
                break
            nodes += 1
            playable = _non_losing_moves(own[depth], mask[depth])
            if playable == _ZERO:
                answer = np.int64(-((CELLS - ply) // 2) > threshold)
            elif ply >= CELLS - 2:  # two cells left and neither side can win
                answer = np.int64(0 > threshold)
            else:
                slot, tag = _bucket_and_tag(own[depth], mask[depth], ply, bucket_bits)
                answer = _answer_without_search(table, slot, tag, own[depth], mask[depth], ply, threshold)
                if (
                    answer == UNKNOWN
                    and ply <= LOOKAHEAD_PLIES
                    and _known_good_move(table, bucket_bits, own[depth], mask[depth], ply, playable, threshold)
                ):
                    answer = 1
                if answer == UNKNOWN:
                    left[depth] = _order_moves(moves[depth], own[depth], mask[depth], playable)
                    began[depth] = nodes
        elif answer == 1 and left[depth] > 0:  # this move is refuted, there are others
            answer = UNKNOWN
        else:
            answer = 1 - answer
            slot, tag = _bucket_and_tag(own[depth], mask[depth], ply, bucket_bits)
            lower = threshold + 1 if answer == 1 else -((CELLS - 2 - ply) // 2)
            upper = (CELLS - 1 - ply) // 2 if answer == 1 else threshold
            if ply <= TABLE_PLIES:
                _store(table, slot, tag, lower, upper, _effort(nodes - began[depth]))

        if answer == UNKNOWN:
            left[depth] -= 1
            own[depth + 1] = own[depth] ^ mask[depth]
            mask[depth + 1] = mask[depth] | (moves[depth, left[depth]] & BOARD)
            depth += 1
            phase = ENTER
        elif depth == 0:
            registers[ANSWER] = answer
            registers[NODES] = nodes
            return FINISHED
        else:
            depth -= 1
            phase = LEAVE
    registers[DEPTH] = depth
    registers[PHASE] = phase
    registers[ANSWER] = answer
    registers[NODES] = nodes
    return SUSPENDED
