"""Numba kernels of chess: bitboards, legal moves, making a move, perft, draw rules. Sees no planes, keys or text.

A position is eight uint64: own pieces; then pawns, knights, diagonal sliders (bishops and queens), straight sliders
(rooks and queens) and kings of both sides; rooks that can still castle; the en passant target. All are from the view of
the player to move, whose pawns go up: after a move every word is turned upside down, so that one side's code serves
both. Squares are uint64, so that shifts and indices stay unsigned.

Sliding attacks are hyperbola quintessence: subtracting the slider from the occupied squares of its line borrows up to
the first blocker; the same on the byte-swapped board gives the other direction; ranks, which a byte swap leaves as they
are, take a table of 512 entries. Moves are legal when made: targets are limited by the check mask and by pin lines.
"""

from __future__ import annotations

import numpy as np
from numba import config, njit

from games.chess.geometry import ANTIDIAGONAL, BETWEEN, DIAGONAL, DIAGONALS, FILE, KING, KNIGHT, LINE, PAWN, STRAIGHTS
from games.chess.geometry import RANK as RANK_ATTACKS

if config.DISABLE_JIT:  # type: ignore[attr-defined]
    np.seterr(over="ignore")  # NumPy's scalars warn where the arithmetic of bitboards wraps around on purpose

EMPTY, ONE, TWO, THREE, EIGHT, SIXTEEN, HALF = (np.uint64(n) for n in (0, 1, 2, 3, 8, 16, 32))
EVEN_BYTES, EVEN_WORDS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
ALL = np.uint64(2**64 - 1)
RANK_1, RANK_3, RANK_7, RANK_8 = (np.uint64(0xFF << 8 * rank) for rank in (0, 2, 6, 7))
NOT_FILE_A, NOT_FILE_H = np.uint64(0xFEFEFEFEFEFEFEFE), np.uint64(0x7F7F7F7F7F7F7F7F)

# A remembered move is source | target << 6 | kind << 12, from the view of the player who made it. A capture's kind is
# the sum over the boards that held the piece taken: pawn, knight, bishop, rook, queen.
QUIET, TOOK_PAWN, TOOK_KNIGHT, TOOK_BISHOP, TOOK_ROOK, EN_PASSANT, CASTLING, TOOK_QUEEN, PROMOTION = range(9)
MEMORY = 100  # moves remembered: as far as a repetition can reach back before the fifty-move rule ends the game

POSITION = [(name, "u8") for name in (
    "own", "pawns", "knights", "diagonals", "straights", "kings", "castling", "en_passant",
)]  # fmt: skip
PERFT_LEVEL = np.dtype([*POSITION, ("sources", "u8"), ("promoted", "u8")])


# Bits. LLVM recognises the three patterns and emits one instruction for each.


@njit(cache=True)
def popcount(bits):
    bits = bits - ((bits >> ONE) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> TWO) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bits * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(cache=True)
def lowest(bits):
    """The lowest square of a set that is not empty."""
    return popcount(~bits & (bits - ONE))


@njit(cache=True)
def flip(bits):
    """The board upside down."""
    bits = ((bits >> EIGHT) & EVEN_BYTES) | ((bits & EVEN_BYTES) << EIGHT)
    bits = ((bits >> SIXTEEN) & EVEN_WORDS) | ((bits & EVEN_WORDS) << SIXTEEN)
    return (bits >> HALF) | (bits << HALF)


# Attacks


@njit(cache=True)
def slide(bit, swapped, occupied, line):
    """Attacks along one line through the square of `bit`; swapped = flip(bit); the line leaves that square out."""
    blockers = occupied & line
    return ((blockers - bit) ^ flip(flip(blockers) - swapped)) & line


@njit(cache=True)
def slide_diagonal(square, occupied):
    bit, swapped = ONE << square, ONE << (square ^ np.uint64(56))
    return slide(bit, swapped, occupied, DIAGONAL[square]) | slide(bit, swapped, occupied, ANTIDIAGONAL[square])


@njit(cache=True)
def slide_straight(square, occupied):
    bit, swapped = ONE << square, ONE << (square ^ np.uint64(56))
    first = square & np.uint64(56)  # of the rank
    along = RANK_ATTACKS[((square & np.uint64(7)) << np.uint64(6)) | ((occupied >> (first | ONE)) & np.uint64(63))]
    return slide(bit, swapped, occupied, FILE[square]) | (along << first)


@njit(cache=True)
def attacked(position, square, occupied, them):
    """Whether a piece of the set `them` attacks `square` when the squares `occupied` are."""
    pawns, knights, diagonals, straights, kings = position[1:6]
    if ((PAWN[square] & pawns) | (KNIGHT[square] & knights) | (KING[square] & kings)) & them:
        return True
    sliders = diagonals & them
    if DIAGONALS[square] & sliders and slide_diagonal(square, occupied) & sliders:
        return True
    sliders = straights & them
    return (STRAIGHTS[square] & sliders) != EMPTY and (slide_straight(square, occupied) & sliders) != EMPTY


@njit(cache=True)
def threats(position, king, occupied, them):
    """(checkers, squares that parry: all without check, none in double check; pinned own pieces)."""
    own, pawns, knights, diagonals, straights = position[:5]
    checkers = ((PAWN[king] & pawns) | (KNIGHT[king] & knights)) & them
    parry = checkers
    pinned = EMPTY
    snipers = ((DIAGONALS[king] & diagonals) | (STRAIGHTS[king] & straights)) & them
    while snipers:
        sniper = lowest(snipers)
        snipers &= snipers - ONE
        between = BETWEEN[king, sniper]
        blockers = between & occupied
        if blockers == EMPTY:
            checkers |= ONE << sniper
            parry |= between | (ONE << sniper)
        elif blockers & (blockers - ONE) == EMPTY:
            pinned |= blockers & own
    if checkers == EMPTY:
        parry = ALL
    elif checkers & (checkers - ONE):
        parry = EMPTY
    return checkers, parry, pinned


# Legal moves


@njit(cache=True)
def en_passant_capturers(position, king, occupied, them):
    """Own pawns that may take en passant, each tried on the board that results."""
    own, pawns = position[:2]
    target = position[7]
    legal = EMPTY
    if target:
        victim = target >> EIGHT
        pending = (((target & NOT_FILE_A) >> np.uint64(9)) | ((target & NOT_FILE_H) >> np.uint64(7))) & pawns & own
        while pending:
            bit = pending & (~pending + ONE)
            pending ^= bit
            if not attacked(position, king, occupied ^ bit ^ target ^ victim, them ^ victim):
                legal |= bit
    return legal


@njit(cache=True)
def castling_rooks(position, king, occupied, them):
    """Own rooks with which the king, who is not in check, may castle; Chess960's rules, which include the common."""
    legal = EMPTY
    rooks = position[6] & RANK_1
    while rooks:
        rook = lowest(rooks)
        rooks &= rooks - ONE
        short = rook > king
        king_to, rook_to = (np.uint64(6), np.uint64(5)) if short else (TWO, THREE)
        walk = BETWEEN[king, king_to]
        arrivals = (ONE << king_to) | (ONE << rook_to)
        others = occupied ^ (ONE << king) ^ (ONE << rook)
        safe = (walk | BETWEEN[rook, rook_to] | arrivals) & others == EMPTY
        while safe and walk:
            safe = not attacked(position, lowest(walk), occupied ^ (ONE << king), them)
            walk &= walk - ONE
        if safe and not attacked(position, king_to, others | arrivals, them):
            legal |= ONE << rook
    return legal


@njit(cache=True)
def king_targets(position, king, occupied, them, checkers):
    """Squares the king may go to, castling included, as its own rook's square."""
    legal = EMPTY
    if position[6] & RANK_1 and checkers == EMPTY:
        legal = castling_rooks(position, king, occupied, them)
    pending = KING[king] & ~position[0]
    while pending:
        target = lowest(pending)
        pending &= pending - ONE
        if not attacked(position, target, occupied ^ (ONE << king), them):
            legal |= ONE << target
    return legal


@njit(cache=True)
def allowed(king, source, pinned, parry):
    """Where a piece of `source` may go for the king's sake."""
    return parry & LINE[king, source] if (pinned >> source) & ONE else parry


@njit(cache=True)
def pawn_targets(source, occupied, them):
    """Where a pawn may go, checks, pins and en passant aside."""
    one = ((ONE << source) << EIGHT) & ~occupied
    return one | (((one & RANK_3) << EIGHT) & ~occupied) | (PAWN[source] & them)


@njit(cache=True)
def generate(position, targets):
    """Writes targets [64] uint64 at the squares of own pieces that may move, and returns the set of these squares."""
    own, pawns, knights, diagonals, straights, kings = position[:6]
    occupied = pawns | knights | diagonals | straights | kings
    them = occupied ^ own
    king = lowest(kings & own)
    checkers, parry, pinned = threats(position, king, occupied, them)
    targets[king] = king_targets(position, king, occupied, them, checkers)
    if parry == EMPTY:
        return ONE << king
    rest = pawns & own
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        targets[source] = pawn_targets(source, occupied, them) & allowed(king, source, pinned, parry)
    if position[7]:
        rest = en_passant_capturers(position, king, occupied, them)
        while rest:
            targets[lowest(rest)] |= position[7]
            rest &= rest - ONE
    rest = knights & own & ~pinned
    parry &= ~own
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        targets[source] = KNIGHT[source] & parry
    rest = diagonals & own
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        targets[source] = slide_diagonal(source, occupied) & allowed(king, source, pinned, parry)
    rest = straights & own
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        reach = slide_straight(source, occupied) & allowed(king, source, pinned, parry)
        targets[source] = reach | targets[source] if (diagonals >> source) & ONE else reach
    return own & ~(knights & pinned)


@njit(cache=True)
def count_moves(position):
    """Number of legal moves: `generate` without writing them down, pawns all at once."""
    own, pawns, knights, diagonals, straights, kings = position[:6]
    occupied = pawns | knights | diagonals | straights | kings
    them = occupied ^ own
    king = lowest(kings & own)
    checkers, parry, pinned = threats(position, king, occupied, them)
    count = popcount(king_targets(position, king, occupied, them, checkers))
    if parry == EMPTY:
        return count
    movers = pawns & own & ~pinned
    one = (movers << EIGHT) & ~occupied
    two = ((one & RANK_3) << EIGHT) & ~occupied & parry
    one &= parry
    left = ((movers & NOT_FILE_A) << np.uint64(7)) & them & parry
    right = ((movers & NOT_FILE_H) << np.uint64(9)) & them & parry
    count += popcount(one) + popcount(two) + popcount(left) + popcount(right)
    if movers & RANK_7:
        count += THREE * (popcount(one & RANK_8) + popcount(left & RANK_8) + popcount(right & RANK_8))
    if position[7]:
        count += popcount(en_passant_capturers(position, king, occupied, them))
    rest = pawns & pinned
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        reach = pawn_targets(source, occupied, them) & parry & LINE[king, source]
        count += popcount(reach) + THREE * popcount(reach & RANK_8)
    rest = knights & own & ~pinned
    parry &= ~own
    while rest:
        count += popcount(KNIGHT[lowest(rest)] & parry)
        rest &= rest - ONE
    rest = diagonals & own
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        count += popcount(slide_diagonal(source, occupied) & allowed(king, source, pinned, parry))
    rest = straights & own
    while rest:
        source = lowest(rest)
        rest &= rest - ONE
        count += popcount(slide_straight(source, occupied) & allowed(king, source, pinned, parry))
    return count


# Making moves


@njit(cache=True)
def moved(board, source, both):
    """`board` with the piece on `source`, if it is one of its own, on the other square of the set `both`."""
    return board ^ (both & (EMPTY - ((board >> source) & ONE)))


@njit(cache=True)
def make(position, source, target, promotion):
    """The position after a legal move, seen by the other player. promotion: 0 queen (or none), 1 N, 2 B, 3 R."""
    own, pawns, knights, diagonals, straights, kings, castling, en_passant = position
    start, end = ONE << source, ONE << target
    next_en_passant = EMPTY
    if own & end:  # castling
        king_to, rook_to = (np.uint64(6), np.uint64(5)) if target > source else (TWO, THREE)
        kings ^= start ^ (ONE << king_to)
        straights ^= end ^ (ONE << rook_to)
        own = (own ^ start ^ end) | (ONE << king_to) | (ONE << rook_to)
        castling &= ~RANK_1
    else:
        both, keep = start | end, ~end
        is_pawn = (pawns & start) != EMPTY
        if kings & start:
            castling &= ~RANK_1
        castling &= ~both
        own ^= both
        pawns = moved(pawns & keep, source, both)
        knights = moved(knights & keep, source, both)
        diagonals = moved(diagonals & keep, source, both)
        straights = moved(straights & keep, source, both)
        kings = moved(kings, source, both)
        if is_pawn:
            if end & en_passant:
                pawns ^= end >> EIGHT
            elif end & RANK_8:
                pawns ^= end
                if promotion == ONE:
                    knights |= end
                elif promotion == TWO:
                    diagonals |= end
                elif promotion == THREE:
                    straights |= end
                else:
                    diagonals, straights = diagonals | end, straights | end
            elif end == start << SIXTEEN:
                beside = ((end & NOT_FILE_A) >> ONE) | ((end & NOT_FILE_H) << ONE)
                if beside & pawns & ~own:
                    next_en_passant = end >> EIGHT
    them = (pawns | knights | diagonals | straights | kings) ^ own
    return (
        flip(them), flip(pawns), flip(knights), flip(diagonals), flip(straights), flip(kings), flip(castling),
        flip(next_en_passant),
    )  # fmt: skip


@njit(cache=True)
def load(record):
    """The position in a record."""
    return (
        record["own"], record["pawns"], record["knights"], record["diagonals"], record["straights"], record["kings"],
        record["castling"], record["en_passant"],
    )  # fmt: skip


@njit(cache=True)
def store(record, position):
    """Writes the position into a record."""
    record["own"], record["pawns"], record["knights"], record["diagonals"] = position[:4]
    record["straights"], record["kings"], record["castling"], record["en_passant"] = position[4:]


@njit(cache=True)
def perft(stack, targets, depth, bulk):
    """Number of move sequences of `depth` >= 1 moves from the position in stack[0]; overwrites both arrays.

    stack: [depth + 1] PERFT_LEVEL; targets: [depth, 64] uint64. With bulk the last move of each sequence is counted but
    not made; without it every one is made.
    """
    if bulk and depth == 1:
        return np.int64(count_moves(load(stack[0])))
    nodes, level = np.int64(0), 0
    stack[0]["sources"] = generate(load(stack[0]), targets[0])
    stack[0]["promoted"] = EMPTY
    while level >= 0:
        here = stack[level]
        sources = here["sources"]
        if sources == EMPTY:
            level -= 1
            continue
        source = lowest(sources)
        pending = targets[level, source]
        if pending == EMPTY:
            here["sources"] = sources & (sources - ONE)
            continue
        target = lowest(pending)
        promotion = here["promoted"]
        if (here["pawns"] >> source) & ONE and target >= np.uint64(56) and promotion < THREE:
            here["promoted"] = promotion + ONE
        else:
            here["promoted"] = EMPTY
            targets[level, source] = pending & (pending - ONE)
        child = make(load(here), source, target, promotion)
        if bulk and level == depth - 2:
            nodes += np.int64(count_moves(child))
            continue
        store(stack[level + 1], child)
        if level == depth - 1:
            nodes += np.int64(1)
        else:
            level += 1
            stack[level]["sources"] = generate(child, targets[level])
            stack[level]["promoted"] = EMPTY
    return nodes


# Batches of records of the game's state_dtype


@njit(cache=True)
def kind_of(position, source, target):
    """What a legal move does besides going from source to target."""
    own, pawns, knights, diagonals, straights = position[:5]
    end = ONE << target
    if own & end:
        return CASTLING
    kind = 0
    for board, value in ((pawns, 1), (knights, 2), (diagonals, 3), (straights, 4)):
        if board & end:
            kind += value
    if (pawns >> source) & ONE:
        if position[7] & end:
            return EN_PASSANT
        if end & RANK_8:
            return PROMOTION + kind
    return kind


@njit(cache=True)
def play(state, source, target, promotion):
    """Changes the record `state` by a legal move, all but `terminal` and `repeats`; returns the position reached."""
    before = load(state)
    kind = kind_of(before, source, target)
    position = make(before, source, target, promotion)
    own, pawns, knights, diagonals, straights, kings, castling, en_passant = position
    if en_passant:
        occupied = pawns | knights | diagonals | straights | kings
        if en_passant_capturers(position, lowest(kings & own), occupied, occupied ^ own) == EMPTY:
            en_passant = EMPTY  # kept only if it can be taken, so that equal positions have equal records
    store(state, (own, pawns, knights, diagonals, straights, kings, castling, en_passant))
    quiet = kind == QUIET and (before[1] >> source) & ONE == EMPTY
    # Positions before a move that cannot be taken back, or with rights that are gone, are never met again.
    comparable = quiet and before[7] == EMPTY and flip(castling) == before[6]
    state["moves"][state["ply"] % MEMORY] = source | (target << np.uint64(6)) | np.uint64(kind << 12)
    state["ply"] += 1
    state["clock"] = state["clock"] + 1 if quiet or kind == CASTLING else 0
    state["window"] = state["window"] + 1 if comparable else 0
    state["to_play"] = 1 - state["to_play"]
    return position


@njit(cache=True)
def in_check(position):
    own, pawns, knights, diagonals, straights, kings = position[:6]
    occupied = pawns | knights | diagonals | straights | kings
    return attacked(position, lowest(kings & own), occupied, occupied ^ own)


@njit(cache=True)
def advance(states, actions, move_table, reward, discount):
    """Plays legal actions [B] in place, draws by rule aside (`history.judge`): mate and stalemate end a game here.

    Writes reward and discount [B]. move_table: [A, 3] uint8, source, target and promotion of each action.
    """
    for i in range(len(states)):
        reward[i] = discount[i] = 0.0
        state = states[i]
        if state["terminal"]:
            continue
        move = move_table[actions[i]]
        position = play(state, np.uint64(move[0]), np.uint64(move[1]), np.uint64(move[2]))
        if count_moves(position):
            discount[i] = -1.0
        else:
            state["terminal"] = True
            reward[i] = 1.0 if in_check(position) else 0.0


@njit(cache=True)
def legal_actions(states, code, targets, actions, count):
    """Writes actions [B, K] ascending, padded with -1, and count [B]. code: [4, 64, 64]; targets: [64] scratch."""
    room = actions.shape[1]
    for i in range(len(states)):
        n = 0
        if not states[i]["terminal"]:
            position = load(states[i])
            sources = generate(position, targets)
            promoting = sources & position[1] & RANK_7
            while sources:
                source = lowest(sources)
                sources &= sources - ONE
                pending = targets[source]
                while pending and n < room:
                    actions[i, n] = code[0, source, lowest(pending)]
                    pending &= pending - ONE
                    n += 1
            while promoting:
                source = lowest(promoting)
                promoting &= promoting - ONE
                pending = targets[source]
                while pending and n + 3 <= room:
                    for piece in range(1, 4):
                        actions[i, n] = code[piece, source, lowest(pending)]
                        n += 1
                    pending &= pending - ONE
        count[i] = n
        actions[i, n:] = -1
