"""What settings need of msgspec where it is not installed: marks of ranges, which nobody checks then, and plain values.

Only `check.py` puts this on the path. Whatever checks what a user has set wants the real one.
"""

from __future__ import annotations

import dataclasses
from typing import Any


class Meta:
    """A mark of a range."""

    def __init__(self, **limits: Any) -> None:
        self.limits = limits


def to_builtins(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_builtins(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [to_builtins(one) for one in value]
    if isinstance(value, dict):
        return {key: to_builtins(one) for key, one in value.items()}
    return value
