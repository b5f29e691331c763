"""Numbers on the command line: every option that takes one states its range, and refuses the rest in one sentence."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest
import walk

from selfplay.cli.console import numbers

WRONG = ("", " ", "x", "1.5", "nan", "inf", "-1", "1e400", "10" * 3000, "١٢", "½", "1\n2", "--")


@pytest.mark.parametrize("kind", [numbers.whole(0, 9), numbers.whole(1, 9, "all"), numbers.several(0, 9)])
@pytest.mark.parametrize("text", WRONG, ids=ascii)
def test_what_is_no_whole_number_in_range_is_refused(kind: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected a whole number from [01] to 9") as caught:
        kind(text)
    assert len(str(caught.value)) < 150 and str(caught.value).isprintable()


@pytest.mark.parametrize("text", [text for text in WRONG if text != "1.5"], ids=ascii)
def test_what_is_no_number_in_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number from 0 to 9, not"):
        numbers.real(0, 9)(text)


def test_ranges_hold_their_ends_unless_they_say_otherwise() -> None:
    assert [numbers.whole(-2, 9)(text) for text in ("-2", "9", "03")] == [-2, 9, 3]
    assert numbers.whole(1, 9, "all")("all") == "all"
    assert numbers.several(0, 9)("9,0,4") == [9, 0, 4]
    assert [numbers.real(0, 0.5)(text) for text in ("0", ".5", "1e-3")] == [0, 0.5, 0.001]
    for text in ("0", "0.5", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match=r"above 0 and below 0\.5"):
            numbers.real(0, 0.5, ends=False)(text)


def test_every_option_that_takes_a_number_has_a_range() -> None:
    unbounded = [
        f"{command} {action.option_strings[-1]}" for command, parser in walk.commands() for action in parser._actions
        if action.option_strings and (action.type in (int, float) or isinstance(action.default, int | float))
        and getattr(action.type, "__module__", None) != numbers.__name__ and action.nargs != 0
    ]  # fmt: skip
    assert unbounded == []
