"""The checkers engine against plain minimax, small endgames, random play and itself at less depth."""

from __future__ import annotations

import numpy as np
import pytest
from facets import notation_of
from numba import config as numba_config

from games.checkers import engine, fen, knowledge, moves, openings, rules
from games.checkers import engine_kernels as kernels
from games.checks import random_play

GAME = rules.Checkers()
START = GAME.initial_states(1)[0]
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)


def state_of(text: str) -> np.void:
    return fen.read(text, GAME)[0]


def some_states(seed: int, num_games: int) -> list[np.void]:
    """Positions of random games that are not over, of any stage, in the middle of jumps too."""
    played = random_play.random_games(GAME, np.random.default_rng(seed), num_games)
    return [state for one in played for state in one.states[:-1]]


# The slow twin: minimax that asks the rules for moves and the kernels only for the worth of a quiet position.


def minimax(states: np.ndarray, depth: int, ply: int, line: list[bytes]) -> int:
    """Score of [1] state_dtype for the player to move; `line` holds the earlier positions of search and game."""
    state = states[0]
    legal = GAME.legal_moves(state)
    open_state = states.copy()
    open_state["terminal"] = False
    if not GAME.legal_actions(open_state)[1][0]:
        return ply - kernels.WIN
    here = np.array(moves.placement(state)).tobytes()
    if ply > 0 and (state["clock"] >= GAME.quiet_plies or (state["clock"] and here in line[-int(state["clock"]) :])):
        return 0
    jump = any("x" in text for text in legal)
    if depth <= 0 and not jump:
        with np.errstate(over="ignore"):
            return int(kernels.evaluate(state["own"], state["other"], state["kings"]))
    scores = []
    for action in legal.values():
        step = GAME.step(open_state, np.array([action]))
        if step.discount[0] > 0:
            scores.append(minimax(step.states, depth, ply + 1, [*line, here]))
        else:
            scores.append(-minimax(step.states, depth - 1, ply + 1, [*line, here]))
    return max(scores)


ENDGAMES = ["B:WK1,K5:BK28,K32", "W:WK15:BK18,22,K31", "B:W21,30:BK3,12", "B:WK29,K25:BK4", "W:W10,11:B19,20"]


@pytest.mark.parametrize("text", ENDGAMES)
def test_scores_are_those_of_plain_minimax(text: str) -> None:
    """Without a table, since what it holds of repetitions depends on the way there."""
    searcher = engine.CheckersEngine(GAME, table_bits=0)
    for depth in range(1, 2 if SLOW_MACHINE else 5):
        states = np.array([state_of(text)])
        found = searcher.analyze(states[0], depth)
        assert found.depth == depth or abs(found.score) > kernels.WON
        assert found.score == minimax(states, found.depth, 0, [])


def test_scores_are_those_of_plain_minimax_with_a_table_too() -> None:
    """Two moves deep nothing can repeat; middle games, and the middle of jumps."""
    searcher = engine.CheckersEngine(GAME, table_bits=12, exact_depth=True)
    for state in some_states(1, 1)[:: 20 if SLOW_MACHINE else 1]:
        states = np.array([state])
        found = searcher.analyze(state, 1 if SLOW_MACHINE else 3)
        fresh = states.copy()
        assert found.score == minimax(fresh, found.depth, 0, past_of(state)), GAME.to_string(state)


def past_of(state: np.void) -> list[bytes]:
    """The positions before the steps in a state's history, as `minimax` notes them."""
    own, other, kings = (int(state[field]) for field in ("own", "other", "kings"))
    to_play, past = int(state["to_play"]), []
    turn = lambda word: int(f"{word:035b}"[::-1], 2)  # noqa: E731
    for back in range(1, int(state["clock"]) + 1):
        own, other, kings, to_play = turn(other), turn(own), turn(kings), 1 - to_play
        bit, direction = divmod(int(state["history"][state["clock"] - back]), 4)
        both = 1 << bit | 1 << bit + (4, 5, -5, -4)[direction]
        own, kings = own ^ both, kings ^ both
        past.insert(0, np.array((own, other, kings, 0, to_play)).tobytes())
    return past


def test_positions_before_are_known_from_the_history() -> None:
    """A repetition of what happened before the search began counts as a draw."""
    states = np.array([state_of("B:WK29:BK4,K31")])
    earlier = [states[0]]
    for ply in ("4-8", "29-25", "8-12", "25-22", "12-8", "22-25"):
        states = GAME.step(states, np.array([notation_of(GAME).action_from_string(states[0], ply)])).states
        earlier.append(states[0])
    clock = int(states["clock"][0])
    past = np.zeros(clock, dtype=np.uint64)
    with np.errstate(over="ignore"):
        kernels.before(
            states["own"][0], states["other"][0], states["kings"][0], states["history"][0].copy(), clock, past
        )
        hashes = [kernels.hash_of(one["own"], one["other"], one["kings"], np.uint64(0)) for one in earlier]
    assert past.tolist() == [int(one) for one in hashes[:-1]]
    assert past_of(states[0]) == [np.array(moves.placement(one)).tobytes() for one in earlier[:-1]]


def test_the_engines_moves_are_the_rules_moves() -> None:
    row = np.zeros(kernels.MAX_MOVES, dtype=np.int32)
    frames = np.zeros(2, dtype=kernels.FRAME)
    for state in some_states(2, 1 if SLOW_MACHINE else 20):
        jumper = np.uint64(1 << int(state["jumper"] - 1) + int(state["jumper"] - 1) // 8 if state["jumper"] else 0)
        legal = list(GAME.legal_moves(state).values())
        with np.errstate(over="ignore"):
            n, jump = kernels.list_moves(state["own"], state["other"], state["kings"], jumper, row)
            assert row[:n].tolist() == legal and jump == (legal[0] % 2 == 1)
            for field in ("own", "other", "kings", "clock"):
                frames[field][0] = state[field]
            for action in legal[:3]:
                kernels.make(frames[0], frames[1], action)
                after = GAME.step(np.array([state]), np.array([action])).states[0]
                assert all(frames[field][1] == after[field] for field in ("own", "other", "kings", "clock"))
                assert bool(frames["same"][1]) == bool(after["jumper"])


# Strength


def play(black, white, state: np.void) -> float:
    """Points of the player `black`, who moves for Black: 1, 0.5 or 0. Players map a state to an action."""
    states = np.array([state])
    while True:
        mover = int(states["to_play"][0])
        action = (black, white)[mover](states[0])
        step = GAME.step(states, np.array([action]))
        states = step.states
        if step.discount[0] == 0:
            return 0.5 if step.reward[0] == 0 else float(mover == 0)


def random_player(rng: np.random.Generator):
    def choose(state: np.void) -> int:
        actions, count = GAME.legal_actions(np.array([state]))
        return int(actions[0, rng.integers(count[0])])

    return choose


@pytest.mark.skipif(SLOW_MACHINE, reason="whole games are for compiled kernels")
def test_it_beats_random_play_always() -> None:
    searcher = engine.CheckersEngine(GAME, table_bits=12)
    strong = lambda state: searcher.best_action(state, depth=5)  # noqa: E731
    rng = np.random.default_rng(6)
    points = [play(strong, random_player(rng), START) for _ in range(20)]
    points += [1 - play(random_player(rng), strong, START) for _ in range(20)]
    assert points == [1.0] * 40


@pytest.mark.slow
@pytest.mark.skipif(SLOW_MACHINE, reason="whole games are for compiled kernels")
def test_six_moves_deep_beats_two_moves_deep() -> None:
    """Each of 50 openings with both colours: 100 games."""
    deep, shallow = engine.CheckersEngine(GAME, table_bits=14), engine.CheckersEngine(GAME, table_bits=10)
    six = lambda state: deep.best_action(state, depth=6)  # noqa: E731
    two = lambda state: shallow.best_action(state, depth=2)  # noqa: E731
    starts = openings.states(GAME)[::3][:50]
    points = [play(six, two, start) for start in starts] + [1 - play(two, six, start) for start in starts]
    assert np.mean(points) > 0.75, np.mean(points)


@pytest.mark.skipif(SLOW_MACHINE, reason="deep searches are for compiled kernels")
@pytest.mark.parametrize(
    "text",
    [
        "B:WK32:BK1,K2",  # two kings against one in the double corner
        "W:WK1,K5:BK30",
        "B:WK29:BK10,K11,K15",
        "B:WK28:BK14,K15",
        "B:W32:B1,6,7",
    ],
)
def test_forced_wins_are_found_and_played_out(text: str) -> None:
    """It says that it wins, and then does, whatever the other side tries."""
    searcher, state = engine.CheckersEngine(GAME, table_bits=16), state_of(text)
    winner = int(state["to_play"])
    assert searcher.analyze(state, nodes=2_000_000).score > kernels.WON
    strong = lambda state: searcher.best_action(state, nodes=1_000_000)  # noqa: E731
    stubborn = engine.CheckersEngine(GAME, table_bits=12)
    others = [random_player(np.random.default_rng(8)), lambda state: stubborn.best_action(state, depth=4)]
    for other in others:
        points = play(strong, other, state) if winner == 0 else 1 - play(other, strong, state)
        assert points == 1


def test_a_win_in_one_and_a_loss_in_two_are_seen() -> None:
    searcher = engine.CheckersEngine(GAME, table_bits=8)
    assert searcher.analyze(state_of("B:W6:B1"), depth=1).score == kernels.WIN - 1
    lost = searcher.analyze(state_of("W:W32,12:B28,23,K3,K11"), depth=3)
    assert lost.score < 0


def test_a_jump_is_played_to_its_end() -> None:
    """
     1-4     b   .   .   .      1x10x17x26 takes three, and no ply of it is a matter of choice
     5-8   .   w   .   .
     9-12    .   .   .   .
    13-16  .   w   .   .
    17-20    .   .   .   .
    21-24  .   w   .   w
    """
    searcher = engine.CheckersEngine(GAME, table_bits=10)
    state = state_of("B:W6,14,22,24,32:B1,3")
    actions = searcher.best_move(state, depth=2)
    states = np.array([state])
    texts = []
    for action in actions:
        texts.append(GAME.action_to_string(states[0], action))
        states = GAME.step(states, np.array([action])).states
    assert texts == ["1x10", "10x17", "17x26"] and states["to_play"][0] == 1
    promised = searcher.analyze(state, depth=3).score
    for action in actions:
        state = GAME.step(np.array([state]), np.array([action])).states[0]
        if state["jumper"]:
            assert searcher.analyze(state, depth=3).score in (promised, promised + np.sign(promised))


def test_the_same_question_has_the_same_answer() -> None:
    """Whatever was asked before, and in a new engine."""
    state = state_of("W:W21,22,26,30,31:B5,9,10,14,K29")
    searcher = engine.CheckersEngine(GAME, table_bits=10)
    limit = 300 if SLOW_MACHINE else 20_000
    first = searcher.analyze(state, nodes=limit)
    searcher.analyze(START, nodes=limit)
    for _ in range(2 if SLOW_MACHINE else 130):  # past the last generation of the table
        searcher.analyze(START, depth=1)
    new = engine.CheckersEngine(GAME, table_bits=10)
    assert searcher.analyze(state, nodes=limit) == first == new.analyze(state, nodes=limit)


def test_limits_are_kept() -> None:
    searcher = engine.CheckersEngine(GAME, table_bits=10)
    assert searcher.analyze(START, depth=2).depth == 2
    assert searcher.analyze(START, nodes=100).nodes <= 110
    assert searcher.analyze(state_of("B:W32:B1,28"), nodes=1).nodes >= 1
    only = searcher.analyze(state_of("B:W14,32:B9"), nodes=10)
    assert (only.nodes, only.depth) == (0, 0), "one legal move needs no search"
    for wrong in ({}, {"depth": 0}, {"nodes": 0}):
        with pytest.raises(ValueError, match=r"a limit|must be at least 1"):
            searcher.best_action(START, **wrong)
    with pytest.raises(ValueError, match="the game is over"):
        searcher.best_action(fen.read("B:W5:B", GAME)[0], depth=1)
    with pytest.raises(ValueError, match="table_bits is 3"):
        engine.CheckersEngine(GAME, table_bits=3)


def test_long_lines_end_at_the_last_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for five plies the search judges what it reaches, jumps or not."""
    monkeypatch.setattr(kernels, "MAX_LEVELS", 5)
    searcher = engine.CheckersEngine(GAME, table_bits=8)
    assert searcher.analyze(START, depth=4 if SLOW_MACHINE else 12).action in GAME.legal_moves(START).values()
    assert knowledge.perft(GAME.initial_states(1), 1) == 7
