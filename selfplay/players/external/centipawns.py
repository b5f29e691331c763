"""Conversion between centipawns (hundredths of men in draughts) and expected outcomes, by Lc0's curve.

A lead of 100 is an expected outcome of 0.54, and certainty is 12,780. Engines differ in what a hundredth is worth; this
is as good a reading as any. Loads the standard library only.
"""

from __future__ import annotations

import math

_SCALE, _BEND = 90.0, 1.5637541897


def of_value(value: float) -> float:
    """Hundredths for an expected outcome; what lies outside [-1, 1] counts as the nearer end."""
    return _SCALE * math.tan(_BEND * max(-1.0, min(1.0, value)))


def to_value(hundredths: float) -> float:
    """The expected outcome in [-1, 1]."""
    return max(-1.0, min(1.0, math.atan(hundredths / _SCALE) / _BEND))
