"""What run.py and a peer's process say to each other: one JSON object a line. Asks for the standard library only, since
a peer's environment need not have more.

run.py asks {"simulations": N, "seconds": S}; the peer plays for S seconds of its processor time and answers
{"positions": …, "evaluations": …, "seconds": processor time, "clock": time on the clock}, where a position is a move
that was searched. "about" is the first line that a peer writes: what it is, with versions.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Play = Callable[[], tuple[float, float]]
"""A step of self-play: (positions, evaluations by the network)."""

CHANNELS, BLOCKS = 64, 5


def serve(about: dict[str, Any], prepare: Callable[[int], Play]) -> None:
    """Answers until the input ends. prepare: for a number of simulations, self-play that has been warmed up."""
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print
    plays: dict[int, Play] = {}
    print(json.dumps(about), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        number = int(asked["simulations"])
        if number not in plays:
            plays[number] = prepare(number)
        print(json.dumps(piece(plays[number], float(asked["seconds"]))), file=out, flush=True)


def piece(play: Play, seconds: float) -> dict[str, float]:
    """At least so many seconds of processor time, and a step at least."""
    positions = evaluations = 0.0
    began, clock = time.process_time(), time.perf_counter()
    while True:
        more, evaluated = play()
        positions, evaluations = positions + more, evaluations + evaluated
        spent = time.process_time() - began
        if spent >= seconds:
            return {
                "positions": positions, "evaluations": evaluations, "seconds": spent,
                "clock": time.perf_counter() - clock,
            }  # fmt: skip
