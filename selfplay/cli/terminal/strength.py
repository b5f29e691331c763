"""Playing strength in interactive play: levels, numbers of simulations and temperatures, read from text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfplay.errors import UserError
from selfplay.players import levels

if TYPE_CHECKING:
    from selfplay.play.session import Strength

MOST = 100_000  # simulations a move, at the prompt
DEEPEST = 6400  # simulations of the highest level


def set_level(strength: Strength, wanted: int) -> None:
    """Sets all of `strength` by a level from 1 to 10."""
    found = levels.named(wanted)
    strength.level, strength.temperature = wanted, found.temperature
    strength.simulations = DEEPEST if found.num_simulations is None else found.num_simulations


def number(text: str, name: str, low: int, high: int) -> int:
    """Raises UserError for anything but a whole number in range."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else low - 1
    if not low <= value <= high:
        raise UserError(f"{name} cannot be '{text[:40]}': expected a whole number from {low} to {high:,}.")
    return value


def degrees(text: str) -> float:
    """Raises UserError for anything but a temperature."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise UserError(f"'{text[:40]}' is no temperature: expected a number from 0 (always the best move) to 100.")
    return value
