"""The chess engine against plain minimax, mates, draws, small endgames, random play and itself at less depth."""

from __future__ import annotations

import chess
import numpy as np
import pytest
from facets import notation_of
from numba import config as numba_config

from games.checks import random_play
from games.chess import engine, geometry, rules
from games.chess import engine_kernels as kernels
from games.chess import fen as texts
from games.chess import kernels as rules_kernels
from games.engines import deepening

GAME = rules.Chess()
START = GAME.initial_states(1)[0]
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)
compiled_only = pytest.mark.skipif(SLOW_MACHINE, reason="deep searches and whole games are for compiled kernels")
PIECE_VALUE = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9, chess.KING: 0}


def state_of(fen: str) -> np.void:
    return notation_of(GAME).from_fen(fen)[0]


def some_states(seed: int, num_games: int, game: rules.Chess = GAME) -> list[np.void]:
    """Positions of random games that are not over, of any stage."""
    played = random_play.random_games(game, np.random.default_rng(seed), num_games)
    return [state for one in played for state in one.states[:-1]]


class RandomStarts(rules.Chess):
    """Chess960 whose n-th game begins from a start position of its own."""

    def initial_states(self, batch: int) -> np.ndarray:
        return self.chess960_states(np.arange(batch) * 37 % 960)


def move_of(action: int) -> int:
    """The kernels' number of an action."""
    source, target, promotion = map(int, geometry.MOVE[action])
    return source | target << 6 | promotion << 12


def everything(state: np.void) -> np.uint64:
    return state["pawns"] | state["knights"] | state["diagonals"] | state["straights"] | state["kings"]


def position_of(state: np.void) -> tuple[np.uint64, ...]:
    return tuple(np.uint64(state[field]) for field, _ in rules_kernels.POSITION)


def worth_of(state: np.void) -> int:
    position = position_of(state)
    squares = kernels.sum_squares(position, engine.SQUARE_WORTH)
    return int(kernels.evaluate(position, squares, engine.PASSED_WORTH))


# The slow twin: minimax that asks the rules for moves and ends, and the kernels only for the worth of a quiet position.


def minimax(states: np.ndarray, depth: int, ply: int, line: list[int], past: list[int]) -> int:
    """Score of [1] state_dtype, not over, for the player to move; `line` and `past` hold the keys of earlier positions
    in the search and before it."""
    state, board = states[0], texts.board_of(states[0])
    line = [*line, int(GAME.position_key(states)[0])]
    if board.is_check() and depth > 0 and ply > 0:
        depth += 1
    actions = list(GAME.legal_moves(state).values())
    scores = []
    if depth == 0 and not board.is_check():
        scores = [worth_of(state)]
        actions = [action for action in actions if is_loud(board, state, action)]
    for action in actions:
        step = GAME.step(states, np.array([action]))
        key = int(GAME.position_key(step.states)[0])
        if step.reward[0]:
            scores.append(kernels.WIN - ply - 1)
        elif step.states["terminal"][0] or key in line or past.count(key) > 1:
            scores.append(0)
        else:
            scores.append(-minimax(step.states, max(depth - 1, 0), ply + 1, line, past))
    return max(scores)


def is_loud(board: chess.Board, state: np.void, action: int) -> bool:
    """Whether a search at depth 0 tries a move: captures and promotions to a queen, but no piece is given for a lesser
    one that a pawn guards."""
    turn = 0 if board.turn else 56
    source, target = int(geometry.MOVE[action][0]) ^ turn, int(geometry.MOVE[action][1]) ^ turn
    moving, taken = board.piece_type_at(source), board.piece_type_at(target)
    gain = 8 if GAME.uci(state, action)[4:] == "q" else 0
    if taken and board.color_at(target) != board.turn:
        gain += PIECE_VALUE[taken]
    elif moving == chess.PAWN and target == board.ep_square:
        gain = 1
    if not gain or geometry.MOVE[action][2]:
        return False
    guards = board.attackers(not board.turn, target) & board.pawns
    return not guards or PIECE_VALUE[moving] <= gain


SPARSE = [
    "8/2k5/8/3Pp3/8/4K3/8/8 w - e6 0 1",  # en passant
    "8/P1k5/8/8/8/2K5/6p1/8 w - - 0 1",  # promotions
    "4k3/8/8/8/8/8/4P3/R3K3 w Q - 0 1",  # castling
    "8/8/8/1k6/3r4/8/1K6/3B4 b - - 93 80",  # fifty moves are near
    "7k/8/4Q3/8/8/8/8/K7 b - - 0 1",
    "k7/2K5/8/1Q6/8/8/8/8 w - - 0 1",  # mate or stalemate
]


@pytest.mark.parametrize("fen", SPARSE)
def test_scores_are_those_of_plain_minimax(fen: str) -> None:
    searcher, state = engine.ChessEngine(GAME, table_bits=0), state_of(fen)
    for depth in range(1, 2 if SLOW_MACHINE else 4):
        found = searcher.analyze(state, depth)
        assert found.score == minimax(np.array([state]), found.depth, 0, [], []), GAME.to_string(state)


@pytest.mark.parametrize(
    ("num_states", "depth", "most_pieces"), [(20, 1, 8), pytest.param(40, 1, 12, marks=pytest.mark.slow)]
)
def test_scores_are_those_of_plain_minimax_with_a_table_too(num_states: int, depth: int, most_pieces: int) -> None:
    """Positions of random games; so few moves deep nothing can repeat."""
    searcher = engine.ChessEngine(GAME, table_bits=12, exact_depth=True)
    states = [state for state in some_states(1, 12) if np.bitwise_count(everything(state)) <= most_pieces]
    for state in states[:: max(len(states) // (1 if SLOW_MACHINE else num_states), 1)]:
        found = searcher.analyze(state, depth)
        assert found.score == minimax(np.array([state]), found.depth, 0, [], []), notation_of(GAME).to_fen(state)


def test_repetitions_of_the_games_own_positions_are_those_of_plain_minimax() -> None:
    """Both kings have gone to and fro: some positions stood once, some twice, and the next time is a draw."""
    states = np.array([state_of("k7/8/8/8/8/8/8/K6R w - - 0 1")])
    searcher, past = engine.ChessEngine(GAME, table_bits=0), []
    for text in ["a1a2", "a8a7", "a2a1", "a7a8", "a1a2", "a8a7", "a2a1"]:
        for depth in range(1, 2 if SLOW_MACHINE else 4):
            assert searcher.analyze(states[0], depth).score == minimax(states, depth, 0, [], past), (text, depth)
        past.append(int(GAME.position_key(states)[0]))
        states = notation_of(GAME).play_text(states, text)


def test_moves_positions_and_clocks_are_the_rules() -> None:
    """The engine's own record of a position after each legal move, and what it has summed up on the way."""
    game = RandomStarts()
    states = some_states(2, 4, game) + [state_of(fen) for fen in SPARSE]
    frames = np.zeros(2, dtype=kernels.FRAME)
    past = np.zeros(rules_kernels.MEMORY, dtype=np.uint64)
    for state in states[:: 60 if SLOW_MACHINE else 2]:
        kernels.set_up(np.array([state])[0], frames[0], past, engine.SQUARE_WORTH)
        for action in game.legal_moves(state).values():
            kernels.make(frames[0], frames[1], np.int32(move_of(action)), engine.SQUARE_WORTH)
            after = game.step(np.array([state]), np.array([action])).states[0]
            assert all(frames[1][field] == after[field] for field, _ in rules_kernels.POSITION)
            position = position_of(after)
            assert frames[1]["clock"] == after["clock"]
            assert frames[1]["squares"] == kernels.sum_squares(position, engine.SQUARE_WORTH)
            assert frames[1]["hash"] == kernels.hash_of(position[:6], position[6], position[7])
            assert engine.action_of(move_of(action)) == action


def test_positions_before_are_known_from_the_records_moves() -> None:
    past, frame = np.zeros(rules_kernels.MEMORY, dtype=np.uint64), np.zeros(1, dtype=kernels.FRAME)
    for played in random_play.random_games(GAME, np.random.default_rng(3), 2):
        for ply in range(0, len(played.states) - 1, 40 if SLOW_MACHINE else 4):
            window = int(played.states["window"][ply])
            kernels.set_up(np.array([played.states[ply]])[0], frame[0], past, engine.SQUARE_WORTH)
            positions = [position_of(played.states[ply - back]) for back in range(1, window + 1)]
            assert past[:window].tolist() == [int(kernels.hash_of(one[:6], one[6], one[7])) for one in positions]


def test_the_evaluation_is_the_same_for_both_sides() -> None:
    """What is good for one is as bad for the other, to the last point; and a colour's board is the other's turned."""
    for state in some_states(4, 1 if SLOW_MACHINE else 6):
        other = state.copy()
        for field, _ in rules_kernels.POSITION:
            other[field] = rules_kernels.flip(np.uint64(state[field]))
        other["own"] = everything(other) ^ other["own"]
        assert worth_of(other) == -worth_of(state), GAME.to_string(state)
    assert worth_of(START) == 0
    assert engine.ChessEngine().analyze(state_of("4k3/p6p/8/8/8/2r5/P6P/4K3 w - - 0 1"), 3).score == (
        engine.ChessEngine().analyze(state_of("4k3/p6p/2R5/8/8/8/P6P/4K3 b - - 0 1"), 3).score
    )


MATES = [
    (1, "6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1"),
    (1, "r5k1/8/8/8/8/8/5PPP/6K1 b - - 0 1"),
    (1, "6rk/6pp/8/6N1/8/8/8/6K1 w - - 99 90"),  # the last move before fifty moves are full
    (1, "8/8/8/8/8/5K1k/8/5R1b w - - 0 1"),
    (1, "6br/5Ppk/8/6K1/8/8/8/8 w - - 0 1"),
    (3, "r4r1k/6pp/7N/8/2Q5/8/6PP/6K1 w - - 0 1"),  # smothered
    (3, "kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1"),  # P. Morphy
    (5, "r4rk1/5Npp/8/8/2Q5/8/6PP/6K1 w - - 0 1"),
    (3, "8/8/8/8/8/2k5/7r/K7 b - - 0 1"),
    (5, "8/8/8/8/3k4/7r/8/1K6 b - - 0 1"),
]


@compiled_only
@pytest.mark.parametrize(("plies", "fen"), MATES)
def test_mates_are_found_with_their_distance(plies: int, fen: str) -> None:
    for exact_depth in (False, True):
        searcher, states = engine.ChessEngine(GAME, table_bits=14, exact_depth=exact_depth), np.array([state_of(fen)])
        found = searcher.analyze(states[0], depth=12)
        assert found.score == kernels.WIN - plies and found.depth <= plies, found
        for left in range(plies - 1, -1, -1):  # the other side sees it come, and it does
            step = GAME.step(states, np.array([searcher.best_action(states[0], depth=6)]))
            states = step.states
            if left:
                score = searcher.analyze(states[0], depth=6).score
                assert score == (left - kernels.WIN if left % 2 == 0 else kernels.WIN - left)
        assert step.reward[0] == 1


def test_the_winner_avoids_stalemate_and_the_loser_seeks_it() -> None:
    """
    8  k . . . . . . .     Qb6 would be stalemate
    7  . . . . . . . .
    6  . . K . . . . .
    5  . Q . . . . . .
    """
    searcher = engine.ChessEngine(GAME, table_bits=10)
    state = state_of("k7/8/2K5/1Q6/8/8/8/8 w - - 0 1")
    for depth in (1, 2, 3):
        assert GAME.uci(state, searcher.best_action(state, depth)) != "b5b6"
    lost = state_of("k7/8/1Q2K3/8/8/5r2/8/8 b - - 0 1")  # f3f6: if the queen takes, it is stalemate
    assert GAME.uci(lost, searcher.best_action(lost, 3)) == "f3f6" and searcher.analyze(lost, 3).score == 0


@compiled_only
def test_repetition_is_avoided_by_the_winner_and_sought_by_the_loser() -> None:
    """White has a queen more. What Black could reach by h8g8 stood twice; the third time it is a draw."""
    searcher = engine.ChessEngine(GAME, table_bits=12)
    states = np.array([state_of("6k1/5pp1/7p/8/8/8/Q4PPP/6K1 w - - 0 1")])
    for text in ["a2a3", "g8h8", "a3a2", "h8g8", "a2a3", "g8h8"]:
        states = notation_of(GAME).play_text(states, text)
    for depth in range(2, 7):
        found = searcher.analyze(states[0], depth)
        assert found.score > 500 and GAME.uci(states[0], found.action) != "a3a2"
    states = notation_of(GAME).play_text(states, "a3a2")
    for depth in range(1, 7):
        found = searcher.analyze(states[0], depth)
        assert found.score == 0 and GAME.uci(states[0], found.action) == "h8g8"


@compiled_only
def test_perpetual_check_saves_a_lost_game() -> None:
    """Black, a queen against two rooks that mate, never stops giving check."""
    found = engine.ChessEngine(GAME, table_bits=14).analyze(state_of("7k/RR4pp/8/8/8/5q2/5P1P/6K1 b - - 0 1"), 7)
    assert found.score == 0


def test_fifty_moves_are_a_draw() -> None:
    searcher = engine.ChessEngine(GAME, table_bits=10)
    assert searcher.analyze(state_of("8/8/8/3k4/8/8/8/KQ6 w - - 99 90"), 2).score == 0
    assert searcher.analyze(state_of("8/8/8/3k4/8/8/8/KQ6 w - - 0 90"), 2).score > 500
    found = searcher.analyze(state_of("8/p7/8/3k4/8/8/7P/KQ6 w - - 99 90"), 1)
    assert found.score > 500, "a pawn moves"


@compiled_only
def test_moves_are_legal_everywhere() -> None:
    """Random games of Chess960, promotions, en passant; the end of `max_game_length` plies near or not."""
    game = RandomStarts(max_game_length=200)
    searcher = engine.ChessEngine(game, table_bits=10)
    for state in some_states(5, 10, game)[::3]:
        legal, count = game.legal_actions(np.array([state]))
        for found in (searcher.analyze(state, depth=2), searcher.analyze(state, nodes=300)):
            assert found.action in legal[0, : count[0]] and abs(found.score) <= kernels.WIN
    for text in ("8/P7/8/8/8/8/p7/k1K5 w - - 0 1", "8/8/8/2k5/3pP3/8/8/K7 b - e3 0 1"):
        assert searcher.best_action(state_of(text), depth=4) in GAME.legal_moves(state_of(text)).values()


# Strength


def play(white, black, state: np.void) -> float:
    """Points of the player `white`: 1, 0.5 or 0. Players map a state to an action."""
    states = np.array([state])
    while True:
        mover = int(states["to_play"][0])
        step = GAME.step(states, np.array([(white, black)[mover](states[0])]))
        states = step.states
        if step.discount[0] == 0:
            return 0.5 if step.reward[0] == 0 else float(mover == 0)


def random_player(rng: np.random.Generator):
    def choose(state: np.void) -> int:
        actions, count = GAME.legal_actions(np.array([state]))
        return int(actions[0, rng.integers(count[0])])

    return choose


@compiled_only
@pytest.mark.parametrize("fen", ["8/8/8/3k4/8/8/8/KQ6 w - - 0 1", "8/8/8/3k4/8/8/8/KR6 w - - 0 1"])
def test_a_lone_king_is_mated_in_fifty_moves_whatever_it_tries(fen: str) -> None:
    searcher = engine.ChessEngine(GAME, table_bits=16)
    best = lambda state: searcher.best_action(state, nodes=100_000)  # noqa: E731
    assert play(best, best, state_of(fen)) == 1
    assert play(best, random_player(np.random.default_rng(7)), state_of(fen)) == 1


@compiled_only
def test_it_beats_random_play_always() -> None:
    searcher = engine.ChessEngine(GAME, table_bits=12)
    strong = lambda state: searcher.best_action(state, depth=3)  # noqa: E731
    rng = np.random.default_rng(6)
    points = [play(strong, random_player(rng), START) for _ in range(5)]
    points += [1 - play(random_player(rng), strong, START) for _ in range(5)]
    assert points == [1.0] * 10


OPENINGS = ["e2e4 e7e5", "d2d4 d7d5", "c2c4 e7e5", "e2e4 c7c5", "d2d4 g8f6", "g1f3 d7d5", "e2e4 e7e6", "e2e4 c7c6"]


@compiled_only
@pytest.mark.parametrize(
    ("deep", "shallow", "num_openings"), [(3, 1, 4), pytest.param(5, 2, 8, marks=[pytest.mark.slow])]
)
def test_deeper_beats_shallower(deep: int, shallow: int, num_openings: int) -> None:
    searcher = engine.ChessEngine(GAME, table_bits=14)
    strong = lambda state: searcher.best_action(state, depth=deep)  # noqa: E731
    weak = lambda state: searcher.best_action(state, depth=shallow)  # noqa: E731
    starts = [notation_of(GAME).state_after(moves)[0] for moves in OPENINGS[:num_openings]]
    points = [play(strong, weak, start) for start in starts] + [1 - play(weak, strong, start) for start in starts]
    assert np.mean(points) > 0.75, points


# Limits


def test_the_same_question_has_the_same_answer() -> None:
    """Whatever was asked before, and in a new engine."""
    state = state_of("r1bqk2r/pp3ppp/2n1pn2/2pp4/1bPP4/2NBPN2/PP3PPP/R1BQK2R w KQkq - 0 7")
    searcher = engine.ChessEngine(GAME, table_bits=10)
    limit = 200 if SLOW_MACHINE else 50_000
    first = searcher.analyze(state, nodes=limit)
    searcher.analyze(START, nodes=limit)
    for _ in range(2 if SLOW_MACHINE else 130):  # past the last generation of the table
        searcher.analyze(START, depth=1)
    new = engine.ChessEngine(GAME, table_bits=10)
    assert searcher.analyze(state, nodes=limit) == first == new.analyze(state, nodes=limit)


@compiled_only
def test_slices_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of("r1bqk2r/pp3ppp/2n1pn2/2pp4/1bPP4/2NBPN2/PP3PPP/R1BQK2R w KQkq - 0 7")
    whole = engine.ChessEngine(GAME, table_bits=10).analyze(state, depth=4)
    monkeypatch.setattr(deepening, "NODES_PER_SLICE", 7)
    assert engine.ChessEngine(GAME, table_bits=10).analyze(state, depth=4) == whole


def test_limits_are_kept() -> None:
    searcher = engine.ChessEngine(GAME, table_bits=10)
    assert searcher.analyze(START, depth=2).depth == 2
    assert searcher.analyze(START, nodes=100).nodes <= 100
    assert searcher.analyze(START, nodes=1).nodes >= 1
    only = searcher.analyze(state_of("7k/8/5K2/8/8/8/8/6R1 b - - 0 1"), nodes=10)
    assert (only.nodes, only.depth) == (0, 0), "one legal move needs no search"
    for wrong in ({}, {"depth": 0}, {"nodes": 0}):
        with pytest.raises(ValueError, match=r"a limit|must be at least 1"):
            searcher.best_action(START, **wrong)
    with pytest.raises(ValueError, match="the game is over"):
        searcher.best_action(notation_of(GAME).state_after("f2f3 e7e5 g2g4 d8h4")[0], depth=1)
    with pytest.raises(ValueError, match="table_bits is 3"):
        engine.ChessEngine(GAME, table_bits=3)


@compiled_only
def test_the_kernel_is_compiled_once_whatever_it_is_asked() -> None:
    searcher = engine.ChessEngine(GAME, table_bits=0, exact_depth=np.bool_(True))
    states = np.repeat(GAME.initial_states(2), 2)
    states.flags.writeable = False
    for view in (states, states[::2]):
        searcher.analyze(view[0], depth=np.int32(1))
        searcher.analyze(view[1], nodes=np.int64(50))
        engine.ChessEngine(RandomStarts(max_game_length=np.int64(99)), table_bits=8).best_action(view[1], depth=1)
    assert len(kernels.search.signatures) == 1, kernels.search.signatures


def test_long_lines_end_at_the_last_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for five plies the search judges what it reaches, in check or not."""
    monkeypatch.setattr(kernels, "MAX_LEVELS", 5)
    searcher = engine.ChessEngine(GAME, table_bits=8)
    state = state_of("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1")
    assert searcher.analyze(state, depth=2 if SLOW_MACHINE else 8).action in GAME.legal_moves(state).values()
