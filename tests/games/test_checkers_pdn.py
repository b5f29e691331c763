"""PDN and FEN of checkers: what is written is read again; what is no game by the rules is refused in one sentence."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.checkers import fen, moves, openings, pdn, rules
from games.checks import random_play

GAME = rules.Checkers()
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)
EXAMPLES = settings(max_examples=5 if SLOW_MACHINE else 60, deadline=None)
START_FEN = "B:W21,22,23,24,25,26,27,28,29,30,31,32:B1,2,3,4,5,6,7,8,9,10,11,12"


def moves_of(text: str) -> list[str]:
    return [move.path for move in pdn.read(text)[0].moves]


# Reading


def test_a_game_with_everything_that_is_not_a_move() -> None:
    text = """
    [Event "A \\"great\\" match \\\\ final"]
    [Result "0-1"]
    % an escaped line
    1. 11-15! {best by test} 22-18?! ; the double corner
    2. 15x22 $4 (2. 15-19 23x16 (24x15 {so} )) 25x18 2... 8-11 0-1
    """
    (game,) = pdn.read(text)
    assert [move.path for move in game.moves] == ["11-15", "22-18", "15x22", "25x18", "8-11"]
    assert game.tags["Event"] == 'A "great" match \\ final' and game.result == "0-1"


def test_games_follow_one_another() -> None:
    one, two, three = pdn.read('[White "a"] 11-15 * [White "b"] 9-13 [White "c"]')
    assert [len(game.moves) for game in (one, two, three)] == [1, 1, 0]
    assert [game.tags["White"] for game in (one, two, three)] == ["a", "b", "c"]


@pytest.mark.parametrize("result", ["1-0", "0-1", "1/2-1/2", "*", "2-0", "0-2", "1-1"])
def test_a_result_is_not_taken_for_a_move(result: str) -> None:
    (game,) = pdn.read(f"1. 9-13 {result}")
    assert [move.path for move in game.moves] == ["9-13"]
    assert game.result == {"2-0": "1-0", "0-2": "0-1", "1-1": "1/2-1/2"}.get(result, result)


def test_a_move_that_begins_like_a_result_is_a_move() -> None:
    assert moves_of('[FEN "B:W32:BK1"] 1-5') == ["1-5"]


def test_a_jump_is_named_by_all_its_squares_by_its_ends_or_ply_by_ply() -> None:
    text = '[SetUp "1"][FEN "B:W14,22,32:B9"]'
    for jump in ("9x18x25", "9x25", "9-18-25", "9x18 18x25", "9:25"):
        assert moves_of(f"{text} {jump} 32-28") == ["9x18x25", "32-28"]


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


def test_two_jumps_with_equal_ends_over_other_men_must_be_named_in_full() -> None:
    """
     1-4     .   .   b   .
     5-8   .   .   w   w        3x10x19 takes 7 and 15, 3x12x19 takes 8 and 16
     9-12    .   .   .   .
    13-16  .   .   w   w
    17-20    .   .   .   .
    21-24  .   .   w   w        no way on from 19
    25-28    .   .   w   w
    """
    state = fen.read("B:W7,8,15,16,23,24,26,27,28:B3", GAME)[0]
    assert [move.path for move in moves.legal(GAME, state)] == ["3x10x19", "3x12x19"]
    with pytest.raises(base.IllegalMove, match="'3x19' can mean 3x10x19 or 3x12x19; name all squares"):
        moves.resolve(GAME, state, "3x19")
    assert moves.resolve(GAME, state, "3x12x19").path == "3x12x19"
    written = pdn.write(GAME, pdn.record(GAME, moves.resolve(GAME, state, "3x12x19").actions, np.array([state])))
    assert "3x12x19" in written and moves_of(written) == ["3x12x19"]


# Refusing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no game in this text."),
        ("hello", "line 1: 'hello' is not PDN; expected are tags"),
        ("1-0", "'1-0' is a result without a game"),
        ("11-16 22-18\n\n16-11", "game 1, line 3: move 3: '16-11' is not a legal move here. Legal moves: "),
        ("11-15 22-18 8-11", "move 3: '8-11' is not a legal move here. A jump is forced. Legal moves: 15x22."),
        ("11-15 22-18 15x24", "'15x24' is not a legal move here. A jump is forced. Legal moves: 15x22."),
        ("33-37", "'33-37' is not a legal move here"),
        ("0-0", "'0-0' is not a legal move here"),
        ("11-15 {no end", "a comment begins with { and does not end"),
        ("11-15 (22-18", "a variation begins with ( and does not end"),
        ("11-15 ) 22-18", "')' closes a variation that was not opened"),
        ('[Result "1-0"] 11-15 0-1', "the tag says 1-0, but the moves end with 0-1"),
        ('[Result "won"] 11-15', "the result 'won' is none of"),
        ('[GameType "20"] 32-28', "GameType 20 is another game; English checkers is 21"),
        ('[A "1"] [A "2"]', "the tag A is given twice"),
        ('[FEN "B:W14,22,32:B9"] 9x18', "the game ends in the middle of the jump 9x18"),
        ('[FEN "B:W14,22,32:B9"] 9x18 32-28', "'32-28' is not a legal move here. A jump is forced."),
        ('[FEN "B:W6:B1"] 1x10 1-0', "the result is given as 1-0, but the game ended 0-1 on the board"),
        ('[FEN "B:W6:B1"] 1x10 6-9', "'6-9' cannot be played: the game is over"),
    ],
)
def test_what_is_no_game_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(pdn.PdnError) as caught:
        pdn.read(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a position"),
        ("x" * 1000, "is not a position"),
        ("B:W1,2", "is not a position"),
        ("B:B1:B2", "is not a position"),
        ("B:W:B", "has no pieces"),
        ("B:W33:B1", "names '33', which is not a square from 1 to 32"),
        ("B:W0:B1", "names '0'"),
        ("B:W9-7:B1", "names '9-7'"),
        ("B:W9,:B1", "names ''"),
        ("B:W9:B9", "has two pieces on square 9"),
        ("B:W4:B9", "has a man on square 4, where it would be a king: K4"),
        ("B:W9:B29", "has a man on square 29"),
        ("B:W13-25:B1", "has 13 pieces of a side; allowed are 12"),
        ("B:W١:B2", "is not a square"),
    ],
)
def test_impossible_positions_are_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(base.IllegalMove, match=None) as caught:
        fen.read(text, GAME)
    assert message in str(caught.value) and "\n" not in str(caught.value)


NOISE_BYTES = 5_000_000
PARTS = ["x", "{", "{}", "(", "()", "(1.)", "* ", "1. ", "11-15 ", " ", "1-", "$1", '"', "9", ";", "\0", "１"]
NOISE = {
    "random bytes": lambda n: random.Random(1).randbytes(n).decode("latin1"),
    **{repr(part): lambda n, part=part: part * (n // len(part)) for part in PARTS},
    "an open tag": lambda n: "[" + " " * n,
    "an open text": lambda n: '[A "' + "\\" * n,
    "tags": lambda n: '[A ""]' * (n // 6),
    "a long position": lambda n: f'[FEN "B:W21:B1{"," * n}"]',
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_five_megabytes_of_noise_are_refused_at_once(noise) -> None:
    text = noise(NOISE_BYTES)
    began = time.process_time()
    with pytest.raises(pdn.PdnError) as caught:
        pdn.read(text)
    assert time.process_time() - began < 1 and len(str(caught.value)) < 400


@EXAMPLES
@given(st.text(alphabet='0123456789-x:.[](){}" BWK,*/\n\\;%$!?aé', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (pdn.read, lambda given: fen.read(given, GAME), lambda given: moves.resolve(GAME, START, given)):
        try:
            read(text)
        except base.IllegalMove as error:
            assert "\n" not in str(error) and len(str(error)) < 600


START = GAME.initial_states(1)[0]


# Writing


@EXAMPLES
@given(
    st.integers(0, 2**32),
    st.integers(0, 200),
    st.dictionaries(
        st.text("abcXYZ_019", min_size=1, max_size=9),
        st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20),
        max_size=3,
    ),
)
def test_what_is_written_is_read_again(seed: int, plies: int, tags: dict[str, str]) -> None:
    (played,) = random_play.random_games(GAME, np.random.default_rng(seed), 1)
    begin = min(plies // 4, len(played.actions))
    while played.states[begin]["jumper"]:
        begin -= 1
    end = min(begin + plies, len(played.actions))
    while played.states[end]["jumper"]:
        end += 1
    start = fen.read(fen.write(played.states[begin]), GAME) if not played.states[begin]["terminal"] else None
    if start is None:
        return
    game = pdn.record(GAME, played.actions[begin:end].tolist(), start, tags)
    text = pdn.write(GAME, game)
    (again,) = pdn.read(text, GAME)
    assert again.actions == game.actions and again.result == game.result
    assert {name: again.tags[name] for name in tags} == tags
    assert moves.placement(again.end[0]) == moves.placement(played.states[end])
    assert pdn.write(GAME, again) == text and max(map(len, text.splitlines()[-8:])) <= 90
    bare = " ".join(pdn.move_texts(GAME, game))
    if bare and begin == 0:
        assert pdn.read(bare)[0].actions == game.actions


def test_the_result_follows_from_the_last_position() -> None:
    assert pdn.read('[FEN "B:W6:B1"] 1x10')[0].result == "*", "nobody said so"
    actions = pdn.read('[FEN "B:W6:B1"] 1x10')[0].actions
    assert pdn.record(GAME, actions, fen.read("B:W6:B1", GAME)).result == "0-1"
    draw = " ".join(["4-8 29-25 8-4 25-29"] * 2)
    actions = pdn.read(f'[FEN "B:WK29:BK4"] {draw}')[0].actions
    assert pdn.record(GAME, actions, fen.read("B:WK29:BK4", GAME)).result == "1/2-1/2"
    resigned = pdn.record(GAME, pdn.read("11-15")[0].actions, result="1-0")
    assert pdn.read(pdn.write(GAME, resigned))[0].result == "1-0"
    with pytest.raises(pdn.PdnError, match="result cannot be '1-0' where the rules say 1/2-1/2"):
        pdn.record(GAME, actions, fen.read("B:WK29:BK4", GAME), result="1-0")


def test_a_game_from_a_position_carries_it() -> None:
    game = pdn.read('[FEN "W:W21-32:B1-12."] 22-18')[0]
    text = pdn.write(GAME, game)
    assert '[SetUp "1"]\n[FEN "W:W21,22,23,24,25,26,27,28,29,30,31,32:B1,2,3,4,5,6,7,8,9,10,11,12"]' in text
    assert text.endswith("\n\n1... 22-18 *\n\n")


def test_the_start_and_kings_as_text() -> None:
    assert fen.write(START) == START_FEN and moves.placement(fen.read(START_FEN, GAME)[0]) == moves.placement(START)
    for text in ("W:WK1,30:BK32", "B:W:BK4", "W:W5:B"):
        assert fen.write(fen.read(text, GAME)[0]) == text
    assert fen.read("W:WK1,30:B", GAME)["terminal"] == [False] and fen.read("B:W5:B", GAME)["terminal"] == [True]


def test_what_text_cannot_say_is_not_written() -> None:
    game = pdn.read("11-15")[0]
    with pytest.raises(pdn.PdnError, match="'a b' is no name for a tag"):
        pdn.write(GAME, game._replace(tags={"a b": ""}))
    with pytest.raises(pdn.PdnError, match="holds a control character"):
        pdn.write(GAME, game._replace(tags={"a": "\n"}))
    jumping = GAME.step(fen.read("B:W14,22,32:B9", GAME), np.array([8 * 8 + 3])).states
    with pytest.raises(ValueError, match="in the middle of a jump has no FEN"):
        fen.write(jumping[0])
    with pytest.raises(pdn.PdnError, match="end in the middle of a jump"):
        pdn.record(GAME, [8 * 8 + 3], fen.read("B:W14,22,32:B9", GAME))


# Openings


def test_the_openings_are_different_positions_with_white_to_move() -> None:
    states = openings.states(GAME)
    assert len(openings.ballots()) == len(states) == len(np.unique(GAME.key(states))) == 174
    assert np.all(states["to_play"] == 1) and not states["terminal"].any()


@pytest.mark.slow
@pytest.mark.skipif(SLOW_MACHINE, reason="nothing is compiled")
def test_the_openings_are_made_again_by_search() -> None:
    assert openings.derive(GAME) == openings.ballots()
