"""The area under the ROC curve (AUC) of a critic's scores, real against fake, and its variance.

AUC = P(real > fake) + ½ P(real = fake): the critic's score in its match against a generator. It depends on ranks only,
so that critics of any loss are comparable. Knows scores, not the critic.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata

from selfplay.errors import TrainingDiverged


class Auc(NamedTuple):
    """Of n real and m fake scores."""

    value: float  # 0 to 1; ½ if real and fake score alike, below it if fakes score higher
    variance: float  # of `value`, DeLong's; 0 when the scores are separated, though not certain
    null_variance: float  # of `value` if real and fake were distributed alike; 0 if all scores are equal
    real: int  # n
    fake: int  # m

    @property
    def p_value(self) -> float:
        """Probability of an AUC this large if real and fake were distributed alike: one-sided Mann–Whitney test."""
        if self.null_variance == 0:
            return 1.0
        return float(ndtr(-(self.value - 0.5) / math.sqrt(self.null_variance)))

    @property
    def games(self) -> float:
        """The number of independent games with the same variance: A(1 − A)/variance, ≈ 1.5·n near ½ with n = m.

        The n·m pairs are not n·m independent games, since each score is in many. If the variance is 0 it is the number
        at ½: 3nm/(n + m + 1).
        """
        if self.variance == 0:
            return 3 * self.real * self.fake / (self.real + self.fake + 1)
        return self.value * (1 - self.value) / self.variance


def auc(real: np.ndarray, fake: np.ndarray) -> Auc:
    """The AUC of scores real [n] and fake [m], n, m ≥ 2, any float type.

    Variance: DeLong, DeLong & Clarke-Pearson (1988), by midranks in O(N log N) as Sun & Xu (2014). null_variance:
    (n + m + 1)/(12nm), less for ties (Lehmann 1975). Raises TrainingDiverged if a score is not finite.
    """
    n, m = len(real), len(fake)
    assert real.shape == (n,) and fake.shape == (m,) and min(n, m) >= 2, (real.shape, fake.shape)
    scores = np.concatenate([real, fake]).astype(np.float64)
    if not np.isfinite(scores).all():
        raise TrainingDiverged("The critic's scores are not finite: it has diverged.")
    ranks = rankdata(scores)
    above = (ranks[:n] - rankdata(scores[:n])) / m  # [n] share of the fakes below each real, ties half
    below = 1 - (ranks[n:] - rankdata(scores[n:])) / n  # [m] share of the reals above each fake
    ties = np.unique(scores, return_counts=True)[1].astype(np.float64)
    tied = float(np.sum(ties**3 - ties)) / ((n + m) * (n + m - 1))
    return Auc(
        value=float(above.mean()),
        variance=float(above.var(ddof=1) / n + below.var(ddof=1) / m),
        null_variance=max(0.0, (n + m + 1 - tied) / (12 * n * m)),
        real=n,
        fake=m,
    )
