"""Types of columns, and their cells as numbers: floats of numeric and time columns, hashes of categories.

A type is inferred from the first rows of the reference, unless it is given or the file states it. A cell that is not of
its column's type counts as missing and is told of, once a column.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from selfplay.drift.tables.files.blocks import Cells, Kind

NONE = 0  # in place of the hash of a category: a missing cell
FALSE, TRUE, WRONG = 1, 2, 3
TOLD = 2000  # cells by which a type is inferred
MISSING_TEXTS = frozenset(("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "<NA>"))
TRUE_TEXTS, FALSE_TEXTS = frozenset(("true", "t", "yes", "y")), frozenset(("false", "f", "no", "n"))
REMEMBERED = 10_000  # texts a column whose hashes are kept
NAMED = 1000  # of them that can be shown
ENOUGH = 0.9  # share of a column's cells that are of a type, for it to be the column's


class Column:
    """A column's name and type, and what its cells have shown."""

    def __init__(self, name: str, kind: Kind, missing: frozenset[str] = MISSING_TEXTS) -> None:
        self.name = name
        self.kind: Kind = kind
        self.wrong = 0  # cells that are not of the type
        self.wrong_example: tuple[str, str] | None = None  # the first, and where it stands
        self.names: dict[int, str] = {FALSE: "false", TRUE: "true"} if kind == "boolean" else {}
        self._missing = missing
        self._hashes = _Hashes(self.names, missing)

    @property
    def coded(self) -> bool:
        return self.kind in ("categorical", "boolean")

    def parse(self, cells: Cells, place: Callable[[int], str]) -> np.ndarray:
        """The cells [n]: float64, NaN where missing; or uint64, hashes of categories. place: where a row stands."""
        wrong: list[int] = []
        if self.kind == "boolean":
            values, wrong = self._booleans(cells)
        elif self.kind == "categorical":
            texts = _texts(cells) if isinstance(cells, np.ndarray) else cells
            values = np.fromiter(map(self._hashes.__getitem__, texts), np.uint64, len(texts))
        else:
            values, wrong = self._numbers(cells)
        if wrong and self.wrong_example is None:
            self.wrong_example = (str(cells[wrong[0]]), place(wrong[0]))
        self.wrong += len(wrong)
        return values

    def _numbers(self, cells: Cells) -> tuple[np.ndarray, list[int]]:
        wrong: list[int] = []
        if isinstance(cells, np.ndarray):
            values = np.array(cells)
        else:
            values, wrong = (_seconds if self.kind == "time" else _floats)(cells, self._missing)
        infinite = np.isinf(values)
        if infinite.any():
            wrong = sorted({*wrong, *np.flatnonzero(infinite).tolist()})
            values[infinite] = np.nan
        return values, wrong

    def _booleans(self, cells: Cells) -> tuple[np.ndarray, list[int]]:
        if isinstance(cells, np.ndarray):
            values = np.where(cells == 0, FALSE, np.where(cells == 1, TRUE, NONE)).astype(np.uint64)
            return values, np.flatnonzero((values == NONE) & ~np.isnan(cells)).tolist()
        table = {text: _truth(text, self._missing) for text in set(cells)}
        values = np.fromiter(map(table.__getitem__, cells), np.uint64, len(cells))
        wrong = np.flatnonzero(values == WRONG).tolist()
        values[wrong] = NONE
        return values, wrong


class _Hashes(dict[str, int]):
    """Hashes of texts, those seen first remembered."""

    def __init__(self, names: dict[int, str], missing: frozenset[str]) -> None:
        super().__init__(dict.fromkeys(missing, NONE))
        self._names = names

    def __missing__(self, text: str) -> int:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        value = int.from_bytes(digest, "little") or 1
        if len(self) < REMEMBERED:
            self[text] = value
            if len(self._names) < NAMED:
                self._names[value] = text
        return value


def infer(cells: Sequence[str], missing: frozenset[str] = MISSING_TEXTS) -> Kind:
    """The type that nearly all cells are of; categorical where there is none, or no cell to tell by."""
    present = [text for text in cells if text not in missing]
    present = present[:: max(len(present) // TOLD, 1)]
    enough = ENOUGH * len(present)
    if not present:
        return "categorical"
    if len(present) - len(_floats(present, missing)[1]) >= enough:
        return "numeric"
    if sum(text.strip().lower() in TRUE_TEXTS | FALSE_TEXTS for text in present) >= enough:
        return "boolean"
    if sum(_moment(text) is not None for text in present) >= enough:
        return "time"
    return "categorical"


def _truth(text: str, missing: frozenset[str]) -> int:
    """TRUE, FALSE, NONE for a missing cell, or WRONG."""
    if text in missing:
        return NONE
    plain = text.strip().lower()
    if plain in TRUE_TEXTS or plain in ("1", "1.0"):
        return TRUE
    return FALSE if plain in FALSE_TEXTS or plain in ("0", "0.0") else WRONG


def _floats(cells: Sequence[str], missing: frozenset[str]) -> tuple[np.ndarray, list[int]]:
    """Numbers, and the rows of cells that are none."""
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells)), []
    except ValueError:
        return _each(cells, missing, float)


def _seconds(cells: Sequence[str], missing: frozenset[str]) -> tuple[np.ndarray, list[int]]:
    """Seconds since 1970, UTC where a cell names no zone; a plain number is taken for such seconds."""
    plain = cells
    if cells and cells[0].endswith("Z"):
        plain = [text[:-1] if text.endswith("Z") else "" for text in cells]
    if min(map(len, plain), default=0) >= len("2026-01-01"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # NumPy warns of other zones
                return np.array(plain, "datetime64[us]").astype(np.int64) / 1e6, []
        except (ValueError, UserWarning, DeprecationWarning):
            pass  # each by itself, as one of them is no time or names its zone
    return _each(cells, missing, _time)


def _each(
    cells: Sequence[str], missing: frozenset[str], convert: Callable[[str], float | None]
) -> tuple[np.ndarray, list[int]]:
    values = np.full(len(cells), np.nan)
    wrong: list[int] = []
    for row, text in enumerate(cells):
        if text in missing:
            continue
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is None:
            wrong.append(row)
        else:
            values[row] = value
    return values, wrong


def _time(text: str) -> float | None:
    moment = _moment(text)
    return float(text) if moment is None else moment


def _moment(text: str) -> float | None:
    """Seconds since 1970 of a date or time in ISO 8601; None for other text."""
    text = text.strip()
    if len(text) < 8 or text.isdigit():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _texts(values: np.ndarray) -> list[str]:
    """Numbers of a typed file as categories."""
    return ["" if value != value else number_text(value) for value in values.tolist()]


def number_text(value: float) -> str:
    """A number in the fewest digits, a whole one without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def hash_texts(cells: Cells) -> np.ndarray:
    """A 64-bit hash of each cell [n], the same in every process; no text is remembered."""
    if isinstance(cells, np.ndarray):
        return hash_numbers(cells)
    hashes = _Hashes({}, frozenset())
    return np.fromiter(map(hashes.__getitem__, cells), np.uint64, len(cells))


def hash_numbers(values: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each number [n]: its bits, spread by the finalizer of SplitMix64."""
    bits = (values + 0.0).view(np.uint64)  # -0 is 0
    with np.errstate(over="ignore"):
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(bits ^ (bits >> np.uint64(31)))
