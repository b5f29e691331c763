"""The check of a machine with a GPU, in parts: tests, the network's ceiling, self-play, learner, profile, a training.

Each part is a process with a time limit of its own. What it has measured is kept as it comes, and gpu_check.json and
gpu_check.md are written anew after every part, and when this is cut off. A part that fails is recorded, and the next
one begins. Loads nothing but the standard library: what is missing is named, and parts that need it are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MARK = "point: "  # as in points.py, which loads torch
NEEDED = ("numpy", "numba", "torch", "safetensors", "filelock", "scipy")
USEFUL = ("msgspec", "ray", "pytest", "tensorboard", "rich", "psutil")
GPU_TESTS = ["tests/networks/test_gpu.py", "tests/networks/shared/test_shared_server.py"]
TAIL = 3000  # characters of a part's output that are kept where it fails


@dataclass(frozen=True)
class Part:
    """One part: what it runs, and how long it may take."""

    name: str
    command: list[str]
    limit: float  # seconds
    needs: tuple[str, ...] = NEEDED


@dataclass
class Results:
    """What was found so far, and where it is written."""

    folder: Path
    found: dict[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        """Both files, each whole or as it was before."""
        for name, text in (
            ("gpu_check.json", json.dumps(self.found, indent=1)),
            ("gpu_check.md", table.text(self.found)),
        ):
            beside = self.folder / f".{name}.partial"
            beside.write_text(text + "\n")
            beside.replace(self.folder / name)


class CutOff(Exception):
    """Somebody wants this to end."""


def parts(dry: bool, actors: int, seconds: float, folder: Path) -> list[Part]:
    """In the order in which they run; the last takes the time that is left."""
    python, told = sys.executable, ["--actors", str(actors), *(["--dry-run"] if dry else [])]

    def script(name: str, *more: str) -> list[str]:
        return [python, str(HERE / f"{name}.py"), *told, *more]

    tests = [
        python,
        "-m",
        "pytest",
        "-m",
        "gpu",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rfEs",
        "--tb=short",
    ]
    slow = 3 if dry else 1  # a trial runs beside other work, and nothing waits for its end
    return [
        Part("kernels", script("kernels"), slow * 60),
        Part("tests", [*tests, "-W", "default", *GPU_TESTS], slow * 75, (*NEEDED, "pytest")),
        Part("ceiling", script("ceiling"), slow * 60),
        Part("throughput", script("throughput"), slow * 120),
        Part("learner", script("learning"), slow * 45),
        Part("profile", script("profiling"), slow * 20),
        Part(
            "training", script("training", "--seconds", f"{seconds:.0f}", "--folder", str(folder)), slow * 60 + seconds
        ),
    ]


def environment(missing: list[str]) -> dict[str, str]:
    """Of the parts: this checkout, and stand-ins for what it can do without."""
    paths = [
        str(ROOT),
        str(ROOT / "tests"),
        *([str(HERE / "stand_ins")] if "msgspec" in missing else []),
    ]
    paths += [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return os.environ | threads | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def run(part: Part, limit: float, env: dict[str, str], found: dict[str, Any], results: Results) -> None:
    """Runs a part, and keeps its points in `found` as they come. Raises CutOff, once the part is ended."""
    began, found["state"] = time.monotonic(), "running"
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            part.command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip
        late = threading.Event()
        timer = threading.Timer(limit, lambda: (late.set(), _end(process)))
        timer.start()
        lines: list[str] = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(MARK):
                    found["points"].append(json.loads(line.removeprefix(MARK)))
                    print(f"  {line.removeprefix(MARK).strip()[:230]}", flush=True)
                    results.write()
                else:
                    lines.append(line)
            code = process.wait()
        except BaseException:
            found["state"] = "cut off"
            raise
        finally:
            timer.cancel()
            _end(process)
            found["seconds"] = round(time.monotonic() - began, 1)
        errors.seek(0)
        if part.name == "tests":
            found["points"].append(_tests("".join(lines)))
        if late.is_set():
            found |= {"state": "cut off", "why": f"it took more than {limit:.0f} s"}
        elif code not in ((0, 5) if part.name == "tests" else (0,)):  # 5: pytest has found no test
            found |= {"state": "failed", "why": f"exit code {code}", "output": ("".join(lines) + errors.read())[-TAIL:]}
        else:
            found["state"] = "done"


def _end(process: subprocess.Popen[str]) -> None:
    """Kills a part with all that it has started; an inference server ends by itself once its clients are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tests(output: str) -> dict[str, Any]:
    """What pytest has counted."""
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (passed|failed|skipped|errors?)", output)}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return {"tests": counts, "failed": failed}


def machine(missing: list[str]) -> dict[str, Any]:
    """What this is measured on; without torch, which a part may fail to load."""
    try:
        asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        gpu = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout.strip().splitlines()
    except (OSError, subprocess.SubprocessError):
        gpu = []
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    versions = {name: metadata.version(name) for name in (*NEEDED, *USEFUL) if name not in missing}
    code = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "gpus": gpu, "cpu": models[0] if models else platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(), "versions": versions, "commit": code.stdout.strip(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="every part in seconds, tiny, also without a GPU")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu-check", help="folder (default runs/gpu-check)")
    parser.add_argument("--minutes", type=float, default=7.8, help="for everything (default 7.8; a trial has no limit)")
    parser.add_argument("--train", type=float, default=5.0, metavar="MINUTES", help="of that, training (default 5)")
    parser.add_argument("--actors", type=int, help="at most (default: one a core, and 16)")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts, of kernels tests ceiling throughput …")
    parser.add_argument("--without", nargs="+", default=[], metavar="PACKAGE", help="do as if these were missing")
    return parser.parse_args()


def stop(number: int, frame: FrameType | None) -> None:
    raise CutOff


def main() -> int:
    told = arguments()
    deadline = time.monotonic() + (1e6 if told.dry_run else 60 * told.minutes)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    told.out.mkdir(parents=True, exist_ok=True)
    missing = [name for name in (*NEEDED, *USEFUL) if not importlib.util.find_spec(name) or name in told.without]
    about = machine(missing)
    actors = told.actors or (2 if told.dry_run else min(16, about["cores"]))
    training = 4.0 if told.dry_run else 60 * told.train
    results = Results(told.out)
    results.found |= {"started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "dry_run": told.dry_run, "machine": about}
    results.found |= {"missing": missing, "parts": {}}
    for name in missing:
        print(f"missing: {name}{' (a stand-in does for settings)' if name == 'msgspec' else ''}")
    env = environment(missing)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for part in parts(told.dry_run, actors, training, Path(scratch)):
                if told.only and part.name not in told.only:
                    continue
                _one(part, deadline, training, env, missing, results, about)
    except (CutOff, KeyboardInterrupt):
        results.found["cut_off"] = True
    results.write()
    print(table.text(results.found))
    states = [part["state"] for part in results.found["parts"].values()]
    return 0 if states and not {"failed", "cut off"} & set(states) else 1


def _one(
    part: Part, deadline: float, training: float, env: dict[str, str], missing: list[str], results: Results,
    about: dict[str, Any],
) -> None:  # fmt: skip
    """Runs a part, or says why not."""
    found: dict[str, Any] = {"points": []}
    results.found["parts"][part.name] = found
    lacking, limit = [name for name in part.needs if name in missing], min(part.limit, deadline - time.monotonic())
    if part.name == "training":
        seconds = min(training, limit - 25 if limit < part.limit else training)
        part.command[part.command.index("--seconds") + 1] = f"{seconds:.0f}"
    if lacking:
        found |= {"state": "left out", "why": f"it needs {', '.join(lacking)}"}
    elif limit < 10:
        found |= {"state": "left out", "why": "no time was left"}
    else:
        print(f"== {part.name}", flush=True)
        # The learner and the server want a core each, beside the actors of the training.
        if part.name == "training" and about["cores"] > 4:
            place = part.command.index("--actors") + 1
            part.command[place] = str(max(1, min(int(part.command[place]), about["cores"] - 2)))
        run(part, limit, env, found, results)
    print(f"   {found['state']}{': ' + found['why'] if 'why' in found else ''}", flush=True)
    results.write()


if __name__ == "__main__":
    sys.exit(main())
