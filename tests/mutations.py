"""Input that nobody means to send: random bytes, and valid input with some of it changed. Equal seeds, equal input."""

from __future__ import annotations

import random
from collections.abc import Sequence

AWKWARD = (
    b"\x00", b"\xff\xfe", b"\r", b"\t", b" ", b"\xef\xbb\xbf", b"-1", b"99999999999999999999", b"1e999", b"nan",
    b"\xc3\xa9", b"\xed\xa0\x80", b'"', b"{", b"}", b"[", b"]", b"(", b")", b";", b"%", b"\\", b"=", b"/",
)  # fmt: skip


def mutated(rng: random.Random, valid: Sequence[bytes], words: Sequence[bytes] = AWKWARD) -> bytes:
    """One of `valid` with up to five changes, or one in ten times random bytes."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(1, 200))
    data = rng.choice(valid)
    for _ in range(rng.randrange(6)):
        at, to = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        to = min(to, at + 40)
        data = rng.choice(
            (
                data[:at] + data[to:],
                data[:to] + data[at:],
                data[:at] + rng.choice(words) + data[at:],
                data[:at] + rng.choice(words) + data[to:],
                data[:at] + rng.randbytes(1) + data[at + 1 :],
                data[:at],
                data[to:] + data[:to],
            )
        )
    return data
