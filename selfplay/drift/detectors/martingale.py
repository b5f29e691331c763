"""The conformal test martingale: an alarm that is valid at any time, and the default one.

A gambler starts with 1 and bets, at fair odds, that the values of a stream are not exchangeable. While they are, in
whatever distribution, the probability that the capital ever reaches 1/alpha is at most alpha (Ville 1939): at most one
run in 100 has a false alarm at alpha 0.01, whatever its length. No other detector here promises that.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
import statistics
from typing import Any, ClassVar

from selfplay.drift.detectors import randomness
from selfplay.drift.detectors.interface import State, StreamDetector

SHIFTS = (-2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0)  # of the mean, in standard deviations
SCALES = (0.25, 0.5, 2.0)  # of the standard deviation
# A bet pays exp(a z + b z² + c) for a capital of 1: the density of its normal distribution over the standard one.
BETS = [(shift, 0.0, -shift * shift / 2) for shift in SHIFTS]
BETS += [(0.0, (1 - scale**-2.0) / 2, -math.log(scale)) for scale in SCALES]
NORMAL = statistics.NormalDist()
BORDERS = 100  # of cells, at most
LEAST = 1e-15  # p nearer to 0 or 1 counts as this


@dataclasses.dataclass
class ConformalTestMartingale(StreamDetector):
    """Vovk, Nouretdinov & Gammerman, "Testing exchangeability on-line", ICML 2003; Vovk, Petej, Nouretdinov, Ahlberg,
    Carlsson & Gammerman, "Retrain or not retrain: conformal test martingales for change-point detection", COPA 2021.

    1. A value's p is its rank among all values so far, ties broken at random: p = (#greater + u · #equal) / n. While
       the stream is exchangeable, these are independent and uniform on [0, 1].
    2. z, the normal quantile of 1 − p, is then standard normal. Each bet is a density of another normal distribution
       over the standard one: the mean moved by ¼ to 2 deviations either way, the deviation ¼, ½ or 2.
    3. Capital is divided over the bets, and over the moments at which they begin: 1/log₂(v + 1) − 1/log₂(v + 2) of it
       enters at value v. What has not entered keeps its worth, so that a late change is found as well: finding one
       at value v costs ln v + 2 ln ln v, where a capital that bets from the start has lost all of it.

    Memory is bounded. After `exact` values a hundred of them become borders of cells, and ranks are those of cells
    among the values from then on, with ties broken as before. That is as valid, but such ranks say little until there
    are some dozens of them, and a change in this time would be missed for ever. So there are two gamblers; the second
    goes on with single values until twice as many, and the alarm is at twice the capital of either (union bound).

    A stream that learns is not exchangeable: give this the values that should be."""

    alpha: float = 0.01
    """Probability of a false alarm in a stream of any length."""
    exact: int = 500
    """Values that are remembered one by one."""
    seed: int = 0
    """Of the numbers that break ties."""

    _MEMORY: ClassVar = ("values", "cells", "count", "accounts", "random_state")

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is the probability of a false alarm, above 0 and below 1, not {self.alpha}")
        if self.exact < 2:
            raise ValueError(f"at least 2 values are remembered, not {self.exact}")
        super().__post_init__()

    def reset(self) -> None:
        """Forgets everything: as after construction."""
        self._random = randomness.generator(self.seed, "ties")  # goes on after an alarm: its numbers are used once
        super().reset()

    @property
    def random_state(self) -> Any:
        """Of numpy's generator, as JSON."""
        return self._random.bit_generator.state

    @random_state.setter
    def random_state(self, state: Any) -> None:
        self._random.bit_generator.state = state

    def _begin(self) -> None:
        self.count = 0
        self.values: list[list[float]] = [[], []]  # of each gambler, sorted; later borders of cells
        self.cells: list[list[int]] = [[], []]  # values in each cell: below, at, between, …, at, above the borders
        self.accounts = [[0.0] * len(BETS) for _ in range(2)]  # capital that has entered, by bet, times their number

    def _take(self, value: float) -> State:
        self.count += 1
        waiting = 1 / math.log2(self.count + 2)  # capital that has not entered yet
        enters = 1 / math.log2(self.count + 1) - waiting
        tie = 1 - self._random.random()
        most = 0.0
        for gambler in range(2):
            pays = payments(self._rank(gambler, value, tie))
            accounts = [(held + enters) * pay for held, pay in zip(self.accounts[gambler], pays, strict=True)]
            self.accounts[gambler] = accounts
            most = max(most, waiting + sum(accounts) / len(accounts))
        capital, threshold = most / 2, 1 / self.alpha
        return State(capital >= threshold, capital >= math.sqrt(threshold), capital, threshold)

    def _rank(self, gambler: int, value: float, tie: float) -> float:
        """p: the share of values so far that are greater, and of the equal ones, this among them, the share `tie`."""
        values, cells = self.values[gambler], self.cells[gambler]
        below, through = bisect.bisect_left(values, value), bisect.bisect_right(values, value)
        if cells:
            cell = below + through  # 2 i + 1 at border i, 2 i just below it
            cells[cell] += 1
            return (sum(cells[cell + 1 :]) + tie * cells[cell]) / sum(cells)
        p = (len(values) - through + tie * (through - below + 1)) / (len(values) + 1)
        values.insert(through, value)
        if len(values) == self.exact * (gambler + 1):
            distinct = sorted(set(values))
            self.values[gambler] = distinct[:: max(1, math.ceil(len(distinct) / BORDERS))]
            self.cells[gambler] = [0] * (2 * len(self.values[gambler]) + 1)
        return p


def payments(p: float) -> list[float]:
    """What each bet pays for a capital of 1 at this p. Its mean over p in [0, 1] is 1: the odds are fair."""
    z = -NORMAL.inv_cdf(min(max(p, LEAST), 1 - LEAST))
    return [math.exp(a * z + b * z * z + c) for a, b, c in BETS]
