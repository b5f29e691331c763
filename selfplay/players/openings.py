"""Openings, the positions that games between players begin from: customary ones, random ones, books from files.

An opening is a start and the actions played from there, so that records and engines know the whole game.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import games
from games.base import Game, IllegalMove
from games.knowledge import Knowledge
from games.notation import Notation
from games.text import decoding, files
from games.text.records import GameRecord
from selfplay.errors import ConfigError
from selfplay.storage import bounded

MAX_BOOK = 50_000_000  # bytes
TRIES = 200  # random positions tried in a row without finding a new one before old ones come again
_DRAWN_TOGETHER = 64

ValueFunction = Callable[[np.ndarray], np.ndarray]
"""Maps positions [B] to their value [B] in [-1, 1] for the player to move."""


class Opening(NamedTuple):
    """The beginning of a game: a start, and the actions played before the players are asked."""

    start: np.ndarray  # [1] state_dtype
    actions: tuple[int, ...]  # played from there before the players are asked

    def states(self, game: Game) -> np.ndarray:
        """[1] state_dtype: the first position in which a player is asked."""
        states = self.start
        for action in self.actions:
            states = game.step(states, np.array([action])).states
        return states


def for_match(
    game: Game, number: int, seed: int, plies: int | None = None, balance: float = 0.5, file: Path | None = None,
    judge: ValueFunction | None = None,
) -> list[Opening]:  # fmt: skip
    """`number` openings of a match: those of the book `file`; else the game's customary ones; else random ones.

    plies: of random openings; None: customary openings where there are any, else `usual_plies`. balance: random
    openings are worth that much at most, by the game's solver, or else by `judge`, or else by the game's heuristic.
    Raises ConfigError."""
    rng = np.random.default_rng(seed)
    if file is not None:
        found = book(game, file)
        return [found[k % len(found)] for k in range(number)]
    found_customary = customary(game, number, rng)
    if found_customary is not None and plies is None:
        return found_customary
    worth = exact_judge(game) or judge or games.facet(game, Knowledge).heuristic
    return random(game, number, usual_plies(game) if plies is None else plies, rng, worth, balance)


def usual_plies(game: Game) -> int:
    """Random plies before each pair of games: 6, or a quarter of the longest game where that is less."""
    return min(6, game.max_game_length // 4)


def customary(game: Game, number: int, rng: np.random.Generator) -> list[Opening] | None:
    """`number` of the game's customary openings, shuffled, each as often as any other; None where there are none."""
    states = games.facet(game, Knowledge).openings()
    if states is None:
        return None
    order = np.concatenate([rng.permutation(len(states)) for _ in range(-(-number // len(states)))])
    return [Opening(states[k : k + 1].copy(), ()) for k in order[:number]]


def random(
    game: Game,
    number: int,
    plies: int,
    rng: np.random.Generator,
    judge: ValueFunction | None = None,
    balance: float = 1.0,
) -> list[Opening]:
    """Different positions after `plies` uniformly random plies from the game's start, none of them over.

    judge, balance: only positions whose value lies in [-balance, balance] are taken. Where there are too few different
    ones, those found come again; where none is balanced, the most balanced ones are taken."""
    found: dict[int, Opening] = {}
    passed_over: list[tuple[float, int, Opening]] = []
    misses = 0
    while len(found) < number and misses < TRIES:
        batch = _drawn(game, plies, rng)
        if not batch:
            misses += _DRAWN_TOGETHER
            continue
        states = np.concatenate([opening.states(game) for opening in batch])
        value = np.zeros(len(batch)) if judge is None else np.abs(judge(states))
        for opening, key, worth in zip(batch, game.key(states).tolist(), value.tolist(), strict=True):
            if worth > balance:
                passed_over.append((worth, key, opening))
            if worth > balance or key in found or len(found) == number:
                misses += 1
            else:
                found[key], misses = opening, 0
    if not found:
        found = {key: opening for _, key, opening in sorted(passed_over, key=lambda entry: entry[:2])[:number]}
    if not found:
        raise ConfigError(f"no game of {game.name} goes on after {plies} random plies: ask for fewer.")
    several = list(found.values())
    return [several[k % len(several)] for k in range(number)]


def _drawn(game: Game, plies: int, rng: np.random.Generator) -> list[Opening]:
    """Random openings drawn together; those whose game ended are left out."""
    states = game.initial_states(_DRAWN_TOGETHER)
    played = np.empty((plies, _DRAWN_TOGETHER), dtype=np.int64)
    for ply in range(plies):
        actions, count = game.legal_actions(states)
        slot = rng.integers(np.maximum(count, 1))
        played[ply] = actions[np.arange(_DRAWN_TOGETHER), slot]  # −1 where the game is over, which steps to itself
        states = game.step(states, np.maximum(played[ply], 0)).states
    start = game.initial_states(1)
    return [Opening(start, tuple(played[:, k].tolist())) for k in np.flatnonzero(~states["terminal"])]


def exact_judge(game: Game) -> ValueFunction | None:
    """The game's exact solver as a judge; None where it has none."""
    knowledge = games.facet(game, Knowledge)
    if not knowledge.has_solver:
        return None

    def judge(states: np.ndarray) -> np.ndarray:
        values = knowledge.exact_action_values(states)
        assert values is not None
        return values.max(axis=1).astype(np.float32)

    return judge


def book(game: Game, path: Path) -> list[Opening]:
    """The openings in a file: records of games (those that are over end before their last ply), or lines of positions
    or of moves, with comments after #; `games.text.files` tells which. What is read otherwise than it stands is a
    UserWarning. Raises ConfigError, naming file and line."""
    try:
        with bounded.named(path, MAX_BOOK) as stream:
            suffix = path.suffix.removeprefix(".")
            lines = decoding.Lines(stream)
            records = list(files.iterate(games.facet(game, Notation), lines, suffix))
    except OSError as error:
        raise ConfigError(f"cannot read the book '{path}' ({error.strerror}).") from None
    except IllegalMove as error:
        raise ConfigError(f"the book '{path}', {error}") from None
    for remark in files.remarks(dict(enumerate(records, start=1)), lines.warning):
        warnings.warn(f"the book '{path}', {remark}", stacklevel=2)
    found = [_going_on(game, record) for record in records]
    openings = [opening for opening in found if not opening.states(game)["terminal"][0]]
    if not openings:
        raise ConfigError(f"the book '{path}' has no position in which there is something to play.")
    return openings


def _going_on(game: Game, record: GameRecord) -> Opening:
    """A game up to the first position in which it was over by our rules, without the ply that led there."""
    states = record.start
    for number, action in enumerate(record.actions):
        states = game.step(states, np.array([action])).states
        if states["terminal"][0]:
            return Opening(record.start, tuple(record.actions[:number]))
    return Opening(record.start, tuple(record.actions))
