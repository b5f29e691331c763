"""What a watch has found, as tables and sentences on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfplay import errors
from selfplay.drift.tables import report

if TYPE_CHECKING:
    from selfplay.drift.tables.performance import Performance
    from selfplay.drift.tables.report import Tally
    from selfplay.drift.tables.statistics import Description
    from selfplay.drift.tables.watch import Watch

WIDE = 250  # columns where there is no terminal to fit
LISTED = 20  # episodes, and windows with a performance, that are listed
MOST_CLASSES = 12  # of a confusion matrix that is shown
CORRELATION = 0.1  # change of a correlation that is told
NUMBERS = ("minimum", "median", "mean", "maximum")
LOOK: dict[str, Any] = {"pad_edge": False, "collapse_padding": True}


def show(watch: Watch, tally: Tally) -> None:
    """Tables of columns, drifts and performance, then sentences."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    _columns(console, watch, tally)
    if tally.episodes:
        _episodes(console, tally)
    if tally.performances:
        _performances(console, watch, tally)
    for sentence in (
        *_correlations(watch),
        *(f"Note: {warning}" for warning in watch.warnings),
        _verdict(watch, tally),
    ):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _table(*headers: str, left: tuple[str, ...]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, **LOOK)
    for header in headers:
        table.add_column(header, justify="left" if header in left else "right", overflow="fold")
    return table


def _columns(console: Any, watch: Watch, tally: Tally) -> None:
    """What each column is like in the reference and, where that differs, in the file."""
    assert watch.whole is not None
    table = _table("column", "type", "missing", "distinct", "min", "median", "mean", "max", left=("column", "type"))
    for column in watch.reference.layout.columns:
        before, after = watch.reference_whole.descriptions[column.name], watch.whole.descriptions[column.name]
        shown = ("minimum", "maximum") if column.kind == "time" else NUMBERS
        figures = [
            _change(*(_value(getattr(one, name), column.kind) for one in (before, after))) if name in shown else ""
            for name in NUMBERS
        ]
        table.add_row(
            _safe(column.name), column.kind, _change(f"{before.missing_share:.1%}", f"{after.missing_share:.1%}"),
            _change(_distinct(before), _distinct(after)), *figures,
            style="bold" if tally.columns[column.name].windows else None,
        )  # fmt: skip
    console.print(table)


def _episodes(console: Any, tally: Tally) -> None:
    """What drifted when, by which test; the figures are those of the window with the smallest p-value."""
    table = _table("drift in", "of", "windows", "rows", "from", "test", "detects", "statistic", "threshold", "p", "PSI",
                   left=("drift in", "of", "test", "detects", "from"))  # fmt: skip
    for episode in tally.episodes[:LISTED]:
        test, begin, end = episode.test, episode.begin, episode.end
        compared = test.comparison
        table.add_row(
            _safe(test.column), test.what, _change(f"{begin.number:,}", f"{end.number:,}", "–"),
            f"{begin.first:,}–{end.last:,}", "" if begin.begin is None else report.when(begin.begin)[:16], test.name,
            test.detects, f"{compared.statistic:.3g}", f"{compared.threshold:.3g}",
            "" if compared.p_value is None else f"{compared.p_value:.1e}",
            "" if test.psi is None else f"{test.psi:.2f}",
        )  # fmt: skip
    console.print(table)


def _performances(console: Any, watch: Watch, tally: Tally) -> None:
    assert watch.whole is not None
    table = _table("window", "rows", "from", "labelled", "accuracy", "recall", "F1", "ROC-AUC", left=("window", "from"))
    if watch.reference.performance is not None:
        table.add_row("reference", f"{watch.reference.collected.last:,}", "", *_figures(watch.reference.performance))
    for window in tally.performances[:LISTED]:
        if window.performance is not None:
            since = "" if window.begin is None else report.when(window.begin)[:16]
            rows = f"{window.first:,}–{window.last:,}"
            table.add_row(f"{window.number:,}", rows, since, *_figures(window.performance))
    whole = watch.whole.performance
    if whole is not None:
        table.add_row("all", f"{watch.whole.rows:,}", "", *_figures(whole), style="bold")
    console.print(table)
    if whole is None or not whole.rows or len(whole.classes) > MOST_CLASSES:
        return
    confusion = _table("label \\ prediction", *map(_safe, whole.classes), left=("label \\ prediction",))
    for name, counts in zip(whole.classes, whole.confusion, strict=True):
        confusion.add_row(_safe(name), *(f"{count:,}" for count in counts))
    console.print(confusion)
    of = "means over the classes" if whole.positive is None else f"of class '{_safe(whole.positive)}'"
    console.print(f"Recall and F1 are {of}.", highlight=False, markup=False)


def _figures(found: Performance) -> tuple[str, ...]:
    values = (found.accuracy, found.recall, found.f1, found.roc_auc)
    return (f"{found.rows:,}", *("–" if value is None else f"{value:.3f}" for value in values))


def _correlations(watch: Watch) -> list[str]:
    assert watch.whole is not None
    before, after = watch.reference_whole.correlations, watch.whole.correlations
    moved = sorted(((abs(after[pair] - before[pair]), pair) for pair in before if pair in after), reverse=True)[:3]
    told = [
        f"{a} and {b} {before[a, b]:+.2f} → {after[a, b]:+.2f}" for change, (a, b) in moved if change >= CORRELATION
    ]
    return [f"Correlations that changed most: {'; '.join(told)} (described, not tested)."] if told else []


def _verdict(watch: Watch, tally: Tally) -> str:
    assert watch.whole is not None
    found = (
        "nothing tested"
        if not tally.tested
        else f"drift in {tally.drifted:,} of {tally.tested:,} windows"
        if tally.drifted
        else "no drift"
    )
    episodes = len(tally.episodes) + tally.more_episodes
    more = f" ({LISTED} episodes of {episodes:,} are listed; --json gives all)" if episodes > LISTED else ""
    untested = tally.windows - tally.tested
    small = f"; {untested:,} too small to be tested" if untested else ""
    return (
        f"{watch.table.name}: {found}{more}; {watch.whole.rows:,} rows against {watch.reference.collected.last:,}"
        f"{small}. "
        f"A column that has not drifted is named in at most {tally.alpha:.3g} of reports."
    )


def _change(before: str, after: str, arrow: str = " → ") -> str:
    return before if before == after else f"{before}{arrow}{after}"


def _distinct(one: Description) -> str:
    return f"{'' if one.distinct_exact else '~'}{one.distinct:,}"


def _value(value: float | None, kind: str) -> str:
    if value is None:
        return "–"
    return report.when(value)[:16] if kind == "time" else f"{value:.4g}"


def _safe(text: str) -> str:
    return errors.shorten(text).replace("[", r"\[")
