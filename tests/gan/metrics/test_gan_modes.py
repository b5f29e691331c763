"""Mode coverage: scores of a perfect sampler, ways to inflate them, and errors of a classifier."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest

from selfplay.datasets import mixtures
from selfplay.errors import TrainingDiverged
from selfplay.gan.metrics import modes

MIXTURES = [mixtures.ring(), mixtures.grid()]
Coverage = TypeVar("Coverage", modes.MixtureCoverage, modes.LabelCoverage)


def mean(measure: Callable[[], Coverage], repeats: int) -> Coverage:
    """Means of the fields over repeated measurements."""
    found = [measure() for _ in range(repeats)]
    return type(found[0])(*(np.mean(values, axis=0) for values in zip(*found, strict=True)))  # type: ignore[arg-type]


def misread(true_modes: int, n: int, error: float, rng: np.random.Generator) -> modes.LabelCoverage:
    """What a generator that fills `true_modes` of 1,000 evenly scores when each digit is misclassified with probability
    `error`, as any other digit."""
    chosen = rng.permutation(1000)[:true_modes]
    labels = chosen[rng.integers(true_modes, size=n)]
    planes = np.stack([labels // 100, labels // 10 % 10, labels % 10])
    wrong = rng.random(planes.shape) < error
    planes = np.where(wrong, (planes + rng.integers(1, 10, size=planes.shape)) % 10, planes)
    return modes.label_coverage(planes[0] * 100 + planes[1] * 10 + planes[2])


def naive_coverage(samples: np.ndarray, mixture: mixtures.Mixture) -> tuple[int, int, float, float]:
    """(captured, touched, high quality, KL), one sample after another."""
    hits, nearest = [0] * len(mixture.centres), [0] * len(mixture.centres)
    for sample in samples.tolist():
        gaps = [math.dist(sample, centre) for centre in mixture.centres.tolist()]
        mode = gaps.index(min(gaps))
        nearest[mode] += 1
        hits[mode] += gaps[mode] <= 3 * mixture.sigma
    n, m = len(samples), len(mixture.centres)
    kl = sum(count / n * math.log(count / n * m) for count in nearest if count)
    return sum(4 * m * hit >= n for hit in hits), sum(hit > 0 for hit in hits), sum(hits) / n, kl


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda mixture: mixture.name)
def test_coverage_is_what_counting_by_hand_gives(mixture: mixtures.Mixture) -> None:
    rng = np.random.default_rng(1)
    samples = mixture.sample(2000, rng)[0] + 0.03 * rng.standard_normal((2000, 2))
    samples[:900] = samples[900]  # modes below their fair share
    found = modes.mixture_coverage(samples, mixture)
    captured, touched, high_quality, kl = naive_coverage(samples, mixture)
    assert (found.captured, found.touched) == (captured, touched)
    assert found.high_quality == pytest.approx(high_quality) and found.kl == pytest.approx(kl)
    assert found.counts.sum() == round(high_quality * 2000)


def test_the_ceiling_of_high_quality_is_98_9_percent_in_the_plane() -> None:
    assert modes.ceiling() == pytest.approx(1 - math.exp(-4.5))
    assert modes.ceiling(1) == pytest.approx(0.9973, abs=1e-4)


@pytest.mark.parametrize(("mixture", "kl"), [(MIXTURES[0], 0.0014), (MIXTURES[1], 0.005)])
def test_a_perfect_sampler_has_all_modes_and_the_known_floor(mixture: mixtures.Mixture, kl: float) -> None:
    rng = np.random.default_rng(2)
    floor = mean(lambda: modes.mixture_coverage(mixture.sample(2500, rng)[0], mixture), repeats=40)
    assert floor.captured == floor.touched == mixture.num_classes
    assert floor.high_quality == pytest.approx(modes.ceiling(), abs=0.002)
    assert floor.kl == pytest.approx(kl, rel=0.25)
    assert floor.kl_off == pytest.approx(kl * mixture.num_classes / (mixture.num_classes - 1), rel=0.25)
    assert floor.spread == pytest.approx(1, abs=0.01) and floor.spreads == pytest.approx(1, abs=0.06)


def test_a_collapse_to_one_mode_is_all_quality_and_no_coverage() -> None:
    mixture = mixtures.ring()
    samples = mixture.centres[3] + 0.005 * np.random.default_rng(3).standard_normal((1000, 2))
    found = modes.mixture_coverage(samples, mixture)
    assert (found.captured, found.touched, found.high_quality) == (1, 1, 1)
    assert found.kl == pytest.approx(math.log(8))
    assert found.spread == pytest.approx(0.25 / 0.9744, rel=0.1)
    assert np.isnan(found.spreads).sum() == 7


def test_points_pass_for_modes_but_for_their_spread() -> None:
    mixture = mixtures.grid()
    found = modes.mixture_coverage(np.repeat(mixture.centres, 100, axis=0), mixture)
    assert found.captured == 25 and found.high_quality == 1 and found.kl == pytest.approx(0)
    assert found.spread == 0


@pytest.mark.parametrize("width", [1.3, 1.7, 2.2])
def test_blur_costs_the_quality_that_the_formula_says(width: float) -> None:
    mixture, rng = mixtures.grid(), np.random.default_rng(4)
    wide = mixtures.Mixture("wide", mixture.centres, mixture.sigma * width)
    found = modes.mixture_coverage(wide.sample(20_000, rng)[0], mixture)
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5 / width**2), abs=0.01)
    assert 1 < found.spread < 1.54


def test_spread_reads_shrunken_modes_as_they_are() -> None:
    mixture, rng = mixtures.ring(), np.random.default_rng(5)
    narrow = mixtures.Mixture("narrow", mixture.centres, mixture.sigma * 0.6)
    found = modes.mixture_coverage(narrow.sample(20_000, rng)[0], mixture)
    assert found.spread == pytest.approx(0.6 / 0.9744, rel=0.02)


def test_a_lost_mode_is_hidden_by_the_kl_and_seen_in_the_count() -> None:
    mixture = mixtures.grid()
    samples, labels = mixture.sample(50_000, np.random.default_rng(6))
    found = modes.mixture_coverage(samples[labels != 7], mixture)
    assert found.kl == pytest.approx(0.041, abs=0.002) and found.captured == found.touched == 24


def test_bridges_between_modes_are_seen_only_by_the_bin_for_what_is_off_mode() -> None:
    mixture, rng = mixtures.ring(), np.random.default_rng(7)
    angles = rng.uniform(0, 2 * np.pi, 8000)
    found = modes.mixture_coverage(np.column_stack([np.cos(angles), np.sin(angles)]), mixture)
    assert found.kl < 0.005 and found.kl_off > 2 and found.high_quality < 0.2


def test_a_mode_with_a_fortieth_of_its_share_is_touched_and_not_captured() -> None:
    mixture, rng = mixtures.grid(), np.random.default_rng(8)
    samples, labels = mixture.sample(10_000, rng)
    few = np.flatnonzero(labels == 0)[10:]
    found = modes.mixture_coverage(np.delete(samples, few, axis=0), mixture)
    assert found.touched == 25 and found.captured == 24


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples_are_counted_without_a_warning(n: int) -> None:
    found = modes.mixture_coverage(mixtures.ring().centres[[0, 0, 1]][:n], mixtures.ring())
    assert found.touched == {1: 1, 2: 1, 3: 2}[n] and math.isnan(found.spread) == (n == 1)
    nowhere = modes.mixture_coverage(np.full((n, 2), 9.0), mixtures.ring())
    assert nowhere.touched == 0 and math.isnan(nowhere.spread) and nowhere.kl_off == pytest.approx(4.5, abs=0.01)


def test_samples_that_are_not_finite_are_refused() -> None:
    with pytest.raises(TrainingDiverged, match="diverged"):
        modes.mixture_coverage(np.array([[0.0, np.nan]]), mixtures.ring())


def test_a_perfect_sampler_of_a_thousand_modes_has_the_known_floor() -> None:
    rng = np.random.default_rng(9)
    found, few = modes.perfect_labels(26_000, rng), modes.perfect_labels(2500, rng)
    assert found.captured > 999.9 and found.kl == pytest.approx(0.019, abs=0.001)
    assert few.touched == pytest.approx(917, abs=5) and few.kl == pytest.approx(0.22, abs=0.01)
    assert few.captured < 150  # five samples a mode cannot be asked of 2,500


@pytest.mark.parametrize(("error", "touched", "captured"), [(0.005, 838, 760), (0.01, 891, 760), (0.02, 946, 766)])
def test_a_classifiers_errors_fill_empty_modes_unless_five_samples_are_asked(
    error: float, touched: float, captured: float
) -> None:
    rng = np.random.default_rng(10)
    found = mean(lambda: misread(760, 26_000, error, rng), repeats=10)
    assert found.touched == pytest.approx(touched, abs=6) and found.captured == pytest.approx(captured, abs=3)


def test_labels_are_counted_from_five_samples_on() -> None:
    found = modes.label_coverage(np.repeat([1, 2, 3], [4, 5, 6]), modes=5)
    assert (found.captured, found.touched) == (2, 3)
    shares = np.array([4, 5, 6]) / 15
    assert found.kl == pytest.approx(np.sum(shares * np.log(shares * 5)))
    assert modes.label_coverage(np.zeros(50, dtype=np.int64)).kl == pytest.approx(math.log(1000))
