"""`scripts/gpu_check.sh` without a GPU: a trial runs every part, and a check that is cut off keeps what it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "gpu_check.sh"
PARTS = ["kernels", "tests", "ceiling", "throughput", "learner", "profile", "training"]


def found(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "gpu_check.json").read_text())
    assert (folder / "gpu_check.md").read_text().startswith("# GPU check")
    assert not list(folder.glob(".*"))
    return result


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable}
    return subprocess.Popen(
        [SCRIPT, "--dry-run", "--out", folder, *arguments], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_trial_measures_every_part_without_ray_and_msgspec(tmp_path: Path) -> None:
    process = start(tmp_path, "--without", "ray", "msgspec")
    said, _ = process.communicate()
    assert process.returncode == 0, said
    result = found(tmp_path)
    assert result["missing"] == ["msgspec", "ray"] and "missing: ray" in said
    assert list(result["parts"]) == PARTS
    points = {name: part["points"] for name, part in result["parts"].items()}
    assert all(part["state"] == "done" for part in result["parts"].values())
    assert points["tests"][0]["tests"]["skipped"] >= 15 and not points["tests"][0]["failed"]
    assert {point["form"] for point in points["ceiling"]} == {"graphs", "plain", "float32"}
    assert all(point["largest_difference"] < 0.1 for point in points["ceiling"])
    played = {
        (point["mode"], point["actors"]) for point in points["throughput"] if point.get("evaluations_per_second", 0) > 0
    }
    assert played == {(mode, actors) for mode in ("local", "shared", "shared, 2 groups") for actors in (1, 2)}
    assert {point["form"] for point in points["learner"] if point["samples_per_second"] > 0} == {"learner", "bare"}
    assert all(point["operators"] for point in points["profile"])
    curve = {point["generation"]: point["accuracy"] for point in points["training"] if "accuracy" in point}
    assert {0, 2} <= set(curve) and all(0 < accuracy < 1 for accuracy in curve.values())
    assert f"{curve[2]:,.4g}" in (tmp_path / "gpu_check.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_measured_before_it_is_cut_off_is_kept(tmp_path: Path) -> None:
    process = start(tmp_path, "--only", "ceiling", "training")
    assert process.stdout is not None
    for line in process.stdout:
        if "evaluations_per_second" in line:
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=60)
    assert process.returncode == 1
    result = found(tmp_path)
    assert result["cut_off"] and list(result["parts"]) == ["ceiling"]
    part = result["parts"]["ceiling"]
    assert part["state"] == "cut off" and part["points"][0]["evaluations_per_second"] > 0


def test_a_part_whose_packages_are_missing_is_left_out_and_says_which(tmp_path: Path) -> None:
    process = start(tmp_path, "--only", "tests", "ceiling", "--without", "pytest", "numba")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    parts = found(tmp_path)["parts"]
    assert parts["tests"] == {"points": [], "state": "left out", "why": "it needs numba, pytest"}
    assert parts["ceiling"]["why"] == "it needs numba"
