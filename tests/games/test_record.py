"""Game records: what was written is what is read, in every game and for every end."""

from __future__ import annotations

import re

import numpy as np
import pytest
import toy_games
from facets import notation_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config as numba_config

import games
from games import base
from games.base import Game
from games.text import plain, records, whole_moves
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


TEXTS = st.text(st.characters(exclude_characters="{}"), max_size=20)
NUMBERS = st.lists(st.integers(0, 255), min_size=1, max_size=3).map(tuple)


@settings(max_examples=15 if numba_config.DISABLE_JIT else 60, deadline=None)
@given(
    st.sampled_from(NAMES), st.integers(0, 2**32), st.integers(0, 60), st.dictionaries(st.integers(0, 60), TEXTS),
    st.dictionaries(st.integers(0, 60), NUMBERS), st.sampled_from([None, 0.0, 0.5, 1.0]), st.booleans(),
)  # fmt: skip
def test_any_record_is_read_as_it_was_written(
    name: str, seed: int, plies: int, comments: dict, marks: dict, result: float | None, plainly: bool
) -> None:
    """In the format of its game and in the plain one, after another game of the same file."""
    game = games.make(name)
    notation, start = notation_of(game), game.initial_states(1)
    actions = random_game(game, np.random.default_rng(seed), plies)
    ends = ends_of_moves(game, actions)
    record = GameRecord(
        start, actions, {"First": "Ann"}, {at: " ".join(text.split()) for at, text in comments.items() if at in ends},
        result, glyphs={at: found for at, found in marks.items() if at in ends},
    )  # fmt: skip
    text = plain.write(notation, record) if plainly else notation.write_record(record)
    first, again = plain.read(notation, text * 2) if plainly else notation.read_records(text * 2)
    assert again[:2] == first[:2] == (record.start, actions) and again.tags["First"] == "Ann"
    assert again.comments == {at: told for at, told in record.comments.items() if told}
    assert again.glyphs == first.glyphs == record.glyphs
    by_rule = records.score(game, start, actions)
    assert again.result == (by_rule if result is None else result)
    differs = None not in (result, by_rule) and result != by_rule
    assert [warning for warning in again.warnings if "on the board" not in warning] == [] and bool(
        again.warnings
    ) == differs


def ends_of_moves(game: Game, actions: list[int]) -> set[int]:
    """Indices of the actions that end a whole move."""
    found, played = set(), 0
    for move in whole_moves.split(game, game.initial_states(1), actions):
        played += len(move.actions)
        found.add(played - 1)
    return found
