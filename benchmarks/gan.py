"""What does a GAN preset reach, over seeds? Runs `selfplay train PRESET` once a seed, one core each, as a user would.

Every seed is trained from nothing to the end of the preset's budget (or --generations); the figures are those of the
last generation. "ratio" is the median of the headline figure over what a perfect sampler scores, or over the best
published number of the same protocol where there is one; `against` says which. `bars` counts the seeds that pass each
bar, `passed` those that pass all.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import harness


class Bar(NamedTuple):
    figure: str
    least: float = -float("inf")
    most: float = float("inf")


class Question(NamedTuple):
    headline: str
    reference: float
    against: str
    bars: tuple[Bar, ...]


MIXTURE = (Bar("modes", 1.0), Bar("high_quality", 0.9), Bar("spread", 0.7, 1.2))
QUESTIONS = {
    "gan-ring": Question(
        "high_quality", 0.956, "PacGAN2, ring-8, mean of 10 (1712.04086)", (*MIXTURE, Bar("kl", most=0.02))
    ),
    "gan-grid": Question(
        "high_quality", 0.936, "PacGAN4, grid-25, mean of 10 (1712.04086)", (*MIXTURE, Bar("kl", most=0.03))
    ),
    "gan-digits": Question(
        "as_asked", 1.0, "every sample read as asked",
        (Bar("as_asked", 0.97), Bar("frechet_ratio", most=3), Bar("coverage", 0.8)),
    ),
    "gan-stacked-digits": Question("modes_found", 1000, "all modes", (Bar("modes_found", 950), Bar("kl", most=0.5))),
}  # fmt: skip


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=10)
    parser.add_argument("--preset", default="gan-ring", choices=QUESTIONS)
    parser.add_argument("--generations", type=int, help="instead of the preset's budget")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets", help="change a setting")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side, one core each")
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    arguments = parser.parse_args()
    harness.start()
    question = QUESTIONS[arguments.preset]
    with TemporaryDirectory() as scratch:
        root = arguments.keep or Path(scratch)
        words = [*(["--generations", str(arguments.generations)] if arguments.generations else [])]
        for setting in arguments.sets:
            words += ["--set", setting]
        seeds = range(1, arguments.repeats + 1)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            rows = list(pool.map(lambda seed: train(arguments.preset, seed, root, words), seeds))
    passed = {bar.figure: sum(passes(row, bar) for row in rows) for bar in question.bars}
    headlines = [row[question.headline] for row in rows]
    harness.report(
        "gan", harness.significant(harness.median(headlines) / question.reference), question.against,
        preset=arguments.preset, settings=arguments.sets, seeds=len(rows), headline=question.headline,
        median=harness.median(headlines), worst=min(headlines), bars=passed,
        passed=sum(all(passes(row, bar) for bar in question.bars) for row in rows),
        minutes=harness.median([row["wall_seconds"] / 60 for row in rows]),
        slowest_minutes=harness.significant(max(row["wall_seconds"] / 60 for row in rows)), results=rows,
    )  # fmt: skip


def train(preset: str, seed: int, root: Path, words: list[str]) -> dict[str, float]:
    """The last generation's figures of one seed; a line of them goes to standard error."""
    folder = root / f"{preset}-{seed}"
    command = [sys.executable, "-m", "selfplay", "train", preset, "--seed", str(seed), "--run", str(folder), "--plain"]
    began, before = time.perf_counter(), os.times()
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=os.environ.copy())
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    after = os.times()
    with (folder / "evaluation.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    found = {"seed": float(seed), "wall_seconds": round(time.perf_counter() - began, 1)}
    found["cpu_seconds"] = round(after.children_user - before.children_user, 1)  # of all children: right with --jobs 1
    found |= {key: harness.significant(float(value)) for key, value in last.items() if value and key != "seconds"}
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def passes(row: dict[str, float], bar: Bar) -> bool:
    return bar.least <= row[bar.figure] <= bar.most


if __name__ == "__main__":
    main()
