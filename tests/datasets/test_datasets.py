"""Data sets: distributions of samples, a fixed split, and damaged files refused in one sentence."""

from __future__ import annotations

import gzip
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from selfplay.datasets import files, image_sets, mixtures
from selfplay.errors import ConfigError


def test_the_ring_really_has_eight_modes() -> None:
    ring = mixtures.ring()
    assert len(np.unique(ring.centres.round(9), axis=0)) == 8 == ring.num_classes
    assert np.linalg.norm(ring.centres, axis=1) == pytest.approx(1)
    assert mixtures.nearest_modes(ring.centres) == pytest.approx(2 * np.sin(np.pi / 8))


def test_a_ring_that_counts_its_end_twice_is_refused() -> None:
    angles = np.linspace(0, 2 * np.pi, 8)
    with pytest.raises(ConfigError, match=r"Modes of ring-8 lie .* apart"):
        mixtures.Mixture("ring-8", np.column_stack([np.cos(angles), np.sin(angles)]), 0.02)


def test_the_grid_has_25_modes_two_apart() -> None:
    grid = mixtures.grid()
    assert sorted(set(grid.centres.flatten())) == [-4, -2, 0, 2, 4]
    assert grid.num_classes == 25 and mixtures.nearest_modes(grid.centres) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: mixtures.ring(sigma=0.2), lambda: mixtures.ring(modes=0), lambda: mixtures.ring(sigma=0),
        lambda: mixtures.ring(radius=float("nan")), lambda: mixtures.ring(radius=0.0), lambda: mixtures.grid(side=0),
        lambda: mixtures.grid(spacing=0.2), lambda: mixtures.grid(sigma=-1.0),
        lambda: mixtures.grid(sigma=float("inf")),
    ],
)  # fmt: skip
def test_mixtures_whose_modes_touch_or_make_no_sense_are_refused(make: Callable[[], mixtures.Mixture]) -> None:
    with pytest.raises(ConfigError):
        make()


@pytest.mark.parametrize("mixture", [mixtures.ring(), mixtures.grid(), mixtures.ring(1), mixtures.ring(5, 2.0, 0.1)])
def test_samples_of_a_mixture_have_its_modes_and_width(mixture: mixtures.Mixture) -> None:
    x, labels = mixture.sample(20_000, np.random.default_rng(0))
    assert x.dtype == np.float32 and x.shape == (20_000, *mixture.shape) and labels.dtype == np.int64
    assert np.bincount(labels) == pytest.approx(20_000 / mixture.num_classes, rel=0.2)
    offsets = x - mixture.centres[labels]
    assert offsets.std(axis=0) == pytest.approx(mixture.sigma, rel=0.03)
    assert offsets.mean(axis=0) == pytest.approx(0, abs=mixture.sigma * 0.04)


def test_the_digits_are_split_in_one_way_for_ever() -> None:
    pytest.importorskip("sklearn")
    train, held_out = image_sets.digits(), image_sets.digits(held_out=True)
    assert train.shape == held_out.shape == (1, 8, 8)
    assert (len(train.pixels), len(held_out.pixels)) == (1201, 596)
    assert train.digest == "30ae38c98b428138fd9ceb9f8b2f1617a6164970f575c2eb178c44eba1300d3e"
    assert held_out.digest == "ca04c71e8a87145f80d016f68eb9ddf346a0ac5e7299c03ff644b67e902c4519"
    together = np.concatenate([train.pixels, held_out.pixels]).reshape(1797, -1)
    assert len(np.unique(together, axis=0)) == 1797, "no image is in both parts"
    assert train.labels is not None and held_out.labels is not None
    assert np.bincount(held_out.labels) / np.bincount(train.labels) == pytest.approx(0.5, abs=0.02)


def test_digits_are_drawn_between_paper_and_ink_with_their_labels() -> None:
    pytest.importorskip("sklearn")
    train = image_sets.digits()
    x, labels = train.sample(500, np.random.default_rng(1))
    assert x.shape == (500, 1, 8, 8) and x.dtype == np.float32 and (x.min(), x.max()) == (-1, 1)
    assert labels is not None and labels.dtype == np.int64 and set(labels) == set(range(10))
    everything, all_labels = train.everything()
    assert all_labels is not None
    place = np.flatnonzero((everything == x[0]).all(axis=(1, 2, 3)))
    assert len(place) == 1 and all_labels[place[0]] == labels[0]
    assert np.array_equal((everything + 1) * 8, train.pixels), "the seventeen shades come through exactly"


def test_one_seed_draws_the_same_and_another_does_not() -> None:
    pytest.importorskip("sklearn")
    for dataset in (mixtures.ring(), image_sets.digits(), image_sets.stacked_digits()):
        first, second, other = (dataset.sample(8, np.random.default_rng(seed))[0] for seed in (3, 3, 4))
        assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_without_scikit_learn_the_digits_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(files.DataError, match="pip install scikit-learn"):
        image_sets.digits()


def test_stacked_digits_are_three_digits_and_their_number() -> None:
    pytest.importorskip("sklearn")
    train, stacked = image_sets.digits(), image_sets.stacked_digits()
    assert stacked.shape == (3, 8, 8) and stacked.num_classes == 1000
    x, labels = stacked.sample(300, np.random.default_rng(2))
    assert x.shape == (300, 3, 8, 8) and x.dtype == np.float32
    everything, classes = train.everything()
    assert classes is not None
    known = {image.tobytes(): int(label) for image, label in zip(everything[:, 0], classes, strict=True)}
    for planes, label in zip(x, labels, strict=True):
        assert [known[plane.tobytes()] for plane in planes] == [label // 100, label // 10 % 10, label % 10]


def test_stacked_digits_are_uniform_over_a_thousand_modes() -> None:
    pytest.importorskip("sklearn")
    x, labels = image_sets.stacked_digits().sample(100_000, np.random.default_rng(3))
    assert len({image.tobytes() for image in x[:5000].reshape(-1, 64)}) == 1201, "every image is drawn"
    counts = np.bincount(labels, minlength=1000)
    chi_square = np.sum((counts - 100) ** 2 / 100)
    assert 860 < chi_square < 1145  # 999 degrees of freedom: within 3.3 standard deviations


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype("u1").tobytes()


IMAGES = np.random.default_rng(5).integers(0, 256, (7, 5, 6)).astype(np.uint8)
LABELS = np.array([3, 0, 1, 2, 3, 3, 1], dtype=np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_idx_images_and_labels_are_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "images").write_bytes(pack(idx(IMAGES)))
    (tmp_path / "labels").write_bytes(pack(idx(LABELS)))
    images = image_sets.from_idx(tmp_path / "images", tmp_path / "labels")
    assert np.array_equal(images.pixels[:, 0], IMAGES) and images.labels is not None
    assert images.labels.tolist() == LABELS.tolist() and images.num_classes == 4 and images.shape == (1, 5, 6)
    x, _ = images.everything()
    assert x[:, 0] == pytest.approx(IMAGES / 127.5 - 1, abs=1e-6) and -1 <= x.min() and x.max() <= 1
    alone = image_sets.from_idx(tmp_path / "images")
    assert alone.labels is None and alone.num_classes == 0
    assert alone.sample(4, np.random.default_rng(0))[1] is None


IDX = idx(IMAGES)
BROKEN = {
    "cut off": IDX[:-1],
    "too long": IDX + b"\0",
    "cut off in the header": IDX[:9],
    "empty": b"",
    "another format": b"\x89PNG" + IDX,
    "no axes": b"\0\0\x08\0",
    "more axes than an array can have": b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\0",
    "floats": b"\0\0\x0d" + IDX[3:],
    "two axes": idx(IMAGES[0]),
    "no images": idx(IMAGES[:0]),
    "a header of 18 exabytes": b"\0\0\x08\x03" + b"\xff\xff\xff\xff" * 3,
    "gz cut off": gzip.compress(IDX)[:-9],
    "gz with a wrong checksum": gzip.compress(IDX)[:-8] + b"\0" * 8,
    "gz too long": gzip.compress(IDX + bytes(100)),
    "gz of noise": b"\x1f\x8b\x08" + bytes(range(60)),
    "gz of zeros that would fill the memory": gzip.compress(IDX[:4] + b"\0\0\0\1" * 3 + bytes(10_000_000)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_idx_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "images.idx"
    path.write_bytes(BROKEN[name])
    with pytest.raises(files.DataError) as caught:
        image_sets.from_idx(path)
    text = str(caught.value)
    assert str(path) in text and text.endswith(".") and "\n" not in text


def test_missing_files_folders_pipes_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "pipe"):
        for read in (image_sets.from_idx, lambda path: image_sets.from_cifar10([path])):
            with pytest.raises(files.DataError, match=r"^There is no file|is not a file"):
                read(path)


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(IMAGES))
    (tmp_path / "labels").write_bytes(idx(LABELS[:-1]))
    with pytest.raises(files.DataError, match="7 images"):
        image_sets.from_idx(tmp_path / "images", tmp_path / "labels")


def test_cifar10_files_are_read_one_after_another(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    records = rng.integers(0, 256, (5, files.CIFAR_RECORD)).astype(np.uint8)
    records[:, 0] = [9, 0, 4, 4, 2]
    (tmp_path / "1.bin").write_bytes(records[:2].tobytes())
    (tmp_path / "2.bin").write_bytes(records[2:].tobytes())
    images = image_sets.from_cifar10([tmp_path / "1.bin", tmp_path / "2.bin"])
    assert images.shape == (3, 32, 32) and images.labels is not None and images.labels.tolist() == [9, 0, 4, 4, 2]
    red_at_row_2_column_5 = records[3, 1 + 2 * 32 + 5]
    assert images.pixels[3, 0, 2, 5] == red_at_row_2_column_5
    assert images.pixels[3, 2, 31, 31] == records[3, -1]


@pytest.mark.parametrize("content", [b"", bytes(files.CIFAR_RECORD - 1), bytes([10]) + bytes(files.CIFAR_RECORD - 1)])
def test_a_damaged_cifar10_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "batch.bin").write_bytes(content)
    with pytest.raises(files.DataError, match=r"batch\.bin .*\.$"):
        image_sets.from_cifar10([tmp_path / "batch.bin"])
    with pytest.raises(files.DataError, match="at least one file"):
        image_sets.from_cifar10([])
