"""Buckets and difficulty of reals: which no fake is near, by hand and against the share left uncovered by chance."""

from __future__ import annotations

import numpy as np
import pytest

from selfplay.datasets import mixtures
from selfplay.gan import actor, agent, buckets
from selfplay.gan.config import GanConfig
from selfplay.gan.metrics import quality


def test_a_real_is_covered_by_a_fake_as_near_as_its_kth_neighbour() -> None:
    real = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    # Reach with k = 1: 1, 1, 1, 1, 1. Fakes at 0.5 and 12.
    assert buckets.uncovered(real, np.array([[0.5], [12.0]]), k=1).tolist() == [0, 0, 1, 1, 0]


def test_its_mean_is_what_coverage_leaves() -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((300, 3)), 1.2 * rng.standard_normal((300, 3))
    covered = quality.neighbourhoods(real, fake).coverage
    assert buckets.uncovered(real, fake).mean() == pytest.approx(1 - covered) and 0 < covered < 1


def test_a_mode_without_fakes_is_uncovered_and_one_with_half_as_many_is_in_part() -> None:
    ring, rng = mixtures.ring(3), np.random.default_rng(1)
    (real, of), (made, mode) = ring.sample(6000, rng), ring.sample(6000, rng)
    kept = (mode == 0) | ((mode == 1) & (rng.random(6000) < 0.5))
    missed = buckets.uncovered(real, made[kept])
    shares = [missed[of == each].mean() for each in range(3)]
    # 2^−5, (2/3)^5 and all, as Poisson processes have it; neighbours that are shared widen the scatter.
    assert shares == pytest.approx([2**-5, (2 / 3) ** 5, 1], abs=0.03)


def test_too_few_reals_to_have_neighbours_say_nothing() -> None:
    assert buckets.uncovered(np.zeros((5, 2)), np.ones((9, 2))).tolist() == [0.0] * 5


def test_buckets_are_labels() -> None:
    rows = np.zeros(3, dtype=actor.row_dtype((2,), with_fakes=False))
    rows["label"] = 4, -1, 0
    found = buckets.buckets(rows)
    assert found.tolist() == [4, -1, 0] and found.dtype == np.int64


def test_an_agent_says_both_of_its_rows_in_the_scale_of_the_data() -> None:
    gan = agent.Gan(GanConfig())
    weights = {update.name: dict(update.module.state_dict()) for update in gan.updates()}
    rows, _ = gan.make_actor(0, seed=1).generate(400)
    # An untrained generator stays about the middle of the ring.
    assert gan.difficulty(weights, rows).tolist() == [1.0] * 400
    assert sorted(set(gan.buckets(rows).tolist())) == list(range(8))
