"""The wording that errors share."""

from selfplay import errors


def test_the_nearest_known_word_is_suggested_as_a_sentence() -> None:
    assert errors.suggest("greedi", ["random", "greedy"]) == " Did you mean 'greedy'?"
    assert errors.suggest("levl", ["Level", "Hash"]) == " Did you mean 'Level'?"


def test_nothing_is_suggested_where_no_word_is_near() -> None:
    assert errors.suggest("xyz", ["random", "greedy"]) == ""
    assert errors.nearest("randm", ["random"], cutoff=0.99) is None


def test_shown_values_are_one_printable_line_of_bounded_length() -> None:
    assert errors.shorten("a\nb\x1b") == "a\\nb\\x1b"
    assert errors.shorten(0.25) == "0.25"
    assert len(errors.shorten("x" * 100)) == 40 and errors.shorten("x" * 100, 10) == "x" * 9 + "…"
