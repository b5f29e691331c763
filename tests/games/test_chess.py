"""Chess: published counts, a twin around python-chess, and boards where rules are easily got wrong."""

from __future__ import annotations

import chess
import naive_chess
import numpy as np
import pytest
from facets import knowledge_of, notation_of
from numba import config as numba_config
from numba import njit

from games import base
from games.checks import perft, random_play
from games.chess import fen as texts
from games.chess import geometry, kernels, rules

GAME = rules.Chess()
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)  # kernels run as plain Python: shallower counts, fewer games
START = chess.STARTING_FEN

PERFT = {
    "start": (START, [20, 400, 8902, 197281, 4865609, 119060324]),
    "kiwipete": (
        "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
        [48, 2039, 97862, 4085603, 193690690],
    ),
    "3": ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", [14, 191, 2812, 43238, 674624, 11030083]),
    "4": ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", [6, 264, 9467, 422333, 15833292]),
    "4 for black": ("r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1", [6, 264, 9467, 422333]),
    "5": ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", [44, 1486, 62379, 2103487, 89941194]),
    "6": (
        "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10",
        [46, 2079, 89890, 3894594, 164075551],
    ),
}
CHESS960_SUMS = [960, 18882, 371766, 8224968]
DEFAULT_NODES = 1_000 if SLOW_MACHINE else 10_000_000
COUNTS = [(name, depth) for name, (_, counts) in PERFT.items() for depth in range(1, len(counts) + 1)]
QUICK = [(name, depth) for name, depth in COUNTS if PERFT[name][1][depth - 1] <= DEFAULT_NODES]


def at(fen: str, chess960: bool = False) -> np.ndarray:
    return texts.from_fen(GAME, fen, chess960)


def after(states: np.ndarray, moves: str) -> np.ndarray:
    for text in moves.split():
        states = GAME.step(states, np.array([notation_of(GAME).action_from_string(states[0], text)])).states
    return states


def moves_of(states: np.ndarray) -> set[str]:
    return set(GAME.legal_moves(states[0]))


# Published counts


@pytest.mark.parametrize(("name", "depth"), QUICK)
def test_perft_is_the_published_count(name: str, depth: int) -> None:
    fen, counts = PERFT[name]
    assert knowledge_of(GAME).perft(at(fen)[0], depth) == counts[depth - 1]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depth"), [pair for pair in COUNTS if pair not in QUICK])
def test_perft_is_the_published_count_deeper(name: str, depth: int) -> None:
    fen, counts = PERFT[name]
    assert knowledge_of(GAME).perft(at(fen)[0], depth) == counts[depth - 1]


@pytest.mark.parametrize("name", PERFT)
def test_perft_making_every_move_and_perft_through_the_contract_count_the_same(name: str) -> None:
    fen, counts = PERFT[name]
    depth = 2 if SLOW_MACHINE else 4
    assert knowledge_of(GAME).perft(at(fen)[0], depth, bulk=False) == counts[depth - 1]
    assert perft.perft(GAME, depth - 1, at(fen)) == counts[depth - 2]
    assert sum(perft.divide(GAME, 2, at(fen)).values()) == counts[1]


@njit
def in_check(states, checked):
    """Writes whether the mover is in check."""
    for i in range(len(states)):
        checked[i] = kernels.in_check(kernels.load(states[i]))


def breakdown(depth: int) -> tuple[int, int, int, int, int]:
    """Nodes, captures, en passant, checks and mates among the last moves of all sequences."""
    totals = np.zeros(5, dtype=np.int64)
    stack = [(depth, GAME.initial_states(1))]
    while stack:
        left, states = stack.pop()
        if len(states) > 20_000:
            stack.append((left, states[20_000:]))
            states = states[:20_000]
        actions, count = GAME.legal_actions(states)
        children = GAME.step(np.repeat(states, count), actions[actions >= 0])
        if left > 1:
            stack.append((left - 1, children.states))
            continue
        last = children.states["moves"][:, (depth - 1) % kernels.MEMORY]
        kind = last >> 12
        checked = np.zeros(len(last), dtype=np.bool_)
        in_check(children.states, checked)
        passing = kind == kernels.EN_PASSANT
        captures = (kind != kernels.QUIET) & (kind != kernels.CASTLING) & (kind != kernels.PROMOTION)
        totals += [len(last), captures.sum(), passing.sum(), checked.sum(), (children.reward == 1).sum()]
    return tuple(totals.tolist())


@pytest.mark.skipif(SLOW_MACHINE, reason="too many positions")
def test_captures_checks_and_mates_are_the_published_counts() -> None:
    assert breakdown(4) == (197281, 1576, 0, 469, 8)


@pytest.mark.slow
def test_captures_checks_and_mates_are_the_published_counts_deeper() -> None:
    assert breakdown(5) == (4865609, 82719, 258, 27351, 347)


@pytest.mark.parametrize("depth", [1] if SLOW_MACHINE else [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_chess960_sums_are_the_published_counts(depth: int) -> None:
    states = GAME.chess960_states(np.arange(960))
    assert len({GAME.to_string(state) for state in states}) == 960
    assert sum(knowledge_of(GAME).perft(state, depth) for state in states) == CHESS960_SUMS[depth]


def test_start_518_of_chess960_is_the_usual_one_and_numbers_are_pythonchess_s() -> None:
    assert GAME.chess960_states([518]).tobytes() == GAME.initial_states(1).tobytes()
    for number in (0, 1, 77, 518, 959):
        state = GAME.chess960_states([number])[0]
        assert texts.to_fen(state).split()[0] == chess.Board.from_chess960_pos(number).fen().split()[0]
    with pytest.raises(ValueError, match="960 is no start position"):
        GAME.chess960_states([960])


# The twin


def played(rng: np.random.Generator, start: np.ndarray, restless: float) -> random_play.RandomGame:
    """A random game; with probability 1 - restless a player prefers to undo his last move, so that positions recur."""
    states, actions, rewards, discounts = [start[0].copy()], [], [], []
    while not start["terminal"][0]:
        legal, count = GAME.legal_actions(start)
        action = int(legal[0, int(rng.random() * count[0])])
        if len(states) > 2 and rng.random() > restless:
            source, target, _ = geometry.MOVE[actions[-2]]
            back = geometry.CODE[0, target, source]
            action = int(back) if back in legal[0, : count[0]] else action
        step = GAME.step(start, np.array([action]))
        start = step.states
        states.append(start[0].copy())
        actions.append(action)
        rewards.append(step.reward[0])
        discounts.append(step.discount[0])
    return random_play.RandomGame(
        np.array(states, dtype=GAME.state_dtype), np.array(actions), np.array(rewards), np.array(discounts)
    )


def games_with(num_positions: int, seed: int) -> list[random_play.RandomGame]:
    """Random games from usual and Chess960 starts and from endgames, at least `num_positions` positions in all."""
    rng = np.random.default_rng(seed)
    endgames = ["4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1"]
    endgames += ["8/8/8/4k3/8/2N5/8/4K2B w - - 90 60", "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 3 20"]
    found: list[random_play.RandomGame] = []
    while sum(len(game.states) for game in found) < num_positions:
        number = len(found)
        if number % 3 == 0:
            start = GAME.initial_states(1)
        elif number % 3 == 1:
            start = GAME.chess960_states([int(rng.integers(960))])
        else:
            start = at(endgames[number // 3 % len(endgames)])
        found.append(played(rng, start, (1.0, 0.5, 0.8, 0.3)[number % 4]))
    return found


def agree(num_positions: int, seed: int) -> dict[str, int]:
    """Compares every position of random games with the twin; returns how often each kind of end was met."""
    met: dict[str, int] = {}
    for game in games_with(num_positions, seed):
        twin = naive_chess.Twin(texts.to_fen(game.states[0]))
        legal, count = GAME.legal_actions(game.states)
        planes = rules.Chess(history_length=8).observe(game.states)
        for ply, state in enumerate(game.states):
            board, fen = twin.board, texts.to_fen(state)
            actions = twin.actions()
            assert fen == board.fen(en_passant="legal")
            assert legal[ply, : count[ply]].tolist() == sorted(actions), fen
            assert bool(state["terminal"]) == twin.over() and bool(state["to_play"]) != board.turn, fen
            assert texts.result(state) == (board.result(claim_draw=False) if not twin.drawn_by_rule() or
                                              board.is_checkmate() else "1/2-1/2"), fen  # fmt: skip
            for action, move in actions.items():
                assert GAME.uci(state, action, chess960=True) == move.uci(), fen
            for action in sorted(actions)[:: 1 if ply % 8 == 0 else 9]:  # + and # show that checks and mates agree
                assert texts.san(state, action) == board.san(actions[action]), fen
            if ply % 4 == 0 or state["terminal"]:
                assert np.array_equal(planes[ply], twin.planes(8)), fen
            if ply < len(game.actions):
                twin.play(actions[int(game.actions[ply])])
                assert game.reward[ply] == twin.reward() and game.discount[ply] == (0 if twin.over() else -1), fen
        for end in ("is_checkmate", "is_stalemate", "is_insufficient_material", "is_fifty_moves"):
            met[end] = met.get(end, 0) + bool(getattr(twin.board, end)())
        met["is_repetition"] = met.get("is_repetition", 0) + twin.board.is_repetition(3)
    return met


def test_random_games_agree_with_the_twin() -> None:
    met = agree(100 if SLOW_MACHINE else 2000, seed=1)
    assert SLOW_MACHINE or (met["is_repetition"] and met["is_insufficient_material"]), met


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_random_games_agree_with_the_twin_and_meet_every_end() -> None:
    met = agree(20_000, seed=2)
    assert all(met.values()), met


@pytest.mark.parametrize("history_length", [1, 2, 8])
def test_shorter_histories_are_the_first_planes_of_longer_ones(history_length: int) -> None:
    game = rules.Chess(history_length=history_length)
    (some,) = games_with(1, seed=5)
    states = some.states[:: 1 + len(some.states) // 40]
    longest, planes = rules.Chess(history_length=8).observe(states), game.observe(states)
    pieces = 14 * history_length
    assert planes.shape[1:] == game.observation_shape == (pieces + 7, 8, 8)
    assert np.array_equal(planes[:, :pieces], longest[:, :pieces])
    assert np.array_equal(planes[:, pieces:], longest[:, -7:])
    with pytest.raises(ValueError, match="history_length is 9"):
        rules.Chess(history_length=9)


def test_playouts_are_the_same_games_played_through_the_contract_one_by_one() -> None:
    starts = [GAME.initial_states(1), GAME.chess960_states([7]), at("4k3/8/8/8/8/8/4Q3/4K3 b - - 0 1")]
    starts.append(at("k7/8/1K6/8/8/8/1Q1Q4/8 w - - 0 1"))
    starts.append(notation_of(GAME).state_after("f2f3 e7e5 g2g4 d8h4"))
    seeds = np.arange(200, 203 if SLOW_MACHINE else 230, dtype=np.uint64)
    batch = np.concatenate([starts[2 if SLOW_MACHINE else int(seed) % len(starts)] for seed in seeds])
    plies = np.zeros(len(batch), dtype=np.int64)
    outcome = GAME.playouts(batch, seeds, plies)
    assert np.array_equal(GAME.playouts(batch, seeds), outcome)
    for i, seed in enumerate(base.mix64(seeds)):
        states, mover, value, length = batch[i : i + 1], batch["to_play"][i], 0, 0
        draw = np.array([seed])
        while not states["terminal"][0]:
            draw = draw + base.WEYL
            actions, count = GAME.legal_actions(states)
            turn = 1 if states["to_play"][0] == mover else -1
            place = int(base.mix64(draw)[0] >> np.uint64(32)) * int(count[0]) >> 32
            step = GAME.step(states, actions[:, place])
            states, value, length = step.states, int(step.reward[0]) * turn, length + 1
        assert (outcome[i], plies[i]) == (value, length)
    assert SLOW_MACHINE or set(outcome.tolist()) == {-1, 0, 1}


# Actions


def test_move_codes_are_the_twins_1858() -> None:
    expected = naive_chess.codes()
    assert len(expected) == GAME.num_actions == 1858
    numbers = {None: 0, chess.KNIGHT: 1, chess.BISHOP: 2, chess.ROOK: 3}
    for (source, target, piece), code in expected.items():
        assert geometry.CODE[numbers[piece], source, target] == code
        assert geometry.MOVE[code].tolist() == [source, target, numbers[piece]]
    assert np.count_nonzero(geometry.CODE >= 0) == 1858


def test_the_position_with_most_moves_fills_the_list() -> None:
    actions, count = GAME.legal_actions(at("R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1"))
    assert count[0] == GAME.max_legal_actions == 218 and len(set(actions[0].tolist())) == 218


def test_a_pawn_may_become_four_pieces_by_four_actions() -> None:
    """
    8 . . . n k . . .
    7 . . P . . . . .
    """
    states = at("3nk3/2P5/8/8/8/8/8/4K3 w - - 0 1")
    assert {move for move in moves_of(states) if move[:2] == "c7"} == {
        f"c7{square}{piece}" for square in ("c8", "d8") for piece in "qnbr"
    }
    for piece in "qnbr":
        assert rules.piece_at(after(states, f"c7d8{piece}")[0], 59) == piece.upper()


# Rules easily got wrong


def test_en_passant_that_uncovers_the_king_is_refused() -> None:
    """
    4 K . . . p P . r    white has just played f2-f4: taking it would clear two pieces off the rank… for black's king
    """
    states = at("8/8/8/8/K3pP1r/8/8/7k b - f3 0 1")
    assert "e4f3" in moves_of(states)
    states = at("8/8/8/8/k3pP1R/8/8/7K b - f3 0 1")
    assert "e4f3" not in moves_of(states) and not states["en_passant"][0]


def test_en_passant_may_end_a_check_given_by_the_pawn() -> None:
    states = at("8/8/8/4k3/3pP3/8/8/4K3 b - e3 0 1")
    assert "d4e3" in moves_of(states)
    states = at("8/8/8/8/3pPk2/8/8/4K3 b - e3 0 1")
    assert "d4e3" in moves_of(states)


@pytest.mark.parametrize(
    ("fen", "chess960", "legal", "illegal"),
    [
        ("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", False, "e1g1 e1c1", ""),
        ("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1", False, "e8g8 e8c8", ""),
        ("4k3/8/8/8/8/8/8/RN2K1NR w KQ - 0 1", False, "", "e1g1 e1c1"),
        ("1r2k3/8/8/8/8/8/8/R3K3 w Q - 0 1", False, "e1c1", ""),  # only the rook passes b1
        ("3rk3/8/8/8/8/8/8/R3K3 w Q - 0 1", False, "", "e1c1"),
        ("2r1k3/8/8/8/8/8/8/R3K3 w Q - 0 1", False, "", "e1c1"),
        ("4k3/8/8/8/8/8/4r3/R3K2R w KQ - 0 1", False, "", "e1g1 e1c1"),
        ("4k3/8/8/8/8/8/8/1r1RK3 w D - 0 1", True, "", "e1d1"),  # the rook leaves, and b1 gives check on c1
        ("4k3/8/8/8/8/8/8/1r1K1R2 w F - 0 1", True, "", "d1f1"),
        ("4k3/8/8/8/8/8/8/5KR1 w G - 0 1", True, "f1g1", ""),  # king and rook change places
        ("4k3/8/8/8/8/8/8/6KR w H - 0 1", True, "g1h1", ""),  # the king stays
        ("4k3/8/8/8/8/8/8/2RK4 w C - 0 1", True, "d1c1", ""),
        ("4k3/8/8/8/8/8/8/2RKB3 w C - 0 1", True, "d1c1", ""),
        ("4k3/8/8/8/8/8/8/RN1K4 w A - 0 1", True, "", "d1a1"),
    ],
)
def test_castling(fen: str, chess960: bool, legal: str, illegal: str) -> None:
    states = at(fen, chess960)
    castling = {GAME.uci(states[0], a) for a in GAME.legal_moves(states[0]).values()}
    for text in legal.split():
        assert text in castling, fen
        twin = chess.Board(fen, chess960=chess960)
        twin.push_uci(text)
        assert texts.to_fen(after(states, text)[0]) == twin.fen(en_passant="legal")
    assert not castling & set(illegal.split()), fen


def test_castling_may_be_written_both_ways() -> None:
    states = at("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1")
    short = notation_of(GAME).action_from_string(states[0], "e8g8")
    assert notation_of(GAME).action_from_string(states[0], "e8h8") == short
    assert GAME.action_to_string(states[0], short) == "e8g8" and GAME.uci(states[0], short, chess960=True) == "e8h8"


def test_rights_are_lost_when_the_rook_is_taken() -> None:
    states = after(at("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"), "a1a8")
    assert texts.to_fen(states[0]).split()[2] == "Kk"


# Ends


def ended(states: np.ndarray, move: str) -> tuple[float, float, bool]:
    step = GAME.play(states[0], notation_of(GAME).action_from_string(states[0], move))
    return float(step.reward[0]), float(step.discount[0]), bool(step.states["terminal"][0])


WIN, DRAW, ON = (1.0, 0.0, True), (0.0, 0.0, True), (0.0, -1.0, False)


def test_mate_wins_and_stalemate_draws() -> None:
    assert ended(notation_of(GAME).state_after("f2f3 e7e5 g2g4"), "d8h4") == WIN
    assert ended(at("7k/5Q2/8/6K1/8/8/8/8 w - - 0 1"), "g5g6") == DRAW


def test_mate_on_the_hundredth_ply_still_wins() -> None:
    assert ended(at("7k/8/6K1/8/8/8/8/R7 w - - 99 80"), "a1a8") == WIN
    assert ended(at("7k/8/6K1/8/8/8/8/R7 w - - 99 80"), "a1a7") == DRAW
    assert ended(at("7k/8/6K1/8/8/8/8/R7 w - - 98 80"), "a1a7") == ON
    assert not at("7k/8/6K1/8/8/8/8/R7 w - - 100 80")["terminal"][0], "a draw that was not claimed ends no game"


def test_the_third_occurrence_is_a_draw_and_the_second_is_seen_in_the_planes() -> None:
    back_and_forth = "g1f3 g8f6 f3g1 f6g8 "
    twice = notation_of(GAME).state_after(back_and_forth)
    once_before, twice_before = GAME.observe(twice)[0, 12:14]
    assert once_before.all() and not twice_before.any()
    assert ended(notation_of(GAME).state_after(back_and_forth + "g1f3 g8f6 f3g1"), "f6g8") == DRAW


def test_positions_with_other_rights_are_not_the_same() -> None:
    """The rooks go and come back: the pieces stand as before, but castling is gone, so the first does not count."""
    states = at("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1")
    states = after(states, "a1b1 a8b8 b1a1 b8a8 a1b1 a8b8 b1a1")
    assert ended(states, "b8a8") == ON


def test_a_lapsed_en_passant_makes_another_position() -> None:
    states = at("4k3/8/8/8/1p6/8/P7/4K3 w - - 0 1")
    states = after(states, "a2a4")
    assert states["en_passant"][0]
    states = after(states, "e8e7 e1e2 e7e8 e2e1 e8e7 e1e2 e7e8")
    assert ended(states, "e2e1") == ON  # the position after a2a4 had the capture; this one was there once since
    states = at("4k3/8/8/8/8/8/P7/4K3 w - - 0 1")  # without the black pawn it counts
    assert ended(after(states, "a2a4 e8e7 e1e2 e7e8 e2e1 e8e7 e1e2 e7e8"), "e2e1") == DRAW


@pytest.mark.parametrize(
    ("fen", "drawn"),
    [
        ("4k3/8/8/8/8/8/8/4K3 w - - 0 1", True),
        ("4k3/8/8/8/8/8/8/4KN2 w - - 0 1", True),
        ("4k3/8/8/8/8/8/8/4KB2 b - - 0 1", True),
        ("4kb2/8/8/8/8/8/8/2B1K3 w - - 0 1", True),  # bishops on dark squares only
        ("2b1k3/8/8/8/8/8/8/2B1K3 w - - 0 1", False),
        ("4kn2/8/8/8/8/8/8/4KN2 w - - 0 1", False),
        ("4k3/8/8/8/8/8/8/3NKN2 w - - 0 1", False),
        ("4k3/8/8/8/8/8/P7/4K3 w - - 0 1", False),
        ("4k3/8/8/8/8/8/8/4KR2 w - - 0 1", False),
    ],
)
def test_too_little_material_is_a_draw(fen: str, drawn: bool) -> None:
    assert chess.Board(fen).is_insufficient_material() == drawn
    assert bool(at(fen)["terminal"][0]) == drawn


def test_a_game_is_drawn_at_its_greatest_length() -> None:
    game = rules.Chess(max_game_length=3)
    states = game.initial_states(1)
    for move, over in (("e2e4", False), ("e7e5", False), ("g1f3", True)):
        step = game.play(states[0], notation_of(game).action_from_string(states[0], move))
        states = step.states
        assert bool(states["terminal"][0]) == over and step.reward[0] == 0


# Keys


def test_keys_know_side_rights_repetition_and_a_near_end() -> None:
    start = GAME.initial_states(1)
    again = notation_of(GAME).state_after("g1f3 g8f6 f3g1 f6g8")
    assert GAME.position_key(start) == GAME.position_key(again) and GAME.key(start) != GAME.key(again)
    e4 = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b {} - {} 1"
    keys = {
        int(GAME.key(at(e4.format(*rest)))[0]) for rest in (("KQkq", 0), ("KQk", 0), ("-", 0), ("-", 70), ("-", 90))
    }
    assert len(keys) == 5
    assert GAME.key(at(e4.format("-", 0))) == GAME.key(at(e4.format("-", 30)))  # far from fifty moves: one evaluation
    assert GAME.key(at("4k3/8/8/8/8/8/P7/4K3 w - - 0 1")) != GAME.key(at("4k3/8/8/8/8/8/P7/4K3 b - - 0 1"))


def test_a_useless_en_passant_square_changes_no_key() -> None:
    assert GAME.key(notation_of(GAME).state_after("e2e4")) == GAME.key(
        at("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1")
    )


def test_the_board_is_drawn_with_white_below_for_both() -> None:
    drawing = GAME.to_string(notation_of(GAME).state_after("e2e4")[0]).split("\n")
    assert drawing[0] == "8 r n b q k b n r" and drawing[4] == "4 . . . . P . . ." and drawing[8] == "  a b c d e f g h"


def test_wrong_moves_name_the_legal_ones() -> None:
    with pytest.raises(base.IllegalMove, match=r"'e2e5' is not a legal move here\. Did you mean 'e2e"):
        notation_of(GAME).action_from_string(GAME.initial_states(1)[0], "e2e5")
