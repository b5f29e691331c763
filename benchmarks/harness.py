"""What all benchmarks share: timing in turns, medians, versions, and one JSON line. Knows nothing of what is measured.

Rates that are compared are measured in turns, A B A B …, so that a machine that slows down slows both; a ratio is the
median of the ratios of neighbours, not the ratio of medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not; below, for Ray's processes too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

import torch  # noqa: E402

import selfplay  # noqa: E402
from selfplay import device  # noqa: E402


def parser(description: str | None, seconds: float, repeats: int) -> argparse.ArgumentParser:
    """An argument parser with what every benchmark offers. seconds: default length of one timed piece."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seconds", type=float, default=seconds, help=f"length of a timed piece (default {seconds:g})")
    made.add_argument("--repeats", type=int, default=repeats, help=f"timed pieces of each kind (default {repeats})")
    return made


def start() -> None:
    """One thread, and the allocator as in training."""
    device.tune_process(threads=1)


def rate(work: Callable[[], float], seconds: float) -> float:
    """Units a second of `work`, which returns how many it did, called again and again for at least `seconds`."""
    done, began = 0.0, time.perf_counter()
    while True:
        done += work()
        elapsed = time.perf_counter() - began
        if elapsed >= seconds:
            return done / elapsed


def in_turns(measures: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Calls each measure once unmeasured (compiling, warming caches), then all of them in turn, `repeats` times."""
    for measure in measures.values():
        measure()
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def median(values: list[float]) -> float:
    """The median, to four significant digits."""
    return significant(statistics.median(values))


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of the ratios of neighbouring measurements."""
    return significant(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)))


def significant(value: float) -> float:
    return float(f"{value:.4g}")


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def versions() -> dict[str, str]:
    names = {name: metadata.version(name) for name in ("torch", "numpy", "numba")}
    return {"selfplay": selfplay.__version__, "python": platform.python_version(), **names}


def cpu() -> str:
    """The processor's name, as far as the system says it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report(benchmark: str, ratio: float | None, against: str, **figures: Any) -> None:
    """Prints the one JSON line. ratio: ours over `against`, the headline of the figures; None if there is nothing to
    compare with."""
    load = os.getloadavg()[0]
    print(json.dumps({
        "benchmark": benchmark, "ratio": ratio, "against": against, **figures,
        "threads": torch.get_num_threads(), "cpu": cpu(), "cores": os.cpu_count(), "load": round(load, 2),
        "versions": versions(),
    }))  # fmt: skip
