"""The plain record format, as connect four and tic-tac-toe have it: nothing is lost, nothing is passed over unsaid."""

from __future__ import annotations

import io
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import games
from games import base
from games.notation import Notation
from games.text import records
from games.text.records import GameRecord, RecordError

C4, TTT = games.make("connect-four"), games.make("tic-tac-toe")


def read(text: str, game: base.Game = C4) -> list[GameRecord]:
    return games.facet(game, Notation).read_records(text)


def read_one(text: str, game: base.Game = C4) -> GameRecord:
    (record,) = read(text, game)
    return record


def test_structure_is_tokens_and_not_lines() -> None:
    for text in (
        '[Game "connect-four"]\n[First "a"]\n\n44{so}43 *\n',
        '\ufeff  [Game\n"connect-four"] [First "a"]44{so}\n\n4\n3 *',
        '[game "connect-four"][First "a"]\r\n4 4 {\nso } 4 3',
    ):
        record = read_one(text)
        assert record.actions == [3, 3, 3, 2] and record.tags == {"First": "a"} and record.comments == {1: "so"}
        assert record.result is None and record.warnings == ()


def test_games_end_with_a_result_or_where_tags_begin() -> None:
    found = read('44 1-0 [First "b"] 1 [First "c"] 22{x} * 7')
    assert [record.actions for record in found] == [[3, 3], [0], [1, 1], [6]]
    assert [record.result for record in found] == [1.0, None, None, None] and [record.line for record in found] == [
        1
    ] * 4


@pytest.mark.parametrize(
    ("text", "points", "warning"),
    [
        ("44 1-0", 1.0, None),
        ("44 \u00bd-\u00bd", 0.5, None),
        ('[Result "0-1"] 44 *', 0.0, "the moves end with *, but the tag Result says 0-1, which is kept"),
        ('[Result "0-1"] 44 1-0', 1.0, "the tag Result says 0-1, but the moves end with 1-0, which is kept"),
        ("1212121 0-1", 0.0, "the recorded result 0-1 is kept, but on the board it is 1-0"),
        ("1212121 1-0", 1.0, None),
        ("1212121 *", None, None),
    ],
)
def test_the_recorded_result_is_kept(text: str, points: float | None, warning: str | None) -> None:
    record = read_one(text)
    assert record.result == points and record.warnings == (() if warning is None else (warning,))


def test_values_of_tags_come_back_with_quotes_and_backslashes() -> None:
    name = 'hub:"my engine" --log C:\\new\\"x"'
    text = games.facet(C4, Notation).write_record(GameRecord(C4.initial_states(1), [3], {"First": name}, {}))
    assert read_one(text).tags["First"] == name
    assert read_one('[First "N\\S"] 4 *').tags["First"] == "N\\S"


def test_what_is_read_otherwise_than_it_stands_is_said() -> None:
    record = read_one('[First a b]\n[Event "x"][Event "y"] 4{one {two} 4')
    assert record.tags == {"First": "a b", "Event": "x"} and record.comments == {0: "one {two"}
    assert record.warnings == (
        "line 1: the tag First has no quotes around 'a b'",
        "line 2: the tag Event is given twice; 'y' is left out",
        "line 2: a comment holds another {, and ends at the first }",
    )


@pytest.mark.parametrize(
    ("text", "place", "word", "message"),
    [
        ("44 4\n  9", (2, 3), "9", "game 1, line 2, column 3: ply 4: '9' is not a legal move"),
        ("444x", (1, 4), "x", "ply 4: 'x' is not a legal move"),
        ("44 1-0 0-1", (1, 8), "0-1", "game 2, line 1, column 8: '0-1' is a result without a game"),
        ("1212121 3", (1, 9), "3", "ply 8: '3' cannot be played: the game is over"),
        ("44 {never\nclosed", (1, 4), "{", "a comment begins with { and does not end"),
        ('4\n4 {never\n[First "b"]\n4{x}', (2, 3), "{", "is still open where line 3 has a tag"),
        ("44 }", (1, 4), "}", "'}' means nothing here; expected are tags"),
        ('[First "a] 44', (1, 1), "[", "is not a tag"),
        ('[Game "chess"] 44', (1, 1), "chess", "this is a game of chess, not of connect-four"),
        ('4 *\n\n[Fen "x"] 4', (3, 1), "x", "positions of connect-four have no FEN"),
        ("{nothing}", (0, 0), "", "there is no game of connect-four in this text"),
    ],
)
def test_what_is_no_game_is_refused_with_its_place(text: str, place: tuple, word: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        read(text)
    error = caught.value
    assert message in str(error) and "\n" not in str(error)
    assert (error.line, error.column, error.word) == (*place, word)


def test_whole_jumps_in_the_plain_format_are_read_as_their_plies() -> None:
    from games.text import plain

    checkers = games.make("checkers")
    notation = games.facet(checkers, Notation)
    start = notation.from_fen("B:W6,14,22,32:B2")
    (actions,) = notation.whole_moves(start).values()
    text = plain.write(notation, GameRecord(start, list(actions), {}, {2: "three"}))
    assert "2x9x18x25{three}" in text
    (record,) = plain.read(notation, text)
    assert (
        record.actions == list(actions)
        and record.start.tobytes() == start.tobytes()
        and record.comments == {2: "three"}
    )


def test_a_draw_that_nobody_claimed_ends_no_game() -> None:
    from games.text import plain

    notation = games.facet(games.make("checkers"), Notation)
    moves = " ".join(["4-8 29-25 8-4 25-29"] * 3)
    (record,) = plain.read(notation, f'[Fen "B:WK29:BK4"] {moves} 1-0')
    assert len(record.actions) == 12 and record.result == 1.0
    assert record.warnings == ("the game was drawn by the rules after 8 plies; nobody claimed it, and play went on",)
    (again,) = plain.read(notation, plain.write(notation, record))
    assert again.actions == record.actions and again.result == 1.0


NOISE = ["x", "{", "{}", "* ", "4 ", " ", "\n", '"', "[", "}", "\0", '[A ""]', "4{a}", "%\n", "1-0 ", "\uff11"]


@pytest.mark.parametrize("part", [*NOISE, None], ids=map(repr, [*NOISE, "random"]))
def test_five_megabytes_of_noise_are_refused_at_once(part: str | None) -> None:
    text = random.Random(1).randbytes(5_000_000).decode("latin1") if part is None else part * (5_000_000 // len(part))
    began = time.process_time()
    with pytest.raises(RecordError) as caught:
        read(text)
    assert time.process_time() - began < 2 and len(str(caught.value)) < 400 and "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='0123456789-{}[]" *abAB/\\\n;%\u00e9\u00bd', max_size=60), st.sampled_from([C4, TTT]))
def test_any_text_is_read_or_refused(text: str, game: base.Game) -> None:
    try:
        read(text, game)
    except base.IllegalMove as error:
        assert "\n" not in str(error) and len(str(error)) < 600


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([C4, TTT]),
    st.integers(0, 2**32),
    st.dictionaries(st.integers(-1, 45), st.text(max_size=20), max_size=4),
    st.dictionaries(st.from_regex(r"[A-Za-z]\w{0,8}", fullmatch=True), st.text(max_size=20), max_size=3),
    st.sampled_from([None, 0.0, 0.5, 1.0]),
)
def test_what_is_written_is_read_again(game: base.Game, seed: int, comments: dict, tags: dict, result) -> None:
    rng, states, actions = np.random.default_rng(seed), game.initial_states(1), []
    while not states["terminal"][0] and rng.random() < 0.95:
        legal, count = game.legal_actions(states)
        actions.append(int(legal[0, rng.integers(count[0])]))
        states = game.step(states, np.array(actions[-1:])).states
    tags = {name: text for name, text in tags.items() if name.lower() not in ("game", "fen", "result")}
    notation = games.facet(game, Notation)
    text = notation.write_record(GameRecord(game.initial_states(1), actions, tags, comments, result))
    (record,) = notation.iterate_records(io.StringIO(text))
    by_rule = records.score(game, game.initial_states(1), actions)
    assert record.actions == actions and record.result == (by_rule if result is None else result)
    assert record.tags == {name: " ".join(text.split()) for name, text in tags.items()}
    kept = {index: " ".join(text.replace("{", "(").replace("}", ")").split()) for index, text in comments.items()}
    assert record.comments == {index: text for index, text in kept.items() if text and index < len(actions)}
    assert notation.write_record(record) == text


@pytest.mark.parametrize(("game", "text"), [(C4, "44$1 3{x}$14 $2 6 *"), (TTT, "1$6 {a}4$3 *")], ids=["c4", "ttt"])
def test_glyphs_are_read_and_written(game: base.Game, text: str) -> None:
    record = read_one(text, game)
    assert record.glyphs == ({1: (1,), 2: (14, 2)} if game is C4 else {0: (6,), 1: (3,)})
    again = read_one(games.facet(game, Notation).write_record(record), game)
    assert (again.glyphs, again.actions, again.comments) == (record.glyphs, record.actions, record.comments)
