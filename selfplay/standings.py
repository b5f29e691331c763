"""What a tournament's results say, put into tables: ratings, crosstable, circles, and how sure all of it is.

Knows players by name and results by count; `rating` does the estimating.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfplay import cycles, rating

SAMPLES = 1000  # tournaments of the bootstrap


class Row(NamedTuple):
    """One player. Elo bounds are 95 %; infinite where nothing bounds a rating on that side."""

    player: int  # number of the entrant
    name: str
    elo: float
    lower: float  # of pairs resampled
    upper: float
    error: float  # standard error, from the likelihood's curvature
    games: int
    points: float  # a game, in [0, 1]
    draws: float  # share of its games
    superiority: float  # likelihood of being stronger than the next in the table; NaN for the last


class Standings(NamedTuple):
    """All that is reported."""

    rows: list[Row]  # the strongest first
    fit: rating.Fit
    notes: list[str]  # sentences for the reader
    games: np.ndarray  # [K, K] games between two
    points: np.ndarray  # [K, K] points a game of i against j; NaN where they did not meet


def compute(
    names: Sequence[str], pairs: np.ndarray, anchor: int | None = None, anchor_elo: float = 0.0,
    samples: int = SAMPLES, seed: int = 0,
) -> Standings:  # fmt: skip
    """Ratings of K players who met in pairs of games, [K, K, 3, 3] as in `rating.table`. Players without games are left
    out of the rows. ValueError: no games."""
    met = (pairs.sum(axis=(1, 2, 3)) + pairs.sum(axis=(0, 2, 3))) > 0
    kept = np.flatnonzero(met).tolist()
    if len(kept) < 2:
        raise ValueError("there are no games to rate players by")
    at = {player: place for place, player in enumerate(kept)}
    called = [names[player] for player in kept]
    fit = rating.fit(
        rating.table(pairs[np.ix_(kept, kept)]), None if anchor is None else at.get(anchor), anchor_elo, names=called
    )
    resampled = rating.bootstrap(fit, pairs[np.ix_(kept, kept)], np.random.default_rng(seed), samples)
    wins, draws, losses = np.moveaxis(fit.results, 2, 0)
    games = (wins + draws + losses) + (wins + draws + losses).T
    points = wins + draws / 2 + (losses + draws / 2).T
    order = np.argsort(-fit.ratings, kind="stable")
    superior = rating.superiority(fit)
    rows = []
    for place, k in enumerate(order):
        after = order[place + 1] if place + 1 < len(order) else None
        rows.append(Row(
            kept[k], called[k], float(fit.ratings[k]), float(resampled.lower[k]), float(resampled.upper[k]),
            float(fit.errors[k]), int(games[k].sum()), float(points[k].sum() / games[k].sum()),
            float((draws[k] + draws[:, k]).sum() / games[k].sum()),
            math.nan if after is None else float(superior[k, after]),
        ))  # fmt: skip
    share = np.full((len(names), len(names)), np.nan)
    share[np.ix_(kept, kept)] = np.where(games > 0, points / np.maximum(games, 1), np.nan)
    number = np.zeros((len(names), len(names)), dtype=np.int64)
    number[np.ix_(kept, kept)] = games
    return Standings(rows, fit, _notes(fit, called, order), number, share)


def _notes(fit: rating.Fit, names: list[str], order: np.ndarray) -> list[str]:
    notes = list(fit.warnings)
    place_of = {int(player): place for place, player in enumerate(order)}
    neighbours = [(i, j) for i, j in rating.undecided(fit) if place_of[j] == place_of[i] + 1]
    if neighbours:
        listed = ", ".join(f"{names[i]} and {names[j]}" for i, j in neighbours)
        notes.append(f"Not told apart by these games (95 % interval of the difference holds 0): {listed}.")
    for cycle in cycles.find(fit):
        a, b, c = (names[player] for player in cycle.players)
        x, y, z = cycle.points
        notes.append(
            f"A circle: {a} beats {b} ({x:.0%}), {b} beats {c} ({y:.0%}), {c} beats {a} ({z:.0%}); "
            f"p = {cycle.p_value:.2g}. No rating can show that."
        )  # fmt: skip
    left = rating.residuals(fit)
    worst = np.unravel_index(int(np.abs(left.standardised).argmax()), left.standardised.shape)
    i, j = (int(player) for player in worst)
    if abs(left.standardised[i, j]) > 4 and abs(left.observed[i, j] - left.expected[i, j]) > 3:
        notes.append(
            f"Ratings fit badly between {names[i]} and {names[j]}: {left.observed[i, j]:g} points of "
            f"{left.games[i, j]:g} against {left.expected[i, j]:.1f} expected."
        )
    return notes


def gain(standings: Standings, stronger: int, weaker: int) -> tuple[float, float, float]:
    """(Elo between two entrants, lower, upper), 95 %."""
    place = {row.player: k for k, row in enumerate(sorted(standings.rows, key=lambda row: row.player))}
    return rating.difference(standings.fit, place[stronger], place[weaker])


# Files


def as_json(standings: Standings, terms: Mapping[str, Any]) -> str:
    """Everything, for programs; infinite bounds are null."""
    fit = standings.fit
    body = {
        "terms": dict(terms),
        "players": [
            {key: _finite(value) for key, value in row._asdict().items() if key != "player"} for row in standings.rows
        ],
        "draw": fit.draw, "advantage": fit.advantage, "advantage_error": fit.advantage_error,
        "crosstable": [
            {"first": row.name, "second": other.name, "games": int(standings.games[row.player, other.player]),
             "points": float(standings.points[row.player, other.player])}
            for row in standings.rows for other in standings.rows if standings.games[row.player, other.player]
        ],
        "notes": standings.notes,
    }  # fmt: skip
    return json.dumps(body, indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_csv(standings: Standings) -> str:
    """The table of ratings."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(Row._fields[1:])
    for row in standings.rows:
        writer.writerow([row.name, *(f"{value:.6g}" for value in row[2:])])
    return file.getvalue()


def crosstable_csv(standings: Standings) -> str:
    """Points a game of the row's player against the column's, and empty where they did not meet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["", *(row.name for row in standings.rows)])
    for row in standings.rows:
        cells = (standings.points[row.player, other.player] for other in standings.rows)
        writer.writerow([row.name, *("" if math.isnan(cell) else f"{cell:.4f}" for cell in cells)])
    return file.getvalue()


def as_markdown(standings: Standings, title: str, conditions: str, extra: Sequence[str] = ()) -> str:
    """The table and the crosstable for a document. conditions: games, pairing, openings and simulations, in words."""
    lines = [f"# {title}", "", conditions, "", "| # | player | Elo | 95 % | games | points | draws | LOS |",
             "|---:|---|---:|---|---:|---:|---:|---:|"]  # fmt: skip
    for place, row in enumerate(standings.rows, start=1):
        cell = (place, row.name, f"{row.elo:+.0f}", interval(row), row.games, f"{row.points:.1%}", f"{row.draws:.1%}")
        lines.append(f"| {' | '.join(map(str, cell))} | {sure(row)} |")
    lines += ["", "LOS: likelihood of being stronger than the next.", "", "| points a game | "
              + " | ".join(str(place) for place in range(1, len(standings.rows) + 1)) + " |",
              "|---|" + "---:|" * len(standings.rows)]  # fmt: skip
    for place, row in enumerate(standings.rows, start=1):
        lines.append(f"| {place} {row.name} | " + " | ".join(cells(standings, row)) + " |")
    lines += ["", *(f"- {note}" for note in [*extra, *standings.notes])]
    return "\n".join(lines) + "\n"


def cells(standings: Standings, row: Row) -> list[str]:
    """One line of the crosstable: percents of the points, in the order of the rows."""
    share = (standings.points[row.player, other.player] for other in standings.rows)
    return ["·" if math.isnan(points) else f"{points:.0%}".rstrip("%") for points in share]


def interval(row: Row) -> str:
    """A row's bounds as text: "−12 to +40", with "?" where there is none."""
    low, high = (f"{bound:+.0f}" if math.isfinite(bound) else "?" for bound in (row.lower, row.upper))
    return f"{low} to {high}"


def sure(row: Row) -> str:
    """A row's superiority as text; empty for the last."""
    if math.isnan(row.superiority):
        return ""
    return f"{row.superiority:.1%}" if row.superiority < 0.9995 else "> 99.9%"
