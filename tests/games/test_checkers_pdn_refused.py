"""What is no PDN of a game by the rules is refused in one sentence that names the place; noise is read or refused."""

from __future__ import annotations

import io
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.checkers import fen, moves, rules
from games.checkers.pdn import reader, tokens, writer
from games.checks import random_play
from games.text.records import GameRecord, RecordError

GAME = rules.Checkers()
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)
EXAMPLES = settings(max_examples=5 if SLOW_MACHINE else 60, deadline=None)
START = GAME.initial_states(1)[0]


def read(text: str) -> list[GameRecord]:
    return list(reader.iterate(io.StringIO(text, newline=None), GAME))


@pytest.mark.parametrize(
    ("text", "place", "word", "message"),
    [
        ("", (0, 0), "", "there is no game in this text."),
        ("  {nothing} 1. ; more\n", (0, 0), "", "there is no game in this text."),
        ("hello", (1, 1), "hello", "'hello' is not PDN; expected are tags"),
        ("1. 11-15 foo 22-18", (1, 10), "foo", "'foo' is not PDN"),
        ("1. 11-15\n  22-18e *", (2, 3), "22-18e", "'22-18e' is not PDN"),
        ("1. 11-15 2. -", (1, 13), "-", "'-' is not PDN"),
        ("1. 11-15 22", (1, 10), "22", "'22' is not PDN"),
        ("1. c3-d4", (1, 4), "c3-d4", "squares such as c3 belong to other games of draughts"),
        ("1. 11-15 }", (1, 10), "}", "'}' is not PDN"),
        ("11-15 22-18 % 15x22", (1, 13), "%", "'%' is not PDN"),
        ("1-0", (1, 1), "1-0", "'1-0' is a result without a game"),
        ("11-15 1-0 0-1", (1, 11), "0-1", "'0-1' is a result without a game"),
        ("11-16 22-18\n\n16-11", (3, 1), "16-11", "move 3: '16-11' is not a legal move here. Legal moves: "),
        ("11-15 22-18 8-11", (1, 13), "8-11", "A jump is forced. Legal moves: 15x22."),
        ("33-37", (1, 1), "33-37", "'33-37' names a square above 32; a board of English checkers has squares 1 to 32"),
        ("2 11-15", (1, 1), "2", "'2' is no move, and not the number of the next one, 1"),
        ("11-15 {no\nend", (1, 7), "{", "a comment begins with { and does not end"),
        ('11-15 {no\n [Event "b"]\n9-13 {c}', (1, 7), "{", "is still open where line 2 has a tag"),
        ("11-15\n (22-18 (9-13)", (2, 2), "(", "a variation begins with ( and does not end"),
        ('11-15 (22-18\n[Event "b"]\n9-13 (c)', (1, 7), "(", "is still open where line 2 has a tag"),
        ("11-15 (22-18 {)", (1, 14), "{", "a comment begins with { and does not end"),
        ("11-15 ) 22-18", (1, 7), ")", "')' closes a variation that was not opened"),
        ('[Event "b\n"] 11-15', (1, 1), "[", "'[Event \"b' is not a tag"),
        ("[] 11-15", (1, 1), "[", "'[] 11-15' is not a tag"),
        ("11-15 /ICE 3/", (1, 7), "/", "'/ICE 3/' is not a set-up command"),
        ('11-15 /FEN "B:W33:B1"/', (1, 7), "B:W33:B1", "names '33', which is not a square"),
        ('[GameType "20"] 32-28', (1, 1), "20", "GameType 20 (international draughts) is another game"),
        ('[gametype "99,W"] 32-28', (1, 1), "99,W", "GameType 99,W is another game; English checkers is 21"),
        ('[FEN "B:W1:B2"][FEN "B:W3:B2"]', (1, 16), "B:W3:B2", "the tag FEN is given twice, with different values"),
        (
            '[FEN "B:W14,22,32:B9"] 9x18',
            (1, 24),
            "9x18",
            "the game ends in the middle of a jump, which goes on: 18x25.",
        ),
        ('[FEN "B:W14,22,32:B9"] 9x18 32-28', (1, 29), "32-28", "A jump is forced. Legal moves: 18x25."),
        ('11-15 *\n[FEN "B:W6:B1"]\n1x10 6-9', (3, 6), "6-9", "'6-9' cannot be played: the game is over"),
    ],
)
def test_what_is_no_game_is_refused_with_its_place(text: str, place: tuple, word: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        read(text)
    error = caught.value
    assert message in str(error) and "\n" not in str(error)
    assert (error.line, error.column, error.word) == (*place, word)


def test_games_before_the_wrong_one_are_read() -> None:
    found = reader.iterate(["11-15 * 9-13 *\n", "1. 9-14 22-17 8-9"], GAME)
    assert len(next(found).actions) == 1 and len(next(found).actions) == 1
    with pytest.raises(RecordError, match="game 3, line 2, column 15: move 3: '8-9'"):
        next(found)


NOISE_BYTES = 5_000_000
PARTS = ["x", "{", "{}", "(", "()", "(1.)", "* ", "1. ", "11-15 ", " ", "1-", "$1", '"', "9", ";", "\0", "\uff11", "/"]
PARTS += ["11-15 *\n", "1 ", "\n", "11\n", "[A", "[\n", "%\n", "9-13{a}", "(;\n", "({", "\u00bd", "1/2"]
NOISE = {
    "random bytes": lambda n: random.Random(1).randbytes(n).decode("latin1"),
    **{repr(part): lambda n, part=part: part * (n // len(part)) for part in PARTS if part != "11-15 *\n"},
    "an open tag": lambda n: "[" + " " * n,
    "an open text": lambda n: '[A "' + "\\" * n,
    "tags": lambda n: "".join(f'[A{i} ""]' for i in range(n // 10)),
    "one tag": lambda n: '[A ""]' * (n // 6) + "x",
    "a long position": lambda n: f'[FEN "B:W21:B1{"," * n}"]',
    "a long set-up command": lambda n: "/FEN " + "1" * n,
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_five_megabytes_of_noise_are_refused_at_once(noise) -> None:
    text = noise(NOISE_BYTES)
    began = time.process_time()
    with pytest.raises(RecordError) as caught:
        read(text)
    assert time.process_time() - began < 2 and len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_five_megabytes_in_one_line_take_as_long_as_in_many() -> None:
    many = ('[Event "a"] 1. 11-15 {so} 22-18 (8-11) 2. 15x22 *\n') * 2000
    began = time.process_time()
    assert len(read(many)) == 2000
    between = time.process_time()
    assert len(read(many.replace("\n", " "))) == 2000
    assert time.process_time() - between < 5 * (between - began) + 0.5


@EXAMPLES
@given(st.text(alphabet='0123456789-x:.[](){}" BWK,*/\n\\;%$!?a\u00e9\u00bd', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in (read, lambda given: fen.read(given, GAME), lambda given: moves.resolve(GAME, START, given)):
        try:
            each(text)
        except base.IllegalMove as error:
            assert "\n" not in str(error) and len(str(error)) < 600


@EXAMPLES
@given(st.integers(0, 2**32), st.data())
def test_a_game_with_wrong_characters_is_read_or_refused_and_loses_no_move(seed: int, data: st.DataObject) -> None:
    (played,) = random_play.random_games(GAME, np.random.default_rng(seed), 1)
    record = GameRecord(GAME.initial_states(1), played.actions.tolist(), {"Event": "a"}, {2: "b", 5: "c (d)"})
    text = list(writer.write(GAME, record))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from('[](){}";%/*.\\ \n1x-a\u00e9'))
    try:
        found = read("".join(text))
    except RecordError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
        return
    kept = sum(len(each.actions) for each in found)
    remarks = sum(len(text) for each in found for text in (*each.comments.values(), *each.warnings))
    assert kept == len(record.actions) or remarks > 0 or len(found) > 1 or any(each.tags for each in found)


def test_tokens_know_their_places() -> None:
    text = '[Event "a"]\n1. 11-15 {so\nit is} 22\n-18 (x\n) 1-0'
    found = [(token.kind, token.line, token.column) for token in tokens.PdnScanner(io.StringIO(text)).tokens()]
    assert found == [
        ("tag", 1, 1), ("numbers", 2, 1), ("move", 2, 4), ("comment", 2, 10), ("move", 3, 8), ("variation", 4, 5),
        ("result", 5, 3),
    ]  # fmt: skip
