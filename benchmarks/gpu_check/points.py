"""What the parts of the GPU check share: sizes for a GPU and for a trial, and one JSON line for each point measured.

A part prints each point as soon as it has it, so that a part which is cut off keeps what it has measured.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfplay import device as devices
from selfplay.bench import timing
from selfplay.networks.config import NetworkConfig

MARK = "point: "  # what a line of a point begins with


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    networks: tuple[tuple[int, int], ...]  # (channels, blocks)
    batches: tuple[int, ...]
    actors: tuple[int, ...]
    games: int  # at once, of each actor
    simulations: int
    seconds: float  # of a measurement
    learner_batches: tuple[int, ...]
    compiles: bool  # whether torch.compile is measured too


GPU = Sizes(((64, 5), (128, 10)), (64, 256, 1024, 4096), (1, 4, 8, 16), 128, 48, 4.0, (512, 2048), True)
TRIAL = Sizes(((8, 1),), (1, 8), (1, 2), 8, 4, 0.2, (32,), False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--seconds", type=float, default=300.0, help="for the part that trains")
    parser.add_argument("--actors", type=int, default=1, help="at most")
    parser.add_argument("--folder", type=Path, help="for the part that trains")
    return parser.parse_args()


def sizes(told: argparse.Namespace) -> Sizes:
    """Also prepares this process."""
    devices.tune_process(threads=1)
    torch.manual_seed(1)
    return TRIAL if told.dry_run else GPU


def emit(**figures: Any) -> None:
    """Prints a point."""
    rounded = {key: timing.significant(value) if isinstance(value, float) else value for key, value in figures.items()}
    print(MARK + json.dumps(rounded), flush=True)


def named(channels: int, blocks: int) -> str:
    return f"{channels}x{blocks}"


def network(channels: int, blocks: int) -> NetworkConfig:
    return NetworkConfig(channels=channels, blocks=blocks)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
