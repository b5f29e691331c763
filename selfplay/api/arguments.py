"""Checks of arguments that users hand to the Python API: each mistake is answered by one sentence.

Knows no runs.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import games
from games.base import Game
from games.notation import Notation
from selfplay.errors import ArgumentError, ArgumentTypeError
from selfplay.players.levels import MAX_SIMULATIONS

MAX_GAMES = 100_000
LONGEST = 80  # characters of a value in a message


def shown(value: object) -> str:
    """A value as part of a message."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def whole_number(name: str, value: object, least: int, most: int) -> int:
    """The value as an int in [least, most]."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ArgumentTypeError(f"{name} must be a whole number from {least:,} to {most:,}, not {shown(value)}.")
    if not least <= value <= most:
        raise ArgumentError(f"{name} is {value:,}, and must be a whole number from {least:,} to {most:,}.")
    return int(value)


def fraction(name: str, value: object, least: float = 0.0, most: float = 1.0) -> float:
    """The value as a float in [least, most]."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ArgumentTypeError(f"{name} must be a number from {least:g} to {most:g}, not {shown(value)}.")
    if not least <= value <= most:
        raise ArgumentError(f"{name} is {value:g}, and must be a number from {least:g} to {most:g}.")
    return float(value)


def simulations(value: object) -> int:
    """Simulations a position; 0: the network's policy alone."""
    return whole_number("simulations", value, 0, MAX_SIMULATIONS)


def even_games(value: object) -> int:
    """Games of a match: each opening is played from both sides."""
    games = whole_number("games", value, 2, MAX_GAMES)
    if games % 2:
        raise ArgumentError(f"games is {games:,}, and must be even: each opening is played from both sides.")
    return games


def path(name: str, value: object) -> Path:
    """The value as a path."""
    if not isinstance(value, (str, os.PathLike)):
        raise ArgumentTypeError(f"{name} must be a path or a text, not {shown(value)}.")
    text = os.fspath(value)
    if not text.strip():  # which pathlib takes for the current folder
        raise ArgumentError(f"{name} is empty: name a file or a folder ('.' is the current one).")
    return Path(text)


def positions(game: Game, states: object) -> np.ndarray:
    """[B] state_dtype: checked positions of a game, of which none is over."""
    if not isinstance(states, np.ndarray):
        raise ArgumentTypeError(
            f"states must be an array of {game.name} positions, as game.initial_states(n) and game.step make them, not "
            f"{shown(states)}."
        )
    if states.dtype != game.state_dtype or states.ndim != 1:
        said = f"dtype {shown(states.dtype.descr if states.dtype.names else str(states.dtype))}"
        raise ArgumentTypeError(
            f"states must be one dimension of {game.name} positions, as game.initial_states(n) and game.step make "
            f"them, not an array of shape {states.shape} and {said}."
        )
    over = np.flatnonzero(states["terminal"])
    if len(over):
        raise ArgumentError(f"the game is over in position {over[0]} of {len(states)}: there is nothing to choose.")
    return states


def position(game: Game, moves: object, fen: object = None) -> np.ndarray:
    """[1] state_dtype: the position after moves from the game's start or from a FEN; the game is not over in it.

    moves: one text in the game's notation, or a sequence of moves, each a text."""
    if fen is not None and not isinstance(fen, str):
        raise ArgumentTypeError(f"fen must be a text, not {shown(fen)}.")
    notation = games.facet(game, Notation)
    try:
        start = notation.from_fen(fen) if fen is not None else game.initial_states(1)
        if isinstance(moves, str):
            states = notation.state_after(moves, start)
        else:
            states = _after(notation, moves, start)
    except ValueError as error:
        raise ArgumentError(str(error)) from None
    if states["terminal"][0]:
        raise ArgumentError("the game is over in this position: there is nothing to choose.")
    return states


def _after(notation: Notation, moves: object, states: np.ndarray) -> np.ndarray:
    if not isinstance(moves, (list, tuple)):
        raise ArgumentTypeError(
            "a position is given by its moves, as one text or a list of texts, or as an array of states, not as "
            f"{shown(moves)}."
        )
    for number, move in enumerate(moves, start=1):
        if not isinstance(move, str):
            example = next(iter(notation.game.legal_moves(notation.game.initial_states(1)[0])))
            raise ArgumentTypeError(
                f"move {number} is {shown(move)}, and must be a text such as '{example}': numbers of actions are for "
                "game.step."
            )
        try:
            states = notation.play_text(notation.game.unclaimed(states), move)
        except ValueError as error:
            raise ArgumentError(f"move {number}: {error}") from None
    return states
