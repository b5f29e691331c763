"""Matches and reference players: who wins, who sits where, what is drawn from, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tiny

import games
from games.base import Game
from selfplay.alphazero import inference, match, players, references, strength
from selfplay.errors import ConfigError

TIC_TAC_TOE, CONNECT_FOUR, CHECKERS = games.make("tic-tac-toe"), games.make("connect-four"), games.make("checkers")


class Scripted:
    """Plays the first legal action, and remembers whom it was asked for."""

    name = "scripted"

    def __init__(self, game: Game) -> None:
        self.game, self.seats = game, set()

    def choose(self, turn: players.Turn) -> players.Choice:
        self.seats |= set(turn.states["to_play"].tolist())
        assert not turn.states["terminal"].any() and len(turn.rngs) == len(turn.states)
        for state, start, actions in zip(turn.states, turn.starts, turn.actions, strict=True):
            assert self.game.key(replayed(self.game, start, actions)) == self.game.key(np.array([state]))
        return players.without_values(self.game.legal_actions(turn.states)[0][:, 0])


def replayed(game: Game, start: np.void, actions: Sequence[int]) -> np.ndarray:
    states = np.array([start], dtype=game.state_dtype)
    for action in actions:
        states = game.step(states, np.array([action])).states
    return states


def turn_of(game: Game, states: np.ndarray, rng: np.random.Generator) -> players.Turn:
    """Games that begin in these positions."""
    return players.Turn(states, [rng] * len(states), states, [[]] * len(states))


def score_by_hand(game: Game, played: match.Games, number: int) -> float:
    """The first player's points in one game, replayed move by move."""
    states = played.starts[number : number + 1]
    for action in played.actions[number]:
        mover = states["to_play"][0]
        step = game.play(states[0], action)
        states = step.states
    assert states["terminal"][0]
    reward = float(step.reward[0])
    return 0.5 + 0.5 * reward * (1 if mover == played.seat[number] else -1)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR, CHECKERS], ids=lambda game: game.name)
def test_scores_are_those_of_the_games_replayed(game: Game) -> None:
    rng = np.random.default_rng(3)
    starts = match.openings(game, 10, 2, rng)
    played = match.play_pairs(game, references.make(game, "random"), Scripted(game), starts, seed=5)
    assert played.seat.tolist() == [0, 1] * 10
    assert [score_by_hand(game, played, number) for number in range(20)] == played.score.tolist()
    found = played.summary()
    assert (found.wins, found.draws, found.losses) == tuple(int((played.score == s).sum()) for s in (1, 0.5, 0))
    assert np.array_equal(played.starts[0::2], played.starts[1::2]), "both games of a pair begin alike"


def test_each_player_plays_its_own_seat_and_a_mirror_match_is_even() -> None:
    start = TIC_TAC_TOE.initial_states(1)
    white, black = Scripted(TIC_TAC_TOE), Scripted(TIC_TAC_TOE)
    played = match.play(TIC_TAC_TOE, white, black, start, np.array([0], dtype=np.int8), seed=1)
    assert (white.seats, black.seats) == ({0}, {1})
    assert played.score.tolist() == [1.0], "1 2 3 4 5 6 7: the first player has three in a row"
    both = match.play_pairs(TIC_TAC_TOE, white, black, start, seed=1)
    assert both.score.tolist() == [1.0, 0.0] and both.summary().score == 0.5


def test_the_same_seed_gives_the_same_games_and_another_seed_others() -> None:
    starts = match.openings(CONNECT_FOUR, 5, 3, np.random.default_rng(0))
    pair = [references.make(CONNECT_FOUR, name) for name in ("random", "greedy")]
    first, again, other = (match.play_pairs(CONNECT_FOUR, *pair, starts, seed).actions for seed in (1, 1, 2))
    assert first == again != other


def test_openings_differ_are_not_over_and_are_the_customary_ones_where_there_are_any() -> None:
    rng = np.random.default_rng(1)
    starts = match.openings(CONNECT_FOUR, 200, 4, rng)
    assert len(np.unique(CONNECT_FOUR.key(starts))) == 200 and not starts["terminal"].any()
    ballots = match.openings(CHECKERS, 174, 4, rng)
    assert set(CHECKERS.key(ballots).tolist()) == set(CHECKERS.key(CHECKERS.openings()).tolist())
    assert len(match.openings(CHECKERS, 200, 4, rng)) == 200
    assert len(match.openings(TIC_TAC_TOE, 30, 1, rng)) == 30, "there are nine; the rest come again"


def test_a_jump_over_several_pieces_is_written_as_one_move() -> None:
    start = CHECKERS.from_fen("B:W6,14,22,32:B2")
    one, two, three = (CHECKERS.state_after(moves, start) for moves in ("2x9", "2x9 9x18", "2x9x18x25"))
    assert one["jumper"][0] and two["jumper"][0] and not three["jumper"][0]
    actions = [CHECKERS.action_from_string(state[0], text) for state, text in
               ((start, "2x9"), (one, "9x18"), (two, "18x25"))]  # fmt: skip
    assert match.moves(CHECKERS, start[0], actions) == ["2x9x18x25"]


@pytest.mark.parametrize(
    ("wins", "draws", "losses", "low", "high"),
    [(10, 0, 0, 0.7225, 1.0), (0, 0, 10, 0.0, 0.2775), (81, 0, 182, 0.2553, 0.3662), (20, 60, 20, 0.4038, 0.5962)],
)
def test_the_interval_is_wilsons(wins: int, draws: int, losses: int, low: float, high: float) -> None:
    found = match.Summary(wins, draws, losses)
    assert found.games == wins + draws + losses
    assert found.interval() == pytest.approx((low, high), abs=1e-4)


# Reference players


def test_the_solver_never_loses_a_drawn_game_and_beats_random_from_won_ones() -> None:
    solver, greedy = references.make(TIC_TAC_TOE, "solver"), references.make(TIC_TAC_TOE, "greedy")
    played = match.play_pairs(TIC_TAC_TOE, solver, greedy, np.repeat(TIC_TAC_TOE.initial_states(1), 30), seed=1)
    assert played.summary().losses == 0 and played.summary().wins > 5


def test_greedy_takes_a_win_and_the_largest_gain() -> None:
    rng = np.random.default_rng(0)
    won = CONNECT_FOUR.state_after("112233")
    assert references.make(CONNECT_FOUR, "greedy").choose(turn_of(CONNECT_FOUR, won, rng)).actions == [3]
    chess = games.make("chess")
    greedy = references.make(chess, "greedy")
    for moves, best in (("e2e4 d7d5 a2a3 d8d6 a3a4 d6a3", {"a1a3", "b1a3", "b2a3"}), ("f2f3 e7e5 g2g4", {"d8h4"})):
        states = chess.state_after(moves)
        assert chess.action_to_string(states[0], int(greedy.choose(turn_of(chess, states, rng)).actions[0])) in best


def test_random_draws_every_action_alike() -> None:
    states = np.repeat(CONNECT_FOUR.initial_states(1), 7000)
    rng = np.random.default_rng(0)
    drawn = references.make(CONNECT_FOUR, "random").choose(turn_of(CONNECT_FOUR, states, rng)).actions
    assert np.abs(np.bincount(drawn, minlength=7) - 1000).max() < 150  # five standard deviations


@pytest.mark.parametrize("name", ["uct:60", "alphabeta:2", "alphabeta:nodes=500"])
def test_reference_players_beat_random_at_checkers(name: str) -> None:
    better, worse = references.make(CHECKERS, name), references.make(CHECKERS, "random")
    starts = match.openings(CHECKERS, 5, 0, np.random.default_rng(1))
    assert match.play_pairs(CHECKERS, better, worse, starts, seed=1).summary().score >= 0.8


def test_more_simulations_make_uct_stronger() -> None:
    strong, weak = references.make(CONNECT_FOUR, "uct:300"), references.make(CONNECT_FOUR, "uct:10")
    starts = match.openings(CONNECT_FOUR, 20, 4, np.random.default_rng(1))
    assert match.play_pairs(CONNECT_FOUR, strong, weak, starts, seed=1).summary().interval()[0] > 0.5


@pytest.mark.parametrize(
    ("game", "text", "words"),
    [
        ("chess", "randm", "Did you mean 'random'"),
        ("chess", "solver", "no exact solver"),
        ("connect-four", "alphabeta:3", "no alpha–beta engine"),
        ("checkers", "alphabeta:0", "whole number from 1 to 100"),
        ("checkers", "alphabeta:nodes=x", "whole number"),
        ("checkers", "uct:-5", "whole number"),
        ("checkers", "uct:1e3", "whole number"),
        ("checkers", "random:3", "takes none"),
        ("checkers", "", "no reference player is called ''"),
    ],
)
def test_a_wrong_player_is_refused_in_one_sentence(game: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        references.make(games.make(game), text)
    assert "\n" not in str(refused.value)


# Strength during a run


def test_strength_without_a_yardstick_is_points_against_the_opponents_asked_for() -> None:
    config = strength.StrengthConfig(num_simulations=4, opponents=("random", "first"), games=4)
    evaluator = inference.NetworkEvaluator(CHECKERS, tiny.NETWORK)
    evaluator.load(tiny.random_weights(CHECKERS, 1))
    found = strength.measure(CHECKERS, evaluator, evaluator, tiny.CONFIG.search, config, seed=1)
    assert set(found) == {"score_random", "score_first", "games", "simulations"}
    assert found["score_first"] == 0.5, "the same player on both sides, from both sides"
    assert 0 <= found["score_random"] <= 1 and found["games"] == 4
    again = strength.measure(CHECKERS, evaluator, evaluator, tiny.CONFIG.search, config, seed=1)
    assert found == again


def test_an_opponent_that_does_not_exist_is_refused_before_a_run_begins() -> None:
    from selfplay.alphazero.agent import AlphaZero

    with pytest.raises(ConfigError, match="no alpha–beta engine"):
        AlphaZero(tiny.config(strength={"opponents": ("random", "first", "alphabeta:2")}))

