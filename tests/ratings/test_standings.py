"""Tables of a tournament: published ratings, honest bounds, circles pointed out, files that programs can read."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from selfplay.league import payoff
from selfplay.loop import plots
from selfplay.ratings import elo as rating
from selfplay.ratings import standings

NAMES = ["first", "second", "third"]


def pairs_of(rows: list[tuple[int, int, dict[tuple[int, int], int]]], size: int) -> np.ndarray:
    """[K, K, 3, 3] from (i, j, {half points of i moving first, moving second: how many pairs})."""
    pairs = np.zeros((size, size, 3, 3), dtype=np.int64)
    for i, j, counts in rows:
        for (x, y), number in counts.items():
            pairs[i, j, x, y] = number
    return pairs


# A–B and B–C: 18 won, 9 drawn, 3 lost of 30; A–C: 24 won, 6 drawn.
EVEN = {(2, 2): 6, (2, 1): 3, (1, 2): 3, (2, 0): 0, (0, 1): 1, (1, 0): 2}
PUBLISHED = pairs_of([(0, 1, EVEN), (1, 2, EVEN), (0, 2, {(2, 2): 9, (2, 1): 3, (1, 2): 3})], 3)


def test_the_table_is_in_order_and_its_ratings_are_those_of_the_fit() -> None:
    found = standings.compute(NAMES, PUBLISHED)
    assert [row.name for row in found.rows] == NAMES
    assert [row.elo for row in found.rows] == pytest.approx(rating.fit(rating.table(PUBLISHED)).ratings.tolist())
    assert [row.elo for row in found.rows] == pytest.approx([190.8, 0, -190.8], abs=12)
    assert [row.games for row in found.rows] == [60, 60, 60] and found.rows[0].superiority > 0.99
    assert math.isnan(found.rows[-1].superiority)
    assert all(row.lower < row.elo < row.upper for row in found.rows)
    assert found.points[0, 1] == pytest.approx(1 - found.points[1, 0]) and np.isnan(found.points[1, 1])


def test_an_anchor_has_the_rating_it_was_given() -> None:
    found = standings.compute(NAMES, PUBLISHED, anchor=2, anchor_elo=1500.0)
    assert found.rows[2].elo == found.rows[2].lower == found.rows[2].upper == 1500
    elo, low, high = standings.gain(found, 0, 2)
    assert elo == pytest.approx(found.rows[0].elo - 1500) and low < elo < high


def test_players_without_games_are_left_out_and_no_games_are_no_table() -> None:
    four = np.zeros((4, 4, 3, 3), dtype=np.int64)
    four[np.ix_([0, 1, 3], [0, 1, 3])] = PUBLISHED
    found = standings.compute(["first", "second", "absent", "third"], four)
    assert [row.name for row in found.rows] == NAMES and [row.player for row in found.rows] == [0, 1, 3]
    assert np.isnan(found.points[2]).all()
    assert standings.gain(found, 0, 3)[0] == pytest.approx(found.rows[0].elo - found.rows[2].elo)
    with pytest.raises(ValueError, match="no games"):
        standings.compute(NAMES, np.zeros((3, 3, 3, 3)))


def blocks_of(
    scores: dict[tuple[str, str], float], roles: tuple[str, ...], spread: float = 0.03
) -> list[payoff.PayoffTable]:
    """Ten tables about these scores, half above and half below."""
    tables = []
    for block in range(10):
        table = payoff.PayoffTable(*roles)
        for (row, column), mean in scores.items():
            table.add(row, column, mean + spread * (-1) ** block, 50.0, 0.004)
        tables.append(table)
    return tables


def test_blocks_of_scores_have_the_ratings_of_their_merged_table() -> None:
    scores = {("g1", "d1"): 0.4, ("g1", "d2"): 0.3, ("g2", "d1"): 0.6, ("g2", "d2"): 0.48}
    blocks = blocks_of(scores, ("g", "d"))
    found = standings.of_blocks(["d1", "d2", "absent", "g1", "g2"], blocks, samples=300)
    merged = payoff.PayoffTable.from_rows(("g", "d"), [row for block in blocks for row in block.rows()])
    players, results = merged.results()
    fit = rating.fit(results, draw=0, advantage=0)
    assert {row.name: row.elo for row in found.rows} == pytest.approx(
        {name: elo for (_, name), elo in zip(players, fit.ratings.tolist(), strict=True)}
    )
    assert {row.name: row.player for row in found.rows} == {"d1": 0, "d2": 1, "g1": 3, "g2": 4}
    assert [row.name for row in found.down] == ["g2", "g1"] and [row.name for row in found.across] == ["d2", "d1"]
    assert found.points[3, 1] == pytest.approx(0.3) and np.isnan(found.points[3, 4])
    assert all(row.lower < row.elo < row.upper for row in found.rows)
    assert [math.isnan(row.superiority) for row in found.down] == [False, True], "of its own role, nobody is next"
    cross = list(csv.reader(io.StringIO(standings.crosstable_csv(found))))
    assert cross[0] == ["", "d2", "d1"] and cross[2] == ["g1", "0.3000", "0.4000"]
    text = standings.as_markdown(found, "Elo", "Conditions.")
    places = {row.name: place for place, row in enumerate(found.rows, start=1)}
    assert f"| points a game | {places['d2']} | {places['d1']} |" in text
    assert len(json.loads(standings.as_json(found, {}, {"more": 1}))["crosstable"]) == 4


def test_blocks_that_hang_together_are_drawn_together() -> None:
    """Every pair is off in the same blocks by the same: what differs between blocks cancels in no rating. One role's
    rating against the other's is as unsure as a single pair's score, though there are nine pairs."""
    scores = {(f"g{i}", f"d{j}"): 0.5 for i in range(3) for j in range(3)}
    names = sorted({name for pair in scores for name in pair})
    found = standings.of_blocks(names, blocks_of(scores, ("g", "d")), samples=2000)
    # Scores of 0.5 ± 0.03 by block: the mean of ten has an error of 0.03/3, by Student's t (9) ± 2.26 of them, and the
    # roles are 4 · 400/ln 10 of that apart, half of it each side of the mean.
    half = 2.262 * 0.01 * 4 * rating.ELO / 2
    for row in found.rows:
        assert (row.upper - row.lower) / 2 == pytest.approx(half, rel=0.08)


def test_a_circle_is_pointed_out() -> None:
    beats = {(2, 2): 20, (0, 0): 5}
    found = standings.compute(NAMES, pairs_of([(0, 1, beats), (1, 2, beats), (2, 0, beats)], 3))
    assert any("circle: first beats second (80%)" in note for note in found.notes)
    assert not any("circle" in note for note in standings.compute(NAMES, PUBLISHED).notes)


def test_players_that_are_not_told_apart_are_named() -> None:
    near = {(2, 0): 6, (0, 2): 6, (2, 2): 1}
    found = standings.compute(["a", "b"], pairs_of([(0, 1, near)], 2))
    assert any("Not told apart" in note and "a and b" in note for note in found.notes)


def test_who_won_everything_has_no_upper_bound_and_files_say_so() -> None:
    found = standings.compute(["champion", "b", "c"], pairs_of([(0, 1, {(2, 2): 10}), (1, 2, EVEN)], 3))
    champion = found.rows[0]
    assert champion.upper == math.inf and "?" in standings.interval(champion)
    read = json.loads(standings.as_json(found, {"game": "x"}))
    assert read["players"][0]["upper"] is None and read["players"][-1]["superiority"] is None
    assert read["terms"] == {"game": "x"} and read["players"][0]["name"] == "champion"


def test_files_can_be_read_back() -> None:
    found = standings.compute(['a "quoted", name', "b", "c"], PUBLISHED)
    rows = list(csv.DictReader(io.StringIO(standings.as_csv(found))))
    assert [row["name"] for row in rows] == ['a "quoted", name', "b", "c"]
    assert float(rows[0]["elo"]) == pytest.approx(found.rows[0].elo, rel=1e-4)
    cross = list(csv.reader(io.StringIO(standings.crosstable_csv(found))))
    assert cross[0][1:] == [row[0] for row in cross[1:]] and cross[1][1] == ""
    assert float(cross[1][2]) + float(cross[2][1]) == pytest.approx(1)
    text = standings.as_markdown(found, "Elo", "All conditions.", ["More."])
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in tables[:5]}) == 1 and "All conditions." in text and "- More." in text


def test_a_picture_is_drawn_of_any_bounds(tmp_path: Path) -> None:
    inf = math.inf
    series = {"run": [plots.Point(0, -900, -inf, -700), plots.Point(1, 0, -20, 20), plots.Point(2, 50, 30, inf)]}
    for number, (curves, lines) in enumerate((
        (series, {"random": -1500.0}), ({}, {"a": 0.0, "b": 100.0}), ({"run": [plots.Point(3, 0, -inf, inf)]}, {}),
    )):  # fmt: skip
        path = tmp_path / f"{number}.png"
        plots.ratings(curves, lines, "title", "conditions " * 40, path)
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000
