"""Soak: trains for a while and records memory, descriptors and threads of every process, to find leaks.

    python scripts/soak.py --minutes 30 --actors 1 --preset connect-four --out soak.csv

Samples each process of the training every ten seconds to a CSV file: seconds, role, pid, mb, fds, threads. At the
end it prints, for each process, the slope of its memory after the warm-up (by least squares), and the ranges of its
descriptors and threads. Exit code 1 where memory grows by more than --limit MB a minute, or descriptors or threads do.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil

EVERY = 10.0  # seconds between two samples
WARM_UP = 1 / 3  # share of the time that is left out: replay window, caches and allocators fill
SLACK = 3  # descriptors and threads more or less that are no leak: a file being saved, a pool's thread


def role(process: psutil.Process) -> str:
    words = process.cmdline()
    line = " ".join(words)
    if "ray::" in line:
        return line.split()[0].partition(".")[0]  # the method that runs is part of it
    for name in ("keeper.py", "gcs_server", "raylet", "log_monitor", "monitor.py", "dashboard"):
        if any(name in word for word in words[:6]):
            return name.removesuffix(".py")
    return "trainer" if "selfplay" in line else Path(words[0]).name


def sample(trainer: int) -> list[tuple[str, int, float, int, int]]:
    """(role, pid, MB, descriptors, threads) of the trainer and all below it. Memory is what is not shared with others:
    pages of the object store and of libraries would count for each process that has touched them."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(trainer)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error, IndexError):
                memory = process.memory_full_info().uss / 2**20
                found.append((role(process), process.pid, memory, process.num_fds(), process.num_threads()))
    return found


def report(
    samples: dict[int, list[tuple[float, float, int, int]]], names: dict[int, str], seconds: float, limit: float
) -> bool:
    """Prints a line a process, and returns whether all are well. Processes that lived for less than half of the time
    are left out."""
    well = True
    print(f"{'process':28} {'pid':>7} {'MB at the end':>13} {'MB/min':>8} {'descriptors':>12} {'threads':>10}")
    for pid, lines in sorted(samples.items(), key=lambda item: names[item[0]]):
        late = np.array([line for line in lines if line[0] >= seconds * WARM_UP])
        if len(late) < 3 or late[-1, 0] - late[0, 0] < seconds * (1 - WARM_UP) / 2:
            continue
        slope = float(np.polyfit(late[:, 0] / 60, late[:, 1], 1)[0])
        grown = [late[len(late) // 2 :, column].min() - late[: len(late) // 2, column].max() for column in (2, 3)]
        bad = slope > limit or max(grown) > SLACK
        well &= not bad
        ranges = [f"{int(late[:, column].min())}–{int(late[:, column].max())}" for column in (2, 3)]
        print(
            f"{names[pid][:28]:28} {pid:7} {late[-1, 1]:13.1f} {slope:+8.2f} {ranges[0]:>12} {ranges[1]:>10}"
            f"{'  GROWS' if bad else ''}"
        )
    return well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--actors", type=int, default=1)
    parser.add_argument("--preset", default="connect-four")
    parser.add_argument("--limit", type=float, default=1.0, help="MB a minute that a process may grow by")
    parser.add_argument("--out", type=Path, default=Path("soak.csv"))
    parser.add_argument("--set", action="append", default=[], dest="sets", help="a setting of the training")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, given.out.open("w", newline="") as file:
        command = [sys.executable, "-m", "selfplay", "train", given.preset, "--run", f"{folder}/run", "--plain"]
        command += ["--minutes", f"{given.minutes + 60:g}", "--actors", str(given.actors)]
        command += [word for assignment in given.sets for word in ("--set", assignment)]
        log = Path(f"{given.out}.log").open("w")  # noqa: SIM115 (the trainer's, until it has ended)
        trainer = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
        writer = csv.writer(file)
        writer.writerow(["seconds", "role", "pid", "mb", "fds", "threads"])
        samples: dict[int, list[tuple[float, float, int, int]]] = defaultdict(list)
        names: dict[int, str] = {}
        began = time.monotonic()
        try:
            while (passed := time.monotonic() - began) < given.minutes * 60 and trainer.poll() is None:
                for name, pid, memory, descriptors, threads in sample(trainer.pid):
                    samples[pid].append((passed, memory, descriptors, threads))
                    names[pid] = name if name != "ray::IDLE" else names.get(pid, name)
                    writer.writerow([f"{passed:.0f}", name, pid, f"{memory:.1f}", descriptors, threads])
                file.flush()
                time.sleep(EVERY)
        finally:
            died = trainer.poll()
            trainer.send_signal(signal.SIGTERM)
            trainer.wait(60)
            log.close()
        if died is not None:
            print(f"the training ended by itself, with exit code {died}: see {given.out}.log")
            return 1
        return 0 if report(samples, names, given.minutes * 60, given.limit) else 1


if __name__ == "__main__":
    sys.exit(main())
