"""Matches and reference players: who wins, who sits where, what is drawn from, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tiny
from facets import knowledge_of, notation_of

import games
from games.base import Game
from games.text import records
from games.text.records import GameRecord
from selfplay.agent import unwatched
from selfplay.alphazero import evaluation
from selfplay.alphazero.config import EvaluationConfig
from selfplay.errors import ConfigError
from selfplay.networks import inference
from selfplay.players import match, openings, player, reference

TIC_TAC_TOE, CONNECT_FOUR, CHECKERS = games.make("tic-tac-toe"), games.make("connect-four"), games.make("checkers")


class Scripted:
    """Plays the first legal action, and remembers whom it was asked for."""

    name = "scripted"

    def __init__(self, game: Game) -> None:
        self.game, self.seats = game, set()

    def choose(self, turn: player.Turn) -> player.Choice:
        self.seats |= set(turn.states["to_play"].tolist())
        assert not turn.states["terminal"].any() and len(turn.rngs) == len(turn.states)
        for state, start, actions in zip(turn.states, turn.starts, turn.actions, strict=True):
            assert self.game.key(replayed(self.game, start, actions)) == self.game.key(np.array([state]))
        return player.without_values(self.game.legal_actions(turn.states)[0][:, 0])


def replayed(game: Game, start: np.void, actions: Sequence[int]) -> np.ndarray:
    states = np.array([start], dtype=game.state_dtype)
    for action in actions:
        states = game.step(states, np.array([action])).states
    return states


def turn_of(game: Game, states: np.ndarray, rng: np.random.Generator) -> player.Turn:
    """Games that begin in these positions."""
    return player.Turn(states, [rng] * len(states), states, [[]] * len(states))


def begin(game: Game, number: int, plies: int, seed: int) -> list[openings.Opening]:
    rng = np.random.default_rng(seed)
    return openings.customary(game, number, rng) or openings.random(game, number, plies, rng)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR, CHECKERS], ids=lambda game: game.name)
def test_points_are_those_of_the_games_replayed(game: Game) -> None:
    starts = begin(game, 10, 2, seed=3)
    played = match.play_pairs(game, reference.make(game, "random"), Scripted(game), starts, seed=5)
    assert [one.fixture.seats for one in played] == [(0, 1), (1, 0)] * 10
    for one in played:
        assert records.score(game, one.fixture.opening.start, one.actions) == one.points
        assert one.points_of(0) + one.points_of(1) == 1 and one.adjudicated == ""
    for one, other in zip(played[0::2], played[1::2], strict=True):
        prefix = len(one.fixture.opening.actions)
        assert one.actions[:prefix] == other.actions[:prefix], "both games of a pair begin alike"
        assert one.fixture.opening.start.tobytes() == other.fixture.opening.start.tobytes()
    found = match.summary(played)
    assert (found.wins, found.draws, found.losses) == tuple(
        sum(one.points_of(0) == points for one in played) for points in (1, 0.5, 0)
    )


def test_each_player_plays_its_own_seat_and_a_mirror_match_is_even() -> None:
    start = [openings.Opening(TIC_TAC_TOE.initial_states(1), ())]
    white, black = Scripted(TIC_TAC_TOE), Scripted(TIC_TAC_TOE)
    (played,) = match.stream(TIC_TAC_TOE, [white, black], [match.Fixture(0, (0, 1), start[0])], seed=1)
    assert (white.seats, black.seats) == ({0}, {1})
    assert played.points == 1.0, "1 2 3 4 5 6 7: the first player has three in a row"
    both = match.play_pairs(TIC_TAC_TOE, white, black, start, seed=1)
    assert [one.points_of(0) for one in both] == [1.0, 0.0] and match.summary(both).score == 0.5


def test_the_same_seed_gives_the_same_games_and_another_seed_others() -> None:
    starts = begin(CONNECT_FOUR, 5, 3, seed=0)
    pair = [reference.make(CONNECT_FOUR, name) for name in ("random", "greedy")]
    first, again, other = (
        [one.actions for one in match.play_pairs(CONNECT_FOUR, *pair, starts, seed)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_how_many_games_go_on_together_does_not_change_them() -> None:
    starts, rng = begin(CONNECT_FOUR, 12, 2, seed=4), np.random.default_rng(0)
    three = [reference.make(CONNECT_FOUR, name) for name in ("random", "greedy", "random")]
    fixtures = [
        match.Fixture(number, tuple(rng.permutation(3)[:2].tolist()), opening)
        for number, opening in enumerate(starts * 3)
    ]
    few, many = (
        sorted((one.fixture.number, one.points, tuple(one.actions)) for one in
               match.stream(CONNECT_FOUR, three, fixtures, seed=9, together=together))
        for together in (2, 500)
    )  # fmt: skip
    assert few == many and len(few) == 36


class Sure:
    """Plays the first legal action, and expects what it was told to."""

    name = "sure"

    def __init__(self, game: Game, value: float) -> None:
        self.game, self.value = game, value

    def choose(self, turn: player.Turn) -> player.Choice:
        actions = self.game.legal_actions(turn.states)[0][:, 0].astype(np.int64)
        return player.Choice(actions, np.full(len(actions), self.value, dtype=np.float32))


@pytest.mark.parametrize(
    ("rules", "values", "points", "plies", "why"),
    [
        ({"resign": 0.9, "moves": 2}, (0.95, -0.95), 1.0, 4, "resigned"),
        ({"resign": 0.9, "moves": 2}, (-0.95, 0.95), 0.0, 4, "resigned"),
        ({"draw": 0.1, "draw_after": 10, "moves": 2}, (0.05, -0.05), 0.5, 10, "drawn by agreement"),
        ({"max_plies": 7}, (0.5, 0.5), 0.5, 7, "drawn after 7 plies"),
    ],
)
def test_games_are_called_off_as_asked(
    rules: dict, values: tuple[float, float], points: float, plies: int, why: str
) -> None:
    pair = [Sure(CONNECT_FOUR, value) for value in values]
    fixture = match.Fixture(0, (0, 1), openings.Opening(CONNECT_FOUR.initial_states(1), ()))
    (played,) = match.stream(CONNECT_FOUR, pair, [fixture], 1, match.Adjudication(**rules))
    assert (played.points, len(played.actions), played.adjudicated) == (points, plies, why)
    (record,) = notation_of(CONNECT_FOUR).read_records(
        notation_of(CONNECT_FOUR).write_record(match.record(played, ["a", "b"], {}))
    )
    assert record.result == points and record.tags["Termination"] == why


def test_players_who_disagree_play_on() -> None:
    pair = [Sure(TIC_TAC_TOE, 0.95), Sure(TIC_TAC_TOE, 0.95)]
    fixture = match.Fixture(0, (0, 1), openings.Opening(TIC_TAC_TOE.initial_states(1), ()))
    (played,) = match.stream(TIC_TAC_TOE, pair, [fixture], 1, match.Adjudication(resign=0.9, moves=1))
    assert played.adjudicated == "" and len(played.actions) == 7


def test_the_solver_settles_what_it_is_asked_to() -> None:
    pair = [reference.make(TIC_TAC_TOE, "random"), reference.make(TIC_TAC_TOE, "random")]
    opening = openings.Opening(TIC_TAC_TOE.initial_states(1), (0, 1))  # X in the corner, O beside it: X wins
    played = match.stream(TIC_TAC_TOE, pair, match.pairs([opening] * 20), 1, match.Adjudication(exact_after=3))
    for one in played:
        after = TIC_TAC_TOE.initial_states(1)
        for action in one.actions:
            after = TIC_TAC_TOE.step(after, np.array([action])).states
        assert len(one.actions) == 3 and one.adjudicated == "by the solver"
        assert one.points == 0.5 - 0.5 * knowledge_of(TIC_TAC_TOE).exact_action_values(after).max(), "seat 1 is to move"


def test_no_game_is_called_off_in_the_middle_of_a_jump() -> None:
    start = notation_of(CHECKERS).from_fen("B:W6,14,22,32:B2")
    pair = [Sure(CHECKERS, 0.0), Sure(CHECKERS, 0.0)]
    (played,) = match.stream(
        CHECKERS, pair, [match.Fixture(0, (0, 1), openings.Opening(start, ()))], 1, match.Adjudication(max_plies=1)
    )
    assert len(played.actions) == 3, "2x9x18x25 is three plies"


# Openings


def test_openings_differ_are_not_over_and_are_the_customary_ones_where_there_are_any() -> None:
    rng = np.random.default_rng(1)
    states = np.concatenate([one.states(CONNECT_FOUR) for one in openings.random(CONNECT_FOUR, 200, 4, rng)])
    assert len(np.unique(CONNECT_FOUR.key(states))) == 200 and not states["terminal"].any()
    ballots = openings.customary(CHECKERS, 174, rng)
    assert {int(CHECKERS.key(one.start)[0]) for one in ballots} == set(
        CHECKERS.key(knowledge_of(CHECKERS).openings()).tolist()
    )
    assert len(openings.customary(CHECKERS, 200, rng)) == 200
    assert openings.customary(CONNECT_FOUR, 3, rng) is None
    few = openings.random(TIC_TAC_TOE, 30, 1, rng)
    assert len(few) == 30 and len({one.actions for one in few}) == 9, "there are nine; the rest come again"


def test_balanced_openings_are_those_that_the_solver_calls_drawn() -> None:
    judge = openings.exact_judge(CONNECT_FOUR)
    found = openings.random(CONNECT_FOUR, 20, 5, np.random.default_rng(2), judge, 0.0)
    values = knowledge_of(CONNECT_FOUR).exact_action_values(np.concatenate([one.states(CONNECT_FOUR) for one in found]))
    assert (values.max(axis=1) == 0).all() and len({one.actions for one in found}) == 20
    assert openings.exact_judge(CHECKERS) is None


def test_where_nothing_is_balanced_the_most_balanced_come() -> None:
    found = openings.random(TIC_TAC_TOE, 3, 1, np.random.default_rng(0), lambda s: 0.5 + 0.01 * s["own"], 0.1)
    assert len(found) == 3
    with pytest.raises(ConfigError, match="goes on after 9 random plies"):
        openings.random(TIC_TAC_TOE, 3, 9, np.random.default_rng(0))


def test_a_book_of_lines_or_of_games_gives_its_openings(tmp_path: Path) -> None:
    lines = tmp_path / "book.epd"
    lines.write_text("# two\n44\n\n4 4 3  # with spaces\n")
    assert [one.actions for one in openings.book(CONNECT_FOUR, lines)] == [(3, 3), (3, 3, 2)]
    fens = tmp_path / "fens.txt"
    fens.write_text("B:W21,22,K24:B1,2,K30\n11-15 22-18 15x22 25x18\n")
    assert [len(one.actions) for one in openings.book(CHECKERS, fens)] == [0, 4]
    games_file = tmp_path / "games.txt"
    record = GameRecord(TIC_TAC_TOE.initial_states(1), [0, 3, 1, 4, 2], {}, {})
    games_file.write_text(notation_of(TIC_TAC_TOE).write_record(record))
    assert [one.actions for one in openings.book(TIC_TAC_TOE, games_file)] == [(0, 3, 1, 4)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("48\n", "line 1, column 2: ply 2: '8' is not a legal move"),
        ("\n# nothing\n", "nothing to play|something to play"),
    ],
)
def test_a_wrong_book_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "book.epd"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        openings.book(CONNECT_FOUR, path)
    with pytest.raises(ConfigError, match="cannot read"):
        openings.book(CONNECT_FOUR, tmp_path / "missing")


# Reference players


def test_the_solver_never_loses_a_drawn_game_and_beats_random_from_won_ones() -> None:
    solver, greedy = reference.make(TIC_TAC_TOE, "solver"), reference.make(TIC_TAC_TOE, "greedy")
    start = openings.Opening(TIC_TAC_TOE.initial_states(1), ())
    found = match.summary(match.play_pairs(TIC_TAC_TOE, solver, greedy, [start] * 30, seed=1))
    assert found.losses == 0 and found.wins > 5


def test_greedy_takes_a_win_and_the_largest_gain() -> None:
    rng = np.random.default_rng(0)
    won = notation_of(CONNECT_FOUR).state_after("112233")
    assert reference.make(CONNECT_FOUR, "greedy").choose(turn_of(CONNECT_FOUR, won, rng)).actions == [3]
    chess = games.make("chess")
    greedy = reference.make(chess, "greedy")
    for moves, best in (("e2e4 d7d5 a2a3 d8d6 a3a4 d6a3", {"a1a3", "b1a3", "b2a3"}), ("f2f3 e7e5 g2g4", {"d8h4"})):
        states = notation_of(chess).state_after(moves)
        assert chess.action_to_string(states[0], int(greedy.choose(turn_of(chess, states, rng)).actions[0])) in best


def test_random_draws_every_action_alike() -> None:
    states = np.repeat(CONNECT_FOUR.initial_states(1), 7000)
    rng = np.random.default_rng(0)
    drawn = reference.make(CONNECT_FOUR, "random").choose(turn_of(CONNECT_FOUR, states, rng)).actions
    assert np.abs(np.bincount(drawn, minlength=7) - 1000).max() < 150  # five standard deviations


@pytest.mark.parametrize("name", ["uct:60", "alphabeta:2", "alphabeta:nodes=500"])
def test_reference_players_beat_random_at_checkers(name: str) -> None:
    better, worse = reference.make(CHECKERS, name), reference.make(CHECKERS, "random")
    assert match.summary(match.play_pairs(CHECKERS, better, worse, begin(CHECKERS, 5, 0, seed=1), seed=1)).score >= 0.8


def test_more_simulations_make_uct_stronger() -> None:
    strong, weak = reference.make(CONNECT_FOUR, "uct:300"), reference.make(CONNECT_FOUR, "uct:10")
    played = match.play_pairs(CONNECT_FOUR, strong, weak, begin(CONNECT_FOUR, 20, 4, seed=1), seed=1)
    assert match.summary(played).score >= 0.66  # Wilson's 95 % interval of 40 games lies above 0.5


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
        reference.make(games.make(game), text)
    assert "\n" not in str(refused.value)


# Strength during a run


def test_strength_without_an_eval_set_is_points_against_the_opponents_asked_for() -> None:
    config = EvaluationConfig(num_simulations=4, opponents=("random", "first"), games=4)
    evaluator = inference.NetworkEvaluator(CHECKERS, tiny.NETWORK)
    evaluator.load(tiny.random_weights(CHECKERS, 1))
    found = evaluation.measure(CHECKERS, evaluator, evaluator, tiny.CONFIG.search, config, 1, unwatched)
    assert set(found) == {"score_random", "score_first", "games", "simulations"}
    assert found["score_first"] == 0.5, "the same player on both sides, from both sides"
    assert 0 <= found["score_random"] <= 1 and found["games"] == 4
    again = evaluation.measure(CHECKERS, evaluator, evaluator, tiny.CONFIG.search, config, 1, unwatched)
    assert found == again


def test_an_opponent_that_does_not_exist_is_refused_before_a_run_begins() -> None:
    from selfplay.alphazero.agent import AlphaZero

    with pytest.raises(ConfigError, match="no alpha–beta engine"):
        AlphaZero(tiny.config(evaluation={"opponents": ("random", "first", "alphabeta:2")}))


def test_what_a_book_has_wrong_is_said_up_to_five_times(tmp_path: Path) -> None:
    (tmp_path / "b.epd").write_text("4k3/8/8/8/8/8/8/4K2R w KQ - 0 1\n" * 9, "utf-8")
    with pytest.warns(UserWarning) as caught:
        found = openings.book(games.make("chess"), tmp_path / "b.epd")
    said = [str(each.message) for each in caught]
    assert len(found) == 9 and len(said) == 6 and said[-1].endswith("and 4 more warnings")
    assert f"the book '{tmp_path / 'b.epd'}', game 5: no king and rook can castle by the right Q" in said[4]
