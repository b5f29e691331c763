"""A trained agent in Python: found by path or by the name of a game, asked about positions, handed to matches.

Knows checkpoints of board-game agents; not how they were trained.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

import games
from games.base import Game
from selfplay import errors
from selfplay.api import arguments
from selfplay.errors import ArgumentError, CheckpointError
from selfplay.league import pool
from selfplay.players import network_player, pretrained
from selfplay.players.analysis import Analysis
from selfplay.players.player import SearchPlayer
from selfplay.presets import choice
from selfplay.search.search import Leaves

SIMULATIONS = 400  # a position, where no number is given


class Evaluated(NamedTuple):
    """What a network says of B positions, without search, for the player to move."""

    priors: np.ndarray
    """[B, A] float32: the probability of each action, 0 where it is not legal; rows sum to 1."""

    wdl: np.ndarray
    """[B, 3] float32: probabilities of a win, a draw and a loss; rows sum to 1."""


class TrainedAgent:
    """One generation's network, with tree search around it. Deterministic. It pickles, weights included."""

    game: Game
    """The rules it plays by."""

    path: Path
    """The folder of its generation."""

    generation: int
    """Its number in its run; 0 was not trained."""

    name: str
    """What it was loaded by, and is called in matches."""

    def __init__(self, player: network_player.NetworkPlayer, path: Path, generation: int, name: str) -> None:
        """Use `selfplay.load`."""
        self.game, self.path, self.generation, self.name = player.game, path, generation, name
        self._player = player

    def __repr__(self) -> str:
        return f"TrainedAgent(game={self.game.name!r}, generation={self.generation}, path={str(self.path)!r})"

    @overload
    def analyze(
        self, position: str | list[str] | tuple[str, ...] | np.void = "", *, simulations: int = SIMULATIONS,
        fen: str | None = None,
    ) -> Analysis: ...  # fmt: skip

    @overload
    def analyze(self, position: np.ndarray, *, simulations: int = SIMULATIONS) -> list[Analysis]: ...

    def analyze(
        self, position: object = "", *, simulations: int = SIMULATIONS, fen: str | None = None
    ) -> Analysis | list[Analysis]:
        """Searches a position: the best move, probabilities of moves, value and principal variation.

        position: the moves that lead there from the start, as one text ("4453") or a list of texts (["4", "4"]); or one
            state, or an array of states [B], which gives a list of B analyses and is faster than B calls.
        simulations: of each position; 0 gives the network's policy alone.
        fen: where the moves start from, in games that have FEN.
        Raises UserError for illegal moves, a game that is over, states of another game."""
        wanted = arguments.simulations(simulations)
        if not isinstance(position, (np.ndarray, np.void)):
            return self._player.analyze(arguments.position(self.game, position, fen), wanted)[0]
        if fen is not None:
            raise ArgumentError("fen says where moves start from: with states, leave it out.")
        if isinstance(position, np.ndarray):
            return self._player.analyze(arguments.positions(self.game, position), wanted)
        one = np.array([position])  # keeps the dtype of the record, which the check looks at
        return self._player.analyze(arguments.positions(self.game, one), wanted)[0]

    def evaluate(self, states: np.ndarray) -> Evaluated:
        """The network's answers for states [B], none of them over, in one batch and without search.

        Raises UserError for states of another game or dtype."""
        states = arguments.positions(self.game, states)
        actions, count = self.game.legal_actions(states)
        number = np.arange(len(states))
        listed, wdl = self._player.evaluate(Leaves(number, number, states, actions, count))
        priors = np.zeros((len(states), self.game.num_actions), dtype=np.float32)
        legal = actions >= 0
        priors[np.nonzero(legal)[0], actions[legal]] = listed[legal]
        return Evaluated(priors, wdl)

    def player(self, simulations: int = 100) -> SearchPlayer:
        """The agent as a player of `selfplay.match` with its own number of simulations a move."""
        return self._player.at(arguments.simulations(simulations), self.name)


def load(source: str | os.PathLike[str]) -> TrainedAgent:
    """A trained agent: the newest generation of a run, one generation's folder, or the agent that comes with the
    package for a game.

    source: a run's folder ("runs/connect-four"), one of its generations ("runs/connect-four/checkpoints/000012"), or
        the name of a game ("connect-four"). A folder of that name comes before the packaged agent.
    Torch is set to one thread in this process, and the allocator to keep large buffers: see docs/api.md.
    Raises UserError, in one sentence, where there is no such agent or it cannot be used."""
    folder = pool.newest(find(source))
    meta = pretrained.peek(folder)
    return TrainedAgent(network_player.load(folder), folder, int(meta.get("generation", 0)), os.fspath(source))


def find(source: str | os.PathLike[str]) -> Path:
    """The folder that `source` names: see `load`. Raises UserError."""
    path = arguments.path("the agent", source)
    if path.exists():
        return path
    name = str(path)
    if name in pretrained.available():
        return pretrained.path(name)
    if name in games.available():
        raise CheckpointError(
            f"no agent for {name} comes with the package: train one with selfplay.train({name!r}), and load its run."
        )
    runs = [str(config.parent) for config in choice.RUNS.glob("*/config.json")]
    raise CheckpointError(
        f"'{name}' is no folder, and no game that has a packaged agent.{errors.suggest(name, [*runs, *known()])} "
        f"Packaged: {', '.join(known())}; a run is named by its folder, such as 'runs/NAME'."
    )


def known() -> list[str]:
    """Names of the games that have a packaged agent."""
    return pretrained.available()
