"""The process of one trial: bound to its cores, ended with the process that started it, then `selfplay` itself.

    python -m selfplay.sweeps.process PARENT CORES -- ARGUMENTS…        CORES: 0,1,2 or - for all

Imports the standard library only: it gives way to the program that it was asked for.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
_PR_SET_PDEATHSIG = 1  # of Linux's prctl


def command(arguments: Sequence[str], cores: Sequence[int] | None) -> list[str]:
    """What starts `selfplay ARGUMENTS…` on these cores, None: on all. It is to be started by the calling process."""
    told = "-" if cores is None else ",".join(map(str, cores))
    return [sys.executable, "-m", __name__, str(os.getpid()), told, "--", *arguments]


def environment() -> dict[str, str]:
    """This process's environment, with one thread for each library that would take more: as many as there are cores, in
    several processes, wait for each other."""
    return {**os.environ, **dict.fromkeys(THREADS, "1")}


def main(parent: int, cores: str, arguments: Sequence[str]) -> None:
    """Becomes `selfplay`, which is asked to save and stop when the parent ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before it could be watched
        sys.exit(128 + signal.SIGTERM)
    if cores != "-" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    os.execv(sys.executable, [sys.executable, "-m", "selfplay", *arguments])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[sys.argv.index("--") + 1 :])
