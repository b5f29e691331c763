"""Images of the user's that are few, alike, or labelled with gaps."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from selfplay.datasets import files, image_sets
from selfplay.gan.config import DataConfig
from selfplay.gan.data import sources


def idx(path: Path, array: np.ndarray) -> Path:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())
    return path


def pixels(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 5, 5))


@pytest.mark.parametrize("there", [[1, 2, 5, 10], [200], [0, 255], [3, 4]])
def test_labels_with_gaps_are_as_many_classes_as_occur(tmp_path: Path, there: list[int]) -> None:
    labels = np.resize(there, 60)
    found = image_sets.from_idx(idx(tmp_path / "x", pixels(60)), idx(tmp_path / "y", labels))
    assert found.num_classes == len(there) and found.labels is not None
    assert (np.array(there)[found.labels] == labels).all()


def test_images_that_are_all_alike_or_too_few_are_refused_in_a_sentence(tmp_path: Path) -> None:
    for x, words in ((np.full((90, 5, 5), 7), "All 90 images"), (pixels(20), "leaves 17 images to learn from")):
        config = DataConfig(name="idx", path=str(idx(tmp_path / "x", x)))
        with pytest.raises(files.DataError, match=words):
            sources.make(config)
    assert sources.make(DataConfig(name="idx", path=str(idx(tmp_path / "x", pixels(24))))).num_classes == 0
