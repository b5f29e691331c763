"""Windows of a table against a reference: what is found, and how often nothing is called something."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import made
import numpy as np
import pytest

from selfplay.drift.tables import report
from selfplay.drift.tables.alarm import AlphaSpending
from selfplay.drift.tables.files.blocks import TableError
from selfplay.drift.tables.files.csv_table import CsvTable, Options
from selfplay.drift.tables.report import Tally
from selfplay.drift.tables.settings import Settings, duration
from selfplay.drift.tables.watch import Watch, Window
from selfplay.errors import ArgumentError

LABELLED = {"label": "label", "prediction": "guess", "score": "score"}


def text(count: int, seed: int, **changed: np.ndarray) -> str:
    return made.csv_of(made.rows(count, np.random.default_rng(seed), **changed))


def test_the_levels_of_all_windows_add_up_to_the_stated_rate() -> None:
    spending = AlphaSpending(0.05, 7)
    levels = np.array([spending.next() for _ in range(100_000)])
    assert (np.diff(levels) < 0).all() and 0.04 < levels.sum() * 7 < 0.05


@pytest.mark.slow
def test_files_without_drift_alarm_no_oftener_than_stated() -> None:
    """300 reports at 5 %: 15 would be the stated rate, and more than 26 have a chance below 0.5 %."""
    alarmed = 0
    for seed in range(300):
        rng = np.random.default_rng([seed, 99])
        kwargs = LABELLED if seed % 2 else {"group": None}
        reference = made.csv_of(made.rows(int(rng.integers(60, 900)), rng))
        file = made.csv_of(made.rows(int(rng.integers(100, 1500)), rng))
        _, windows = made.watched(reference, file, alpha=0.05, window=int(rng.integers(30, 300)), **kwargs)
        alarmed += bool(made.drifted(windows))
    assert alarmed <= 26


def test_a_few_files_without_drift_have_none() -> None:
    for seed in range(5):
        _, windows = made.watched(text(800, seed), text(2000, seed + 100), window=250, **LABELLED)
        assert made.drifted(windows) == set() and len(windows) == 8


def grouped(count: int, size: int, rng: np.random.Generator) -> str:
    """Rows in groups that share a value but for a little: `count` groups of `size` rows."""
    game = np.repeat(np.arange(count), size)
    height = np.repeat(rng.normal(size=count), size) + rng.normal(size=count * size) * 0.05
    return made.csv_of({"game": game.astype(str), "height": height.round(4).astype(str)})


def test_rows_of_a_group_count_once() -> None:
    """Forty rows a game as if they were independent alarm in nearly every file; one row a game, in hardly any."""
    rows = groups = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        reference, file = grouped(150, 40, rng), grouped(150, 40, rng)
        rows += bool(made.drifted(made.watched(reference, file, window=2000, ignore=("game",))[1]))
        groups += bool(made.drifted(made.watched(reference, file, window=2000, group="game")[1]))
    assert rows >= 6 and groups == 0


def with_new(rng: np.random.Generator, count: int) -> np.ndarray:
    """Cities as before but for one in fifty, which has one of nine new names."""
    new = np.char.add("new ", rng.integers(0, 9, count).astype(str))
    return np.where(rng.random(count) < 0.02, new, made.rows(count, rng)["city"])


def with_gaps(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.where(rng.random(count) < 0.3, "", made.rows(count, rng)["income"])


CHANGES = {
    ("age", "values"): lambda rng, n: rng.integers(30, 99, n).astype(str),
    ("city", "values"): lambda rng, n: rng.choice(made.CITIES, n),
    ("city", "rare or new"): with_new,
    ("income", "missing"): with_gaps,
    ("active", "values"): lambda rng, n: np.where(rng.random(n) < 0.5, "true", "false"),
    ("visits", "values"): lambda rng, n: rng.poisson(6, n).astype(str),
    ("guess", "errors"): lambda rng, n: rng.integers(0, 2, n).astype(str),
}


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
def test_a_change_is_found_in_its_window_by_its_test(change: tuple[str, str]) -> None:
    rng = np.random.default_rng(11)
    before, after = made.rows(3000, rng), made.rows(1000, rng)
    after[change[0]] = CHANGES[change](rng, 1000)
    file = {name: np.concatenate([before[name], after[name]]) for name in before}
    _, windows = made.watched(text(4000, 1), made.csv_of(file), window=1000, **LABELLED)
    assert made.drifted(windows[:3]) == set()
    assert change in made.drifted(windows[3:]) and {column for column, _ in made.drifted(windows)} == {change[0]}


def test_a_reported_drift_says_what_it_is_of() -> None:
    flipped = made.rows(1000, np.random.default_rng(3))
    flipped["label"] = np.where(flipped["label"] == "1", "0", "1")
    _, windows = made.watched(text(2000, 1), made.csv_of(flipped), **LABELLED)
    assert {(test.column, test.what, test.detects) for test in windows[0].drifts} == {
        ("guess", "errors", "concept p(y|x)")
    }
    assert {test.detects for test in windows[0].tests if test.column == "label"} == {"label p(y)"}


def test_the_performance_of_each_window_is_that_of_its_rows() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rows = made.rows(2500, np.random.default_rng(2))
    watch, windows = made.watched(text(500, 1), made.csv_of(rows), window=1000, **LABELLED)
    assert [(window.first, window.last) for window in windows] == [(1, 1000), (1001, 2000), (2001, 2500)]
    for window in windows:
        part = slice(window.first - 1, window.last)
        labels, guesses, scores = (rows[name][part].astype(float) for name in ("label", "guess", "score"))
        assert window.performance is not None
        assert window.performance.accuracy == pytest.approx(metrics.accuracy_score(labels, guesses))
        assert window.performance.f1 == pytest.approx(metrics.f1_score(labels, guesses))
        assert window.performance.roc_auc == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert watch.whole is not None and watch.whole.performance is not None
    assert watch.whole.performance.accuracy == pytest.approx((rows["label"] == rows["guess"]).mean())


def test_blocks_of_any_size_give_the_same_report() -> None:
    reference, file = text(600, 1), text(2500, 2)
    reports = []
    for block in (7, 100, 16_384):
        watch = Watch(made.table(reference), made.table(file, rows=block), Settings(window=333, **LABELLED))
        reports.append([(window.first, window.last, window.tests, window.performance) for window in watch.windows()])
    assert reports[0] == reports[1] == reports[2] and len(reports[0]) == 8


def test_windows_by_time_begin_at_multiples_of_it() -> None:
    watch, windows = made.watched(text(600, 1), text(200, 2), every=3600.0)  # a row a minute, from midnight
    assert [(window.first, window.last) for window in windows] == [(1, 60), (61, 120), (121, 180), (181, 200)]
    assert all(window.begin is not None and window.begin % 3600 == 0 for window in windows) and not watch.warnings


def test_the_column_of_times_need_not_be_compared() -> None:
    _, windows = made.watched(text(600, 1), text(200, 2), every=3600.0, only=("age",))
    assert len(windows) == 4 and list(windows[0].descriptions) == ["age"]


def test_rows_late_or_without_a_time_are_counted_where_they_come() -> None:
    time = made.rows(180, np.random.default_rng(0))["time"].astype(object)
    time[0], time[70], time[130] = "", "2026-02-01T00:00:00", ""
    watch, windows = made.watched(text(600, 1), text(180, 2, time=time.astype(str)), every=3600.0)
    assert [(window.first, window.last) for window in windows] == [(1, 60), (61, 120), (121, 180)]
    assert watch.warnings == [
        "3 rows have no time, or one before their window, and were counted in the window then open."
    ]


def test_windows_by_time_need_a_column_of_times() -> None:
    with pytest.raises(TableError, match=r"windows by time need a column of times in 'reference.csv': it has none"):
        made.watched("a,b\n" + "1,2\n" * 40, "a,b\n1,2\n", every=60.0)


def test_a_window_of_a_few_rows_is_described_and_not_tested() -> None:
    _, windows = made.watched(text(500, 1), text(110, 2), window=100)
    assert [window.level is None for window in windows] == [False, True]
    assert windows[1].descriptions["age"].rows == 10 and windows[1].tests == []


def test_row_numbers_and_times_are_not_tested() -> None:
    file = {"id": np.arange(1000, 2000).astype(str), **made.rows(1000, np.random.default_rng(1))}
    reference = {"id": np.arange(1000).astype(str), **made.rows(1000, np.random.default_rng(2))}
    watch, windows = made.watched(made.csv_of(reference), made.csv_of(file))
    assert made.drifted(windows) == set() and "column 'id' only grows" in watch.warnings[0]
    _, windows = made.watched(made.csv_of(reference), made.csv_of(file), types={"id": "numeric"})
    assert made.drifted(windows) == {("id", "values")}


def test_free_text_is_compared_by_hash_and_does_not_drift() -> None:
    rng = np.random.default_rng(0)
    names = [np.char.add("user ", rng.integers(0, 10**9, 3000).astype(str)) for _ in range(2)]
    watch, windows = made.watched(text(3000, 1, city=names[0]), text(3000, 2, city=names[1]))
    assert made.drifted(windows) == set() and "more than 1000 categories" in watch.warnings[0]
    few = np.where(rng.random(3000) < 0.2, "bot", names[1])
    assert ("city", "values") in made.drifted(made.watched(text(3000, 1, city=names[0]), text(3000, 2, city=few))[1])


def test_long_tailed_categories_do_not_drift_because_the_reference_lacks_some() -> None:
    alarmed = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        tail = [np.char.add("z", rng.zipf(1.6, count).astype(str)) for count in (400, 1500)]
        files = [made.csv_of({"word": words}) for words in tail]
        alarmed += bool(made.drifted(made.watched(files[0], files[1], window=300, alpha=0.05)[1]))
    assert alarmed <= 4


def test_a_change_smaller_than_is_asked_for_is_left_alone() -> None:
    older = np.random.default_rng(5).integers(22, 94, 8000).astype(str)
    reference, file = text(8000, 1), text(8000, 2, age=older)
    assert made.drifted(made.watched(reference, file, window=8000)[1]) == {("age", "values")}
    assert made.drifted(made.watched(reference, file, window=8000, least_psi=0.1)[1]) == set()


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("age", ["x"] * 1000, "1,000 cells are no number, the first in line 2 ('x'), and counted as missing"),
        ("time", ["soon"] + ["2026-03-01"] * 999, "a cell is no time, the first in line 2 ('soon')"),
        ("active", ["true"] * 999 + ["2"], "a cell is no truth value, the first in line 1,001 ('2')"),
    ],
    ids=["numbers", "times", "truth values"],
)
def test_cells_of_a_wrong_type_are_told_once_and_missing(column: str, values: list[str], words: str) -> None:
    watch, windows = made.watched(text(500, 1), text(1000, 2, **{column: np.array(values)}))
    (warning,) = watch.warnings
    assert warning.startswith(f"'file.csv', column '{column}': {words}")
    assert windows[0].descriptions[column].missing == (1000 if column == "age" else 1)
    assert (("age", "missing") in made.drifted(windows)) == (column == "age")


def test_a_reference_without_a_cell_of_the_type_that_was_given_is_refused() -> None:
    with pytest.raises(TableError, match=r"no cell of column 'city' is numeric; the first is '\w+'"):
        made.watched(text(100, 1), text(100, 2), types={"city": "numeric"})


def test_a_table_of_one_column_and_constant_columns_are_watched() -> None:
    constant = "a,b\n" + "5,x\n" * 200
    assert made.drifted(made.watched(constant, constant)[1]) == set()
    changed = "a,b\n" + "6,y\n" * 200
    assert {column for column, _ in made.drifted(made.watched(constant, changed)[1])} == {"a", "b"}
    assert made.drifted(made.watched("n\n" + "1\n2\n" * 100, "n\n" + "1\n2\n" * 100)[1]) == set()
    empty = "a,b\n" + ",\n" * 200
    assert made.drifted(made.watched(empty, empty)[1]) == set()
    assert made.drifted(made.watched(empty, constant)[1]) == {("a", "missing"), ("b", "missing")}


def test_the_same_seed_samples_the_same_rows() -> None:
    reference, file = text(3000, 1), text(3000, 2)
    one, two, other = (
        made.watched(reference, file, window=3000, sample=200, seed=seed)[1][0].tests for seed in (1, 1, 2)
    )
    assert one == two != other


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label": "label"}, "a label column without a prediction column"),
        ({"score": "score"}, "only with label and prediction"),
        ({"alpha": 1.5}, "is 1.5: expected a number between 0 and 1"),
        ({"window": 0}, "a window of 0 rows"),
    ],
    ids=["label alone", "score alone", "rate", "window"],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Settings(**settings)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_durations() -> None:
    assert [duration(one) for one in ("90s", "15min", "6h", "1.5d", "2w")] == [90, 900, 21_600, 129_600, 1_209_600]
    for wrong in ("", "1", "h", "-1h", "0d", "1y"):
        with pytest.raises(ArgumentError, match="is no duration"):
            duration(wrong)


class Generated(io.RawIOBase):
    """A CSV file that is made as it is read, of any length."""

    def __init__(self, rows: int) -> None:
        self._lines = self._made(rows)

    def _made(self, rows: int) -> Iterator[bytes]:
        yield b"id,x,word,label,guess\n"
        rng = np.random.default_rng(0)
        for begin in range(0, rows, 500):
            x = rng.normal(size=500)
            yield "".join(f"r{begin + n},{x[n]:.6f},w{n % 9},{n % 2},{n % 2}\n" for n in range(500)).encode()

    def read(self, size: int = -1) -> bytes:
        return next(self._lines, b"")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "KEPT", 10)  # what is kept of windows is full in either file
    monkeypatch.setattr(report, "TICKS", 20)
    peaks = []
    for rows in (20_000, 80_000):
        settings = Settings(window=500, sample=2000, label="label", prediction="guess", types={"id": "categorical"})
        tracemalloc.start()
        tables = [CsvTable(Generated(rows), name, Options(rows=2048), lambda: None) for name in "ab"]  # type: ignore[arg-type]
        watch = Watch(*tables, settings)
        tally = Tally(watch.names, 0.01)
        for window in watch.windows():
            tally.add(window)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0], peaks


def test_a_timeline_of_very_many_windows_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "TICKS", 10)
    _, windows = made.watched(text(500, 1), text(400, 2, age=np.repeat(["20", "50"], 200)), window=20, **LABELLED)
    tally = Tally(["age", "city"], 0.01)
    for turn in range(5):  # 100 windows
        for window in windows:
            tally.add(
                Window(**{**vars(window), "number": turn * 20 + window.number, "first": turn * 400 + window.first})
            )
    ticks = tally.timeline.ticks
    assert len(ticks) <= 10 and sum(tick.windows for tick in ticks) == 100 and ticks[0].first == 1
    assert (tally.windows, tally.columns["age"].windows) == (100, len(made_drifts(windows, "age")) * 5)


def made_drifts(windows: list[Window], column: str) -> list[int]:
    return [window.number for window in windows if any(test.column == column for test in window.drifts)]


def test_alarms_that_follow_one_another_are_one_episode() -> None:
    age = np.where(np.arange(3000) // 500 % 2 == 0, made.rows(3000, np.random.default_rng(1))["age"], "95")
    _, windows = made.watched(text(1000, 1), text(3000, 2, age=age), window=250)
    tally = Tally(["age"], 0.01)
    for window in windows:
        tally.add(window)
    episodes = [
        (one.test.column, one.begin.number, one.end.number) for one in tally.episodes if one.test.what == "values"
    ]
    assert episodes == [("age", 3, 4), ("age", 7, 8), ("age", 11, 12)]
