"""Positions and moves as the Hub protocol of draughts programs has them."""

from __future__ import annotations

import numpy as np
import pytest
from facets import notation_of, protocols_of
from hypothesis import given, settings
from hypothesis import strategies as st

import games
from games import base, protocols
from games.checkers import moves

CHECKERS = games.make("checkers")


def hub() -> protocols.HubText:
    text = protocols_of(CHECKERS).hub()
    assert text is not None
    return text


def after(record: str) -> np.void:
    return notation_of(CHECKERS).state_after(record)[0]


def test_other_games_have_no_such_text() -> None:
    assert protocols_of(games.make("chess")).hub() is None and protocols_of(games.make("connect-four")).hub() is None
    assert protocols_of(CHECKERS).uci() is None


def test_black_begins_and_stands_on_the_first_squares() -> None:
    start = CHECKERS.initial_states(1)
    assert hub().variant == "english"
    assert hub().position(start[0]) == "Bbbbbbbbbbbbbeeeeeeeewwwwwwwwwwww"
    assert hub().from_position(hub().position(start[0])).tobytes() == start.tobytes()


def test_a_capture_names_the_squares_it_takes() -> None:
    state = after("11-15 22-18")
    assert [move.path for move in moves.legal(CHECKERS, state)] == ["15x22"]
    actions = hub().actions(state, "15x22x18")
    assert len(actions) == 1 and hub().move(state, actions) == "15x22x18"


def test_a_jump_over_several_pieces_is_one_move_and_any_order_of_its_captures_will_do() -> None:
    state = notation_of(CHECKERS).from_fen("W:W22:B10,17,18,K32")[0]
    jumps = {move.path: list(move.actions) for move in moves.legal(CHECKERS, state)}
    assert hub().move(state, jumps["22x15x6"]) == "22x6x10x18"
    assert hub().actions(state, "22x6x10x18") == hub().actions(state, "22x06x18x10") == jumps["22x15x6"]


def test_leading_zeros_are_read() -> None:
    state = CHECKERS.initial_states(1)[0]
    assert hub().actions(state, "09-13") == hub().actions(state, "9-13")


def test_every_position_and_every_whole_move_of_random_games_comes_back() -> None:
    rng, text, several = np.random.default_rng(11), hub(), 0
    for _ in range(6):
        states = CHECKERS.initial_states(1)
        while not states["terminal"][0]:
            state = states[0]
            again = text.from_position(text.position(state))
            assert text.position(again[0]) == text.position(state)
            assert notation_of(CHECKERS).to_fen(again[0]) == notation_of(CHECKERS).to_fen(state)
            legal = moves.legal(CHECKERS, state)
            for move in legal:
                read = text.actions(state, text.move(state, move.actions))
                found = next(each for each in legal if list(each.actions) == read)
                assert moves.placement(found.states[0]) == moves.placement(move.states[0])
                several += len(read) > 1
            states = legal[rng.integers(len(legal))].states
    assert several > 3  # jumps over several pieces were among them


def test_captures_of_the_same_pieces_in_another_order_end_alike() -> None:
    """A king that goes round four pieces comes back to where it began, either way."""
    state = notation_of(CHECKERS).from_fen("B:BK7:W10,11,18,19")[0]
    legal = moves.legal(CHECKERS, state)
    texts = [hub().move(state, move.actions) for move in legal]
    assert len(set(texts)) < len(texts)
    for move, text in zip(legal, texts, strict=True):
        read = next(each for each in legal if list(each.actions) == hub().actions(state, text))
        assert moves.placement(read.states[0]) == moves.placement(move.states[0])


@pytest.mark.parametrize("wrong", ["", "B", "Wbbbb", "x" * 33, "B" + "b" * 32, "B" + "e" * 32, "Bw" + "e" * 31])
def test_a_position_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(base.IllegalMove):
        hub().from_position(wrong)


@pytest.mark.parametrize("wrong", ["", "9-14x", "9x13", "9-13-17", "33-40", "-", "9" * 5000, "\x00", "²-³"])
def test_a_move_that_is_not_legal_is_refused_and_the_legal_ones_are_named(wrong: str) -> None:
    with pytest.raises(base.IllegalMove, match="Legal moves: 9-13, 9-14") as refused:
        hub().actions(CHECKERS.initial_states(1)[0], wrong)
    assert len(str(refused.value)) < 200


def test_nothing_can_be_told_in_the_middle_of_a_jump() -> None:
    state = notation_of(CHECKERS).from_fen("W:W22:B10,18")[0]
    step = CHECKERS.step(np.array([state]), np.array(hub().actions(state, "22x6x10x18")[:1]))
    assert step.discount[0] == 1
    with pytest.raises(ValueError, match="middle of a jump"):
        hub().position(step.states[0])


def test_half_a_jump_is_no_move() -> None:
    state = notation_of(CHECKERS).from_fen("W:W22:B10,18")[0]
    with pytest.raises(base.IllegalMove, match="not a whole move"):
        hub().move(state, hub().actions(state, "22x6x10x18")[:1])


def test_a_game_that_is_over_has_no_move() -> None:
    state = notation_of(CHECKERS).from_fen("W:W:B1")[0]
    with pytest.raises(base.IllegalMove, match="the game is over"):
        hub().actions(state, "9-13")


@settings(deadline=None)
@given(st.text("BWbwe", min_size=33, max_size=33) | st.text(max_size=40))
def test_any_text_is_a_position_or_an_illegal_move(noise: str) -> None:
    comes_back_or_is_refused(noise)


def comes_back_or_is_refused(text: str) -> None:
    try:
        states = hub().from_position(text)
    except base.IllegalMove:
        return
    assert hub().position(states[0]) == text


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 32), st.sampled_from("BWbwe")), max_size=6))
def test_a_changed_position_is_a_position_or_an_illegal_move(edits: list[tuple[int, str]]) -> None:
    marks = list(hub().position(after("11-15 23-18 8-11 27-23")))
    for place, mark in edits:
        marks[place] = mark
    comes_back_or_is_refused("".join(marks))
