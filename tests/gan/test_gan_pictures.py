"""Pictures of samples, and the birthday test of how many are distinct."""

from __future__ import annotations

import numpy as np
import pytest

from selfplay.datasets import image_sets, mixtures
from selfplay.gan import pictures
from selfplay.gan.metrics import distinct


def test_a_grid_shows_each_image_in_its_place_enlarged_and_apart() -> None:
    images = np.full((3, 1, 8, 8), -1.0)
    images[0], images[1, 0, 0, 0] = 1.0, 1.0
    picture = pictures.grid(images, columns=2)
    side, gap = 48, pictures.GAP  # 8 pixels, six times as large
    assert picture.shape == (2 * side + 3 * gap, 2 * side + 3 * gap, 3) and picture.dtype == np.uint8
    assert (picture[gap : gap + side, gap : gap + side] == 255).all()
    second = picture[gap : gap + side, 2 * gap + side : 2 * (gap + side)]
    assert (second[:6, :6] == 255).all() and (second[6:] == 0).all() and (second[:, 6:] == 0).all()
    assert (picture[2 * gap + side : -gap, gap : gap + side] == 0).all()
    assert (picture[2 * gap + side :, 2 * gap + side :] == pictures.PAPER).all()  # nothing there


def test_planes_become_colours() -> None:
    def pixel(*planes: float) -> list[int]:
        image = np.array(planes, dtype=np.float32).reshape(1, -1, 1, 1)
        return [int(level) for level in pictures.grid(image)[pictures.GAP, pictures.GAP]]

    assert pixel(0.0) == [128, 128, 128] and pixel(7.0) == [255, 255, 255]
    assert pixel(1.0, -1.0, 0.0) == [255, 0, 128]
    assert pixel(1.0, -1.0) == [255, 0, 0] and pixel(-1.0, 1.0) == [0, 0, 255]  # two players' stones
    assert pixel(1.0, 1.0, -1.0, 1.0) == [255, 255, 0]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_points_are_drawn_in_a_frame_that_the_reals_set_and_the_same_each_time(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    reals = rng.standard_normal((50, dimensions))
    near = pictures.scatter(reals, reals, reals[:4], [reals[:5]], "title")
    far = pictures.scatter(reals, reals + 100)
    assert near.shape == far.shape == (pictures.SIDE, pictures.SIDE, 3) and near.dtype == np.uint8
    assert (near == pictures.scatter(reals, reals, reals[:4], [reals[:5]], "title")).all()
    orange = (far[..., 0] > 220) & (far[..., 2] < 120)
    assert orange.sum() > 0  # what lies outside is on the edge, not lost


def test_different_things_are_counted_as_the_birthday_paradox_has_it() -> None:
    """Of S points, all equally likely, 1 pair in S is equal, where one real pair in a thousand is."""
    rng = np.random.default_rng(0)
    reals = rng.standard_normal((1000, 16))
    for support in (10, 100):
        fakes = rng.standard_normal((support, 16))[rng.integers(support, size=1000)]
        assert distinct.distinct(reals, fakes) == pytest.approx(distinct.NEAR * support, rel=0.1)
    assert distinct.distinct(reals, rng.standard_normal((1000, 16))) == pytest.approx(1, abs=0.15)


def test_narrow_modes_have_as_few_different_points_as_their_closed_form_says() -> None:
    """Two points of one of 25 modes are within r of each other with probability 1 − exp(−r²/4s²σ²)."""
    rng, grid = np.random.default_rng(1), mixtures.grid()
    reals = grid.sample(1000, rng)[0]
    for width in (0.2, 0.5):
        narrow = mixtures.Mixture("narrow", grid.centres, grid.sigma * width)
        equal = (1 - (1 - 25 * distinct.NEAR) ** (width**-2)) / 25
        assert distinct.distinct(reals, narrow.sample(1000, rng)[0]) == pytest.approx(distinct.NEAR / equal, rel=0.15)


def test_different_reals_are_never_the_same_one_twice() -> None:
    rng = np.random.default_rng(0)
    chosen = distinct.different(image_sets.digits(), rng)
    assert chosen is not None and chosen.shape == (1000, 1, 8, 8)
    assert len(np.unique(chosen.reshape(1000, -1), axis=0)) == 1000
    few = image_sets.Images("few", np.zeros((99, 1, 8, 8), np.uint8), None, 0)
    assert distinct.different(few, rng) is None
    stacks = distinct.different(image_sets.stacked_digits(), rng)
    assert stacks is not None and stacks.shape == (1000, 3, 8, 8)
