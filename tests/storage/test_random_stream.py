"""Random streams as JSON values: a restored one goes on with the numbers that the packed one would have given."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from selfplay.storage import random_stream


def test_a_restored_stream_goes_on_even_from_half_of_a_64_bit_number() -> None:
    rng = np.random.default_rng(7)
    rng.integers(0, 10, dtype=np.int32)  # leaves 32 bits over
    again = random_stream.unpack(json.loads(json.dumps(random_stream.pack(rng))))
    for draw in (rng, again):
        assert draw.bit_generator.state["has_uint32"] == 1
    assert [rng.integers(0, 99, dtype=np.int32) for _ in range(5)] == [
        again.integers(0, 99, dtype=np.int32) for _ in range(5)
    ]
    assert rng.random() == again.random()


def test_a_stream_that_an_earlier_version_wrote_is_restored() -> None:
    rng = np.random.default_rng(7)
    state: dict[str, Any] = dict(rng.bit_generator.state)
    written = state | {"state": {key: str(value) for key, value in state["state"].items()}}
    assert random_stream.unpack(json.loads(json.dumps(written))).random() == rng.random()
