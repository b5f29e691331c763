"""The packaged classifier of digits: what it reads, and that a damaged file is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfplay.datasets import image_sets
from selfplay.errors import CheckpointError
from selfplay.gan.metrics import classifier


def test_the_packaged_classifier_is_small_and_reads_held_out_digits() -> None:
    pytest.importorskip("sklearn")
    judge, held_out = classifier.load(), image_sets.digits(held_out=True)
    x, labels = held_out.everything()
    assert classifier.FILE.stat().st_size < 100_000
    assert np.mean(judge.labels(x) != labels) == pytest.approx(judge.error) and judge.error <= 0.02
    assert judge.meta["held_out_sha256"] == held_out.digest and judge.meta["train_sha256"] == image_sets.digits().digest
    assert judge.probabilities(x).shape == (596, 1, 10) and judge.features(x).shape == (596, classifier.FEATURES)
    assert (judge.features(x).std(axis=0) > 0).all(), "no feature is dead"


def test_the_classifier_reads_stacks_plane_by_plane() -> None:
    pytest.importorskip("sklearn")
    judge = classifier.load()
    x, labels = image_sets.stacked_digits(held_out=True).sample(800, np.random.default_rng(7))
    assert np.mean(judge.labels(x) != labels) == pytest.approx(1 - (1 - judge.error) ** 3, abs=0.02)
    features = judge.features(x)
    assert features.shape == (800, 3 * classifier.FEATURES)
    assert features[:, classifier.FEATURES :][:, : classifier.FEATURES] == pytest.approx(
        judge.features(x[:, 1:2]), abs=1e-4
    )


def test_a_classifier_file_that_was_touched_is_refused(tmp_path: Path) -> None:
    whole = classifier.FILE.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    for name, content in {"flipped": bytes(flipped), "short": whole[:-5], "empty": b"", "other": b"x" * 99}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            classifier.load(tmp_path / name)
    with pytest.raises(CheckpointError, match="cannot be read"):
        classifier.load(tmp_path / "missing")
