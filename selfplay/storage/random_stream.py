"""Random streams as JSON values, with which a resumed run draws the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def pack(rng: np.random.Generator) -> list[Any]:
    """[state, increment, has_uint32, uinteger] of a PCG64 stream. The first two have 128 bits and are written as text,
    since other readers of JSON would round them."""
    state: Mapping[str, Any] = rng.bit_generator.state
    assert state["bit_generator"] == "PCG64", state["bit_generator"]
    inner = state["state"]
    return [str(inner["state"]), str(inner["inc"]), state["has_uint32"], state["uinteger"]]


def unpack(packed: Sequence[Any] | Mapping[str, Any]) -> np.random.Generator:
    """The stream that `pack` gave, or one as earlier versions wrote it: a mapping with text for
    numbers of 128 bits."""
    if isinstance(packed, Mapping):
        inner = packed["state"]
        packed = [inner["state"], inner["inc"], packed["has_uint32"], packed["uinteger"]]
    state, increment, has_uint32, uinteger = packed
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(state), "inc": int(increment)},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
