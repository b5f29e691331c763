"""Statistics and tables of a sweep, against numbers worked out by hand."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest

from selfplay.sweeps import curve, plan, report, statistics
from selfplay.sweeps.measuring import Metric
from selfplay.sweeps.plan import Budget, Measure

MISTAKES = Metric("mistakes", "mistakes in all positions", "share", "lower")
SWEEP = plan.make("tic-tac-toe", None, [], [("base", ()), ("few", ("actor.num_simulations=8",))], (1, 2, 3),
                  Budget("generations", 2.0), Measure())  # fmt: skip


def results(**by_arm: dict[int, float]) -> dict[str, dict[str, Any]]:
    return {
        f"{arm}-{seed}": {"arm": arm, "seed": seed, "metrics": {"mistakes": value}, "generation": 2, "games": 10 * seed}
        for arm, values in by_arm.items() for seed, value in values.items()
    }  # fmt: skip


def test_the_interval_is_students() -> None:
    # Five values, mean 3, standard deviation √2.5; t(4, 97.5 %) = 2.776 from tables.
    found = statistics.estimate([1, 2, 3, 4, 5])
    half = 2.776 * math.sqrt(2.5) / math.sqrt(5)
    assert (found.mean, found.n) == (3, 5)
    assert np.allclose([found.low, found.high], [3 - half, 3 + half], atol=1e-3)
    one = statistics.estimate([0.5])
    assert one.mean == 0.5 and math.isnan(one.low) and math.isnan(one.high)


def test_the_interval_holds_its_level_over_many_samples() -> None:
    draws = np.random.default_rng(0).normal(size=(4000, 3))
    found = [statistics.estimate(row.tolist()) for row in draws]
    held = np.mean([one.low <= 0 <= one.high for one in found])
    assert 0.94 < held < 0.96


def test_a_difference_is_paired_by_seed_over_the_seeds_that_both_have() -> None:
    base = {1: 0.10, 2: 0.20, 3: 0.30}
    found = statistics.difference({3: 0.27, 1: 0.08, 4: 0.9}, base)
    assert found is not None and found.n == 2 and np.isclose(found.mean, -0.025)
    assert statistics.difference({9: 1.0}, base) is None
    # All seeds one point better: certain, although the arms overlap widely.
    sure = statistics.difference({seed: value - 0.01 for seed, value in base.items()}, base)
    assert sure is not None and sure.high < 0 and statistics.verdict(sure, "lower") == "better"


@pytest.mark.parametrize(
    ("values", "better", "said"),
    [
        ([0.1, 0.11, 0.12], "higher", "better"),
        ([0.1, 0.11, 0.12], "lower", "worse"),
        ([-0.1, -0.11, -0.12], "higher", "worse"),
        ([-0.1, 0.2, 0.1], "lower", "3 seeds cannot tell"),
        ([0.3], "lower", "one seed cannot tell"),
        ([0.1, math.nan], "lower", "cannot tell"),
        ([0.1, 0.11, 0.12], "neither", ""),
    ],
)
def test_a_verdict_says_better_or_worse_only_where_the_interval_leaves_out_zero(
    values: list[float], better: str, said: str
) -> None:
    assert statistics.verdict(statistics.estimate(values), better) == said


def test_the_table_compares_arms_with_the_first_and_leaves_out_what_is_not_measured() -> None:
    found = report.rows(SWEEP, results(base={1: 0.1, 2: 0.2, 3: 0.3}, few={1: 0.2, 2: 0.31, 3: 0.39}), [MISTAKES])
    first, second = found
    assert first.difference is None and second.difference is not None
    assert np.isclose(second.difference.mean, 0.1) and second.verdict == "worse"
    lines = list(csv.DictReader(io.StringIO(report.table(found))))
    assert [line["arm"] for line in lines] == ["base", "few"] and lines[0]["difference"] == ""
    assert float(lines[1]["difference"]) == second.difference.mean and lines[1]["pairs"] == "3"
    assert [row.arm for row in report.rows(SWEEP, results(few={1: 0.2}), [MISTAKES])] == ["few"]


def test_the_text_shows_means_intervals_differences_and_what_trials_made() -> None:
    measured = results(base={1: 0.1, 2: 0.2, 3: 0.3}, few={1: 0.2, 2: 0.31, 3: 0.39})
    text = report.text(SWEEP, measured, report.rows(SWEEP, measured, [MISTAKES]), ["On 7 positions."])
    for words in ("2 arms, 3 seeds, 2 generations a trial", "On 7 positions.", "lower is better", "20.00 % ± 24.84 %",
                  "+10.00 (+7.52 to +12.48)  worse", "generations", "2.0"):  # fmt: skip
        assert words in text, text


def test_json_lines_have_a_line_a_trial_and_a_line_a_row() -> None:
    measured = results(base={1: 0.1}, few={1: 0.2})
    lines = [json.loads(line) for line in report.json_lines(
        measured, report.rows(SWEEP, measured, [MISTAKES])).splitlines()]  # fmt: skip
    assert [line["trial"]["arm"] for line in lines[:2]] == ["base", "few"]
    assert lines[3]["row"]["difference"] == pytest.approx(0.1) and lines[3]["row"]["low"] is None


def test_a_band_is_drawn_where_all_seeds_are_known() -> None:
    x = np.array([0.0, 1.0, 2.0])
    grid, mean, low, high = curve.band([(x, x), (x + 1, 3 * x)])
    assert (grid[0], grid[-1]) == (1.0, 2.0)
    assert np.allclose([mean[0], low[0], high[0]], [0.5, 0, 1]) and np.allclose(mean[-1], (2 + 3) / 2)
    apart = curve.band([(np.array([0.0]), np.array([1.0])), (np.array([2.0]), np.array([3.0]))])
    assert [part.tolist() for part in apart] == [[1.0], [2.0], [1.0], [3.0]]
