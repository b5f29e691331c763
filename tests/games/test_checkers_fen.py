"""FEN of checkers: positions as people write them are read, impossible ones refused, and the rest said in warnings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games import base
from games.checkers import fen, moves, rules
from games.checks import random_play

GAME = rules.Checkers()
START_FEN = "B:W21,22,23,24,25,26,27,28,29,30,31,32:B1,2,3,4,5,6,7,8,9,10,11,12"
START = GAME.initial_states(1)[0]


def test_the_start_and_kings_as_text() -> None:
    assert fen.write(START) == START_FEN and moves.placement(fen.read(START_FEN, GAME)[0]) == moves.placement(START)
    for text in ("W:WK1,30:BK32", "B:W:BK4", "W:W5:B"):
        assert fen.write(fen.read(text, GAME)[0]) == text
    assert fen.read("W:WK1,30:B", GAME)["terminal"] == [False] and fen.read("B:W5:B", GAME)["terminal"] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "W:W18,22,23,K30:BK1,2,3",
        "W:W18,22,23,K30:BK1,2,3.",
        "W:BK1,2,3:W18,22,23,K30",
        " W : W 18, 22,23 , K30 : B K1,2,3 . ",
        "w:w18,22,23,k30:bk1,2,3",
        "W:W18,22-23,K30:BK1,2-3",
        "W:W018,22,23,K30:BK01,02,03".replace("018", "18"),
        "W:W18,22,23,K30:BK1,2,3:H0:F1",
        "W:W18,22,23,K30:BK1,2,3:H12:F34.",
        "W:W18,22,23,K30:BK1-K1,2,3",
        "W:W18,22,23,K30:B1,2,3,K4".replace("B1,2,3,K4", "BK1,2,3"),
    ],
    ids=range(11),
)
def test_a_position_in_many_ways_to_write_it(text: str) -> None:
    states, warnings = fen.parse(text, GAME)
    assert fen.write(states[0]) == "W:W18,22,23,K30:BK1,2,3" and warnings == []


def test_a_man_where_it_would_be_crowned_is_read_as_a_king_with_a_warning() -> None:
    states, warnings = fen.parse("B:W4,K3,10:B31,5", GAME)
    assert fen.write(states[0]) == "B:WK3,K4,10:B5,K31"
    assert warnings == [
        "'B:W4,K3,10:B31,5' has a man of Black on square 31; it is read as a king",
        "'B:W4,K3,10:B31,5' has a man of White on square 4; it is read as a king",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a position"),
        ("x" * 1000, "is not a position"),
        ("B:W1,2", "is not a position"),
        ("B:B1:B2", "is not a position"),
        ("B:W5:B2:B3", "is not a position"),
        ("W:W5:B6:H:F1", "is not a position"),
        ("R:R5:W6", "is not a position"),
        ("?:W5:B6", "does not say who is to move"),
        ("B:W:B", "has no pieces"),
        ("W::.", "is not a position"),
        ("B:W33:B1", "names '33', which is not a square from 1 to 32"),
        ("B:W0:B1", "names '0'"),
        ("B:W9-7:B1", "names '9-7'"),
        ("B:W9,:B1", "names ''"),
        ("B:Wc3:B1", "names 'C3'"),
        ("B:W9:B9", "has two pieces on square 9"),
        ("B:W13-25:B1", "has 13 pieces of a side; allowed are 12"),
        ("B:W\u0661:B2", "is not a square"),
    ],
)
def test_impossible_positions_are_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(base.IllegalMove) as caught:
        fen.read(text, GAME)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_position_in_the_middle_of_a_jump_has_no_fen() -> None:
    jumping = GAME.step(fen.read("B:W14,22,32:B9", GAME), np.array([8 * 8 + 3])).states
    with pytest.raises(ValueError, match="in the middle of a jump has no FEN"):
        fen.write(jumping[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_what_is_written_is_read_again(seed: int, spaces: bool, turned: bool) -> None:
    (played,) = random_play.random_games(GAME, np.random.default_rng(seed), 1)
    for state in played.states[:: max(1, len(played.states) // 5)]:
        if state["jumper"]:
            continue
        text = fen.write(state)
        turn, white, black = text.split(":")
        again = ":".join([turn, black, white] if turned else [turn, white, black])
        found = fen.read(again.replace(",", " , ").replace(":", " :") if spaces else again, GAME)[0]
        assert moves.placement(found) == moves.placement(state) and fen.write(found) == text
