"""Samples as batch tests take them: checked, with the game of each row, and whole games exchanged between two samples.

A permutation test (Fisher 1935; Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 2005) asks how often
a random division of the same games into two samples gives as large a statistic as the one that was observed. The
observed division counts as one of them, so that p ≤ alpha has a probability of at most alpha (Phipson & Smyth 2010).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfplay.drift.detectors.interface import Comparison, Groups

AHEAD = 1e-12  # statistics this close, relative to the observed one, count as equal to it: sums in another order


class Pooled(NamedTuple):
    """Both samples one after the other. A unit is what is exchanged: a game, or a row where no games are named."""

    values: np.ndarray  # [N + M] or [N + M, d]
    split: int  # N: rows from here on are the window's
    unit: np.ndarray  # [N + M] number of the row's unit; those of the window come after those of the reference
    units: tuple[int, int]  # of the reference, and of the window

    @property
    def in_window(self) -> np.ndarray:
        """[N + M] bool."""
        return np.arange(len(self.unit)) >= self.split


def checked_alpha(alpha: float) -> None:
    """ValueError: no share of false alarms."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a share of false alarms, above 0 and below 1, not {alpha}")


def pool(reference: np.ndarray, window: np.ndarray, groups: Groups | None, columns: bool = False) -> Pooled:
    """Both samples, checked. columns: rows may be vectors, [N, d]. ValueError: what `BatchTest.compare` says."""
    samples = [np.asarray(sample) for sample in (reference, window)]
    for name, sample in zip(("reference", "window"), samples, strict=True):
        if sample.ndim != 1 and not (columns and sample.ndim == 2):
            wanted = "one number a row, or one vector" if columns else "one number a row (compare columns one by one)"
            raise ValueError(f"the {name} has shape {list(sample.shape)}; a sample is {wanted}")
        if not len(sample):
            raise ValueError(f"the {name} is empty; a comparison needs rows in both samples")
        if sample.dtype.kind == "f" and not np.isfinite(sample).all():
            raise ValueError(f"the {name} holds NaN or infinity; take such rows out, and count them, before comparing")
    if samples[0].shape[1:] != samples[1].shape[1:]:
        raise ValueError(
            f"rows of the reference have shape {samples[0].shape[1:]}, of the window {samples[1].shape[1:]}"
        )
    if groups is None:
        numbers, units = [np.arange(len(sample)) for sample in samples], [len(sample) for sample in samples]
    else:
        for sample, group in zip(samples, groups, strict=True):
            if np.shape(group) != (len(sample),):
                raise ValueError(f"groups name the game of each of {len(sample)} rows, not {list(np.shape(group))}")
        found = [np.unique(np.asarray(group), return_inverse=True) for group in groups]
        numbers, units = [inverse for _, inverse in found], [len(names) for names, _ in found]
    unit = np.concatenate([numbers[0], numbers[1] + units[0]])
    return Pooled(np.concatenate(samples), len(samples[0]), unit, (units[0], units[1]))


def divisions(units: tuple[int, int], permutations: int, rng: np.random.Generator) -> np.ndarray:
    """[1 + permutations, units] bool: which units are the window's. The first division is the observed one."""
    first = np.arange(sum(units)) >= units[0]
    return np.concatenate([first[None], rng.permuted(np.tile(first, (permutations, 1)), axis=1)])


def judged(statistics: np.ndarray, alpha: float) -> Comparison:
    """The permutation test's result from statistics [1 + permutations], the observed one first; large means drift."""
    observed = float(statistics[0])
    p_value = float(np.mean(statistics >= observed - AHEAD * abs(observed)))
    # The least value that no more than alpha of all divisions reach; infinite where there are too few divisions.
    allowed = int(np.floor(alpha * len(statistics)))
    threshold = float(np.sort(statistics)[-allowed]) if allowed else float("inf")
    return Comparison(observed, p_value, threshold, p_value <= alpha)
