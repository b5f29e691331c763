"""How soon do drift detectors see a change, and how often do they alarm without one?

Streams of one value a game: standard normal ones whose mean moves, and bits whose share rises. False alarms are counted
on streams of 500 values without a change, delays after 500 to 600 values without one, up to 1,000 values. Three
dummies are in the same tables. Gradual changes move the mean evenly over 100 or 400 values; delays count from their
beginning. Then the same on rows: 100 games of 5 rows that correlate by ½, which are no 500
independent values; "games" has one value a game, their mean. Batch tests compare 40 games of 10 such rows with 40
others, by rows and by games.
"ratio" is the median delay of the default alarm, the conformal test martingale, over Page–Hinkley's at a shift of 1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np

from selfplay.drift import evaluation
from selfplay.drift.detectors import interface
from selfplay.drift.detectors.adwin import ADWIN
from selfplay.drift.detectors.classifier import ClassifierAUC
from selfplay.drift.detectors.ddm import DDM
from selfplay.drift.detectors.frequencies import ChiSquared, FisherExact, PopulationStabilityIndex
from selfplay.drift.detectors.kolmogorov_smirnov import KolmogorovSmirnov
from selfplay.drift.detectors.kswin import KSWIN
from selfplay.drift.detectors.martingale import ConformalTestMartingale
from selfplay.drift.detectors.mean_discrepancy import MaximumMeanDiscrepancy
from selfplay.drift.detectors.page_hinkley import PageHinkley

DETECTORS: dict[str, Callable[[], interface.StreamDetector]] = {
    "ConformalTestMartingale": ConformalTestMartingale,
    "PageHinkley": PageHinkley,
    "ADWIN": ADWIN,
    "KSWIN": KSWIN,
    "DDM": DDM,
    "always fires": lambda: evaluation.Periodic(1),
    "never fires": lambda: evaluation.Periodic(0),
    "fires every 100": evaluation.Periodic,
}
TESTS: dict[str, interface.BatchTest] = {
    "PopulationStabilityIndex": PopulationStabilityIndex(),
    "KolmogorovSmirnov": KolmogorovSmirnov(permutations=199),
    "ChiSquared": ChiSquared(),
    "FisherExact": FisherExact(),
    "MaximumMeanDiscrepancy": MaximumMeanDiscrepancy(permutations=199),
    "ClassifierAUC": ClassifierAUC(permutations=199),
}
SHIFTS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the mean, in standard deviations
RISES = (0.05, 0.1, 0.2, 0.4)  # of a share of 0.3
WIDTHS = (1, 100, 400)  # values over which a gradual change takes place
STEPS = (0.0, 0.25, 0.5, 1.0)  # of the mean of rows, in their standard deviation
LENGTH, BEFORE, HORIZON = 500, 500, 1000
GAMES, ROWS = 40, 10  # of each sample of a batch test


def of_stream(name: str, streams: int) -> dict[str, Any]:
    """False alarms, and delays by magnitude, of one detector."""
    make, rng, row = DETECTORS[name], np.random.default_rng(13), {}
    only_bits = name == "DDM"

    def score(source: Callable[[], evaluation.Stream], number: int) -> evaluation.Score:
        return evaluation.evaluate(make, (source() for _ in range(number)), HORIZON)

    for kind, source in (
        ("normal", lambda: evaluation.normal(rng, LENGTH)),
        ("bits", lambda: evaluation.bits(rng, LENGTH, 0.3)),
        ("games", lambda: evaluation.Stream(evaluation.games(rng, LENGTH, 5).mean(1))),
        ("rows", lambda: evaluation.Stream(evaluation.games(rng, LENGTH // 5, 5).ravel())),
    ):
        if not only_bits or kind == "bits":
            found = score(source, streams if kind != "rows" else max(1, streams // 4))
            row[f"false_alarms_{kind}"] = round(found.false_alarm_share, 4)
            row[f"run_length_{kind}"] = harness.significant(found.run_length) if found.false_alarms else None
    few = max(1, streams // 20)
    for kind, magnitudes in (("shift", SHIFTS), ("rise", RISES)):
        for size in magnitudes if not only_bits or kind == "rise" else ():
            change: dict[str, Callable[[int], evaluation.Stream]] = {
                "shift": lambda at, size=size: evaluation.normal(rng, at + HORIZON, at, size),
                "rise": lambda at, size=size: evaluation.bits(rng, at + HORIZON, 0.3, at, size),
            }
            found = score(lambda kind=kind, change=change: change[kind](BEFORE + int(rng.integers(100))), few)
            row[f"{kind}_{size}"] = {"delay": found.delay, "power": round(found.power, 3), "f1": round(found.f1, 3)}
    return row


def of_gradual_changes(name: str, streams: int) -> dict[str, Any]:
    """Delays of one detector by magnitude and width of a change of the mean, from where it begins."""
    rng, row = np.random.default_rng(15), {}
    for size in SHIFTS[1:4]:
        for over in WIDTHS:
            starts = BEFORE + rng.integers(100, size=streams)
            made = (evaluation.normal(rng, int(at) + HORIZON, int(at), size, over) for at in starts)
            found = evaluation.evaluate(DETECTORS[name], made, HORIZON)
            row[f"shift_{size}_over_{over}"] = {"delay": found.delay, "power": round(found.power, 3)}
    return row


def of_samples(name: str, repeats: int) -> dict[str, float]:
    """Shares of alarms of one batch test: by rows and by games without drift, by games after a change."""
    test, rng, groups = TESTS[name], np.random.default_rng(14), (np.repeat(np.arange(GAMES), ROWS),) * 2

    def sample(shift: float, rows: int = ROWS) -> np.ndarray:
        values = evaluation.games(rng, GAMES, rows).ravel() + shift
        return values if name not in ("ChiSquared", "FisherExact") else np.digitize(values, (-0.5, 0.5))

    if name == "FisherExact":  # wants one row a game
        groups = (np.arange(GAMES),) * 2
    rows = ROWS if name != "FisherExact" else 1
    row = {
        "false_alarms_independent": evaluation.share_of_alarms(test, lambda: (sample(0, 1), sample(0, 1)), repeats),
        "false_alarms_rows": evaluation.share_of_alarms(
            test, lambda: (sample(0, rows), sample(0, rows)), max(1, repeats // 4)
        ),
    }
    for step in STEPS:
        number = repeats if step == 0 else max(1, repeats // 10)
        key = f"power_{step}" if step else "false_alarms_games"
        row[key] = evaluation.share_of_alarms(
            test, lambda step=step: (sample(0, rows), sample(step, rows)), number, groups
        )
    return {key: round(value, 4) for key, value in row.items()}


def share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def delay(row: dict[str, Any], key: str) -> str:
    found = row.get(key)
    return "–" if found is None else f"{found['delay']:.0f}" if found["power"] >= 0.5 else f"({share(found['power'])})"


def named(name: str) -> str:
    return name if "fires" in name else f"`{name}`"


def table_of_gradual_changes(streams: dict[str, dict[str, Any]]) -> str:
    """As Markdown."""
    keys = list(next(iter(streams.values())))
    sizes = [key.removeprefix("shift_").split("_over_") for key in keys]
    heads = [f"shift {size}, " + (f"over {over}" if over != "1" else "at once") for size, over in sizes]
    lines = ["| " + " | ".join(["detector", *heads]) + " |", "|" + "---|" * (len(keys) + 1)]
    for name, row in streams.items():
        lines.append("| " + " | ".join([named(name), *(delay(row, key) for key in keys)]) + " |")
    return "\n".join(lines) + "\n"


def table(streams: dict[str, dict[str, Any]], batches: dict[str, dict[str, float]]) -> str:
    """Both tables as Markdown."""

    def length(row: dict[str, Any], key: str) -> str:
        return "–" if key not in row else "none" if row[key] is None else f"{row[key]:,.0f}"

    kinds = ("normal", "bits", "games", "rows")
    head = ["detector", *kinds, *(f"values a false alarm, {kind}" for kind in ("normal", "bits"))]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in streams.items():
        cells = [named(name), *(share(row.get(f"false_alarms_{kind}")) for kind in kinds)]
        cells += [length(row, f"run_length_{kind}") for kind in ("normal", "bits")]
        lines.append("| " + " | ".join(cells) + " |")
    changes = [f"shift_{size}" for size in SHIFTS] + [f"rise_{size}" for size in RISES]
    head = ["detector", *(key.replace("_", " ") for key in changes), "F1, shift 0.5", "F1, shift 1"]
    lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in streams.items():
        cells = [named(name), *(delay(row, key) for key in changes)]
        cells += [f"{row[key]['f1']:.2f}" if key in row else "–" for key in ("shift_0.5", "shift_1.0")]
        lines.append("| " + " | ".join(cells) + " |")
    keys = list(next(iter(batches.values())))
    head = ["test", "independent rows", "rows of games taken for games", "games"] + [
        f"games, shift {s:g}" for s in STEPS[1:]
    ]
    lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [
        "| " + " | ".join([f"`{name}`", *(share(row[key]) for key in keys)]) + " |" for name, row in batches.items()
    ]
    return "\n".join(lines) + "\n"


def draw(streams: dict[str, dict[str, Any]], path: Path) -> None:
    """Delay against magnitude, and power against it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained", dpi=110)
    for axes, kind, sizes, label in zip(
        figure.subplots(1, 2), ("shift", "rise"), (SHIFTS, RISES),
        ("shift of the mean, standard deviations", "rise of a share of 0.3"), strict=True,
    ):  # fmt: skip
        for name, row in streams.items():
            if f"{kind}_{sizes[0]}" not in row or name == "always fires":
                continue
            delays = [row[f"{kind}_{size}"]["delay"] for size in sizes]
            axes.plot(sizes, delays, "--" if "fires" in name else "o-", color="0.6" if "fires" in name else None,
                      lw=1, ms=3, label=name)  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel=label, xticks=sizes, xticklabels=[f"{s:g}" for s in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("median delay, values (1,000: not found)")
    figure.axes[1].legend(fontsize=7)
    figure.savefig(path)


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=1000)
    parser.add_argument("--table", type=Path, help="write the tables as Markdown")
    parser.add_argument("--gradual", action="store_true", help="gradual changes only")
    parser.add_argument("--png", type=Path, help="draw delay against magnitude")
    arguments = parser.parse_args()
    harness.start()
    few = max(1, arguments.repeats // 20)
    gradual = {name: of_gradual_changes(name, few) for name in DETECTORS if name != "DDM"}
    if arguments.table:
        arguments.table.write_text(table_of_gradual_changes(gradual), "utf-8")
    if arguments.gradual:
        found = [gradual[name]["shift_1.0_over_100"]["delay"] for name in ("ConformalTestMartingale", "PageHinkley")]
        harness.report(
            "drift", harness.significant(found[0] / found[1]), "Page–Hinkley's delay at a shift of 1 over 100 values",
            streams=few, gradual=gradual,
        )  # fmt: skip
        return
    streams = {name: of_stream(name, arguments.repeats) for name in DETECTORS}
    batches = {name: of_samples(name, arguments.repeats) for name in TESTS}
    if arguments.table:
        arguments.table.write_text(table_of_gradual_changes(gradual) + "\n" + table(streams, batches), "utf-8")
    if arguments.png:
        draw(streams, arguments.png)
    delays = [streams[name]["shift_1.0"]["delay"] for name in ("ConformalTestMartingale", "PageHinkley")]
    harness.report(
        "drift", harness.significant(delays[0] / delays[1]), "Page–Hinkley's delay at a shift of 1",
        streams_without_change=arguments.repeats, streams=streams, gradual=gradual, samples=batches,
    )  # fmt: skip


if __name__ == "__main__":
    main()
