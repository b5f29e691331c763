"""JSON as the standard has it (RFC 8259): a number that is not finite, which JSON cannot hold, is written as null.

The one place where what this package keeps is turned into JSON. Knows values, not what they mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(value: Any, indent: int | None = None) -> str:
    """`value` as JSON text; NaN and infinities, however deep inside, become null."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:  # rare, so that only then a copy is made
        return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(held) for held in value]
    return value


def numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as read back, with NaN for null: where only numbers are kept, null stands for one that was not
    finite."""
    return {name: math.nan if value is None else value for name, value in values.items()}
