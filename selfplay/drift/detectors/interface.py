"""The interface of drift detectors: one value at a time (`StreamDetector`), or two samples at once (`BatchTest`).

What drifts is one of three things: the inputs, p(x); the labels or outcomes, p(y); or the outcome given the input,
p(y|x). A detector only sees numbers, so `detects` and `unit` say what its caller feeds it.

Rows of one game are not independent. The values of a stream are therefore one a game or one a batch (its mean, say),
and a batch test takes the game of each row as `groups`: it then moves whole games between the samples. Calling either
with single rows of longer games gives more false alarms than stated.
"""

from __future__ import annotations

import abc
import copy
import dataclasses
import math
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

Drifting = Literal["covariate p(x)", "label p(y)", "concept p(y|x)"]
Unit = Literal["game", "batch", "row"]
Groups = tuple[np.ndarray, np.ndarray]  # game of each row of the reference, and of each of the window


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What a stream detector says after one value."""

    drift: bool  # an alarm, at this value; the next value begins a new stream
    warning: bool  # on the way there; True at an alarm as well
    statistic: float  # what is compared with the threshold; 0 while there are too few values
    threshold: float


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """What a batch test says of two samples."""

    statistic: float
    p_value: float | None  # of as large a statistic without drift; None where the test has only a threshold
    threshold: float  # of the statistic, at the sizes of these samples; infinite where these can never be an alarm
    drift: bool


@dataclasses.dataclass
class StreamDetector(abc.ABC):
    """Takes one value a game or batch, and says after each whether the stream has changed.

    A detector is a dataclass whose fields are its settings. What it remembers are plain attributes, named by `_MEMORY`
    and set by `_begin`; `_take` sees finite values only."""

    _MEMORY: ClassVar[tuple[str, ...]] = ()
    _: dataclasses.KW_ONLY
    detects: Drifting = "concept p(y|x)"
    unit: Unit = "game"

    def __post_init__(self) -> None:
        self._alarmed: bool = False
        self.reset()

    def update(self, value: float) -> State:
        """The state after this value. ValueError: the value is no finite number."""
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(
                f"{type(self).__name__} takes finite numbers, not {value}; leave such values out, and count them"
            )
        if self._alarmed:
            self._begin()
        found = self._take(value)
        self._alarmed = found.drift
        return found

    def reset(self) -> None:
        """Forgets everything: as after construction."""
        self._alarmed = False
        self._begin()

    def state(self) -> dict[str, Any]:
        """All that it remembers, and its settings, as plain JSON."""
        memory = {name: getattr(self, name) for name in ("_alarmed", *self._MEMORY)}
        return copy.deepcopy({"detector": type(self).__name__, "settings": dataclasses.asdict(self), "memory": memory})

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state()` bit for bit. ValueError: no such state, of another detector, or of other settings."""
        names = {"_alarmed", *self._MEMORY}
        if not {"detector", "settings", "memory"} <= set(state):
            raise ValueError(f"a detector's state has a detector, settings and memory, not {sorted(state)}")
        here = {"detector": type(self).__name__, **dataclasses.asdict(self)}
        saved = {"detector": state["detector"], **state["settings"]}
        keys = [key for key in {**here, **saved} if here.get(key) != saved.get(key)]
        if keys:
            other = ", ".join(f"{key} {saved.get(key)!r}, not {here.get(key)!r}" for key in keys)
            raise ValueError(f"this state was saved with {other}; restore it into a detector made alike")
        if set(state["memory"]) != names:
            raise ValueError(f"the memory of {here['detector']} is {sorted(names)}, not {sorted(state['memory'])}")
        for name, value in copy.deepcopy(state["memory"]).items():
            setattr(self, name, value)

    @abc.abstractmethod
    def _begin(self) -> None:
        """Begins a new stream: at construction, and at the value after an alarm."""

    @abc.abstractmethod
    def _take(self, value: float) -> State:
        """The state after one more value of the stream."""


class BatchTest(Protocol):
    """Compares two samples, neither of which has to be as long as the other."""

    detects: Drifting
    alpha: float  # share of false alarms

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> Comparison:
        """Whether `window` [M] or [M, d] comes from elsewhere than `reference` [N] or [N, d].

        groups: the game of each row, of each sample; None: every row is one unit. ValueError: an empty sample, a value
        that is no number, or shapes that do not fit."""
        ...
