"""Interpolation and arithmetic in the inputs of generators."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from selfplay.errors import ConfigError
from selfplay.gan import inference
from selfplay.gan.config import DataConfig, GanNetworkConfig, ObjectiveConfig
from selfplay.gan.data import sources
from selfplay.gan.metrics import latent_arithmetic
from selfplay.gan.models import latent, model

RING = sources.make(DataConfig(name="ring"))
PLAIN = GanNetworkConfig(width=8, depth=1, latent=2)


class Ring(nn.Module):
    """The perfect generator of eight modes, from two numbers: the mode nearest in angle. One weight, for its device."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        step = 2 * torch.pi / 8
        angle = torch.round(torch.atan2(inputs[:, 1], inputs[:, 0]) / step) * step
        return self.weight * torch.stack([angle.cos(), angle.sin()], dim=1) / RING.scale


def ring() -> inference.TrainedGenerator:
    return inference.TrainedGenerator(Ring(), RING, PLAIN, latent.GaussianSpace(2))


def conditional(kind: str = "mlp", **settings: int) -> inference.TrainedGenerator:
    config = GanNetworkConfig(kind=kind, width=8, depth=1, latent=3, conditional=True, **settings)  # type: ignore
    source = sources.make(DataConfig(name="digits"))
    torch.manual_seed(0)
    pair = model.PlainGan(source, config, ObjectiveConfig())
    return pair.generator(pair.networks())


def test_an_arc_keeps_its_distance_and_turns_evenly() -> None:
    a, b = np.array([[3.0, 0, 0]]), np.array([[0, 3.0, 0]])
    for share in (0, 0.25, 0.5, 1):
        angle = share * np.pi / 2
        expected = [3 * np.cos(angle), 3 * np.sin(angle), 0]
        assert np.allclose(latent.spherical(a, b, np.array([share])), [expected], atol=1e-6)


def test_arcs_of_any_points_begin_and_end_there() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 50, 16))
    for share, expected in ((0.0, a), (1.0, b)):
        assert np.allclose(latent.spherical(a, b, np.full(50, share)), expected, atol=1e-5)


def test_the_middle_of_an_arc_is_as_far_out_as_its_ends_and_that_of_a_line_is_not() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 2_000, 64))
    lengths = [
        np.linalg.norm(walk(a, b, np.full(2_000, 0.5)), axis=1).mean() for walk in (latent.spherical, latent.straight)
    ]
    assert lengths[0] == pytest.approx(8, abs=0.1)  # √64
    assert lengths[1] == pytest.approx(8 / 2**0.5, abs=0.1)


@pytest.mark.parametrize("end", [[2.0, 0], [-1.0, 0], [0.0, 0]])
def test_where_there_is_no_single_arc_the_line_is_taken(end: list[float]) -> None:
    a, b = np.array([[1.0, 0]]), np.array([end])
    found = latent.spherical(a, b, np.array([0.25]))
    assert np.allclose(found, 0.75 * a + 0.25 * b, atol=1e-6)


def test_paths_hold_both_ends() -> None:
    rng, space = np.random.default_rng(0), latent.GaussianSpace(4)
    start, end = space.draw(3, rng), space.draw(3, rng)
    walks = latent.path(space, start, end, 5)
    assert walks.shape == (3, 5, 4) and walks.dtype == np.float32
    assert np.allclose(walks[:, 0], start, atol=1e-6) and np.allclose(walks[:, -1], end, atol=1e-6)
    assert np.allclose(walks[:, 2], latent.spherical(start, end, np.full(3, 0.5)), atol=1e-6)


def test_class_means_lie_in_the_middle_of_what_is_read_as_the_class() -> None:
    """Two Gaussian numbers in an eighth of the plane: their mean is at the bisector, at √(π/2)·sin(π/8)/(π/8)."""
    known = latent_arithmetic.classes(ring(), np.random.default_rng(0))
    length = np.sqrt(np.pi / 2) * np.sin(np.pi / 8) / (np.pi / 8)
    angles = 2 * np.pi * np.arange(8) / 8
    assert np.allclose(known.means, length * np.column_stack([np.cos(angles), np.sin(angles)]), atol=0.1)


def test_a_class_less_itself_plus_another_is_read_as_the_other() -> None:
    x = latent_arithmetic.arithmetic(ring(), [(1, 0), (-1, 0), (1, 4)], 400, np.random.default_rng(0))
    read = RING.reader.probabilities(x).argmax(axis=1)  # type: ignore[union-attr]
    assert x.shape == (400, 2)
    assert np.mean(read == 4) > 0.5 and np.mean(read == 0) < 0.05
    plain = latent_arithmetic.arithmetic(ring(), [(1, 3)], 50, np.random.default_rng(0))
    assert np.all(RING.reader.probabilities(plain).argmax(axis=1) == 3)  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "settings"), [("mlp", {}), ("residual", {}), ("mlp", {"virtual_batch_norm": 12})])
def test_embeddings_that_cancel_leave_exactly_the_class_that_is_left(kind: str, settings: dict[str, int]) -> None:
    made = conditional(kind, **settings)
    rng = np.random.default_rng(0)
    found = latent_arithmetic.arithmetic(made, [(1, 3), (-1, 3), (1, 7)], 6, rng)
    inputs = made.space.draw(6, np.random.default_rng(0))
    assert np.allclose(found, made.from_inputs(inputs, np.full(6, 7)), atol=1e-5)
    assert not np.allclose(found, made.from_inputs(inputs, np.full(6, 3)), atol=1e-5)
    other = latent_arithmetic.arithmetic(made, [(1, 3), (-1, 5), (1, 7)], 6, np.random.default_rng(0))
    assert not np.allclose(found, other, atol=1e-5)


@pytest.mark.parametrize("kind", ["mlp", "dcgan", "residual"])
@pytest.mark.parametrize("settings", [{}, {"virtual_batch_norm": 12}, {"rounded": True}], ids=str)
def test_the_embedding_of_a_class_makes_the_same_samples_as_its_label(kind: str, settings: dict[str, int]) -> None:
    made = conditional(kind, **settings)
    inputs, labels = made.space.draw(6, np.random.default_rng(0)), np.arange(6)
    assert np.array_equal(
        made.from_embeddings(inputs, made.class_embeddings()[labels]), made.from_inputs(inputs, labels)
    )


def test_arithmetic_with_a_class_that_is_never_made_is_refused() -> None:
    class Collapsed(Ring):
        def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            return super().forward(torch.ones_like(inputs))  # the mode at 45°

    made = inference.TrainedGenerator(Collapsed(), RING, PLAIN, latent.GaussianSpace(2))
    with pytest.raises(ConfigError, match="none was classified as 0"):
        latent_arithmetic.arithmetic(made, [(1, 1), (1, 0)], 3, np.random.default_rng(0))


def test_arithmetic_on_data_without_a_classifier_is_refused() -> None:
    source = sources.make(DataConfig(name="stacked-digits"))
    pair = model.PlainGan(source, PLAIN, ObjectiveConfig())
    with pytest.raises(ConfigError, match="there is no classifier for stacked-digits"):
        latent_arithmetic.classes(pair.generator(pair.networks()), np.random.default_rng(0))


def test_a_perfect_ring_is_as_good_midway_between_two_inputs_as_at_the_inputs() -> None:
    figures = latent_arithmetic.metrics(ring(), np.random.default_rng(0))
    assert figures["middle_confidence"] > 0.999 and figures["end_confidence"] > 0.999
    assert figures["middle_frechet"] < 0.02 and figures["end_frechet"] < 0.02
    assert figures["sums_read"] > 0.5
