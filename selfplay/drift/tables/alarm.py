"""One rate of false alarms for a whole report, whatever the number of columns and windows.

Every window is tested against the same reference, so the p-values of its windows depend on one another, and nothing
that multiplies them is valid. What holds under any dependence is the union bound: window k, counted from 1, spends
α_k = α (1/log₂(k+1) − 1/log₂(k+2)) of the rate α, which sums to α over all windows there can ever be, and the
tests of that window share α_k equally (Bonferroni). So the chance that a report names any column that has not drifted
is at most α, whether or not others have, and however long the file is.
"""

from __future__ import annotations

import math


class AlphaSpending:
    """Hands out levels, window by window. tests: how many share a window's."""

    def __init__(self, alpha: float, tests: int) -> None:
        self.alpha = alpha
        self.tests = max(tests, 1)
        self.windows = 0

    def next(self) -> float:
        """The level of each test of the next window."""
        self.windows += 1
        share = 1 / math.log2(self.windows + 1) - 1 / math.log2(self.windows + 2)
        return self.alpha * share / self.tests
