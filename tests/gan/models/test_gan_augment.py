"""Augmentation: bounds of each change, reals and fakes treated alike, gradients, and the adaptive probability."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfplay.gan.models import augment

NAMES: list[augment.Name] = ["translation", "cutout", "colour"]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(size: int = 64, planes: int = 3, side: int = 16) -> torch.Tensor:
    return 1 + torch.rand(size, planes, side, side, generator=random(9))  # nowhere 0


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image [P, R, C] moved, pixel by pixel."""
    out = np.zeros_like(image)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            if 0 <= row - down < image.shape[1] and 0 <= column - right < image.shape[2]:
                out[:, row, column] = image[:, row - down, column - right]
    return out


def test_translation_moves_by_up_to_an_eighth_and_leaves_zeros() -> None:
    x = images(100, planes=2, side=8)
    found = augment.augment(x, ["translation"], 1.0, random())
    seen = set()
    for before, after in zip(x.numpy(), found.numpy(), strict=True):
        fits = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if np.array_equal(moved(before, i, j), after)]
        assert len(fits) == 1
        seen.add(fits[0])
    assert seen == {(i, j) for i in range(-1, 2) for j in range(-1, 2)}  # 1 is an eighth of 8


def test_cutout_zeroes_a_square_of_half_the_side() -> None:
    x = images(300)
    found = augment.augment(x, ["cutout"], 1.0, random())
    holes = (found == 0).numpy()
    assert (holes == holes[:, :1]).all() and torch.equal(found[~torch.from_numpy(holes)], x[~torch.from_numpy(holes)])
    sizes = set()
    for hole in holes[:, 0]:
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert hole.sum() == len(rows) * len(columns) and np.ptp(rows) == len(rows) - 1
        sizes |= {len(rows), len(columns)}
    assert sizes == {4, 5, 6, 7, 8}  # centres lie in the image, so that at least half of the square does


def test_colour_changes_brightness_saturation_and_contrast_only() -> None:
    x = images(2000)
    found = augment.augment(x, ["colour"], 1.0, random())
    mean = found.mean(dim=(1, 2, 3)) - x.mean(dim=(1, 2, 3))
    assert -0.5 <= float(mean.min()) < -0.45 and 0.45 < float(mean.max()) <= 0.5
    # Saturation scales distances from a pixel's own mean, contrast those from the image's: by one factor an image.
    grey, new_grey = x.mean(dim=1, keepdim=True), found.mean(dim=1, keepdim=True)
    about, new_about = (of - of.mean(dim=(1, 2, 3), keepdim=True) for of in (grey, new_grey))
    contrast = (new_about / about).flatten(1).median(dim=1).values[:, None, None, None]
    torch.testing.assert_close(new_about, contrast * about, rtol=1e-2, atol=1e-5)
    assert 0.5 <= float(contrast.min()) < 0.52 and 1.48 < float(contrast.max()) <= 1.5
    both = ((found - new_grey) / (x - grey)).flatten(1).median(dim=1).values[:, None, None, None]
    torch.testing.assert_close(found - new_grey, both * (x - grey), rtol=1e-2, atol=1e-5)
    assert float((both / contrast).min()) < 0.05 and 1.95 < float((both / contrast).max()) < 2.001


@pytest.mark.parametrize("name", NAMES)
def test_each_change_is_made_with_its_probability_for_each_sample(name: augment.Name) -> None:
    x = images(4000, side=8)
    for probability, share in ((0.0, 0.0), (0.25, 0.25), (torch.tensor(0.25), 0.25), (1.0, 1.0)):
        found = augment.augment(x, [name], probability, random())
        changed = (found - x).abs().flatten(1).amax(dim=1) > 1e-5  # rounding of colours is none
        most = 8 / 9 if name == "translation" else 1.0  # one in nine moves by nothing
        assert float(changed.float().mean()) == pytest.approx(share * most, abs=0.03)


def test_the_same_stream_gives_the_same_changes_and_samples_of_a_batch_differ() -> None:
    x = images(1).expand(64, -1, -1, -1)
    one, same, other = (augment.augment(x, NAMES, 1.0, random(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert len({image.numpy().tobytes() for image in one}) == 64


@pytest.mark.parametrize("name", NAMES)
def test_gradients_flow_through_each_change(name: augment.Name) -> None:
    x = images(3, side=8).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda given: augment.augment(given, [name], 1.0, random()), (x,))


@pytest.mark.parametrize(("wins", "direction"), [(0.5, -1), (0.79, -1), (0.81, 1), (1.0, 1)])
def test_the_probability_rises_while_the_critic_is_too_sure(wins: float, direction: int) -> None:
    # A target of 0.6 for E sign(D(x) − D(y)) is a share of wins of 0.8.
    probability = torch.tensor(0.5)
    augment.adapt(probability, torch.tensor(wins), 0.6, 5_000)
    assert float(probability) == pytest.approx(0.5 + direction * 0.01)
    for _ in range(200):
        augment.adapt(probability, torch.tensor(wins), 0.6, 5_000)
    assert float(probability) == (direction + 1) / 2  # it stays within 0 and 1
