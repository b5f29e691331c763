"""Game records: what was written is what is read, in every game and for every end."""

from __future__ import annotations

import re

import numpy as np
import pytest
import toy_games
from facets import notation_of

import games
from games import base
from games.base import Game
from games.text import records
from games.text.records import GameRecord

NAMES = ("tic-tac-toe", "connect-four", "checkers", "chess")


def random_game(game: Game, rng: np.random.Generator, plies: int, start: np.ndarray | None = None) -> list[int]:
    states, actions = game.initial_states(1) if start is None else start, []
    while not states["terminal"][0] and (len(actions) < plies or _in_a_move(game, states, actions, start)):
        legal, count = game.legal_actions(states)
        actions.append(int(legal[0, rng.integers(count[0])]))
        states = game.step(states, np.array(actions[-1:])).states
    return actions


def _in_a_move(game: Game, states: np.ndarray, actions: list[int], start: np.ndarray | None) -> bool:
    """In the middle of a move of several actions, where no record ends."""
    before = game.initial_states(1) if start is None else start
    for action in actions[:-1]:
        before = game.step(before, np.array([action])).states
    return bool(actions) and states["to_play"][0] == before["to_play"][0]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read(name: str) -> None:
    game, rng = games.make(name), np.random.default_rng(5)
    written, text = [], ""
    for plies in (0, 1, 6, 40, 1000):
        actions = random_game(game, rng, plies)
        tags = {"Event": 'the "last" one', "First": "runs/x at 100", "Second": "uct:1000"}
        by_rule = records.score(game, game.initial_states(1), actions)
        record = GameRecord(game.initial_states(1), actions, tags, {}, 0.5 if by_rule is None and plies else None)
        written.append(record)
        text += notation_of(game).write_record(record)
    found = notation_of(game).read_records(text)
    assert len(found) == len(written)
    for one, other in zip(found, written, strict=True):
        assert one.actions == other.actions and one.start.tobytes() == other.start.tobytes()
        assert {tag: one.tags[tag] for tag in other.tags} == other.tags
        by_rule = records.score(game, game.initial_states(1), other.actions)
        assert one.result in (other.result, by_rule)


@pytest.mark.parametrize("name", NAMES)
def test_comments_are_kept(name: str) -> None:
    game = games.make(name)
    actions = random_game(game, np.random.default_rng(1), 5)
    comments = {0: "value +0.12, 100 simulations", 3: "a mistake: 4 was better " * 10}
    text = notation_of(game).write_record(GameRecord(game.initial_states(1), actions, {}, comments))
    (found,) = notation_of(game).read_records(text)
    assert found.actions == actions
    assert {index: comment.split() for index, comment in found.comments.items()} == {
        index: comment.split() for index, comment in comments.items()
    }


def test_a_comment_on_a_jump_follows_the_whole_move() -> None:
    game = games.make("checkers")
    start = notation_of(game).from_fen("B:W6,14,22,32:B2")
    actions = []
    states = start
    for text in ("2x9", "9x18", "18x25"):
        actions.append(notation_of(game).action_from_string(states[0], text))
        states = game.step(states, np.array(actions[-1:])).states
    text = notation_of(game).write_record(GameRecord(start, actions, {"First": "a"}, {1: "in the middle"}))
    assert "{in the middle}" in text and '[Black "a"]' in text
    assert notation_of(game).read_records(text)[0].actions == actions


@pytest.mark.parametrize("name", ["checkers", "chess"])
def test_a_game_from_a_set_up_position_keeps_it(name: str) -> None:
    game = games.make(name)
    fen = {"checkers": "W:W21,22,K24:B1,2,K30", "chess": "6k1/5ppp/8/8/8/8/8/3R2K1 b - - 4 30"}[name]
    start = notation_of(game).from_fen(fen)
    record = GameRecord(start, random_game(game, np.random.default_rng(0), 7, start), {}, {})
    (found,) = notation_of(game).read_records(notation_of(game).write_record(record))
    assert (
        notation_of(game).to_fen(found.start[0]) == notation_of(game).to_fen(start[0])
        and found.actions == record.actions
    )


@pytest.mark.parametrize(("moves", "points"), [("14253", 1.0), ("142576", 0.0), ("159287364", 0.5), ("142", None)])
def test_the_result_is_seat_0s(moves: str, points: float | None) -> None:
    game = games.make("tic-tac-toe")
    states, actions = game.initial_states(1), []
    for text in moves:
        actions.append(notation_of(game).action_from_string(states[0], text))
        states = game.step(states, np.array(actions[-1:])).states
    text = notation_of(game).write_record(GameRecord(game.initial_states(1), actions, {}, {}))
    assert text.rstrip().endswith(records.RESULTS[points])
    assert records.score(game, game.initial_states(1), actions) == points


def test_checkers_gives_the_points_of_black_first_who_is_seat_0() -> None:
    game = games.make("checkers")
    actions = random_game(game, np.random.default_rng(2), 4)
    text = notation_of(game).write_record(GameRecord(game.initial_states(1), actions, {"First": "me"}, {}, 1.0))
    assert '[Black "me"]' in text and text.rstrip().endswith("1-0")
    assert notation_of(game).read_records(text)[0].result == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no game of connect-four"),
        ('[Game "chess"]\n\n12 *', "this is a game of chess"),
        ("449 *", "ply 3: '9' is not a legal move"),
        ("12121212 *", "the game is over"),
        ("44 {open", "line 1"),
        ('[Fen "x"]\n\n4 *', "no FEN"),
        ("4" * 50, "ply 7"),
    ],
)
def test_a_wrong_record_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(base.IllegalMove, match=re.escape(words)) as refused:
        notation_of(games.make("connect-four")).read_records(text)
    assert "\n" not in str(refused.value)


def test_noise_is_read_or_refused_and_nothing_else() -> None:
    rng, game = np.random.default_rng(0), games.make("connect-four")
    good = (
        notation_of(game).write_record(GameRecord(game.initial_states(1), [3, 3, 4], {"First": "a"}, {1: "x"})).encode()
    )
    for _ in range(500):
        noise = bytearray(good)
        for _ in range(rng.integers(1, 6)):
            noise[rng.integers(len(noise))] = rng.integers(256)
        try:
            notation_of(game).read_records(noise.decode("latin-1"))
        except base.IllegalMove as error:
            assert "\n" not in str(error)


def test_a_game_of_somebody_else_has_records_too() -> None:
    for make in (getattr(toy_games, name) for name in dir(toy_games) if isinstance(getattr(toy_games, name), type)):
        if not (issubclass(make, Game) and make is not Game):
            continue
        try:
            game = make()
        except TypeError:
            continue
        actions = random_game(game, np.random.default_rng(1), 100)
        (found,) = notation_of(game).read_records(
            notation_of(game).write_record(GameRecord(game.initial_states(1), actions, {}, {}))
        )
        assert found.actions == actions
