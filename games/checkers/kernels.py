"""Numba kernels of English checkers: moves on bitboards, whole positions, move counts, random games.

A position is three words in the layout of `board.py`: `own` and `other` hold the pieces of the player to move and of
the opponent, `kings` the kings of both. After a move the board is turned, so one side's code is all there is. Kernels
that call each other share this file, since the on-disk cache does not see edits elsewhere; they know no text.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games.checkers import board

_FULL = np.uint64(board.FULL)
_KING_ROW = np.uint64(board.KING_ROW)
_LAST_BIT = board.WIDTH - 1
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_FOUR, _FIVE, _EIGHT, _TEN = np.uint64(4), np.uint64(5), np.uint64(8), np.uint64(10)

TOO_MANY = -1  # returned by perft when its lists are too short

# Words


@njit(cache=True)
def popcount(word):
    """Number of ones. LLVM recognises the pattern and emits one instruction."""
    word = word - ((word >> _ONE) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> _FOUR)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True)
def low_bit(word):
    """Number of the lowest one of a word that is not 0."""
    return popcount((word ^ (word - _ONE)) >> _ONE)


@njit(cache=True)
def turn(word):
    """The board turned by 180°: bit b becomes bit 34 - b."""
    word = ((word >> _ONE) & np.uint64(0x5555555555555555)) | ((word & np.uint64(0x5555555555555555)) << _ONE)
    two, sixteen, half = np.uint64(2), np.uint64(16), np.uint64(32)
    word = ((word >> two) & np.uint64(0x3333333333333333)) | ((word & np.uint64(0x3333333333333333)) << two)
    word = ((word >> _FOUR) & np.uint64(0x0F0F0F0F0F0F0F0F)) | ((word & np.uint64(0x0F0F0F0F0F0F0F0F)) << _FOUR)
    word = ((word >> _EIGHT) & np.uint64(0x00FF00FF00FF00FF)) | ((word & np.uint64(0x00FF00FF00FF00FF)) << _EIGHT)
    word = ((word >> sixteen) & np.uint64(0x0000FFFF0000FFFF)) | ((word & np.uint64(0x0000FFFF0000FFFF)) << sixteen)
    return ((word >> half) | (word << half)) >> np.uint64(64 - board.WIDTH)


@njit(cache=True)
def shifted(word, direction):
    """Every square's neighbour in a direction; may set bits that are no squares."""
    if direction == 0:
        return word << _FOUR
    if direction == 1:
        return word << _FIVE
    if direction == 2:
        return word >> _FIVE
    return word >> _FOUR


# Moves


@njit(cache=True)
def steppers(own, other, kings):
    """Pieces that can step, one word a direction."""
    empty = _FULL & ~(own | other)
    crowned = own & kings
    return own & (empty >> _FOUR), own & (empty >> _FIVE), crowned & (empty << _FIVE), crowned & (empty << _FOUR)


@njit(cache=True)
def jumpers(own, other, kings):
    """Pieces that can jump, one word a direction."""
    empty = _FULL & ~(own | other)
    crowned = own & kings
    return (
        own & (other >> _FOUR) & (empty >> _EIGHT),
        own & (other >> _FIVE) & (empty >> _TEN),
        crowned & (other << _FIVE) & (empty << _TEN),
        crowned & (other << _FOUR) & (empty << _EIGHT),
    )


@njit(cache=True)
def any_of(words):
    return words[0] | words[1] | words[2] | words[3]


@njit(cache=True)
def moved(own, other, kings, start, direction, jump):
    """One action: (own, other, kings, target, crowned), the board not turned. start, target: words of one bit."""
    target = shifted(start, direction)
    if jump:
        other &= ~target
        kings &= ~target
        target = shifted(target, direction)
    own ^= start | target
    was_king = (kings & start) != _ZERO
    crowned = not was_king and (target & _KING_ROW) != _ZERO
    if was_king:
        kings ^= start | target
    elif crowned:
        kings |= target
    return own, other, kings, target, crowned


@njit(cache=True)
def can_jump(own, other, kings, piece):
    return (any_of(jumpers(own, other, kings)) & piece) != _ZERO


@njit(cache=True)
def list_moves(own, other, kings, jumper, row):
    """Writes the legal actions, ascending, to row; returns (how many, whether they are jumps). jumper: the piece that
    has to jump on as a word, or 0."""
    movers = jumpers(own, other, kings)
    pieces = any_of(movers)
    jump = pieces != _ZERO
    if jumper != _ZERO:
        pieces = jumper
    elif not jump:
        movers = steppers(own, other, kings)
        pieces = any_of(movers)
    n = 0
    while pieces != _ZERO:
        here = pieces & ~(pieces - _ONE)
        pieces ^= here
        bit = popcount(here - _ONE)
        square = bit - bit // 9
        for direction in range(4):
            if movers[direction] & here != _ZERO:
                row[n] = square * 8 + direction * 2 + jump
                n += 1
    return n, jump


# Positions: records of the game's state_dtype


@njit(cache=True)
def list_actions(states, i, row):
    """Writes the legal actions of states[i], ascending, to row [K]; returns how many."""
    state = states[i]
    if state["terminal"]:
        return 0
    jumper = _ZERO
    if state["jumper"] != 0:
        square = np.int64(state["jumper"]) - 1
        jumper = _ONE << np.uint64(square + square // 8)
    return list_moves(state["own"], state["other"], state["kings"], jumper, row)[0]


@njit(cache=True)
def occurred_before(states, i):
    """How often the position states[i], with the same player to move, stood on the board since the last capture or
    man's move: takes the kings' steps in its history back, two by two."""
    own, other, clock = states[i]["own"], states[i]["other"], np.int64(states[i]["clock"])
    history = states[i]["history"]
    then_own, then_other = own, other
    count = 0
    for back in range(1, clock + 1):
        entry = np.int64(history[clock - back])
        bit, direction = entry >> 2, entry & 3
        if back & 1:  # made by the opponent, who saw the board from the other side
            start = _ONE << np.uint64(_LAST_BIT - bit)
            then_other ^= start | shifted(start, 3 - direction)
        else:
            start = _ONE << np.uint64(bit)
            then_own ^= start | shifted(start, direction)
            if then_own == own and then_other == other:
                count += 1
    return count


@njit(cache=True)
def advance(states, i, action, quiet_plies, occurrences):
    """Plays an action in states[i], in place; returns (reward, discount). Draw limits: see Checkers; 0 is none."""
    square, direction, jump = action >> 3, (action >> 1) & 3, (action & 1) == 1
    bit = square + square // 8
    start = _ONE << np.uint64(bit)
    by_king = (states[i]["kings"] & start) != _ZERO
    own, other, kings, target, crowned = moved(
        states[i]["own"], states[i]["other"], states[i]["kings"], start, direction, jump
    )
    clock = np.int64(states[i]["clock"])
    quiet = by_king and not jump
    history = states[i]["history"]
    if quiet:
        history[clock] = bit * 4 + direction
        clock += 1
    else:
        for k in range(clock):
            history[k] = 0
        clock = np.int64(0)
    states[i]["clock"] = clock
    states[i]["repetitions"] = 0
    if jump and not crowned and can_jump(own, other, kings, target):
        at = low_bit(target)
        states[i]["own"], states[i]["other"], states[i]["kings"] = own, other, kings
        states[i]["jumper"] = at - at // 9 + 1
        return 0.0, 1.0
    own, other, kings = turn(other), turn(own), turn(kings)
    states[i]["own"], states[i]["other"], states[i]["kings"] = own, other, kings
    states[i]["jumper"] = 0
    states[i]["to_play"] = 1 - states[i]["to_play"]
    if any_of(jumpers(own, other, kings)) | any_of(steppers(own, other, kings)) == _ZERO:
        states[i]["terminal"] = True
        return 1.0, 0.0
    if quiet:
        before = occurred_before(states, i)
        states[i]["repetitions"] = before
        if clock >= quiet_plies or (occurrences > 0 and before + 1 >= occurrences):
            states[i]["terminal"] = True
            return 0.0, 0.0
    return 0.0, -1.0


@njit(cache=True)
def step(states, actions, quiet_plies, occurrences, reward, discount):
    """Changes `states` [B] in place; writes reward and discount [B]. actions: [B] int32."""
    for i in range(len(states)):
        reward[i] = 0.0
        discount[i] = 0.0
        if not states[i]["terminal"]:
            reward[i], discount[i] = advance(states, i, np.int64(actions[i]), quiet_plies, occurrences)


@njit(cache=True)
def legal_actions(states, actions, count):
    """Writes actions [B, K] int32, padded with -1, and count [B] int32."""
    for i in range(len(states)):
        n = list_actions(states, i, actions[i])
        count[i] = n
        for k in range(n, actions.shape[1]):
            actions[i, k] = -1


@njit(cache=True)
def observe(states, quiet_plies, clock_steps, planes):
    """Writes into planes [B, R, C, P] float32, all 0; row 0 is the mover's back row. The order: see Checkers."""
    for i in range(len(states)):
        own, other, kings = states[i]["own"], states[i]["other"], states[i]["kings"]
        pieces = own | other
        while pieces != _ZERO:
            bit = low_bit(pieces)
            here = _ONE << np.uint64(bit)
            pieces ^= here
            square = bit - bit // 9
            row = square // 4
            column = 2 * (square % 4) + (row + 1) % 2
            plane = 2 * (own & here == _ZERO) + (kings & here != _ZERO)
            planes[i, row, column, plane] = 1.0
            if states[i]["jumper"] == square + 1:
                planes[i, row, column, 4] = 1.0
        clock = np.float32(np.int64(states[i]["clock"]) * clock_steps // quiet_plies / clock_steps)
        repeated = np.float32(states[i]["repetitions"] > 0)
        for row in range(8):
            for column in range(8):
                planes[i, row, column, 5] = clock
                planes[i, row, column, 6] = repeated


@njit(cache=True)
def playout(states, seeds, quiet_plies, occurrences, row, outcome, plies):
    """Plays each of `states` [B] to its end by uniformly random actions, in place. seeds: [B] uint64, advanced in place
    (splitmix64, one stream a game); row: [K] int32 scratch. Writes outcome [B] int8 for the player to move at the
    outset; adds the length of each game to plies [B] int64."""
    for i in range(len(states)):
        first = states[i]["to_play"]
        outcome[i] = 0
        while not states[i]["terminal"]:
            n = list_actions(states, i, row)
            seeds[i] += np.uint64(0x9E3779B97F4A7C15)
            x = seeds[i]
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            pick = np.int64(((x ^ (x >> np.uint64(31))) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32))
            mover = states[i]["to_play"]
            reward, _ = advance(states, i, np.int64(row[pick]), quiet_plies, occurrences)
            if reward > 0:
                outcome[i] = 1 if mover == first else -1
            plies[i] += 1


# Counting whole moves. A frame is a position with the moves that are still to be tried: one word a direction. A jump
# that goes on is a frame of the same depth, so no list of moves is ever made.

OWN, OTHER, KINGS, MOVERS, START, WORDS = 0, 1, 2, 3, 7, 8  # columns of `frames`; START: where the moving piece began
LEFT, JUMP, ROOT, NUMBERS = 0, 1, 2, 3  # columns of `numbers`; ROOT: the frame where the move began


@njit(cache=True)
def _enter(frames, numbers, level, own, other, kings, movers, start, left, jump, root):
    frames[level, OWN], frames[level, OTHER], frames[level, KINGS], frames[level, START] = own, other, kings, start
    for direction in range(4):
        frames[level, MOVERS + direction] = movers[direction]
    numbers[level, LEFT], numbers[level, JUMP], numbers[level, ROOT] = left, jump, root


@njit(cache=True)
def _is_new(seen, num_seen, root, own, other, start):
    """1 and remembers it if no move of frame `root` had the same start, end and captures, else 0; or TOO_MANY."""
    for k in range(num_seen[root]):
        if seen[root, k, 0] == own and seen[root, k, 1] == other and seen[root, k, 2] == start:
            return 0
    if num_seen[root] == seen.shape[1]:
        return TOO_MANY
    k = num_seen[root]
    seen[root, k, 0], seen[root, k, 1], seen[root, k, 2] = own, other, start
    num_seen[root] = k + 1
    return 1


@njit(cache=True)
def perft(own, other, kings, jumper, depth, keep, frames, numbers, seen, num_seen):
    """Number of sequences of `depth` >= 1 whole moves; or TOO_MANY. jumper: 0 or the piece that has to jump on.

    keep: count paths of one piece between the same squares over the same men separately. Scratch: frames [L, WORDS]
    uint64, numbers [L, NUMBERS] int64, seen [L, N, 3] uint64, num_seen [L] int64."""
    movers = jumpers(own, other, kings)
    jump = any_of(movers) != _ZERO
    if jumper != _ZERO:
        movers = (movers[0] & jumper, movers[1] & jumper, movers[2] & jumper, movers[3] & jumper)
    elif not jump:
        movers = steppers(own, other, kings)
    num_seen[0] = 0
    _enter(frames, numbers, 0, own, other, kings, movers, jumper, depth, jump, 0)
    total = 0
    level = 0
    while level >= 0:
        direction = 0
        while direction < 4 and frames[level, MOVERS + direction] == _ZERO:
            direction += 1
        if direction == 4:
            level -= 1
            continue
        start = frames[level, MOVERS + direction]
        start &= ~(start - _ONE)
        frames[level, MOVERS + direction] ^= start
        own, other, kings = frames[level, OWN], frames[level, OTHER], frames[level, KINGS]
        left, jump, root = numbers[level, LEFT], numbers[level, JUMP] == 1, numbers[level, ROOT]
        own, other, kings, target, crowned = moved(own, other, kings, start, direction, jump)
        if level + 1 == len(frames):
            return TOO_MANY
        if jump:
            began = frames[level, START] if frames[level, START] != _ZERO else start
            movers = jumpers(own, other, kings)
            if not crowned and any_of(movers) & target != _ZERO:
                movers = (movers[0] & target, movers[1] & target, movers[2] & target, movers[3] & target)
                level += 1
                _enter(frames, numbers, level, own, other, kings, movers, began, left, True, root)
                continue
            # Only a king that can go round a square of four men has two ways over the same men.
            if not keep and popcount(frames[root, OTHER] ^ other) >= 4:
                new = _is_new(seen, num_seen, root, own, other, began)
                if new == TOO_MANY:
                    return TOO_MANY
                if new == 0:
                    continue
        if left == 1:
            total += 1
            continue
        own, other, kings = turn(other), turn(own), turn(kings)
        movers = jumpers(own, other, kings)
        jump = any_of(movers) != _ZERO
        if not jump:
            movers = steppers(own, other, kings)
            if left == 2:
                total += popcount(movers[0]) + popcount(movers[1]) + popcount(movers[2]) + popcount(movers[3])
                continue
        level += 1
        num_seen[level] = 0
        _enter(frames, numbers, level, own, other, kings, movers, _ZERO, left - 1, jump, level)
    return total
