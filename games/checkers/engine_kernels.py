"""Numba kernels of the checkers engine: one alpha–beta search to a fixed depth, in slices. Knows no text.

The search is negamax over single plies with an explicit stack of frames, one a level. After a jump that goes on the
same side moves: its value is not negated and its depth not lowered. As captures are forced, a position with one is
never judged: it is searched on, which is all the quiescence that checkers needs. Scores are for the player to move, in
hundredths of a man; WIN - n is a win in n plies. Python calls `search`, `before` and `hash_of`; into the first two
functions of `kernels` are compiled, and their argument `sources` tells the cache when those have changed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.checkers import board, kernels
from games.checkers.kernels import can_jump, list_moves, moved, popcount, shifted, steppers, turn
from games.engines.deepening import ANSWER, BEST, GENERATION, LEVEL, NODES, PHASE

_SOURCES = base.source_digest(kernels, board)

WIN = 30_000
WON = WIN - 1_000  # scores beyond it are wins and losses that are proven
INFINITE = 32_000
MAX_LEVELS = 160  # plies of the deepest line
MAX_MOVES = 48
FINISHED, SUSPENDED = 0, 1
NUM_REGISTERS = 6
ENTER, TRY = 0, 1
EXACT, LOWER, UPPER = 0, 1, 2  # what a stored score is
FULL_WINDOW, SCOUT, AGAIN = 0, 1, 2

FRAME = np.dtype(
    [
        ("own", "u8"),
        ("other", "u8"),
        ("kings", "u8"),
        ("jumper", "u8"),  # a word: the piece that has to jump on, or 0
        ("hash", "u8"),
        ("alpha", "i4"),
        ("beta", "i4"),
        ("floor", "i4"),  # alpha on entry
        ("best", "i4"),
        ("best_action", "i4"),
        ("depth", "i4"),  # whole moves left
        ("clock", "i4"),
        ("next", "i4"),
        ("count", "i4"),
        ("same", "i4"),  # the parent's player is to move
        ("scout", "i4"),  # how the next action is searched: SCOUT, or AGAIN after a scout's score within the window
    ],
    align=True,
)
ENTRY = np.dtype([("hash", "u8"), ("score", "i4"), ("action", "i2"), ("depth", "i1"), ("kind", "u1")], align=True)
GENERATIONS = 63  # `kind` is EXACT, LOWER or UPPER + 4 * the search that stored it, counted from 1

_BACK_ROW = np.uint64(board.BACK_ROW)
_CENTRE = np.uint64(board.bits([9, 10, 13, 14, 17, 18, 21, 22]))
_CORNERS = np.uint64(board.bits([0, 4, 27, 31]))  # the double corners, where a lone king holds out
_EDGES = np.uint64(board.bits([3, 4, 11, 12, 19, 20, 27, 28]))
_ROWS = tuple(np.uint64(board.bits(range(4 * row, 4 * row + 4))) for row in range(8))
_ZERO, _ONE = np.uint64(0), np.uint64(1)


@njit(cache=True)
def hash_of(own, other, kings, jumper):
    """Never 0; the same for both colours, since the board is the mover's."""
    x = own * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(29)) ^ other) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(31)) ^ kings) * np.uint64(0x94D049BB133111EB)
    x = (x ^ (x >> np.uint64(30)) ^ jumper) * np.uint64(0xD6E8FEB86659FD93)
    return (x ^ (x >> np.uint64(32))) | _ONE


@njit
def side_score(own, other, kings):
    """What the pieces of one side, walking up the rows, are worth."""
    men, crowned = own & ~kings, own & kings
    score = 100 * popcount(men) + 135 * popcount(crowned)
    for row in range(1, 7):
        score += row * popcount(men & _ROWS[row])
    score += 5 * popcount(men & _CENTRE) + 6 * popcount(crowned & _CENTRE) - 5 * popcount(crowned & _EDGES)
    if other & ~kings != _ZERO:
        score += 7 * popcount(men & _BACK_ROW)  # a guarded back row gives no kings away
    movers = steppers(own, other, kings)
    return score + 2 * (popcount(movers[0]) + popcount(movers[1]) + popcount(movers[2]) + popcount(movers[3]))


@njit
def evaluate(own, other, kings):
    """Score of a quiet position for the player to move."""
    score = side_score(own, other, kings) - side_score(turn(other), turn(own), turn(kings))
    mine, theirs = popcount(own), popcount(other)
    if mine != theirs:
        # Ahead in pieces: trade, and drive the lone king out of the corner where it is safe.
        ahead = 1 if mine > theirs else -1
        score += ahead * (12 - min(mine, theirs)) * 4
        weak = other if ahead > 0 else own
        strong = own if ahead > 0 else other
        if weak & ~kings == _ZERO:
            score -= ahead * 12 * popcount(weak & _CORNERS)
            score -= ahead * nearness(strong & kings, weak)
    return score


@njit
def nearness(strong, weak):
    """Sum over the stronger side's kings of the rows or columns between them and the nearest weak piece."""
    total = 0
    while strong != _ZERO:
        here = strong & ~(strong - _ONE)
        strong ^= here
        bit = popcount(here - _ONE)
        square = bit - bit // 9
        nearest, left = 8, weak
        while left != _ZERO:
            there = left & ~(left - _ONE)
            left ^= there
            bit = popcount(there - _ONE)
            place = bit - bit // 9
            down = abs(place // 4 - square // 4)
            right = abs(2 * (place % 4 - square % 4) - place // 4 % 2 + square // 4 % 2)
            nearest = min(nearest, max(down, right))
        total += nearest
    return total


@njit
def make(parent, child, action):
    """Fills in the position of frame `child` after an action in frame `parent`."""
    square, direction, jump = action >> 3, (action >> 1) & 3, (action & 1) == 1
    start = _ONE << np.uint64(square + square // 8)
    was_king = parent["kings"] & start != _ZERO
    own, other, kings, target, crowned = moved(parent["own"], parent["other"], parent["kings"], start, direction, jump)
    same, jumper = jump and not crowned and can_jump(own, other, kings, target), _ZERO
    if same:
        jumper = target
    else:
        own, other, kings = turn(other), turn(own), turn(kings)
    child["own"], child["other"], child["kings"], child["jumper"] = own, other, kings, jumper
    child["hash"] = hash_of(own, other, kings, jumper)
    child["same"] = same
    child["clock"] = parent["clock"] + 1 if was_king and not jump else 0
    child["depth"] = parent["depth"] - (not same)


@njit(cache=True)
def before(own, other, kings, history, clock, past, sources=_SOURCES):
    """Writes to past [clock] the hashes of the positions before the kings' steps of a state's history."""
    for back in range(1, clock + 1):
        own, other, kings = turn(other), turn(own), turn(kings)
        entry = np.int64(history[clock - back])
        start = _ONE << np.uint64(entry >> 2)
        both = start | shifted(start, entry & 3)
        own ^= both
        kings ^= both
        past[clock - back] = hash_of(own, other, kings, _ZERO)


@njit
def repeats(frames, past, level):
    """Whether the position of a frame stood on the board before, in the search or in the game.

    past: [clock of the root] hashes of the positions before the root, oldest first."""
    at = len(past) + level
    for back in range(4, frames[level]["clock"] + 1, 2):
        index = at - back
        if index < 0:
            return False
        earlier = frames[index - len(past)]["hash"] if index >= len(past) else past[index]
        if earlier == frames[level]["hash"]:
            return True
    return False


@njit
def order(actions, n, first, quick, history, kings, scores):
    """Sorts n actions, best chances first: the stored one, then the one that cut off here before, then by history."""
    for k in range(n):
        action = actions[k]
        scores[k] = history[action]
        square = action >> 3
        if (action & 1) == 0 and square >= 24 and kings >> np.uint64(square + square // 8) & _ONE == _ZERO:
            scores[k] += 1 << 28  # crowns
        if action == quick:
            scores[k] += 1 << 29
        if action == first:
            scores[k] += 1 << 30
    for k in range(1, n):
        action, score, j = actions[k], scores[k], k
        while j > 0 and scores[j - 1] < score:
            actions[j], scores[j] = actions[j - 1], scores[j - 1]
            j -= 1
        actions[j], scores[j] = action, score


@njit
def probe(table, frame, level, generation, exact_depth):
    """(score, action, usable) of a stored position; action -1 when there is none."""
    at = np.int64(frame["hash"] & np.uint64(len(table) - 2))
    for slot in (at, at + 1):
        kind = np.int64(table[slot]["kind"])
        if table[slot]["hash"] == frame["hash"] and kind >> 2 == generation:
            stored = np.int64(table[slot]["score"])
            score = stored - level if stored > WON else stored + level if stored < -WON else stored
            deep = table[slot]["depth"] == frame["depth"] or (not exact_depth and table[slot]["depth"] > frame["depth"])
            kind &= 3
            above, below = score >= frame["beta"], score <= frame["alpha"]
            usable = deep and (kind == EXACT or (kind == LOWER and above) or (kind == UPPER and below))
            return score, np.int64(table[slot]["action"]), usable
    return np.int64(0), np.int64(-1), False


@njit
def store(table, frame, level, generation, score):
    """Keeps the deeper of two positions in the first slot of a pair, the newest other in the second."""
    at = np.int64(frame["hash"] & np.uint64(len(table) - 2))
    old = np.int64(table[at]["kind"]) >> 2 != generation
    slot = at if old or table[at]["hash"] == frame["hash"] or table[at]["depth"] <= frame["depth"] else at + 1
    kind = UPPER if score <= frame["floor"] else LOWER if score >= frame["beta"] else EXACT
    table[slot]["hash"] = frame["hash"]
    table[slot]["score"] = score + level if score > WON else score - level if score < -WON else score
    table[slot]["action"] = frame["best_action"]
    table[slot]["depth"] = min(max(frame["depth"], -100), 100)
    table[slot]["kind"] = kind + 4 * generation


@njit(cache=True)
def search(
    frames, moves, scores, table, killers, history, past, registers, node_limit, quiet_plies, exact_depth,
    sources=_SOURCES,
):  # fmt: skip
    """Goes on with a search until it is finished or `registers[NODES]` reaches node_limit; returns which.

    Changes all arrays but past. The caller sets frame 0 (position, hash, alpha, beta, depth >= 1, clock) and the
    registers LEVEL 0, PHASE ENTER, GENERATION; ANSWER and BEST hold the score and the action when finished. An empty
    table switches the table off; exact_depth lets it answer for equal depths only."""
    level, phase, generation = registers[LEVEL], registers[PHASE], registers[GENERATION]
    answer = np.int64(0)
    while True:
        frame = frames[level]
        if phase == ENTER:
            if registers[NODES] >= node_limit:
                registers[LEVEL], registers[PHASE] = level, ENTER
                return SUSPENDED
            registers[NODES] += 1
            n, jump = list_moves(frame["own"], frame["other"], frame["kings"], frame["jumper"], moves[level])
            done = True
            if n == 0:
                answer = np.int64(level - WIN)
            elif level > 0 and (frame["clock"] >= quiet_plies or repeats(frames, past, level)):
                answer = np.int64(0)
            elif (not jump and frame["depth"] <= 0) or level + 1 >= len(frames):
                answer = evaluate(frame["own"], frame["other"], frame["kings"])
            else:
                done = False
                frame["floor"], frame["best"], frame["best_action"] = frame["alpha"], -INFINITE, -1
                frame["next"], frame["count"], frame["scout"] = 0, n, FULL_WINDOW
                first = np.int64(-1)
                if len(table) > 0:
                    answer, first, usable = probe(table, frame, level, generation, exact_depth)
                    if usable and level > 0:
                        done = True
                if not done:
                    order(moves[level], n, first, killers[level], history, frame["kings"], scores)
            if done:
                if level == 0:
                    registers[ANSWER], registers[BEST], registers[LEVEL] = answer, -1, 0
                    return FINISHED
                level -= 1
                phase = TRY
                value = answer if frame["same"] else -answer
                take(frames[level], moves[level][frames[level]["next"]], value, killers, history, level)
                continue
        if frame["next"] < frame["count"] and frame["alpha"] < frame["beta"]:
            child = frames[level + 1]
            make(frame, child, np.int64(moves[level][frame["next"]]))
            alpha, beta = frame["alpha"], frame["beta"]
            if frame["scout"] == FULL_WINDOW and frame["next"] > 0 and alpha > -INFINITE and beta - alpha > 1:
                frame["scout"], beta = SCOUT, alpha + 1  # is it better at all? most are not
            if child["same"]:
                child["alpha"], child["beta"] = alpha, beta
            else:
                child["alpha"], child["beta"] = -beta, -alpha
            level += 1
            phase = ENTER
            continue
        answer = np.int64(frame["best"])
        if len(table) > 0:
            store(table, frame, level, generation, answer)
        if level == 0:
            registers[ANSWER], registers[BEST], registers[LEVEL] = answer, frame["best_action"], 0
            return FINISHED
        value = answer if frame["same"] else -answer
        level -= 1
        take(frames[level], moves[level][frames[level]["next"]], value, killers, history, level)
        phase = TRY


@njit
def take(frame, action, value, killers, history, level):
    """Accounts for the value of an action in its frame, and moves on to the next, or to the same with all the window
    if a scout found it better than expected."""
    if frame["scout"] == SCOUT and frame["alpha"] < value < frame["beta"]:
        frame["scout"] = AGAIN
        return
    frame["scout"] = FULL_WINDOW
    frame["next"] += 1
    if value > frame["best"]:
        frame["best"], frame["best_action"] = value, action
    if value > frame["alpha"]:
        frame["alpha"] = value
    if value >= frame["beta"]:
        killers[level] = action
        history[action] += 1 + max(frame["depth"], 0) * max(frame["depth"], 0)
        if history[action] > 1 << 24:
            for k in range(len(history)):
                history[k] >>= 1
