"""The standings of a tournament: ratings, crosstable, cycles, and the uncertainty of each, as tables and files.

Of games in pairs with seats swapped (`compute`), or of scores measured on blocks of data (`of_blocks`).
Knows players by name and results by count; `elo` does the estimating.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from selfplay.league import payoff
from selfplay.ratings import cycles, elo
from selfplay.storage import json_text

SAMPLES = 1000  # tournaments of the bootstrap
FEWEST_BLOCKS = 5  # with fewer to resample, intervals are the likelihood's


class Row(NamedTuple):
    """The rating of one player. Elo bounds are 95 %; infinite where nothing bounds a rating on that side."""

    player: int  # number of the participant
    name: str
    elo: float
    lower: float  # of pairs of games resampled, or of blocks
    upper: float
    error: float  # standard error, from the likelihood's curvature
    games: int
    points: float  # a game, in [0, 1]
    draws: float  # share of its games
    superiority: float  # likelihood of being stronger than the next of its role in the table; NaN for the last


class Standings(NamedTuple):
    """The standings of a tournament, as they are reported."""

    rows: list[Row]  # the strongest first
    fit: elo.Fit
    notes: list[str]  # sentences for the reader
    games: np.ndarray  # [K, K] games between two; of scores, how many won or lost games they are worth
    points: np.ndarray  # [K, K] points a game of i against j; NaN where they did not play each other
    down: list[Row]  # of the crosstable: the rows; those of the first role where there are two
    across: list[Row]  # its columns: the same list, or the rows of the second role


def compute(
    names: Sequence[str], pairs: np.ndarray, anchor: int | None = None, anchor_elo: float = 0.0,
    samples: int = SAMPLES, seed: int = 0,
) -> Standings:  # fmt: skip
    """Ratings of K players from pairs of games, [K, K, 3, 3] as in `elo.table`. Players without games are left
    out of the rows. ValueError: no games."""
    met = (pairs.sum(axis=(1, 2, 3)) + pairs.sum(axis=(0, 2, 3))) > 0
    kept = np.flatnonzero(met).tolist()
    if len(kept) < 2:
        raise ValueError("there are no games to rate players by")
    at = {player: place for place, player in enumerate(kept)}
    called = [names[player] for player in kept]
    fit = elo.fit(
        elo.table(pairs[np.ix_(kept, kept)]), None if anchor is None else at.get(anchor), anchor_elo, names=called
    )
    resampled = elo.bootstrap(fit, pairs[np.ix_(kept, kept)], np.random.default_rng(seed), samples)
    return _tabled(names, kept, [""] * len(kept), fit, resampled)


def of_blocks(
    names: Sequence[str], blocks: Sequence[payoff.PayoffTable], anchor: int | None = None, anchor_elo: float = 0.0,
    samples: int = SAMPLES, seed: int = 0,
) -> Standings:  # fmt: skip
    """Ratings of K players from payoff tables, one a block of data: what was measured within a block may hang together,
    blocks do not. With two roles both are on one scale, with one anchor, and the crosstable has a role a side.

    The ratings are Bradley–Terry strengths of the merged table, each score counting as its effective games. Intervals
    are by resampling blocks whole; with fewer than five, and in `Row.error` always, by the likelihood's curvature, for
    which scores are independent. names: of all players, whatever their role. ValueError: no results."""
    if not blocks or not any(block.rows() for block in blocks):
        raise ValueError("there are no scores to rate players by")
    merged = payoff.PayoffTable.from_rows(blocks[0].roles, (row for block in blocks for row in block.rows()))
    players, results = merged.results()
    number = {name: k for k, name in enumerate(names)}
    kept = [number[name] for _, name in players]
    place = kept.index(anchor) if anchor in kept else None
    called = [name for _, name in players]
    fit = elo.fit(results, place, anchor_elo, draw=0.0, advantage=0.0, names=called)
    if len(blocks) < FEWEST_BLOCKS:
        resampled = elo.Bootstrap(fit.ratings[None], fit.lower, fit.upper)
    else:
        resampled = elo.refitted(fit, _reweighted(fit, called, blocks, np.random.default_rng(seed), samples))
    return _tabled(names, kept, [role for role, _ in players], fit, resampled)


def _reweighted(
    fit: elo.Fit, names: list[str], blocks: Sequence[payoff.PayoffTable], rng: np.random.Generator, samples: int
) -> Iterator[np.ndarray]:
    """[K, K, 3] tables in which the B blocks weigh differently: the Bayesian bootstrap (Rubin 1981), which leaves no
    pair without a score. Dirichlet weights whose parameter gives a mean over blocks the variance of Student's
    interval: that of B weights of parameter α is the blocks' own, /(Bα + 1), and t² s²/(B (1.96)²) is asked for."""
    from scipy import special

    size, at = len(names), {name: place for place, name in enumerate(names)}
    games, won = np.zeros((2, len(blocks), size, size))
    for number, block in enumerate(blocks):
        for entry in block.rows():
            i, j = at[entry["row"]], at[entry["column"]]
            games[number, i, j] = games[number, j, i] = entry["games"]
            won[number, i, j] = entry["games"] * entry["score"]
            won[number, j, i] = entry["games"] * (1 - entry["score"])
    free = len(blocks) - 1
    wider = float(special.stdtrit(free, 0.975)) / elo.Z95
    alpha = (free / wider**2 - 1) / len(blocks)
    counts = fit.results.sum(axis=2)
    for weights in rng.dirichlet(np.full(len(blocks), alpha), size=samples):
        weight = np.tensordot(weights, games, axes=1)
        score = np.divide(np.tensordot(weights, won, axes=1), weight, out=np.full_like(weight, 0.5), where=weight > 0)
        yield np.stack([counts * score, np.zeros_like(score), counts * (1 - score)], axis=2)


def _tabled(
    names: Sequence[str], kept: list[int], roles: list[str], fit: elo.Fit, resampled: elo.Bootstrap
) -> Standings:
    """kept: the players that the fit is of; roles: of these."""
    called = [names[player] for player in kept]
    wins, draws, losses = np.moveaxis(fit.results, 2, 0)
    games = (wins + draws + losses) + (wins + draws + losses).T
    points = wins + draws / 2 + (losses + draws / 2).T
    order = np.argsort(-fit.ratings, kind="stable").tolist()
    by_role = [[k for k in order if roles[k] == role] for role in dict.fromkeys(roles)]
    following = {k: after for same in by_role for k, after in pairwise(same)}
    superior = elo.superiority(fit)
    rows = []
    for k in order:
        rows.append(Row(
            kept[k], called[k], float(fit.ratings[k]), float(resampled.lower[k]), float(resampled.upper[k]),
            float(fit.errors[k]), round(games[k].sum()), float(points[k].sum() / games[k].sum()),
            float((draws[k] + draws[:, k]).sum() / games[k].sum()),
            float(superior[k, following[k]]) if k in following else math.nan,
        ))  # fmt: skip
    share = np.full((len(names), len(names)), np.nan)
    share[np.ix_(kept, kept)] = np.where(games > 0, points / np.where(games > 0, games, 1), np.nan)
    number = np.zeros((len(names), len(names)), dtype=np.int64)
    number[np.ix_(kept, kept)] = np.rint(games)
    row_of = dict(zip(order, rows, strict=True))
    sides = [[row_of[k] for k in same] for same in by_role]
    return Standings(rows, fit, _notes(fit, called, following), number, share, sides[0], sides[-1])


def _notes(fit: elo.Fit, names: list[str], following: Mapping[int, int]) -> list[str]:
    """following: the next in the table of the same role."""
    notes = list(fit.warnings)
    neighbours = [(i, j) for i, j in elo.undecided(fit) if following.get(i) == j]
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
    left = elo.residuals(fit)
    worst = np.unravel_index(int(np.abs(left.standardised).argmax()), left.standardised.shape)
    i, j = (int(player) for player in worst)
    if abs(left.standardised[i, j]) > 4 and abs(left.observed[i, j] - left.expected[i, j]) > 3:
        notes.append(
            f"Ratings fit badly between {names[i]} and {names[j]}: {left.observed[i, j]:g} points of "
            f"{left.games[i, j]:g} against {left.expected[i, j]:.1f} expected."
        )
    return notes


def gain(standings: Standings, stronger: int, weaker: int) -> tuple[float, float, float]:
    """(Elo between two participants, lower, upper), 95 %."""
    place = {row.player: k for k, row in enumerate(sorted(standings.rows, key=lambda row: row.player))}
    return elo.difference(standings.fit, place[stronger], place[weaker])


# Files


def as_json(standings: Standings, terms: Mapping[str, Any], measures: Mapping[str, Any] | None = None) -> str:
    """Everything, for programs; infinite bounds are null. measures: what else was read off the results."""
    fit = standings.fit
    body = {
        "terms": dict(terms),
        "players": [
            {key: value for key, value in row._asdict().items() if key != "player"} for row in standings.rows
        ],
        "draw": fit.draw, "advantage": fit.advantage, "advantage_error": fit.advantage_error,
        "crosstable": [
            {"first": row.name, "second": other.name, "games": int(standings.games[row.player, other.player]),
             "points": float(standings.points[row.player, other.player])}
            for row in standings.down for other in standings.across if standings.games[row.player, other.player]
        ],
        "notes": standings.notes,
    } | ({} if measures is None else {"measures": dict(measures)})  # fmt: skip
    return json_text.dumps(body, indent=1) + "\n"


def as_csv(standings: Standings) -> str:
    """The table of ratings."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(Row._fields[1:])
    for row in standings.rows:
        writer.writerow([row.name, *(f"{value:.6g}" for value in row[2:])])
    return file.getvalue()


def crosstable_csv(standings: Standings) -> str:
    """Points a game of the row's player against the column's, and empty where they did not play each other."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["", *(row.name for row in standings.across)])
    for row in standings.down:
        cells = (standings.points[row.player, other.player] for other in standings.across)
        writer.writerow([row.name, *("" if math.isnan(cell) else f"{cell:.4f}" for cell in cells)])
    return file.getvalue()


def as_markdown(standings: Standings, title: str, conditions: str, extra: Sequence[str] = ()) -> str:
    """The table and the crosstable for a document. conditions: games, pairing, openings and simulations, in words."""
    lines = [f"# {title}", "", conditions, "", "| # | player | Elo | 95 % | games | points | draws | LOS |",
             "|---:|---|---:|---|---:|---:|---:|---:|"]  # fmt: skip
    for place, row in enumerate(standings.rows, start=1):
        cell = (place, row.name, f"{row.elo:+.0f}", interval(row), row.games, f"{row.points:.1%}", f"{row.draws:.1%}")
        lines.append(f"| {' | '.join(map(str, cell))} | {sure(row)} |")
    down, across = crosstable_places(standings)
    lines += ["", "LOS: likelihood of being stronger than the next.", "", "| points a game | "
              + " | ".join(map(str, across)) + " |", "|---|" + "---:|" * len(across)]  # fmt: skip
    for place, row in zip(down, standings.down, strict=True):
        lines.append(f"| {place} {row.name} | " + " | ".join(cells(standings, row)) + " |")
    lines += ["", *(f"- {note}" for note in [*extra, *standings.notes])]
    return "\n".join(lines) + "\n"


def crosstable_places(standings: Standings) -> tuple[list[int], list[int]]:
    """Places in the table of ratings, from 1, of the crosstable's rows and of its columns."""
    place_of = {row.player: place for place, row in enumerate(standings.rows, start=1)}
    down, across = ([place_of[row.player] for row in side] for side in (standings.down, standings.across))
    return down, across


def cells(standings: Standings, row: Row) -> list[str]:
    """One line of the crosstable: percents of the points, in the order of its columns."""
    share = (standings.points[row.player, other.player] for other in standings.across)
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
