"""Numba kernels of the chess engine: one alpha–beta search to a fixed depth, in slices. Knows no text and no actions.

The search is negamax with an explicit stack of frames, one a level, whose positions are those of `kernels`: always seen
by the player to move. At depth 0 captures and promotions are searched on, and every answer to a check. Scores are for
the player to move, in hundredths of a pawn; WIN - n is a win in n plies, a draw is 0. A move is source | target << 6 |
promotion << 12. Python calls only `search`, into which functions of `kernels` and `history` are compiled; its argument
`sources` tells the cache when they have changed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.chess import geometry, history, kernels
from games.chess.geometry import KING
from games.chess.kernels import EIGHT, EMPTY, NOT_FILE_A, NOT_FILE_H, ONE, RANK_8, TWO, flip, lowest, popcount
from games.engines.deepening import ANSWER, BEST, GENERATION, LEVEL, NODES, PHASE

_SOURCES = base.source_digest(kernels, history, geometry)

WIN = 30_000
WON = WIN - 1_000  # scores beyond it are wins and losses that are proven
INFINITE = 32_000
MAX_LEVELS = 192  # plies of the deepest line
FINISHED, SUSPENDED = 0, 1
WINDOW, PLIES_LEFT = 6, 7  # registers of a suspended search, after those of `deepening`
NUM_REGISTERS = 8
START, ENTER, TRY = 0, 1, 2
EXACT, LOWER, UPPER = 0, 1, 2  # what a stored score is
FULL_WINDOW, SCOUT, AGAIN = 0, 1, 2

FRAME = np.dtype([
    *kernels.POSITION,
    ("hash", "u8"),
    ("squares", "i8"),  # `sum_squares` of the position
    ("floor", "i4"),  # alpha on entry
    ("depth", "i4"),  # plies left; 0 where only captures, promotions and answers to checks are searched
    ("scout", "i4"),  # how the next move is searched: SCOUT, or AGAIN after a scout's score within the window
    *[(name, "i4") for name in ("alpha", "beta", "best", "best_move", "clock", "next", "count")],
], align=True)  # fmt: skip
ENTRY = np.dtype([("hash", "u8"), ("score", "i2"), ("move", "i2"), ("depth", "i1"), ("kind", "u1")], align=True)
GENERATIONS = 63  # `kind` is EXACT, LOWER or UPPER + 4 * the search that stored it, counted from 1

MOVES_PER_SIDE = 4096  # source | target << 6: rows of the table that remembers which quiet moves were good
_FIRST, _CAPTURE, _KILLER, _MAX_MERIT = 1 << 30, 1 << 26, 1 << 25, 1 << 24
_WORTH = np.array([0, 1, 3, 3, 5, 0, 0, 9])  # by kind, to order captures; a king takes only what is unguarded

# Evaluation. Each number is two, the middle game's and the end game's, in one word: middle * PAIR + end.

PAIR = 1 << 16
_ALL_PIECES = 24  # phase of the start: a knight or bishop counts 1, a rook 2, a queen 4
_DOUBLED, _BISHOP_PAIR, _SHIELD = -10 * PAIR - 16, 28 * PAIR + 42, 9 * PAIR
_AT_EDGE, _NEAR = 14, 8  # for each step of a lone king from the centre, of the other king to him


@njit
def sum_squares(position, worth):
    """What the pieces on their squares are worth to the player to move. worth: [8, 64] by kind, for pawns going up."""
    own, pawns, knights, diagonals, straights, kings = position[:6]
    total = 0
    for number in range(64):
        square = np.uint64(number)
        kind = np.int64(history.kind_at(pawns, knights, diagonals, straights, kings, square))
        total += worth[kind, number] if (own >> square) & ONE else -worth[kind, number ^ 56]
    return total


@njit
def below(bits):
    """All squares under those of a set, on their files."""
    bits >>= EIGHT
    bits |= bits >> EIGHT
    bits |= bits >> np.uint64(16)
    return bits | (bits >> np.uint64(32))


@njit
def distance(a, b):
    """Moves of a king from square to square."""
    a, b = np.int64(a), np.int64(b)
    return max(abs((a & 7) - (b & 7)), abs((a >> 3) - (b >> 3)))


@njit
def side_score(own, them, pawns, bishops, king, their_king, passed_worth):
    """What the shape of one side, whose pawns go up, is worth beyond its pieces on their squares."""
    mine, theirs = pawns & own, pawns & them
    score = _DOUBLED * np.int64(popcount(mine & below(mine))) + _SHIELD * np.int64(popcount(KING[king] & mine))
    if bishops & own & history.LIGHT and bishops & own & ~history.LIGHT:
        score += _BISHOP_PAIR
    stopped = below(theirs | ((theirs & NOT_FILE_A) >> ONE) | ((theirs & NOT_FILE_H) << ONE) | mine)
    passed = mine & ~stopped
    while passed:
        pawn = lowest(passed)
        passed &= passed - ONE
        rank = np.int64(pawn) >> 3
        score += passed_worth[rank]
        score += rank * (3 * distance(their_king, pawn + EIGHT) - 2 * distance(king, pawn + EIGHT))
    if them & (them - ONE) == EMPTY:  # a lone king is mated at the edge
        file, rank = np.int64(their_king) & 7, np.int64(their_king) >> 3
        from_edge = min(file, 7 - file) + min(rank, 7 - rank)
        score += _AT_EDGE * (6 - from_edge) + _NEAR * (7 - distance(king, their_king))
    return score


@njit
def evaluate(position, squares, passed_worth):
    """Score of a quiet position for the player to move. squares: `sum_squares` of it; passed_worth: [8] by rank."""
    own, pawns, knights, diagonals, straights, kings = position[:6]
    them = (pawns | knights | diagonals | straights | kings) ^ own
    bishops, up = diagonals & ~straights, np.uint64(56)
    king, their_king = lowest(kings & own), lowest(kings & them)
    score = squares + side_score(own, them, pawns, bishops, king, their_king, passed_worth)
    score -= side_score(flip(them), flip(own), flip(pawns), flip(bishops), their_king ^ up, king ^ up, passed_worth)
    phase = popcount(knights) + popcount(diagonals) + popcount(straights) * TWO + popcount(diagonals & straights)
    middle_part = np.int64(phase) if phase < _ALL_PIECES else _ALL_PIECES
    end = ((score + PAIR // 2) & (PAIR - 1)) - PAIR // 2
    score = (score - end) // PAIR * middle_part + end * (_ALL_PIECES - middle_part)
    return score // _ALL_PIECES if score >= 0 else -(-score // _ALL_PIECES)  # alike for both sides


@njit
def hash_of(boards, castling, en_passant):
    """The same for both colours, since the board is the mover's. boards: the six words of pieces."""
    x = castling * base.WEYL ^ en_passant
    for word in boards:
        x = (x ^ (x >> np.uint64(29)) ^ word ^ (word >> np.uint64(31))) * base.WEYL
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return x ^ (x >> np.uint64(32))


@njit
def set_up(state, frame, past, worth):
    """Fills in frame 0 and past, the hashes of positions before that may come back, the latest first."""
    position = kernels.load(state)
    kernels.store(frame, position)
    boards, castling = position[:6], position[6]
    frame["hash"] = hash_of(boards, castling, position[7])
    frame["squares"], frame["clock"] = sum_squares(position, worth), state["clock"]
    for back in range(1, np.int64(state["window"]) + 1):
        own, pawns, knights, diagonals, straights, kings = boards
        them = (pawns | knights | diagonals | straights | kings) ^ own
        turned = (flip(them), flip(pawns), flip(knights), flip(diagonals), flip(straights), flip(kings))
        boards = history.take_back(turned, state["moves"][(np.int64(state["ply"]) - back) % kernels.MEMORY], True)
        castling = flip(castling)
        past[back - 1] = hash_of(boards, castling, EMPTY)


@njit
def make(parent, child, move, worth):
    """Fills in the position of frame `child` after a move in frame `parent`."""
    source, target, promotion = np.uint64(move & 63), np.uint64((move >> 6) & 63), np.uint64(move >> 12)
    position = kernels.load(parent)
    own, pawns, knights, diagonals, straights, kings = position[:6]
    piece = np.int64(history.kind_at(pawns, knights, diagonals, straights, kings, source))
    kind = kernels.kind_of(position, source, target)
    start, end = np.int64(source), np.int64(target)
    gain = -worth[piece, start]
    if kind == kernels.CASTLING:
        king_to, rook_to = (6, 5) if end > start else (2, 3)
        gain += worth[piece, king_to] + worth[4, rook_to] - worth[4, end]
    elif kind == kernels.EN_PASSANT:
        gain += worth[1, end] + worth[1, (end - 8) ^ 56]
    elif kind >= kernels.PROMOTION:
        gain += worth[np.int64(promotion) + 1 if promotion else 7, end] + worth[kind - kernels.PROMOTION, end ^ 56]
    else:
        gain += worth[piece, end] + worth[kind, end ^ 56]
    child["squares"] = -(parent["squares"] + gain)
    quiet = (kind == kernels.QUIET and piece != 1) or kind == kernels.CASTLING
    child["clock"] = parent["clock"] + 1 if quiet else 0
    child["depth"] = max(parent["depth"] - 1, 0)
    after = kernels.make(position, source, target, promotion)
    kernels.store(child, after)
    if after[7]:  # en passant is kept only if it can be taken, so that equal positions have equal hashes
        own, pawns, knights, diagonals, straights, kings = after[:6]
        occupied = pawns | knights | diagonals | straights | kings
        if kernels.en_passant_capturers(after, lowest(kings & own), occupied, occupied ^ own) == EMPTY:
            child["en_passant"] = EMPTY
    child["hash"] = hash_of(after[:6], after[6], child["en_passant"])


@njit
def is_drawn(frames, level, past, window, plies_left):
    """Whether a rule makes a draw of a frame's position. One repetition in the line is enough: who can go round once
    can go round again. Of the positions before the root, past [window], two must be the same."""
    frame = frames[level]
    if frame["clock"] >= history.FIFTY_MOVES or level >= plies_left or history.cannot_mate(frame):
        return True
    seen = 0
    for back in range(4, min(np.int64(frame["clock"]), level + window) + 1, 2):
        earlier = frames[level - back]["hash"] if back <= level else past[back - level - 1]
        if earlier == frame["hash"]:
            seen += history.THREEFOLD if back <= level else 1
    return seen >= history.THREEFOLD


@njit
def list_moves(level, position, only_captures, first, killers, merit, targets, moves, scores):
    """Writes moves and how good they look; returns how many, or -1 if there is no legal move, written or not.

    With only_captures: captures and promotions to a queen, where no piece is given for a lesser that a pawn guards."""
    own, pawns, knights, diagonals, straights, kings, _, en_passant = position
    them = (pawns | knights | diagonals | straights | kings) ^ own
    guards = pawns & them
    guarded = ((guards & NOT_FILE_A) >> np.uint64(9)) | ((guards & NOT_FILE_H) >> np.uint64(7))
    sources = kernels.generate(position, targets)
    n, reached = 0, EMPTY
    while sources:
        source = lowest(sources)
        sources &= sources - ONE
        pending = targets[source]
        reached |= pending
        is_pawn = (pawns >> source) & ONE != EMPTY
        if only_captures:
            pending &= them | en_passant | RANK_8 if is_pawn else them
        if pending == EMPTY:
            continue
        cost = _WORTH[np.int64(history.kind_at(pawns, knights, diagonals, straights, kings, source))]
        while pending:
            target = lowest(pending)
            pending &= pending - ONE
            end = ONE << target
            promotes = is_pawn and end & RANK_8 != EMPTY
            gain = 8 if promotes else 0
            if end & them:
                gain += _WORTH[np.int64(history.kind_at(pawns, knights, diagonals, straights, kings, target))]
            elif is_pawn and end & en_passant:
                gain = 1
            move = np.int64(source | (target << np.uint64(6)))
            if gain and end & guarded and cost > gain:
                if only_captures:
                    continue
                score = 16 * (gain - cost)
            elif gain:
                score = _CAPTURE + 16 * gain - cost
            elif move == killers[level, 0]:
                score = _KILLER + 1
            else:
                score = _KILLER if move == killers[level, 1] else np.int64(merit[level & 1, move])
            moves[level, n], scores[level, n] = move, _FIRST if move == first else score
            n += 1
            if promotes and not only_captures:
                for piece in range(1, 4):
                    moves[level, n] = move | (piece << 12)
                    scores[level, n] = _FIRST if moves[level, n] == first else -1000 - piece
                    n += 1
    return n if reached else -1


@njit
def bring(moves, scores, at, count):
    """Puts the best of the moves from number `at` on there."""
    best = at
    for k in range(at + 1, count):
        if scores[k] > scores[best]:
            best = k
    if best != at:
        moves[at], moves[best] = moves[best], moves[at]
        scores[at], scores[best] = scores[best], scores[at]


@njit
def probe(table, frame, level, generation, exact_depth):
    """(score, move, usable) of a stored position; move -1 when there is none."""
    at = np.int64(frame["hash"] & np.uint64(len(table) - 2))
    for slot in (at, at + 1):
        kind = np.int64(table[slot]["kind"])
        if table[slot]["hash"] == frame["hash"] and kind >> 2 == generation:
            stored = np.int64(table[slot]["score"])
            score = stored - level if stored > WON else stored + level if stored < -WON else stored
            deep = table[slot]["depth"] == frame["depth"] or (not exact_depth and table[slot]["depth"] > frame["depth"])
            kind &= 3
            above, below_all = score >= frame["beta"], score <= frame["alpha"]
            usable = deep and (kind == EXACT or (kind == LOWER and above) or (kind == UPPER and below_all))
            return score, np.int64(table[slot]["move"]), usable
    return np.int64(0), np.int64(-1), False


@njit
def keep(table, frame, level, generation, score):
    """Stores the deeper of two positions in the first slot of a pair, the newest other in the second."""
    at = np.int64(frame["hash"] & np.uint64(len(table) - 2))
    old = np.int64(table[at]["kind"]) >> 2 != generation
    slot = at if old or table[at]["hash"] == frame["hash"] or table[at]["depth"] <= frame["depth"] else at + 1
    kind = UPPER if score <= frame["floor"] else LOWER if score >= frame["beta"] else EXACT
    table[slot]["hash"], table[slot]["move"], table[slot]["depth"] = frame["hash"], frame["best_move"], frame["depth"]
    table[slot]["score"] = score + level if score > WON else score - level if score < -WON else score
    table[slot]["kind"] = kind + 4 * generation


@njit
def enter(frames, level, past, moves, scores, targets, table, killers, merit, passed_worth, registers, exact_depth):
    """(score, True) of a frame that needs no search; else (0, False), its moves written and the frame ready for them.

    The values of mates near the root bound what a frame can be worth, which changes no score of the root."""
    frame, position = frames[level], kernels.load(frames[level])
    own, pawns, knights, diagonals, straights, kings = position[:6]
    occupied = pawns | knights | diagonals | straights | kings
    checkers, _, pinned = kernels.threats(position, lowest(kings & own), occupied, occupied ^ own)
    check, first = checkers != EMPTY, registers[BEST]
    frame["best"], frame["best_move"], frame["next"], frame["scout"] = -INFINITE, -1, 0, FULL_WINDOW
    if level > 0:
        if is_drawn(frames, level, past, registers[WINDOW], registers[PLIES_LEFT]):
            mated = check and kernels.count_moves(position) == EMPTY  # a mate wins, whatever else it does
            return np.int64(level - WIN if mated else 0), True
        frame["alpha"], frame["beta"] = max(frame["alpha"], level - WIN), min(frame["beta"], WIN - level - 1)
        if frame["alpha"] >= frame["beta"]:
            return np.int64(frame["alpha"]), True
        if check and frame["depth"] > 0:
            frame["depth"] += 1
        first = np.int64(-1)
    frame["floor"] = frame["alpha"]
    quiet = frame["depth"] <= 0 and not check
    if quiet or level + 1 >= len(frames):
        frame["best"] = evaluate(position, frame["squares"], passed_worth)
        moves_on = ((pawns & own & ~pinned) << EIGHT) & ~occupied != EMPTY  # surely no stalemate, told at a glance
        if (frame["best"] >= frame["beta"] and moves_on) or level + 1 >= len(frames):
            return np.int64(frame["best"]), True
        frame["alpha"] = max(frame["alpha"], frame["best"])
    elif len(table) > 0 and frame["depth"] > 0 and level > 0:
        score, first, usable = probe(table, frame, level, registers[GENERATION], exact_depth)
        if usable:
            return score, True
    frame["count"] = list_moves(level, position, quiet, first, killers, merit, targets, moves, scores)
    if frame["count"] < 0:
        return np.int64(level - WIN if check else 0), True
    return np.int64(0), False


@njit
def take(frame, move, score, killers, merit):
    """Accounts for the score of a move in its frame, and goes on to the next, or to the same with all the window if a
    scout found it better than expected."""
    if frame["scout"] == SCOUT and frame["alpha"] < score < frame["beta"]:
        frame["scout"] = AGAIN
        return
    frame["scout"] = FULL_WINDOW
    frame["next"] += 1
    if score > frame["best"]:
        frame["best"], frame["best_move"] = score, move
    frame["alpha"] = max(frame["alpha"], score)
    source, target = np.uint64(move & 63), np.uint64((move >> 6) & 63)
    if score >= frame["beta"] and kernels.kind_of(kernels.load(frame), source, target) == kernels.QUIET:
        if killers[0] != move:
            killers[0], killers[1] = move, killers[0]
        merit[move] += 1 + frame["depth"] * frame["depth"]
        if merit[move] > _MAX_MERIT:
            for k in range(len(merit)):
                merit[k] >>= 1


@njit(cache=True)
def search(
    states, worth, passed_worth, frames, moves, scores, past, targets, table, killers, merit, registers, node_limit,
    max_length, exact_depth, sources=_SOURCES,
):  # fmt: skip
    """Goes on with a search until it is finished or `registers[NODES]` reaches node_limit; returns which.

    Changes all arrays but the first three. states: [1]. The caller sets alpha, beta and depth >= 1 of frame 0, and the
    registers PHASE START, GENERATION, and BEST, a move to try first or -1; ANSWER and BEST hold the score and the move
    when finished. An empty table switches the table off; exact_depth lets it answer for equal depths only."""
    level, phase = registers[LEVEL], registers[PHASE]
    if phase == START:
        level, phase = 0, ENTER
        set_up(states[0], frames[0], past, worth)
        registers[WINDOW], registers[PLIES_LEFT] = states[0]["window"], max_length - np.int64(states[0]["ply"])
    while True:
        frame, done = frames[level], False
        if phase == ENTER:
            if registers[NODES] >= node_limit:
                registers[LEVEL], registers[PHASE] = level, ENTER
                return SUSPENDED
            registers[NODES] += 1
            score, done = enter(
                frames, level, past, moves, scores, targets, table, killers, merit, passed_worth, registers, exact_depth
            )
            phase = TRY
        if not done:
            done = frame["next"] >= frame["count"] or frame["alpha"] >= frame["beta"]
            score = np.int64(frame["best"])
            if done and len(table) > 0 and frame["depth"] > 0:
                keep(table, frame, level, registers[GENERATION], score)
        if done and level == 0:
            registers[ANSWER], registers[BEST] = score, frame["best_move"]
            return FINISHED
        if done:
            level -= 1
            take(frames[level], moves[level, frames[level]["next"]], -score, killers[level], merit[level & 1])
            continue
        alpha, beta = frame["alpha"], frame["beta"]
        if frame["scout"] == FULL_WINDOW:
            bring(moves[level], scores[level], frame["next"], frame["count"])
            if frame["next"] > 0 and beta - alpha > 1 and frame["depth"] > 0:
                frame["scout"], beta = SCOUT, alpha + 1  # is it better at all? most are not
        make(frame, frames[level + 1], moves[level, frame["next"]], worth)
        level += 1
        frames[level]["alpha"], frames[level]["beta"] = -beta, -alpha
        phase = ENTER
