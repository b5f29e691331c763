"""How fast is `selfplay drift watch`, and does its memory grow with the file?

Writes CSV files of ten columns (a time, numbers, categories, truth values, labels, predictions and scores) of --rows
and of --factor times as many rows, and watches each against a reference of 20,000 rows by the command, with labels.
Seconds are those of the processor, starting included. "ratio" is rows per second of the watch over those of Python's
csv module and `float` alone, in this process; `memory` is the largest size of the process, in MB, for each file.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
import numpy as np

HEADER = "time,age,income,score,city,plan,active,visits,label,prediction\n"
START = np.datetime64("2026-01-01T00:00:00")
CITIES = np.array(["Rome", "Oslo", "Lima", "Cairo", "Paris", "Quito"])
NUMBERS = (1, 2, 3, 7, 8, 9)  # columns that are read as such
AT_ONCE = 50_000


def write(path: Path, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with path.open("w") as file:
        file.write(HEADER)
        for begin in range(0, rows, AT_ONCE):
            count = min(AT_ONCE, rows - begin)
            score = rng.random(count)
            columns = (
                (START + (begin + np.arange(count)) * np.timedelta64(7, "s")).astype(str),
                rng.integers(18, 90, count), rng.lognormal(10, 1, count).round(2), score.round(4),
                rng.choice(CITIES, count, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05]), rng.choice(["free", "pro"], count),
                rng.choice(["true", "false"], count), rng.poisson(4, count),
                (rng.random(count) < score).astype(int), (score > 0.5).astype(int),
            )  # fmt: skip
            file.writelines(",".join(map(str, row)) + "\n" for row in zip(*(c.tolist() for c in columns), strict=True))


def bare(path: Path) -> float:
    """Rows a second of processor time that csv and float alone read."""
    began, rows = time.process_time(), 0
    with path.open(newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            rows += 1
            for column in NUMBERS:
                float(row[column])
    return rows / (time.process_time() - began)


MEASURE = """import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""  # in a small process, as a child's largest size is at first that of the process which started it


def watched(path: Path, reference: Path) -> tuple[float, float]:
    """Processor seconds of the command, and the largest size of its process in MB."""
    command = [sys.executable, "-m", "selfplay", "drift", "watch", str(path), "--reference", str(reference),
               "--label", "label", "--prediction", "prediction", "--score", "score"]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], stdout=subprocess.PIPE, check=True)
    code, seconds, memory = json.loads(done.stdout)
    if code not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return seconds, memory


def main() -> None:
    parser = harness.parser(__doc__, seconds=1, repeats=1)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the smaller file (default: %(default)s)")
    parser.add_argument("--factor", type=int, default=4, help="of the larger file over it (default: %(default)s)")
    arguments = parser.parse_args()
    harness.start()
    results, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        reference, path = Path(folder) / "reference.csv", Path(folder) / "rows.csv"
        write(reference, 20_000, 0)
        for rows in (arguments.rows, arguments.rows * arguments.factor):
            write(path, rows, 1)
            for _ in range(arguments.repeats):
                seconds, memory = watched(path, reference)
                ratios.append(rows / seconds / bare(path))
                results.append({"rows": rows, "seconds": round(seconds, 2), "memory": round(memory)})
    harness.report("watch", harness.median(ratios), "csv.reader and float alone", results=results)


if __name__ == "__main__":
    main()
