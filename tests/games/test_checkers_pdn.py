"""PDN of checkers as people and programs write it: what is read, and with which warnings."""

from __future__ import annotations

import io

import numpy as np
import pytest

from games.checkers import fen, moves, rules
from games.checkers.pdn import reader, replay, writer
from games.text.records import GameRecord, RecordError

GAME = rules.Checkers()
FORK = '[FEN "B:W7,8,15,16,32:B3"] 3x19'  # over 7 and 15, or over 8 and 16


def read(text: str) -> list[GameRecord]:
    return list(reader.iterate(io.StringIO(text, newline=None), GAME))


def read_one(text: str) -> GameRecord:
    (record,) = read(text)
    return record


def moves_of(text: str) -> list[str]:
    record = read_one(text)
    return [move.path for move in writer.played(GAME, record.start, record.actions)]


# Moves


def test_a_game_with_everything_that_is_not_a_move() -> None:
    record = read_one("""
    [Event "A \\"great\\" match \\\\ final"]
    [Result "0-1"]
    % an escaped line
    1. 11-15! {best by test} 22-18?! ; the double corner
    2. 15x22 $4 (2. 15-19 23x16 (24x15 {so} )) 25x18(?) 2... 8-11 0-1
    """)
    texts = [move.path for move in writer.played(GAME, record.start, record.actions)]
    assert texts == ["11-15", "22-18", "15x22", "25x18", "8-11"]
    assert record.tags["Event"] == 'A "great" match \\ final' and record.result == 0.0
    assert record.comments == {0: "best by test", 1: "the double corner"}
    assert record.warnings == ("variations were passed over: 1",)


@pytest.mark.parametrize(
    "text",
    [
        "1. 11-15 22-18 2. 15x22 25x18 3. 8-11 *",
        "1.11-15 22-18 2.15x22 25x18 3.8-11",
        "11-15 22-18 15x22 25x18 8-11 *",
        "1. 11-15 1... 22-18 2. 15x22 2... 25x18 3. 08-11",
        "1. 11-15 2. ... 22-18 2. 15x22\n2 . ...\n25x18 3. 8-11",
        "1. 1115 2218 2. 1522 2518 3. 0811",
        "1. 1115 2218 2. 1522 2518 3. 811",
        "1. 11 - 15 22 -18 2. 15 x 22 25x 18 3. 8- 11",
        "1. 11 15 22 18 2. 15 22 25 18 3. 8 11 *",
        "1 11-15 22-18 2 15x22 25x18 3 8-11 *",
        "1. 11-15 22-18 2. 15X22 25:18 3. 8-11",
        "1. 11\u201315 22\u201318 2. 15\u00d722 25x18 3. 8\u201111",
        "1. 11-15* 22-18! 2. 15x22!? 25x18(!) 3. 8-11 $1 $14 *",
        "1.\n11-\n15 22\n-18\n2. 15\n22 25x18 3. 8-11*",
        "\ufeff1. 11-15 22-18 2. 15x22 25x18 3. 8-11 *\r\n\x1a",
    ],
    ids=range(15),
)
def test_the_same_moves_in_many_ways_to_write_them(text: str) -> None:
    assert moves_of(text) == ["11-15", "22-18", "15x22", "25x18", "8-11"]


def test_three_digits_are_read_as_the_squares_that_are_legal() -> None:
    assert moves_of("913 2217") == ["9-13", "22-17"]
    with pytest.raises(RecordError, match="'115' is not a legal move"):
        read("115")


def test_a_move_that_begins_like_a_result_is_a_move() -> None:
    assert moves_of('[FEN "B:W32:BK1"] 1-5') == ["1-5"] and moves_of('[FEN "B:W32:BK2"] 2-7') == ["2-7"]


def test_a_jump_is_named_by_all_its_squares_by_its_ends_or_ply_by_ply() -> None:
    text = '[SetUp "1"][FEN "B:W14,22,32:B9"]'
    for jump in ("9x18x25", "9x25", "9-18-25", "9x18 18x25", "9:25", "9x18 {on} 1. 18x25", "091825"):
        assert moves_of(f"{text} {jump} 32-28") == ["9x18x25", "32-28"]


# Captures that may mean several


def test_two_jumps_over_the_same_men_mean_the_same() -> None:
    """
     1-4     .   B   .   .        both ways round
     5-8   .   w   w   .
     9-12    .   .   .   .
    13-16  .   w   w   .
    """
    state = fen.read("B:W6,14,7,15,32:BK2", GAME)[0]
    paths = [move.path for move in moves.legal(GAME, state)]
    assert paths == ["2x9x18x11x2", "2x11x18x9x2"]
    assert moves.resolve(GAME, state, "2x2").path == paths[0], "both ways over the same men: one position"
    assert moves_of('[FEN "B:W6,14,7,15,32:BK2"] 2x2 32-28') == [paths[0], "32-28"]


@pytest.mark.parametrize(
    ("follows", "path"),
    [("16-12", "3x10x19"), ("15-11", "3x12x19"), ("32-28 19-23 28-24 23-27 15-10", "3x12x19"), ("8-4", "3x10x19")],
    ids=["at once", "at once, the other way", "later", "by a crowning"],
)
def test_what_follows_tells_which_capture_was_meant(follows: str, path: str) -> None:
    """
     1-4     .   .   b   .
     5-8   .   .   w   w        3x10x19 takes 7 and 15, 3x12x19 takes 8 and 16
     9-12    .   .   .   .
    13-16  .   .   w   w
    """
    record = read_one(f"{FORK} {follows} *")
    assert writer.played(GAME, record.start, record.actions)[0].path == path
    assert record.warnings == (f"'3x19' (move 1) names more than one move; what follows allows only {path}",)
    written = writer.write(GAME, record)
    assert path in written and read_one(written).actions == record.actions and not read_one(written).warnings


@pytest.mark.parametrize("follows", ["", "32-28", "32-27 19-23 27x18 1-0"], ids=["nothing", "a move", "moves"])
def test_a_capture_that_what_follows_leaves_open_is_refused_with_both_meanings(follows: str) -> None:
    with pytest.raises(RecordError, match=r"'3x19' .move 1. can mean 3x10x19 or 3x12x19, and all that follows allows"):
        read(f"{FORK} {follows}")
    with pytest.raises(RecordError, match="can mean"):
        read(f'{FORK} {follows}\n[Event "next"] 11-15 *')


def test_a_capture_that_is_named_in_full_leaves_no_doubt() -> None:
    assert moves_of(FORK.replace("3x19", "3x12x19") + " 32-28") == ["3x12x19", "32-28"]
    with pytest.raises(RecordError, match="move 2: '16-12' is not a legal move here"):
        read(FORK.replace("3x19", "3x12x19") + " 16-12")


def test_as_many_ways_to_read_a_game_as_there_are_are_kept_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MAX_LINES", 1)
    with pytest.raises(RecordError, match=r"'3x19' .move 1. can mean 3x10x19 or 3x12x19; name all squares"):
        read(f"{FORK} 16-12")


# Games


def test_games_follow_one_another() -> None:
    one, two, three = read('[White "a"] 11-15 * [White "b"] 9-13 [White "c"]')
    assert [len(game.actions) for game in (one, two, three)] == [1, 1, 0]
    assert [game.tags["Second"] for game in (one, two, three)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "1. 9-13 * 1. 11-15 22-18 *",
        "9-13 1-0\n11-15 22-18",
        "9-13 * 0-1 11-15 22-18 1/2-1/2 *",
        "9-13 1-0 * 11-15 22-18",
    ],
    ids=["with numbers", "without", "a star before the result", "a star behind it"],
)
def test_games_without_tags_end_with_their_results(text: str) -> None:
    assert [len(record.actions) for record in read(text)] == [1, 2]


def test_remarks_behind_a_result_belong_to_the_game_in_that_line() -> None:
    one, two = read("9-13 1-0 {resigned}\n{the second} 11-15 * {end}\n{of all}")
    assert one.comments == {0: "resigned"} and two.comments == {-1: "the second", 0: "end of all"}


def test_a_game_may_be_a_result_or_tags_alone() -> None:
    assert [record.result for record in read('1. 2-0 [Event "a"] 0-1 [Event "b"]')] == [1.0, 0.0, None]


def test_games_of_tags_alone_are_told_apart_by_their_results() -> None:
    one, two = read('[Event "a"][Round "1"][Result "1-0"]\n\n[Event "a"][Round "2"][Result "0-1"]')
    assert (one.result, two.result) == (1.0, 0.0) and (one.tags["Round"], two.tags["Round"]) == ("1", "2")
    (same,) = read('[Event "a"][Black "b"][Event "of 8x8"][Result "1-0"] 11-15')
    assert same.tags["Event"] == "a" and len(same.warnings) == 1


def test_a_record_says_in_which_line_it_begins() -> None:
    assert [record.line for record in read('\n\n[Event "a"]\n11-15 *\n\n\n9-13\n*')] == [3, 7]


def test_text_before_the_first_tag_is_passed_over_with_a_warning() -> None:
    record = read_one('Games of 1999, 11-15 and others\nby hand\n\n  [Event "a"][Round "1"] 11-15 *')
    assert record.tags == {"Event": "a", "Round": "1"} and len(record.actions) == 1
    assert record.warnings == ("line 1: the text before the first tag, from 'Games' on, was passed over",)


# Results


@pytest.mark.parametrize(
    ("text", "points"),
    [
        *[("1-0", 1.0), ("2-0", 1.0), ("0-1", 0.0), ("0-2", 0.0), ("1/2-1/2", 0.5), ("1/2", 0.5), ("1-1", 0.5)],
        *[("*", None), ("1 - 0", 1.0), ("0\u20131", 0.0), ("\u00bd-\u00bd", 0.5), ("\u00bd", 0.5), ("1/2 - 1/2", 0.5)],
    ],
)
def test_a_result_gives_the_points_of_the_first_player_first(text: str, points: float | None) -> None:
    record = read_one(f"1. 9-13 {text}")
    assert len(record.actions) == 1 and record.result == points and record.warnings == ()


def test_one_to_nil_is_a_win_of_black_who_moves_first() -> None:
    """Black takes the last man: seat 0 has won."""
    record = read_one('[Result "1-0"][FEN "B:W6:B1"] 1. 1x10 1-0')
    assert record.result == 1.0 and record.warnings == ()
    text = writer.write(GAME, record._replace(tags={}, result=None))
    assert '[Result "1-0"]' in text and text.endswith("1. 1x10 1-0\n\n")


@pytest.mark.parametrize(
    ("text", "points", "warning"),
    [
        ('[Result "1-0"] 11-15 0-1', 0.0, "the tag Result says 1-0, but the moves end with 0-1, which is kept"),
        ('[Result "1-0"] 11-15 *', 1.0, "the moves end with *, but the tag Result says 1-0, which is kept"),
        ('[Result "1-0"] 11-15', 1.0, None),
        ('[Result "*"] 11-15 0-1', 0.0, None),
        ('[result "0-2"] 11-15', 0.0, None),
        ('[Result "2-0"] 11-15 1-0', 1.0, None),
        ('[Result "?"] 11-15', None, None),
        ('[Result ""] 11-15 *', None, None),
        ('[Result "Red won"] 11-15', None, "the result 'Red won', none of 1-0, 0-1, 1/2-1/2 and *, is read as *"),
        ("11-15 0-0", None, "the result '0-0', lost by both players, is read as *"),
        ('[FEN "B:W6:B1"] 1x10 0-1', 0.0, "the recorded result 0-1 is kept, but on the board it is 1-0"),
        ('[FEN "B:W6:B1"] 1x10 1/2-1/2', 0.5, "the recorded result 1/2-1/2 is kept, but on the board it is 1-0"),
        ('[FEN "B:W6:B1"] 1x10 *', None, None),
    ],
)
def test_the_recorded_result_is_kept(text: str, points: float | None, warning: str | None) -> None:
    record = read_one(text)
    assert record.result == points and record.warnings == (() if warning is None else (warning,))


# Draws that nobody claimed


def test_a_third_repetition_ends_no_game_that_was_played_on() -> None:
    moves = " ".join(["4-8 29-25 8-4 25-29"] * 3)
    record = read_one(f'[FEN "B:WK29:BK4"] {moves} 4-8 0-1')
    assert len(record.actions) == 13 and record.result == 0.0
    assert record.warnings == (
        "the game was drawn by the rules after 8 plies, as a position occurred for the third time; nobody claimed it,"
        " and play went on",
    )
    assert read_one(writer.write(GAME, record)).actions == record.actions


def test_forty_moves_without_a_capture_end_no_game_that_was_played_on() -> None:
    """A king wanders over all squares of its side, the other answers at home: no position occurs three times."""
    game, walk = rules.Checkers(quiet_plies=4), ["4-8", "29-25", "8-11", "25-22", "11-7", "22-26", "7-3"]
    (record,) = reader.iterate(['[FEN "B:WK29:BK4"] ' + " ".join(walk) + " 1-0"], game)
    assert len(record.actions) == 7 and record.result == 1.0
    assert "drawn by the rules after 4 plies, as nothing was captured and no man moved" in record.warnings[0]


def test_a_lost_game_is_over() -> None:
    with pytest.raises(RecordError, match="'6-9' cannot be played: the game is over"):
        read('[FEN "B:W6:B1"] 1x10 6-9')


# Tags and set-up commands


def test_tags_as_people_write_them() -> None:
    record = read_one('[event "a"] [Site\n"b"] [Date "1"][Round "2"] {so} [White "x" ]\n[ Black"y"] 11-15 *')
    assert list(record.tags.items()) == [
        ("event", "a"), ("Site", "b"), ("Date", "1"), ("Round", "2"), ("Second", "x"), ("First", "y"),
    ]  # fmt: skip
    assert record.comments == {-1: "so"}


def test_a_tag_without_quotes_is_read_with_a_warning() -> None:
    record = read_one("[Event Club match]\n[Date: 2001.01.02]\n11-15 *")
    assert record.tags == {"Event": "Club match", "Date": "2001.01.02"}
    assert record.warnings[0] == "line 1: the tag Event has no quotes around 'Club match'"


def test_of_two_tags_with_one_name_the_first_is_kept_with_a_warning() -> None:
    record = read_one('[Event "a"][Event "a"]\n[Event "b"] 11-15 *')
    assert record.tags == {"Event": "a"} and record.warnings == (
        "line 2: the tag Event is given twice; 'b' is left out",
    )


@pytest.mark.parametrize("kind", ["21", "21,B,8,8,N1,0", "?", ""])
def test_english_checkers_by_its_game_type(kind: str) -> None:
    assert len(read_one(f'[GameType "{kind}"] 11-15 *').actions) == 1


def test_a_set_up_command_gives_the_position() -> None:
    start = fen.read("W:W22,27:B9,K14", GAME)
    for text in ('/FEN "W:W22,27:B9,K14"/ 1. 22-17 *', '/FEN\n"W:W22,27:B9,K14."/ 22-17', "/fen W:W22,27:B9,K14/22-17"):
        record = read_one(text)
        assert record.start.tobytes() == start.tobytes() and len(record.actions) == 1 and not record.warnings
    same = read_one('11-15 /FEN "W:W21-32:B1-10,12,15"/ {as it was} 22-18')
    assert len(same.actions) == 2 and same.comments == {0: "as it was"} and not same.warnings


def test_a_set_up_command_in_a_game_begins_the_record_anew_and_loses_no_move() -> None:
    record = read_one('[Event "a"] 11-15 {good} 22-18 /FEN "B:W22:B9"/ {missing moves} 9-14 1-0')
    assert record.start.tobytes() == fen.read("B:W22:B9", GAME).tobytes() and len(record.actions) == 1
    assert record.comments == {-1: "before the set-up command: 11-15 (good) 22-18 missing moves"}
    assert record.result == 1.0 and "a set-up command changes the position" in record.warnings[0]


def test_comments_are_kept_with_the_move_before_them() -> None:
    record = read_one('{a} [FEN "B:W14,22,32:B9"] {b}{c} 9x18 {in the jump} 18x25 {d} ; e\n32-28 {} {f {g} *')
    assert record.comments == {-1: "a b c", 1: "in the jump d e", 2: "f {g"}
    assert record.warnings == ("line 2: a comment holds another {, and ends at the first }",)


def test_unclaimed_positions_go_on_and_lost_ones_do_not() -> None:
    over = GAME.step(fen.read("B:W6:B1", GAME), np.array([1])).states
    drawn = replay.Replay(GAME, fen.read("B:WK29:BK4", GAME))
    for text in ["4-8", "29-25", "8-4", "25-29"] * 2:
        drawn.play(text)
    ended = drawn.lines[0].states
    assert ended["terminal"][0] and replay.outcome(GAME, ended) == 0.5
    going = GAME.unclaimed(np.concatenate([ended, over, GAME.initial_states(1)]))
    assert going["terminal"].tolist() == [False, bool(over["terminal"][0]), False]
    assert moves.placement(going[0]) == moves.placement(ended[0]) and not going["clock"][0]


def test_glyphs_are_kept_and_written_by_their_numbers() -> None:
    record = read_one("1. 11-15! 22-18 (?) $7 {x} 2. 15x22 !? 25x18 8-11??")
    assert record.glyphs == {0: (1,), 1: (2, 7), 2: (5,), 4: (4,)} and record.warnings == ()
    text = writer.write(GAME, record)
    assert "1. 11-15 $1 22-18 $2 $7 {x} 2. 15x22 $5 25x18" in text
    assert read_one(text).glyphs == record.glyphs
    double = read_one('[FEN "B:W6,15,32:B1"] 1x10 $1 10x19! 32-28 $6 *')
    assert double.glyphs == {1: (1, 1), 2: (6,)} == read_one(writer.write(GAME, double)).glyphs
