"""Cores that this process may use: those it is bound to, and what its control group (a container's) grants of them.

Loads nothing."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit(root: Path = CGROUP) -> float | None:
    """Cores that the control group grants, as containers set them; None: no limit."""
    granted = words(root / "cpu.max")
    if len(granted) == 2 and granted[0] != "max":
        return int(granted[0]) / int(granted[1])
    quota, period = words(root / "cpu/cpu.cfs_quota_us"), words(root / "cpu/cpu.cfs_period_us")
    return int(quota[0]) / int(period[0]) if quota and period and int(quota[0]) > 0 else None


def granted() -> int:
    """Whole cores that this process may keep busy, ≥ 1."""
    return max(1, int(min(usable(), limit() or usable())))


def words(path: Path) -> list[str]:
    """Words of a small file of the system's; none where it cannot be read."""
    try:
        return path.read_text("ascii").split()
    except OSError:
        return []
