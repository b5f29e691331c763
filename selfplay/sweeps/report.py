"""The report of a sweep: each arm's mean and interval over seeds, and its difference from the first arm, by seed.

As text for people, as CSV, and as JSON lines.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from selfplay.display import number
from selfplay.storage import json_text
from selfplay.sweeps import statistics
from selfplay.sweeps.measuring import Metric
from selfplay.sweeps.plan import Plan
from selfplay.sweeps.statistics import Estimate

Results = Mapping[str, Mapping[str, Any]]
COLUMNS = ("metric", "better", "arm", "n", "mean", "low", "high", "difference", "difference_low", "difference_high",
           "pairs", "verdict")  # fmt: skip
FIGURES = (("generation", "generations", "{:.1f}"), ("minutes", "minutes", "{:.2f}"), ("games", "games", "{:,.0f}"),
           ("evaluations", "evaluations", "{:,.0f}"), ("steps", "updates", "{:,.0f}"))  # fmt: skip


class Row(NamedTuple):
    """An arm by one metric."""

    metric: Metric
    arm: str
    value: Estimate
    difference: Estimate | None  # from the first arm; None for the first, and where no seed is common
    verdict: str


def rows(plan: Plan, results: Results, metrics: Sequence[Metric]) -> list[Row]:
    """Metric by metric, the arms in their order; arms without results are left out."""
    found = []
    first = plan.arms[0].name
    for metric in metrics:
        base = _by_seed(results, first, metric.name)
        for arm in plan.arms:
            values = _by_seed(results, arm.name, metric.name)
            if not values:
                continue
            difference = None if arm.name == first else statistics.difference(values, base)
            said = "" if difference is None else statistics.verdict(difference, metric.better)
            found.append(Row(metric, arm.name, statistics.estimate(list(values.values())), difference, said))
    return found


def _by_seed(results: Results, arm: str, metric: str) -> dict[int, float]:
    return {result["seed"]: result["metrics"][metric] for result in results.values()
            if result["arm"] == arm and metric in result["metrics"]}  # fmt: skip


def text(plan: Plan, results: Results, found: Sequence[Row], about: Sequence[str]) -> str:
    """The whole report."""
    seeds = "1 seed" if len(plan.seeds) == 1 else f"{len(plan.seeds)} seeds"
    blocks = [f"{plan.preset}: {len(plan.arms)} arms, {seeds}, {plan.budget} a trial.", *about]
    if found:
        blocks.append(
            "Mean over seeds ± half of its 95 % interval (Student's t); in brackets the interval of the difference "
            f"from '{plan.arms[0].name}', paired by seed."
        )
    width = max((len(row.arm) for row in found), default=0)
    for metric in dict.fromkeys(row.metric for row in found):
        blocks.append(f"\n{metric.title}{_better(metric)}")
        blocks += [f"  {row.arm:{width}}  {_told(row)}".rstrip() for row in found if row.metric == metric]
    blocks += ["", *_figures(plan, results)]
    if len(plan.seeds) == 1 and found:
        blocks.append("One seed says nothing about chance: ask for at least 3 (--seeds 3).")
    return "\n".join(blocks)


def _better(metric: Metric) -> str:
    return {"lower": " (lower is better)", "higher": " (higher is better)"}.get(metric.better, "")


def _told(row: Row) -> str:
    share = row.metric.kind == "share"
    mean = _shown(row.value.mean, share)
    half = "" if math.isnan(row.value.high) else f" ± {_shown(row.value.high - row.value.mean, share)}"
    own = f"{mean + half:18} n={row.value.n}"
    if row.difference is None:
        return own
    bounds = ""
    if not math.isnan(row.difference.low):
        bounds = f" ({_shown(row.difference.low, share, '+')} to {_shown(row.difference.high, share, '+')})"
    return f"{own}   {_shown(row.difference.mean, share, '+')}{bounds}  {row.verdict}"


def _shown(value: float, share: bool, sign: str = "") -> str:
    if share:
        return f"{100 * value:{sign}.2f}{'' if sign else ' %'}"
    return f"{value:{sign},.1f}" if sign else number(value)


def _figures(plan: Plan, results: Results) -> Iterator[str]:
    """What the trials took and made, an arm a line: means over seeds."""
    known = [entry for entry in FIGURES if any(entry[0] in result for result in results.values())]
    width = max([len("a trial's mean"), *(len(arm.name) + 2 for arm in plan.arms)])
    if known:
        yield f"{'a trial’s mean':{width}}" + "".join(f"{title:>14}" for _, title, _ in known)
    for arm in plan.arms:
        own = [result for result in results.values() if result["arm"] == arm.name]
        if own and known:
            means = [form.format(sum(result.get(key, 0) for result in own) / len(own)) for key, _, form in known]
            yield f"  {arm.name:{width - 2}}" + "".join(f"{mean:>14}" for mean in means)


def table(found: Sequence[Row]) -> str:
    """The rows as CSV; what is not known is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({key: "" if value is None else value for key, value in values(row).items()})
    return out.getvalue()


def values(row: Row) -> dict[str, Any]:
    """A row as JSON values, by COLUMNS."""
    own, other = row.value, row.difference
    return {
        "metric": row.metric.name, "better": row.metric.better, "arm": row.arm, "n": own.n, "mean": own.mean,
        "low": _known(own.low), "high": _known(own.high),
        "difference": None if other is None else other.mean,
        "difference_low": None if other is None else _known(other.low),
        "difference_high": None if other is None else _known(other.high),
        "pairs": 0 if other is None else other.n, "verdict": row.verdict,
    }  # fmt: skip


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def json_lines(results: Results, found: Sequence[Row]) -> str:
    """A line {"trial": …} for each trial, then {"row": …} for each row of the table."""
    lines = [{"trial": result} for result in results.values()] + [{"row": values(row)} for row in found]
    return "".join(json_text.dumps(line) + "\n" for line in lines)
