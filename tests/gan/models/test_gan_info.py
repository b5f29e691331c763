"""InfoGAN: codes, the surprise at inferred codes, agreement of clusters with classes."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from selfplay.gan.config import DataConfig, GanNetworkConfig, InfoConfig, ObjectiveConfig
from selfplay.gan.data import sources
from selfplay.gan.models import info
from selfplay.gan.models import model as models

CODES = info.CodeSpace(5, InfoConfig(categories=4, continuous=2))


def test_inputs_hold_noise_then_one_category_then_continuous_codes() -> None:
    inputs = CODES.draw(4_000, np.random.default_rng(0))
    noise, one_hot, continuous = np.split(inputs, [5, 9], axis=1)
    assert inputs.shape == (4_000, CODES.size) and inputs.dtype == np.float32
    assert abs(noise.std() - 1) < 0.02 and abs(noise.mean()) < 0.02
    assert np.array_equal(one_hot.sum(axis=1), np.ones(4_000)) and set(np.unique(one_hot)) == {0, 1}
    assert np.allclose(one_hot.mean(axis=0), 0.25, atol=0.03)
    assert continuous.min() >= -1 and continuous.max() <= 1
    assert abs(continuous.var() - 1 / 3) < 0.02  # of the uniform distribution in [−1, 1]
    assert np.array_equal(CODES.category(inputs), one_hot.argmax(axis=1))


def test_joined_codes_are_read_back() -> None:
    inputs = CODES.join(np.zeros((3, 5), np.float32), np.array([2, 0, 3]), np.full((3, 2), 0.5))
    assert CODES.category(inputs).tolist() == [2, 0, 3]
    assert np.array_equal(inputs[:, 9:], np.full((3, 2), 0.5))


def test_a_guess_costs_what_torch_says_of_the_same_distributions() -> None:
    random = torch.Generator().manual_seed(0)
    outputs = torch.randn(64, 4 + 4, generator=random)
    truth = torch.from_numpy(CODES.draw(64, np.random.default_rng(1))[:, 5:])
    category, continuous = info.CodePosterior(outputs, CODES).surprise(truth)
    guessed = torch.distributions.Categorical(logits=outputs[:, :4])
    assert torch.allclose(category, -guessed.log_prob(truth[:, :4].argmax(dim=1)).mean(), atol=1e-5)
    normal = torch.distributions.Normal(outputs[:, 4:6], outputs[:, 6:].clamp(min=math.log(info.FINEST)).exp())
    assert torch.allclose(continuous, -normal.log_prob(truth[:, 4:]).sum(dim=1).mean(), atol=1e-4)


def test_no_guess_is_rewarded_without_bound() -> None:
    truth = torch.zeros(1, 6)
    truth[0, 0] = 1
    sure = torch.tensor([[100.0, 0, 0, 0, 0, 0, -100, -100]])
    category, continuous = info.CodePosterior(sure, CODES).surprise(truth)
    assert float(category) == 0
    assert float(continuous) == pytest.approx(2 * (math.log(info.FINEST) + 0.5 * math.log(2 * math.pi)))


def test_a_generator_that_is_rewarded_for_it_tells_its_category() -> None:
    """Only the information counts: the generator's step alone, with a critic whose verdict has no weight."""
    source = sources.make(DataConfig(name="ring"))
    config, codes = GanNetworkConfig(width=16, depth=1, latent=2), InfoConfig(categories=4, continuous=1)
    torch.manual_seed(0)
    model = info.InfoGan(source, config, ObjectiveConfig(r1=0, r2=0), codes)
    networks = model.networks()
    updates = {update.name: update for update in model.updates(networks)}
    assert list(updates) == [models.CRITIC, info.RECOGNISER, models.GENERATOR]
    critic = networks[models.CRITIC]
    for parameter in critic.parameters():
        parameter.data.zero_()
    rng = np.random.default_rng(0)
    learners = [updates[info.RECOGNISER], updates[models.GENERATOR]]
    optimizers = [torch.optim.Adam(update.module.parameters(), lr=1e-2) for update in learners]
    before = model.metrics(copy.deepcopy(networks), np.random.default_rng(1))["information"]
    for _ in range(60):
        reals = source.train.sample(64, rng)[0]
        batch = {"real": torch.from_numpy(reals)} | {
            name: torch.from_numpy(value) for name, value in model.inputs(reals, rng).items()
        }
        for update, optimizer in zip(learners, optimizers, strict=True):
            optimizer.zero_grad()
            update.loss(update.module, batch, 0.0)[0].backward(inputs=list(update.module.parameters()))
            optimizer.step()
    after = model.metrics(networks, np.random.default_rng(1))["information"]
    assert before < 0.1 and 1.2 < after <= math.log(4)


def test_categories_are_guessed_from_noisy_samples_and_continuous_codes_from_clean_ones() -> None:
    class Recorder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.seen = nn.Parameter(torch.zeros(2, 6)), torch.zeros(0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = x.detach()
            return x @ self.weight

    source = sources.make(DataConfig(name="ring"))
    config, codes = GanNetworkConfig(width=8, depth=1), InfoConfig(categories=4, continuous=1, noise=0.5)
    model, recorder = info.InfoGan(source, config, ObjectiveConfig(), codes), Recorder()
    networks = model.networks() | {info.RECOGNISER: recorder}
    updates = {update.name: update for update in model.updates(networks)}
    reals, rng = np.zeros((6, 2), np.float32), np.random.default_rng(0)
    batch = {name: torch.from_numpy(value) for name, value in model.inputs(reals, rng).items()}
    updates[info.RECOGNISER].loss(recorder, batch, 0.0)
    noisy, clean = recorder.seen.chunk(2)
    assert torch.equal(clean, networks[models.GENERATOR](batch["critic_inputs"]))
    assert torch.equal(noisy, clean + 0.5 * batch["noise"])
    assert batch["noise"].std().item() == pytest.approx(1, abs=0.4)


def test_normalised_information_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for clusters, noise in ((10, 0.3), (4, 0.9), (20, 0.0)):
        classes = rng.integers(10, size=500)
        found = np.where(rng.random(500) < noise, rng.integers(clusters, size=500), classes % clusters)
        expected = metrics.normalized_mutual_info_score(classes, found)
        assert info.normalised_information(found, classes) == pytest.approx(expected, abs=1e-12)


def test_information_and_purity_of_known_tables() -> None:
    # clusters 0 0 0 1 1 1, classes a a b b b b: 2 of 3 and 3 of 3 are of the cluster's class
    clusters, classes = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1])
    assert info.purity(clusters, classes) == pytest.approx(5 / 6)
    assert info.normalised_information(classes, classes) == pytest.approx(1)
    assert info.normalised_information(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx(0)
    assert info.normalised_information(np.zeros(4, int), np.zeros(4, int)) == 1
    assert info.normalised_information(np.zeros(4, int), np.arange(4)) == 0


def test_interpolation_is_spherical_in_the_noise_and_linear_in_the_codes() -> None:
    start = CODES.join(np.array([[1, 0, 0, 0, 0]], np.float32), np.array([0]), np.array([[-1.0, 0]]))
    end = CODES.join(np.array([[0, 1, 0, 0, 0]], np.float32), np.array([3]), np.array([[1.0, 1]]))
    middle = CODES.between(start, end, np.array([0.5]))[0]
    assert np.allclose(middle, [2**-0.5, 2**-0.5, 0, 0, 0, 0.5, 0, 0, 0.5, 0, 0.5], atol=1e-6)
