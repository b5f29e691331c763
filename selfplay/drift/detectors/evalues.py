"""The e-process: evidence against "nothing has changed" that may be looked at after every step of a run of any length.

An e-value is a number ≥ 0 whose mean is at most 1 while nothing has changed, given what came before. The product of
e-values is then a fortune that no bet can be expected to grow, and by Ville's inequality it ever reaches 1/alpha with
probability alpha at most (Ville 1939; Ramdas, Grünwald, Vovk, Shafer 2023, 2210.01948). A product over all steps would
be next to nothing when a change comes late; so the fortune is spread over the step at which the change may come: a
share of 1/(t (t + 1)) is kept until step t and bet from there on. The sum of all shares is 1, so that the bound holds,
and a change at step t costs no more than the factor t (t + 1).
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from selfplay.drift.detectors.interface import State, StreamDetector

WARNING = 0.1  # of the threshold


@dataclasses.dataclass
class EProcess(StreamDetector):
    """An alarm, once in its life with probability `alpha` at most, whose values are logarithms of e-values."""

    alpha: float = 0.01
    """Probability of a false alarm in a stream of any length."""

    _MEMORY: ClassVar = ("steps", "bet")

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is the probability of a false alarm, above 0 and below 1, not {self.alpha}")
        super().__post_init__()

    def _begin(self) -> None:
        self.steps = 0
        self.bet: float | None = None  # logarithm of the part of the fortune that is bet; None: nothing yet

    def _take(self, value: float) -> State:
        self.steps += 1
        entering = -math.log(self.steps * (self.steps + 1))
        self.bet = (entering if self.bet is None else _log_sum(self.bet, entering)) + value
        fortune = math.exp(min(_log_sum(self.bet, -math.log(self.steps + 1)), 700.0))
        threshold = 1 / self.alpha
        return State(fortune >= threshold, fortune >= WARNING * threshold, fortune, threshold)


def from_p_value(p: float) -> float:
    """Logarithm of the e-value of a p-value: the mean over κ in [0, 1] of κ p^(κ - 1) (Vovk and Wang 2021,
    1912.06116, section 2). A p-value of 1e-6 is an e-value of 5,200."""
    p = min(max(p, 1e-300), 1.0)
    log = math.log(p)
    if log > -1e-3:  # the series at p = 1
        return -math.log(2.0) - log / 3
    return math.log(1 - p + p * log) - log - 2 * math.log(-log)


def of_count(hits: int, trials: int, rate: float, alternatives: tuple[float, ...]) -> float:
    """Logarithm of the e-value of `hits` in `trials` against a probability of `rate` at most: the mean over larger
    probabilities of how many times as likely they make the count."""
    logs = [
        hits * math.log(other / rate) + (trials - hits) * math.log((1 - other) / (1 - rate)) for other in alternatives
    ]
    return log_mean(logs)


def log_mean(logs: list[float]) -> float:
    """Logarithm of the mean of e-values, which is one too."""
    most = max(logs)
    if most == -math.inf:
        return most
    return most + math.log(sum(math.exp(log - most) for log in logs) / len(logs))


def _log_sum(a: float, b: float) -> float:
    most = max(a, b)
    return most if most == -math.inf else most + math.log(math.exp(a - most) + math.exp(b - most))
