"""Distances in feature space against closed forms and naive twins, and against the ways generators fail."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch

from selfplay.errors import ConfigError, TrainingDiverged
from selfplay.gan.metrics import auc, quality


def normal(seed: int, n: int, dimensions: int = 6, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return shift + scale * np.random.default_rng(seed).standard_normal((n, dimensions))


# --- Fréchet distance


def test_the_frechet_distance_of_two_gaussians_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 4, 4))
    shift = np.array([1.0, -2.0, 0.5, 0.0])
    x, y = rng.standard_normal((2, 200_000, 4))
    found = quality.frechet(x @ first, y @ second + shift)
    a, b = first.T @ first, second.T @ second
    root = scipy.linalg.sqrtm(a @ b)
    assert found == pytest.approx(shift @ shift + np.trace(a + b - 2 * root.real), rel=0.01)


def test_the_frechet_distance_of_axis_aligned_gaussians_adds_up_by_axis() -> None:
    points = normal(1, 500, 3)
    points = (points - points.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T  # covariance 1
    fake = points * [1.0, 2.0, 0.5] + [3.0, 0.0, 0.0]
    assert quality.frechet(points, fake) == pytest.approx(9 + 1 + 0.25)


def test_the_frechet_distance_is_symmetric_and_blind_to_rotation_order_and_shift() -> None:
    x, y = normal(2, 300), normal(3, 200, shift=0.3, scale=1.5)
    found = quality.frechet(x, y)
    turn = np.linalg.qr(normal(4, 6))[0]
    assert quality.frechet(y, x) == pytest.approx(found)
    assert quality.frechet(x @ turn + 7, y[::-1] @ turn + 7) == pytest.approx(found)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_frechet_distance_of_a_sample_to_itself_is_zero_even_where_covariances_are_singular(scale: float) -> None:
    for points in (normal(5, 100), normal(5, 4, 50), np.repeat(normal(5, 10), 7, axis=0), np.ones((9, 3))):
        assert quality.frechet(scale * points, scale * points) == pytest.approx(0, abs=1e-11 * scale**2)


def test_fewer_samples_than_dimensions_give_what_the_covariances_say() -> None:
    x, y = normal(6, 5, 40), normal(7, 8, 40)
    a, b = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(np.clip(np.linalg.eigvals(a @ b).real, 0, None)).sum()
    direct = np.square(x.mean(axis=0) - y.mean(axis=0)).sum() + np.trace(a + b) - 2 * root
    assert quality.frechet(x, y) == pytest.approx(direct, rel=1e-5)


def test_a_point_is_as_far_as_its_offset_and_the_spread_that_it_lacks() -> None:
    x = normal(8, 1000)
    point = np.tile(x[:1], (50, 1))
    expected = np.square(x[0] - x.mean(axis=0)).sum() + np.trace(np.cov(x.T))
    assert quality.frechet(x, point) == pytest.approx(expected)


def test_the_frechet_distance_between_equal_distributions_shrinks_as_samples_grow() -> None:
    few, many = (quality.frechet(normal(9, n), normal(10, n)) for n in (100, 10_000))
    assert 20 * many < few


# --- kernel distance


def naive_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.dot(a, b) / len(a) + 1) ** 3)

    within = [
        sum(kernel(p[i], p[j]) for i in range(len(p)) for j in range(len(p)) if i != j) / (len(p) * (len(p) - 1))
        for p in (x, y)
    ]
    return sum(within) - 2 * sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))


def test_the_kernel_distance_is_the_sum_over_all_pairs() -> None:
    x, y = normal(11, 12), normal(12, 9, shift=0.5)
    assert quality.squared_discrepancy(x, y) == pytest.approx(naive_discrepancy(x, y))


def test_the_kernel_distance_of_equal_distributions_is_zero_on_average_and_its_error_is_honest() -> None:
    rng = np.random.default_rng(13)
    found = [quality.kernel_distance(*rng.standard_normal((2, 200, 4)), rng) for _ in range(300)]
    values, errors = np.array(found).T
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(len(values))
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(values.std(), rel=0.15)
    assert np.mean(np.abs(values / errors) < scipy.stats.t.ppf(0.975, quality.BLOCKS - 1)) == pytest.approx(
        0.95, abs=0.04
    )


def test_the_kernel_distance_sees_a_shift_as_its_expectation_says() -> None:
    # In one dimension, kernel (xy + 1)³, x ~ N(0, 1), y ~ N(μ, 1): Σ_k C(3, k)(E xᵏ − E yᵏ)², by moments.
    shift = 0.5
    moments = np.array([shift, 1 + shift**2 - 1, shift**3 + 3 * shift])
    expected = float(np.sum([3, 3, 1] * moments**2))
    rng = np.random.default_rng(14)
    found = quality.kernel_distance(rng.standard_normal((6000, 1)), rng.standard_normal((6000, 1)) + shift, rng)
    assert abs(found.value - expected) < 4 * found.error and found.error < 0.15 * expected


# --- precision, recall, density, coverage


def naive_neighbourhoods(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float, float, float]:
    x, y = torch.from_numpy(real), torch.from_numpy(fake)
    exact = "donot_use_mm_for_euclid_dist"
    real_radii = torch.cdist(x, x, compute_mode=exact).sort(dim=1).values[:, k]  # the first is the point itself
    fake_radii = torch.cdist(y, y, compute_mode=exact).sort(dim=1).values[:, k]
    across = torch.cdist(x, y, compute_mode=exact)
    in_real, in_fake = across <= real_radii[:, None], across <= fake_radii[None, :]
    return (
        in_real.any(dim=0).double().mean().item(),
        in_fake.any(dim=1).double().mean().item(),
        in_real.sum().item() / (k * len(fake)),
        in_real.any(dim=1).double().mean().item(),
    )


@pytest.mark.parametrize(("n", "m", "k"), [(60, 60, 5), (700, 530, 3), (40, 90, 1), (6, 6, 5)])
def test_neighbourhoods_are_what_all_distances_say(n: int, m: int, k: int) -> None:
    real, fake = normal(15, n), normal(16, m, shift=0.4, scale=0.8)
    assert tuple(quality.neighbourhoods(real, fake, k)) == pytest.approx(naive_neighbourhoods(real, fake, k))


def test_a_neighbour_at_the_radius_itself_is_inside() -> None:
    rng = np.random.default_rng(17)
    real, fake = rng.integers(0, 6, (2, 40, 2)).astype(np.float64)  # many equal distances
    for k in (1, 2, 5):
        assert tuple(quality.neighbourhoods(real, fake, k)) == pytest.approx(naive_neighbourhoods(real, fake, k))
    line = np.array([[0.0], [1.0], [2.0]])
    assert quality.neighbourhoods(line, line + 1, 1) == (1, 1, 2, 1)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_perfect_generator_covers_all_but_two_to_the_minus_k(k: int) -> None:
    rng = np.random.default_rng(20)
    found = [quality.neighbourhoods(*rng.standard_normal((2, 300, 3)), k) for _ in range(60)]
    coverage, density = np.mean([row.coverage for row in found]), np.mean([row.density for row in found])
    assert coverage == pytest.approx(1 - 2**-k, abs=0.015) and density == pytest.approx(1, abs=0.05)


def test_an_outlier_fools_precision_more_than_density() -> None:
    # After Naeem 2020: one far real sample makes a ball that holds fakes that are far from all others.
    real = np.concatenate([normal(31, 300, 2, scale=0.1), [[10.0, 0.0]]])
    fake = normal(32, 300, 2, shift=3.0, scale=0.1)
    found = quality.neighbourhoods(real, fake, 3)
    assert found.precision == 1 and found.density == pytest.approx(1 / 3) and found.coverage < 0.01


def test_a_collapse_is_precise_and_recalls_nothing() -> None:
    rng = np.random.default_rng(33)
    real = np.concatenate([normal(34, 200, 2, shift=shift, scale=0.1) for shift in (0, 5, 10)])
    fake = 0.05 * rng.standard_normal((600, 2))
    found = quality.neighbourhoods(real, fake)
    assert found.precision > 0.98 and found.coverage < 0.34 and found.recall < 0.34
    points = quality.neighbourhoods(real, np.repeat(real[:1], 50, axis=0))
    assert points.precision == 1 and points.recall == 1 / 600 and points.coverage < 0.05


def test_blur_costs_density_and_precision() -> None:
    real = normal(35, 500, 8)
    sharp, blurred = (quality.neighbourhoods(real, normal(36, 500, 8, scale=scale)) for scale in (1.0, 1.6))
    assert blurred.density < 0.4 * sharp.density and blurred.precision < sharp.precision - 0.2


# --- AUC


def naive_auc(real: np.ndarray, fake: np.ndarray) -> float:
    return float(np.mean([(a > b) + 0.5 * (a == b) for a in real for b in fake]))


def naive_delong(real: np.ndarray, fake: np.ndarray) -> float:
    wins = (real[:, None] > fake) + 0.5 * (real[:, None] == fake)
    return float(wins.mean(axis=1).var(ddof=1) / len(real) + wins.mean(axis=0).var(ddof=1) / len(fake))


CONTINUOUS = (np.random.default_rng(40).normal(0.7, 1, 60), np.random.default_rng(41).normal(0, 1, 45))
TIED = (np.random.default_rng(42).integers(0, 5, 80), np.random.default_rng(43).integers(0, 4, 50))


@pytest.mark.parametrize(("real", "fake"), [CONTINUOUS, TIED], ids=["continuous", "tied"])
def test_the_auc_is_the_share_of_pairs_and_its_test_is_mann_whitneys(real: np.ndarray, fake: np.ndarray) -> None:
    found = auc.auc(real, fake)
    assert found.value == pytest.approx(naive_auc(real, fake))
    assert found.variance == pytest.approx(naive_delong(real, fake))
    peer = scipy.stats.mannwhitneyu(real, fake, alternative="greater", method="asymptotic", use_continuity=False)
    assert found.value == pytest.approx(peer.statistic / (len(real) * len(fake)))
    assert found.p_value == pytest.approx(peer.pvalue)


def test_the_published_example_of_109_ct_images_has_its_area_and_standard_error() -> None:
    # Ratings 1 to 5 of abnormal and normal images (Hanley & McNeil 1982, table I: area 0.893). The manual of Stata's
    # roctab, whose standard error is DeLong's, gives 0.8932, 0.0307 and the interval 0.83295 to 0.95339.
    abnormal, normal = np.repeat(np.arange(1, 6), [3, 2, 2, 11, 33]), np.repeat(np.arange(1, 6), [33, 6, 6, 11, 2])
    found = auc.auc(abnormal, normal)
    error = math.sqrt(found.variance)
    assert (round(found.value, 4), round(error, 4)) == (0.8932, 0.0307)
    assert round(found.value - 1.959964 * error, 5) == 0.83295 and round(found.value + 1.959964 * error, 5) == 0.95339


@pytest.mark.parametrize(("real", "fake"), [CONTINUOUS, TIED], ids=["continuous", "tied"])
def test_delongs_variance_is_the_bootstraps(real: np.ndarray, fake: np.ndarray) -> None:
    rng = np.random.default_rng(44)
    values = [auc.auc(rng.choice(real, len(real)), rng.choice(fake, len(fake))).value for _ in range(3000)]
    assert auc.auc(real, fake).variance == pytest.approx(np.var(values), rel=0.12)


def test_delongs_variance_is_the_scatter_of_repeated_experiments() -> None:
    rng = np.random.default_rng(45)
    found = [auc.auc(rng.normal(1, 1, 40), rng.normal(0, 2, 70)) for _ in range(2000)]
    values, variances = (np.array([getattr(row, name) for row in found]) for name in ("value", "variance"))
    assert variances.mean() == pytest.approx(values.var(), rel=0.1)


def test_the_auc_of_a_shifted_gaussian_is_the_closed_form() -> None:
    found = auc.auc(np.random.default_rng(46).normal(1, 1, 100_000), np.random.default_rng(47).normal(0, 1, 100_000))
    assert found.value == pytest.approx(scipy.stats.norm.cdf(1 / math.sqrt(2)), abs=4 * math.sqrt(found.variance))


@pytest.mark.parametrize("transform", [lambda s: 3 * s + 8, np.exp, lambda s: s**3])
def test_increasing_transforms_change_nothing(transform: Callable[[np.ndarray], np.ndarray]) -> None:
    real, fake = CONTINUOUS
    assert auc.auc(transform(real), transform(fake)) == pytest.approx(auc.auc(real, fake))


def test_separated_equal_and_swapped_scores() -> None:
    ones, zeros = np.ones(5), np.zeros(4)
    apart, equal, swapped = auc.auc(ones, zeros), auc.auc(ones, ones), auc.auc(zeros, ones)
    assert (apart.value, apart.variance) == (1, 0) and apart.p_value < 0.01
    assert (equal.value, equal.variance, equal.null_variance, equal.p_value) == (0.5, 0, 0, 1)
    assert swapped.value == 0 and swapped.p_value > 0.99
    assert apart.games == pytest.approx(3 * 5 * 4 / 10)


def test_scores_near_one_half_are_worth_one_and_a_half_games_each() -> None:
    rng = np.random.default_rng(48)
    found = auc.auc(rng.standard_normal(4000), rng.standard_normal(4000))
    assert found.games == pytest.approx(1.5 * 4000, rel=0.05)
    assert found.null_variance == pytest.approx(0.0065**2, rel=0.1) and found.variance == pytest.approx(
        found.null_variance, rel=0.05
    )


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(TrainingDiverged, match="critic"):
        auc.auc(np.array([0.0, np.nan]), np.zeros(3))


# --- memorisation


def test_copies_are_found_and_fresh_samples_are_not() -> None:
    train, held_out = normal(51, 1000), normal(52, 500)
    fresh = quality.memorisation(train, held_out, normal(53, 500))
    assert abs(fresh.share - 0.5) < 3 * fresh.error and fresh.p_value > 0.01
    assert fresh.ratio == pytest.approx(1, abs=0.1) and fresh.copies < 0.04
    copied = quality.memorisation(train, held_out, train[:500] + 1e-3)
    assert copied.share > 0.99 and copied.p_value < 1e-50 and copied.copies > 0.99 and copied.ratio < 0.01


def test_a_few_copies_among_fakes_off_the_data_show_among_the_nearest_only() -> None:
    train, held_out = normal(54, 1000), normal(55, 500)
    fake = np.concatenate([normal(56, 400, scale=1.5), train[:100]])
    found = quality.memorisation(train, held_out, fake)
    assert found.share < 0.5 and found.copies > 0.15


def test_the_memorisation_test_holds_its_level() -> None:
    rng = np.random.default_rng(57)
    found = []
    for _ in range(200):
        train, held_out, fake = (rng.standard_normal((n, 3)) for n in (150, 60, 80))
        found.append(quality.memorisation(train, held_out, fake).p_value < 0.05)
    assert np.mean(found) == pytest.approx(0.05, abs=0.045)


# --- what is refused


def test_too_few_samples_are_refused_in_one_sentence() -> None:
    rng = np.random.default_rng(0)
    calls: list[Callable[[np.ndarray, np.ndarray], object]] = [
        quality.frechet, quality.neighbourhoods, lambda x, y: quality.kernel_distance(x, y, rng),
    ]  # fmt: skip
    for call in calls:
        for sizes in ((1, 500), (500, 1)):
            with pytest.raises(ConfigError, match="samples, not"):
                call(normal(1, sizes[0]), normal(2, sizes[1]))


def test_features_that_are_not_finite_are_refused() -> None:
    bad = normal(1, 50)
    bad[3, 2] = np.inf
    with pytest.raises(TrainingDiverged, match="diverged"):
        quality.frechet(normal(2, 50), bad)
