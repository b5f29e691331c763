"""`selfplay sample`: pictures and arrays of runs that are one generation of untrained weights, and its refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from matplotlib import image

from selfplay.cli import main
from selfplay.gan import load

MEASURED = "generation,high_quality,modes,modes_found,modes_there,seconds\n7,0.5,0.25,2,8,1\n"


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def sample(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process."""

    def call(*arguments: Any) -> Said:
        try:
            code = main.main(["sample", *map(str, arguments)])
        except SystemExit as left:
            code = int(left.code or 0)
        found = capsys.readouterr()
        return Said(code, found.out, found.err)

    return call


def run_of(path: Path, preset: str, *generations: int, **network: Any) -> Path:
    """A run's folder with untrained weights, which differ by generation."""
    for generation in generations or (7,):
        tiny.generator_folder(path, preset, generation, **network)
    (path / "evaluation.csv").write_text(MEASURED)
    return path


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("runs") / "ring", "gan-ring", 3, 7)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("runs") / "digits", "gan-digits")


def test_points_are_drawn_into_the_runs_folder_and_its_metrics_are_printed(sample: Any, ring: Path) -> None:
    said = sample(ring)
    out = ring / "samples" / "000007.png"
    assert said.out == f"Wrote samples to {out}; generation 7: 2 of 8 modes, 50.0% high quality.\n"
    assert image.imread(out).shape[0] == image.imread(out).shape[1]
    before = out.read_bytes()
    sample(ring / "checkpoints" / "000007")
    assert out.read_bytes() == before
    sample(ring, "--seed", 2)
    assert out.read_bytes() != before


def test_an_earlier_generation_can_be_asked_for(sample: Any, ring: Path) -> None:
    said = sample(ring, "--generation", 3)
    assert said.out.endswith("generation 3: not measured.\n") and (ring / "samples" / "000003.png").exists()


def test_a_row_a_class_or_one_class_alone(sample: Any, digits: Path, tmp_path: Path) -> None:
    assert sample(digits, "--out", tmp_path / "all.png").code == 0
    assert image.imread(tmp_path / "all.png").shape[:2] == (524, 524)  # ten rows of ten 8×8 images, six times as large
    said = sample(digits, "--label", 3, "--count", 5)
    out = digits / "samples" / "000007-label-3.png"
    assert f"samples of class 3 to {out}" in said.out and image.imread(out).shape[:2] == (56, 264)


def test_arrays_hold_what_the_generator_makes(sample: Any, digits: Path, tmp_path: Path) -> None:
    said = sample(digits, "--npz", tmp_path / "a.npz", "--count", 50, "--seed", 4)
    assert said.out.startswith(f"Wrote 50 samples to {tmp_path / 'a.npz'}; ") and ".png" not in said.out
    found = np.load(tmp_path / "a.npz")
    x, labels = load.load(digits).generator.sample(50, np.random.default_rng(4))
    assert (found["x"] == x).all() and (found["labels"] == labels).all() and x.dtype == np.float32
    sample(digits, "--npz", tmp_path / "b.npz", "--count", 20, "--label", 9)
    assert (np.load(tmp_path / "b.npz")["labels"] == 9).all()


def test_interpolations_go_from_one_sample_to_another(
    sample: Any, digits: Path, ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def grid(x: np.ndarray, columns: int) -> np.ndarray:
        shown.append((x, columns))
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr("selfplay.gan.pictures.grid", grid)
    assert sample(digits, "--interpolate", 3, "--out", tmp_path / "interpolation.png").code == 0
    ((x, columns),) = shown
    assert x.shape == (30, 1, 8, 8) and columns == 10
    steps = np.abs(np.diff(x.reshape(3, 10, -1), axis=1)).max(axis=2)
    whole = np.abs(x[9::10] - x[::10]).reshape(3, -1).max(axis=1)
    assert (steps.max(axis=1) < whole).all() and (whole > 0).all()  # no step is as long as the walk
    assert (
        "2 interpolations to" in sample(ring, "--interpolate", 2).out
        and (ring / "samples" / "000007-interpolation.png").exists()
    )


def test_sums_of_classes_shift_the_first(sample: Any, tmp_path: Path) -> None:
    run = run_of(tmp_path / "vae", "vae-digits")
    said = sample(run, "--arithmetic", "3-1+7")
    assert "samples of 3-1+7 to" in said.out
    out = image.imread(run / "samples" / "000007-3-1+7.png")
    assert out.shape[:2] == (108, 524)  # ten threes, and below them what became of them


def test_samples_are_measured_beside_held_out_reals(sample: Any, ring: Path) -> None:
    lines = sample(ring, "--evaluate").out.splitlines()
    assert lines[0].split() == ["metric", "samples", "±", "95", "%", "held-out", "reals"]
    cells = {line[:28].strip(): line[28:].split() for line in lines[1:-2]}
    assert float(cells["high quality"][0]) < 0.1 and float(cells["high quality"][2]) == pytest.approx(0.989, abs=0.005)
    assert cells["modes found"][2] == "8" and len(cells["auc"]) == 2
    assert lines[-2].startswith("Means of 5 independent sets of samples (seed 1)")
    other = sample(ring, "--evaluate", "--seed", "4").out.splitlines()
    assert other[1:-2] != lines[1:-2] and sample(ring, "--evaluate", "--seed", "4").out.splitlines() == other
    assert lines[-1].startswith("generation 7: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["'nowhere' does not exist", "runs/"]),
        (["RING", "--label", "1"], ["without classes", "leave out --label"]),
        (["DIGITS", "--label", "10"], ["no class 10", "0 to 9"]),
        (["DIGITS", "--label", "-1"], ["--label", "from 0 to 999,999"]),
        (["RING", "--arithmetic", "1+9"], ["no class 9", "0 to 7"]),
        (["RING", "--arithmetic", "1++2"], ["'1++2'", "3-1+7"]),
        (["RING", "--arithmetic", "1+2", "--label", "1"], ["--label"]),
        (["RING", "--arithmetic", "1+2", "--interpolate", "1"], ["not allowed with"]),
        (["RING", "--generation", "5"], ["no generation 5", "3, 7"]),
        (["RING", "--count", "0"], ["--count", "from 1 to 1,000,000"]),
        (["RING", "--interpolate", "0"], ["--interpolate", "from 1 to 100"]),
        (["RING", "--out", "picture.jpg"], ["picture.jpg", ".png"]),
        (["RING", "--npz", "x.npy"], [".npz"]),
        (["RING", "--npz", "x.npz", "--evaluate"], ["--evaluate"]),
        (["BOARD"], ["plays a board game", "`selfplay play`"]),
        (["RING", "--out", "RING/evaluation.csv/a.png"], ["cannot be used (Not a directory)", "--out"]),
    ],
)
def test_a_mistake_is_one_sentence(
    sample: Any, ring: Path, digits: Path, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    places = {"RING": ring, "DIGITS": digits}
    if "BOARD" in arguments:
        places["BOARD"] = tiny.weights_folder(tmp_path / "board", "tic-tac-toe")
    for name, place in places.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    said = sample(*arguments)
    assert said.code == 2 and len(said.err.splitlines()) == 1 and said.out == "", said.err
    for word in words:
        assert word in said.err, said.err
