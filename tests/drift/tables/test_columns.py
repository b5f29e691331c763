"""Types of columns and their cells as numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from selfplay.drift.tables import columns
from selfplay.drift.tables.columns import FALSE, NONE, TRUE, Column


def place(row: int) -> str:
    return f"line {row + 2}"


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e4", ""], "numeric"),
        (["1"] * 95 + ["unknown"] * 5, "numeric"),
        (["1"] * 80 + ["unknown"] * 20, "categorical"),
        (["true", "False", "NA"], "boolean"),
        (["yes", "no"], "boolean"),
        (["0", "1"], "numeric"),
        (["2026-01-01", "2026-02-28"], "time"),
        (["2026-01-01T10:00:00Z", "2026-01-01 10:00:00+02:00"], "time"),
        (["a", "b"], "categorical"),
        (["", "NA"], "categorical"),
        ([], "categorical"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} of {value[:1]}",
)
def test_a_type_is_inferred(cells: list[str], kind: str) -> None:
    assert columns.infer(cells) == kind


def test_numbers_are_read_and_others_are_missing_and_counted() -> None:
    column = Column("x", "numeric")
    values = column.parse(["1", "", "NaN", " 2 ", "12O", "inf", "-1e3"], place)
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, 2, np.nan, np.nan, -1000])
    assert column.wrong == 2 and column.wrong_example == ("12O", "line 6")


def test_times_are_seconds_in_utc() -> None:
    column = Column("t", "time")
    cells = [
        "2026-03-01",
        "2026-03-01T12:30:00Z",
        "2026-03-01 12:30:00+02:00",
        "2026-03-01 12:30:00.25",
        "",
        "soon",
        "60",
    ]
    base = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    expected = [base, base + 45_000, base + 37_800, base + 45_000.25, np.nan, np.nan, 60]
    np.testing.assert_array_equal(column.parse(cells, place), expected)
    assert column.wrong_example == ("soon", "line 7")
    for many in (["2026-03-01T00:00:01"] * 9, ["2026-03-01T00:00:01Z"] * 9, ["2026-03-01T02:00:01+02:00"] * 9):
        np.testing.assert_array_equal(column.parse(many, place), np.full(9, base + 1))


def test_truth_values_are_read_in_any_spelling() -> None:
    column = Column("b", "boolean")
    values = column.parse(["True", "NO", "1", "0", "", "maybe"], place)
    assert values.tolist() == [TRUE, FALSE, TRUE, FALSE, NONE, NONE] and column.wrong_example == ("maybe", "line 7")
    assert column.parse(np.array([0.0, 1.0, np.nan, 2.0]), place).tolist() == [FALSE, TRUE, NONE, NONE]


def test_categories_have_the_same_hash_in_any_block_and_file() -> None:
    first, second = Column("c", "categorical"), Column("c", "categorical")
    one = first.parse(["a", "b", "NA", "a"], place)
    assert one[0] == one[3] != one[1] and one[2] == NONE
    assert second.parse(["x", "b", "a"], place).tolist()[1:] == [one[1], one[0]]
    assert first.names[int(one[0])] == "a"


def test_categories_without_end_are_not_all_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "REMEMBERED", 50)
    column = Column("c", "categorical")
    first = column.parse([f"text {n}" for n in range(500)], place)
    assert len(column._hashes) <= 50 and len(set(first.tolist())) == 500
    np.testing.assert_array_equal(column.parse([f"text {n}" for n in range(500)], place), first)


def test_numbers_of_a_typed_file_can_be_categories() -> None:
    texts = Column("c", "categorical").parse(["3", "4.5", ""], place)
    np.testing.assert_array_equal(Column("c", "categorical").parse(np.array([3.0, 4.5, np.nan]), place), texts)


def test_a_zero_is_a_zero_whatever_its_sign() -> None:
    assert len(set(columns.hash_numbers(np.array([0.0, -0.0])).tolist())) == 1
