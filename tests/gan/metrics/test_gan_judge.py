"""Judges against generators whose quality is known: perfect ones, copies, collapsed ones, noise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from selfplay.datasets import dataset, files, image_sets
from selfplay.errors import ConfigError
from selfplay.gan.metrics import inception, judge, quality

Made = tuple[np.ndarray, np.ndarray | None]


@functools.cache
def of_digits() -> judge.DigitJudge:
    return judge.DigitJudge(image_sets.digits(), image_sets.digits(held_out=True))


@functools.cache
def of_stacks() -> judge.StackedDigitJudge:
    return judge.StackedDigitJudge(image_sets.digits(), image_sets.digits(held_out=True))


def figures(by: judge.Judge, draw: Callable[[int], Made]) -> dict[str, float]:
    return by.metrics(draw, np.random.default_rng(0))


def drawn(images: dataset.Dataset, seed: int = 1) -> Callable[[int], Made]:
    rng = np.random.default_rng(seed)
    return lambda n: images.sample(n, rng)


# --- digits


def test_copies_of_the_training_digits_are_perfect_but_for_being_copies() -> None:
    found = figures(of_digits(), drawn(image_sets.digits()))
    assert found["as_asked"] == found["coverage"] == found["precision"] == 1
    assert found["frechet_ratio"] == pytest.approx(1, abs=0.25)
    assert found["copies"] == 1 and found["nearest_ratio"] == 0


def test_held_out_digits_are_as_good_as_real_and_no_copies() -> None:
    found = figures(of_digits(), drawn(image_sets.digits(held_out=True)))
    assert found["as_asked"] > 0.99 and found["coverage"] > 0.8  # 596 different ones cannot cover more
    assert found["frechet_ratio"] == pytest.approx(1, abs=0.5)
    assert found["copies"] == pytest.approx(0.01, abs=0.01) and found["nearest_ratio"] == pytest.approx(1, abs=0.1)


def test_digits_of_other_classes_than_asked_for_show_in_as_asked_alone() -> None:
    def off_by_one(n: int) -> Made:
        x, labels = drawn(image_sets.digits())(n)
        assert labels is not None
        return x, np.where(labels == 4, 5, labels)

    found = figures(of_digits(), off_by_one)
    assert found["as_asked"] == pytest.approx(0.9, abs=0.02)
    assert found["digit_5"] == pytest.approx(0.5, abs=0.06)  # asked for where 4 and 5 were meant
    assert found["digit_4"] == 0  # never asked for
    assert all(found[f"digit_{digit}"] == 1 for digit in (0, 1, 2, 3, 6, 7, 8, 9))
    assert found["coverage"] == 1


def test_one_image_for_each_class_reads_as_asked_and_covers_nothing() -> None:
    x, labels = image_sets.digits().everything()
    assert labels is not None
    first = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])

    def collapsed(n: int) -> Made:
        asked = np.arange(n) % 10
        return x[first[asked]], asked

    found = figures(of_digits(), collapsed)
    assert found["as_asked"] == found["precision"] == 1
    assert found["coverage"] < 0.1 and found["recall"] < 0.1 and found["frechet_ratio"] > 3
    assert found["taught"] < 0.8 < found["taught_floor"]


def test_noise_is_like_no_digit() -> None:
    rng = np.random.default_rng(3)
    found = figures(of_digits(), lambda n: (rng.uniform(-1, 1, (n, 1, 8, 8)).astype(np.float32), None))
    assert found["precision"] < 0.1 and found["coverage"] < 0.05 and found["frechet_ratio"] > 20
    assert "as_asked" not in found
    assert sum(found[f"digit_{digit}"] for digit in range(10)) == pytest.approx(1)


def test_without_classes_the_share_of_each_that_is_read_is_told_and_how_far_from_even() -> None:
    x, labels = image_sets.digits().everything()
    assert labels is not None
    rng, ones = np.random.default_rng(4), np.flatnonzero(labels < 5)
    found = figures(of_digits(), lambda n: (x[ones[rng.integers(len(ones), size=n)]], None))
    assert found["class_kl"] == pytest.approx(np.log(2), abs=0.01)
    assert [found[f"digit_{digit}"] > 0 for digit in range(10)] == [True] * 5 + [False] * 5


def test_figures_are_a_function_of_samples_and_random_numbers() -> None:
    fresh = judge.DigitJudge(image_sets.digits(), image_sets.digits(held_out=True))
    first, second = (figures(of_digits(), drawn(image_sets.digits(held_out=True))) for _ in range(2))
    assert first == second == figures(fresh, drawn(image_sets.digits(held_out=True)))


# --- stacks


def test_real_stacks_have_all_modes_and_the_divergence_of_a_perfect_sampler() -> None:
    found = figures(of_stacks(), drawn(image_sets.stacked_digits(held_out=True)))
    assert found["modes_found"] == 1000 and found["modes"] == 1
    assert found["kl"] == pytest.approx(found["kl_floor"], abs=0.005)
    assert found["precision"] > 0.9


def test_stacks_whose_planes_are_always_alike_have_ten_modes() -> None:
    x, labels = image_sets.digits(held_out=True).everything()
    assert labels is not None
    rows = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])
    found = figures(of_stacks(), lambda n: (np.repeat(x[rows[np.arange(n) % 10]], 3, axis=1), None))
    assert found["modes_found"] == 10 and found["kl"] == pytest.approx(np.log(100))
    assert found["coverage"] < 0.1


# --- images of the user's


def images(n: int = 200, seed: int = 0, labels: bool = True) -> image_sets.Images:
    """28 × 28, dark for class 0 and bright for class 1."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(2, size=n)
    pixels = (rng.integers(0, 100, (n, 1, 28, 28)) + 100 * classes[:, None, None, None]).astype(np.uint8)
    return image_sets.Images("mine", pixels, classes if labels else None, 2 if labels else 0)


def test_images_of_the_user_are_judged_by_their_averaged_pixels() -> None:
    train, held_out = image_sets.split(images())
    found = figures(judge.ImageJudge(train, held_out), drawn(images(seed=1)))
    assert 0.3 < found["frechet_ratio"] < 2  # of 166 images
    assert found["taught"] == found["taught_floor"] == 1
    noise = np.random.default_rng(2)
    worse = figures(judge.ImageJudge(train, held_out), lambda n: (noise.uniform(-1, 1, (n, 1, 28, 28)), None))
    assert worse["frechet_ratio"] > 4 and worse["coverage"] < 0.2
    assert "taught" not in worse


def test_averaged_pixels_are_means_of_equal_blocks() -> None:
    x = np.arange(2 * 3 * 28 * 28, dtype=np.float32).reshape(2, 3, 28, 28)
    found = judge.pooled(x).reshape(2, 3, 7, 7)
    for row, column in ((0, 0), (3, 5), (6, 6)):
        block = x[1, 2, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert found[1, 2, row, column] == pytest.approx(block.mean())
    assert judge.pooled(np.zeros((1, 3, 32, 32))).shape == (1, 3 * 64)
    assert judge.pooled(np.zeros((1, 2, 6, 7))).shape == (1, 2 * 42)


@pytest.mark.parametrize("shape", ["17x17x1", "13x29x3", "19x1x1", "1x23x4", "11x8x3", "28x28x1", "31x22x4"])
def test_on_sides_of_any_length_grey_noise_collapse_and_permuted_pixels_score_below_reals(shape: str) -> None:
    rows, columns, planes = map(int, shape.split("x"))
    rng = np.random.default_rng(rows)
    heights, widths = np.linspace(0, 1, rows)[None, :, None], np.linspace(0, 1, columns)[None, None]

    def reals(n: int) -> np.ndarray:
        """A bright spot at a random place, of another size on each plane."""
        at = rng.uniform(0.15, 0.85, (2, n, 1, 1))
        squares = (heights - at[0]) ** 2 * (rows > 1) + (widths - at[1]) ** 2 * (columns > 1)
        return np.stack([np.exp(-squares * (30 + 10 * plane)) for plane in range(planes)], axis=1)

    pixels = np.rint(reals(600) * 255).astype(np.uint8)
    train, held_out = image_sets.split(image_sets.Images("spots", pixels, None, 0))
    measured = judge.ImageJudge(train, held_out)

    def coverage(x: np.ndarray) -> tuple[float, float]:
        found = figures(measured, lambda n: (np.resize(x, (n, *x.shape[1:])).astype(np.float32) * 2 - 1, None))
        return found["coverage"], found["frechet_ratio"]

    good, near = coverage(reals(600))
    assert good > 0.85 and near < 4
    order = rng.permutation(rows * columns)
    bad = {
        "grey": np.full((600, planes, rows, columns), pixels.mean() / 255),
        "noise": rng.uniform(0, 1, (600, planes, rows, columns)),
        "collapsed": reals(1),
        "permuted": reals(600).reshape(600, planes, -1)[..., order].reshape(600, planes, rows, columns),
    }
    for name, x in bad.items():
        covered, far = coverage(x)
        assert covered < 0.6 * good and far > 3 * near, (name, covered, far)


def test_no_side_of_several_pixels_is_averaged_to_one() -> None:
    for length in range(1, 70):
        found = judge.pooled(np.arange(2.0 * length).reshape(2, 1, length, 1)).shape[1]
        assert min(length, 5) <= found <= 8
    x = np.random.default_rng(0).standard_normal((3, 2, 17, 11))
    pool = torch.nn.AdaptiveAvgPool2d(8)(torch.from_numpy(x)).numpy()  # an independent way to the same means
    assert judge.pooled(x) == pytest.approx(pool.reshape(3, -1))


def test_reals_that_are_all_alike_have_a_ratio_of_1_or_none() -> None:
    distances = judge.FeatureDistances(np.ones((30, 3)), np.ones((8, 3)))
    assert distances.metrics(np.ones((30, 3)), np.random.default_rng(0))["frechet_ratio"] == 1
    assert distances.metrics(np.zeros((30, 3)), np.random.default_rng(0))["frechet_ratio"] == np.inf


def test_the_distance_of_halves_is_the_mean_over_splits_that_anyone_can_repeat() -> None:
    rng = np.random.default_rng(5)
    reals, fakes = rng.standard_normal((40, 3)), rng.standard_normal((60, 3)) + 1
    found = judge.frechet_of_halves(reals, fakes, np.random.default_rng(6))
    again, twin = np.random.default_rng(6), []
    for _ in range(judge.SPLITS):
        half = again.permutation(40)[:20]
        twin.append(quality.frechet(reals[half], fakes[again.permutation(60)[:20]]))
    assert found == pytest.approx(np.mean(twin))
    floor = judge.frechet_of_halves(reals, None, np.random.default_rng(6))
    assert floor < found


def test_inception_features_are_never_fetched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="torch-fidelity"):  # for want of the library, or of the file
        inception.load(tmp_path / "missing.pth")


# --- splitting


@pytest.mark.parametrize("labels", [True, False])
def test_a_split_keeps_every_image_once_and_hangs_on_no_order(labels: bool) -> None:
    whole = images(150, labels=labels)
    train, held_out = image_sets.split(whole, 5)
    parts = [part.pixels.reshape(len(part.pixels), -1) for part in (train, held_out)]
    assert sorted(map(bytes, np.concatenate(parts))) == sorted(map(bytes, whole.pixels.reshape(150, -1)))
    order = np.random.default_rng(7).permutation(150)
    turned = image_sets.split(image_sets.part(whole, order, "turned"), 5)[1]
    assert set(map(bytes, parts[1])) == set(map(bytes, turned.pixels.reshape(len(turned.pixels), -1)))
    assert (train.name, held_out.name) == ("mine", "mine-held-out")


def test_a_split_holds_out_the_same_share_of_each_class() -> None:
    whole = images(400)
    assert whole.labels is not None
    _, held_out = image_sets.split(whole, 4)
    assert held_out.labels is not None
    assert list(np.bincount(held_out.labels)) == list(np.bincount(whole.labels) // 4)


def test_too_few_images_to_split_are_refused() -> None:
    with pytest.raises(files.DataError, match="too few"):
        image_sets.split(images(3), 5)
