"""What all benchmarks share: options, timing (that of `selfplay bench`), versions, and one JSON line. Knows nothing of
what is measured."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the checkout is used, installed or not; below, for Ray's processes too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

import torch  # noqa: E402

import selfplay  # noqa: E402
from selfplay import device  # noqa: E402
from selfplay.bench.timing import (  # noqa: E402
    in_turns,
    median,
    processor,
    processor_time,
    rate,
    ratio,
    significant,
)

__all__ = [
    "in_turns", "installed", "median", "parser", "processor_time", "rate", "ratio", "report", "significant", "start",
    "versions",
]  # fmt: skip


def parser(description: str | None, seconds: float, repeats: int) -> argparse.ArgumentParser:
    """An argument parser with what every benchmark offers. seconds: default length of one timed piece."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seconds", type=float, default=seconds, help=f"length of a timed piece (default {seconds:g})")
    made.add_argument("--repeats", type=int, default=repeats, help=f"timed pieces of each kind (default {repeats})")
    return made


def start() -> None:
    """One thread, and the allocator as in training."""
    device.tune_process(threads=1)


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def versions() -> dict[str, str]:
    names = {name: metadata.version(name) for name in ("torch", "numpy", "numba")}
    return {"selfplay": selfplay.__version__, "python": platform.python_version(), **names}


def report(benchmark: str, ratio: float | None, against: str, **figures: Any) -> None:
    """Prints the one JSON line. ratio: ours over `against`, the headline of the figures; None if there is nothing to
    compare with."""
    load = os.getloadavg()[0]
    print(json.dumps({
        "benchmark": benchmark, "ratio": ratio, "against": against, **figures,
        "threads": torch.get_num_threads(), "cpu": processor(), "cores": os.cpu_count(), "load": round(load, 2),
        "versions": versions(),
    }))  # fmt: skip
