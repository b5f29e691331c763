"""What a watch is asked for: which columns, of which types and for what; windows; the rate of false alarms."""

from __future__ import annotations

import dataclasses
import re

from selfplay.drift.tables.columns import MISSING_TEXTS
from selfplay.drift.tables.files.blocks import Kind
from selfplay.errors import ArgumentError

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a watch; columns are named as in the header."""

    window: int = 1000
    """Rows in a window, where `every` is None."""
    every: float | None = None
    """Seconds that a window covers, by the column `time`; windows begin at multiples of it since 1970, UTC."""
    time: str | None = None
    """The column of times; None: the only one of that type."""
    group: str | None = None
    """The column that tells which rows belong together and are not independent; tests see one row a group."""
    label: str | None = None
    prediction: str | None = None
    """The columns of true and predicted classes, both or neither."""
    score: str | None = None
    """The column of scores of the positive class, the higher the likelier."""
    positive: str | None = None
    """The positive class of two; None: 1, true or yes, else the later in the alphabet."""
    types: dict[str, Kind] = dataclasses.field(default_factory=dict)
    """Types of columns that are not to be inferred."""
    only: tuple[str, ...] = ()
    """The columns to compare; none: all of the reference."""
    ignore: tuple[str, ...] = ()
    """Columns to leave out."""
    missing: frozenset[str] = MISSING_TEXTS
    """Texts that stand for a missing cell."""
    alpha: float = 0.01
    """Chance, at most, that a whole report names any column that has not drifted."""
    least_psi: float = 0.0
    """A column's values drift only if their population stability index is at least this, too."""
    sample: int = 100_000
    """Rows of the reference, and of each window, that tests and medians use at most, drawn at random."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window < 1 or self.sample < 100:
            raise ArgumentError(
                f"a window of {self.window} rows, a sample of {self.sample}: expected at least 1 and 100."
            )
        if (self.label is None) != (self.prediction is None):
            given, other = ("label", "prediction") if self.label is not None else ("prediction", "label")
            raise ArgumentError(f"a {given} column without a {other} column: performance needs both.")
        if self.label is None and (self.score is not None or self.positive is not None):
            raise ArgumentError("a score or positive class is of use only with label and prediction columns.")
        if not 0 < self.alpha < 1:
            raise ArgumentError(f"the rate of false alarms is {self.alpha}: expected a number between 0 and 1.")

    def named(self) -> dict[str, str]:
        """Columns that are named, and what for."""
        roles = {"time": self.time, "group": self.group, "label": self.label, "prediction": self.prediction,
                 "score": self.score}  # fmt: skip
        found = {column: role for role, column in roles.items() if column is not None}
        for column in (*self.types, *self.only, *self.ignore):
            found.setdefault(column, "column")
        return found


def duration(text: str) -> float:
    """Seconds of a duration such as 90s, 15min, 6h, 1d or 2w. Raises ArgumentError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", text.strip())
    seconds = float(match[1]) * SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ArgumentError(f"'{text}' is no duration: expected a number and s, min, h, d or w, such as 6h or 1d.")
    return seconds
