"""The report of a tournament: tables on the screen, and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from selfplay.ratings.standings import Standings


WIDE = 250  # columns where there is no terminal to fit


class TournamentReport(NamedTuple):
    """The contents of a report, on the screen and in files."""

    title: str
    standings: Standings
    terms: dict[str, Any]  # for programs
    conditions: str  # games, pairing, openings and simulations, in a sentence or two
    extra: list[str]  # further sentences
    series: dict[int, tuple[str, int]]  # by participant: the curve it belongs to, and its generation; others are lines
    kept: str  # where the results are that it rests on
    measures: dict[str, Any] | None = None  # what else is read off the results, for programs


def write(out: Path, report: TournamentReport) -> None:
    """ratings.json, .csv and .md, crosstable.csv, elo.png."""
    from selfplay.loop import plots
    from selfplay.ratings import standings
    from selfplay.storage import records

    found, title = report.standings, report.title
    for name, text in (
        ("ratings.json", standings.as_json(found, report.terms | {"conditions": report.conditions}, report.measures)),
        ("ratings.csv", standings.as_csv(found)), ("crosstable.csv", standings.crosstable_csv(found)),
        ("ratings.md", standings.as_markdown(found, title, report.conditions, report.extra)),
    ):  # fmt: skip
        records.replace(out / name, text.encode())
    curves: dict[str, list[plots.Point]] = {}
    lines: dict[str, float] = {}
    for row in found.rows:
        if row.player in report.series:
            curve, generation = report.series[row.player]
            curves.setdefault(curve, []).append(plots.Point(generation, row.elo, row.lower, row.upper))
        else:
            lines[row.name] = row.elo
    curves = {curve: sorted(points) for curve, points in sorted(curves.items())}
    plots.ratings(curves, lines, title, report.conditions, out / "elo.png")


def show(out: Path, report: TournamentReport) -> None:
    """Tables and sentences."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from selfplay.ratings import standings

    console, found = Console(), report.standings
    if not console.is_terminal:
        console = Console(width=WIDE)
    look: dict[str, Any] = {"box": box.SIMPLE_HEAD, "collapse_padding": True, "pad_edge": False}
    table = Table("#", "player", "Elo", "95 %", "games", "points", "draws", "LOS", **look)
    down, across = standings.crosstable_places(found)
    cross = Table("points a game, %", *map(str, across), **look)
    for column in [*table.columns, *cross.columns]:
        column.justify = "left" if column.header in ("player", "points a game, %") else "right"
        column.no_wrap = True
    for place, row in enumerate(found.rows, start=1):
        shares = (f"{row.points:.1%}", f"{row.draws:.1%}", standings.sure(row))
        table.add_row(str(place), row.name, f"{row.elo:+.0f}", standings.interval(row), str(row.games), *shares)
    for place, row in zip(down, found.down, strict=True):
        cross.add_row(f"{place} {row.name}", *standings.cells(found, row))
    console.print(table)
    console.print(cross)
    written = f"Written to {out}: ratings.md, .csv, .json, elo.png, {report.kept}."
    for sentence in (report.conditions, *report.extra, *found.notes, written):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
