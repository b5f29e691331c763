"""Timing: units a second of some work, several in turns, medians and ratios. Knows nothing of what is timed.

Rates that are compared are measured in turns, A B A B …, so that a machine that slows down slows both; a ratio is the
median of the ratios of neighbours, not the ratio of medians.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Job = Callable[[], float]
"""A piece of work, which returns how many units it did."""


def rate(work: Job, seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Units a second of `work`, called again and again for at least `seconds`. clock: time.process_time counts the
    seconds of this process's processor time, in which other work on the machine does not show."""
    done, began = 0.0, clock()
    while True:
        done += work()
        elapsed = clock() - began
        if elapsed >= seconds:
            return done / elapsed


def in_turns(measures: Mapping[str, Job], repeats: int) -> dict[str, list[float]]:
    """Calls each measure once unmeasured (compiling, warming caches), then all of them in turn, `repeats` times."""
    for measure in measures.values():
        measure()
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def median(values: Sequence[float]) -> float:
    """The median, to four significant digits."""
    return significant(statistics.median(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios of neighbouring measurements."""
    return significant(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)))


def significant(value: float) -> float:
    """`value` to four significant digits."""
    return float(f"{value:.4g}")


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 where it has ended, or the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processor() -> str:
    """The processor's name, as far as the system says it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
