"""Endgame tables of chess: published counts and longest mates, python-chess as oracle, all positions by their moves."""

from __future__ import annotations

import chess
import numpy as np
import pytest
from facets import notation_of

import games
from games.chess.endgames import kernels
from games.endgames import tables, verify
from games.endgames.tables import NOTHING, Endgames

CHESS = games.make("chess")
ENDGAMES = games.facet(CHESS, Endgames)
SIDES = {"KQK": (7, 0), "KRK": (4, 0), "KPK": (1, 0), "KBNK": (3, 2)}

# Legal positions with the strong side to move and with the lone king to move: J. Hurd's formally verified tables
# (gilith.com/chess/endgames/all.html). Of KQK 23,048 are drawn (denverpaster.blogg.se, a copy of a text).
LEGAL = {"KQK": (144_508, 223_944), "KRK": (175_168, 223_944), "KBNK": (10_875_504, 13_660_584)}
# Longest mates in moves, and positions that need them, up to reflection, with the strong side and with the lone king to
# move: P. Karrer's statistics and Guido's post in "Longest Mate in kqk" (kirill-kryukov.com/chess/discussion-board).
LONGEST = {"KQK": (10, 1, 8), "KRK": (16, 121, 390), "KPK": (28, 3, 2), "KBNK": (33, 138, None)}


def silent(share: float) -> None:
    pass


@pytest.fixture(scope="module")
def built() -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name in ("KQK", "KRK", "KPK"):
        found[name] = ENDGAMES.build(name, found, silent)
    return found


@pytest.fixture(scope="module")
def bishop_and_knight() -> dict[str, np.ndarray]:
    return {"KBNK": ENDGAMES.build("KBNK", {}, silent)}


def up_to_reflection(name: str, slots: np.ndarray) -> int:
    """Classes of positions under the symmetries of the board that keep the direction of pawns, if there are any."""
    classes = set()
    for slot in slots.tolist():
        squares = [int(square) for square in kernels.squares_of(slot, np.array(SIDES[name]))[1:] if square >= 0]
        images = [[square ^ turn for square in squares] for turn in ((0, 7) if name == "KPK" else (0, 7, 56, 63))]
        if name != "KPK":
            images += [[(square & 7) << 3 | square >> 3 for square in image] for image in images]
        classes.add(min(map(tuple, images)))
    return len(classes)


def check_published(name: str, table: np.ndarray) -> None:
    strong, lone = verify.counts(ENDGAMES, name, table)
    if name in LEGAL:
        assert (strong.positions, lone.positions) == LEGAL[name]
    moves, *positions = LONGEST[name]
    assert (strong.longest_win, lone.longest_loss) == (2 * moves - 1, 2 * moves)
    values, distance = tables.decode(table)
    for published, distant in zip(positions, (2 * moves - 1, 2 * moves), strict=True):
        if published is not None:
            slots = np.flatnonzero((table != NOTHING) & (values != 0) & (distance == distant))
            assert up_to_reflection(name, slots) == published


@pytest.mark.parametrize("name", ["KQK", "KRK", "KPK"])
def test_counts_and_longest_mates_are_those_published(built: dict[str, np.ndarray], name: str) -> None:
    check_published(name, built[name])


def test_queen_and_rook_always_win_when_they_move(built: dict[str, np.ndarray]) -> None:
    strong, lone = verify.counts(ENDGAMES, "KQK", built["KQK"])
    assert strong == verify.Counts("KQ v K", 144_508, 144_508, 0, 0, 19, 0)
    assert lone == verify.Counts("K v KQ", 223_944, 0, 23_048, 200_896, 0, 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["KQK", "KRK", "KPK"])
def test_every_position_follows_from_its_moves(built: dict[str, np.ndarray], name: str) -> None:
    assert list(verify.faults(ENDGAMES, name, built, silent)) == []


@pytest.mark.slow
def test_bishop_and_knight_are_as_published_and_mate_in_33(bishop_and_knight: dict[str, np.ndarray]) -> None:
    check_published("KBNK", bishop_and_knight["KBNK"])
    table = bishop_and_knight["KBNK"]
    slot = np.flatnonzero(table == 1 + 65)[:1]
    states = ENDGAMES.positions("KBNK", slot)
    board = chess.Board(notation_of(CHESS).to_fen(states[0]))
    for left in range(65, 0, -1):
        found = tables.exact(ENDGAMES, bishop_and_knight, states)
        value, distance = found.result(0)
        assert (value, distance) == (1 if left & 1 else -1, left)
        assert found.distance is not None
        action = int(np.flatnonzero((found.values[0] == value) & (found.distance[0] == distance))[0])
        board.push_uci(CHESS.action_to_string(states[0], action))
        states = CHESS.step(states, np.array([action])).states
    assert board.is_checkmate()


@pytest.mark.slow
def test_a_sample_of_bishop_and_knight_follows_from_its_moves(bishop_and_knight: dict[str, np.ndarray]) -> None:
    table = bishop_and_knight["KBNK"]
    slots = np.random.default_rng(3).choice(np.flatnonzero(table != NOTHING), 10 * verify.CHUNK, replace=False)
    for some in slots.reshape(10, -1):
        states = ENDGAMES.positions("KBNK", some)
        assert (verify.results(ENDGAMES, bishop_and_knight, states) == table[some]).all()


def oracle(board: chess.Board, built: dict[str, np.ndarray]) -> tuple[int, int]:
    """(value, distance) of a position from python-chess's moves and the tables' results after them."""
    if board.is_checkmate():
        return -1, 0
    if board.is_stalemate() or board.is_insufficient_material():
        return 0, 0
    found = []
    for move in board.legal_moves:
        board.push(move)
        if board.is_checkmate():
            found.append((1, 1))
        elif board.is_stalemate() or board.is_insufficient_material():
            found.append((0, 0))
        else:
            state = notation_of(CHESS).from_fen(board.fen())
            known, values, distance = tables.look_up(ENDGAMES, built, state)
            assert known[0], board.fen()
            found.append((-int(values[0]), int(distance[0]) + 1 if values[0] else 0))
        board.pop()
    best = max(value for value, _ in found)
    far = [distance for value, distance in found if value == best]
    return best, 0 if best == 0 else min(far) if best > 0 else max(far)


@pytest.mark.parametrize("name", ["KQK", "KRK", "KPK"])
def test_python_chess_agrees_about_random_positions(built: dict[str, np.ndarray], name: str) -> None:
    rng = np.random.default_rng(7)
    slots = rng.choice(np.flatnonzero(built[name] != NOTHING), 60, replace=False)
    values, distance = tables.decode(built[name][slots])
    for state, value, far in zip(ENDGAMES.positions(name, slots), values.tolist(), distance.tolist(), strict=True):
        board = chess.Board(notation_of(CHESS).to_fen(state))
        assert board.is_valid() and oracle(board, built) == (value, far), board.fen()


def test_a_position_and_its_slot_name_each_other_for_either_colour(built: dict[str, np.ndarray]) -> None:
    for index, name in enumerate(built):
        slots = np.flatnonzero(built[name] != NOTHING)[::7]
        states = ENDGAMES.positions(name, slots)
        for to_play in (0, 1):
            states["to_play"] = to_play
            table, found = ENDGAMES.locate(states)
            assert (table == index).all() and (found == slots).all()


@pytest.mark.parametrize(
    "fen",
    [
        chess.STARTING_FEN,
        "8/8/8/4k3/8/8/8/K2Q3R w - - 0 1",  # two pieces of other kinds
        "8/8/8/4k3/8/8/8/K2Q3q w - - 0 1",  # one each
        "8/8/8/4k3/8/8/8/4K2R w K - 0 1",  # may castle
        "8/8/8/4k3/8/8/8/K1BB4 w - - 0 1",
        "8/8/8/4k3/8/8/8/K2N4 w - - 0 1",
    ],
)
def test_other_material_is_in_no_table(fen: str) -> None:
    assert ENDGAMES.locate(notation_of(CHESS).from_fen(fen))[0].tolist() == [-1]


@pytest.mark.parametrize(
    ("fen", "result"),
    [
        ("7k/5Q2/6K1/8/8/8/8/8 w - - 0 1", (1, 1)),
        ("8/8/8/8/8/1k6/3p4/1K6 b - - 0 1", (1, 1)),  # Black is the strong side: d1=Q or d1=R mates
        ("8/8/8/8/8/k7/p7/K7 w - - 0 1", None),  # stalemate is over
        ("4k3/8/4K3/4P3/8/8/8/8 w - - 0 1", (1, None)),
        ("4k3/4P3/3K4/8/8/8/8/8 w - - 0 1", (0, 0)),  # Ke6 is stalemate, other moves lose the pawn
        ("4k3/4P3/4K3/8/8/8/8/8 w - - 0 1", (1, None)),  # Kd6 Kf7 Kd7
    ],
)
def test_positions_of_the_textbooks(built: dict[str, np.ndarray], fen: str, result: tuple | None) -> None:
    states = notation_of(CHESS).from_fen(fen)
    if result is None:
        assert states["terminal"][0]
        return
    found = tables.exact(ENDGAMES, built, states)
    assert found.known[0]
    value, distance = found.result(0)
    assert value == result[0] and (result[1] is None or distance == result[1])


def test_a_win_slower_than_fifty_moves_leave_is_not_called_known(built: dict[str, np.ndarray]) -> None:
    fen = "8/8/8/5k2/8/8/1Q6/K7 w - - {} 80"  # mate in ten, the longest
    longest = int(tables.exact(ENDGAMES, built, notation_of(CHESS).from_fen(fen.format(0))).distance.max())
    clocks = [0, 100 - longest, 100 - longest + 1, 99]
    states = np.concatenate([notation_of(CHESS).from_fen(fen.format(clock)) for clock in clocks])
    found = tables.exact(ENDGAMES, built, states)
    assert found.known.tolist() == [True, True, False, True]
    assert [found.result(row) for row in (0, 1, 3)] == [(1, 19), (1, 19), (0, 0)]  # any move draws at last
