"""A group of games in progress that share a search and an evaluation batch: their positions, streams and trajectories.

Starts games, and saves and restores them. The actor decides which networks search them and when moves are played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from games.base import Game
from selfplay.alphazero.config import ActorConfig
from selfplay.alphazero.playing.stored import StoredPositions
from selfplay.alphazero.playing.trajectory import MOVE, Trajectory, like
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig
from selfplay.storage import random_stream

LEAGUE = 1  # the number of the group against an opponent
BOTH = -1  # the side of the newest weights where they play both
SAVED_MOVE = np.dtype([("game", "i4"), *((name, MOVE[name]) for name in MOVE.names or ())])


class Group:
    """B games, each with its own random stream. Number 1 plays the newest weights against an opponent, in every second
    game as the first player; all others play them against themselves."""

    def __init__(
        self, game: Game, config: ActorConfig, search_config: SearchConfig, row_dtype: np.dtype, number: int, size: int,
        stored: StoredPositions | None,
    ) -> None:  # fmt: skip
        """stored: positions of earlier games, where some games are to start from them."""
        self.game, self.config, self.number, self._stored = game, config, number, stored
        self.search = search.Search(game, size, search_config, config.most_simulations)
        self.num_simulations = config.num_simulations  # of full searches, at present
        self.full = np.ones(size, dtype=bool)  # whether the present move of each game is searched in full
        self.states = game.initial_states(size)
        self.rngs = [np.random.default_rng(0)] * size
        self.trajectories = [Trajectory(row_dtype, config.outcome_lambda) for _ in range(size)]
        self.switch = np.zeros(size, dtype=np.int32)  # searched plies before which a game explores, if it ever switches
        self.side = np.full(size, BOTH, dtype=np.int8)  # that the newest weights play
        self.games_started = 0
        self.turns = 0
        self.asked: list[tuple[search.Leaves, evaluators.Answer]] = []  # evaluations on their way

    @property
    def in_league(self) -> bool:
        """Whether it plays against an opponent."""
        return self.number == LEAGUE

    def plies(self, rows: np.ndarray) -> np.ndarray:
        """[M] searched plies so far, of games `rows` [M]."""
        return np.array([len(self.trajectories[row]) for row in rows])

    def newest_plays(self, rows: np.ndarray) -> np.ndarray:
        """[M] bool: whether the newest weights are to move in games `rows` [M]."""
        side = self.side[rows]
        return (side == BOTH) | (side == self.states["to_play"][rows])

    def start_games(self, rows: np.ndarray, seed: int, index: int) -> None:
        """New games in places `rows`, of the random streams that follow from the seed, the actor's index and how many
        games this group has started."""
        for row in rows:
            stream = np.random.SeedSequence(seed, spawn_key=(index, self.number, self.games_started))
            rng = np.random.Generator(np.random.PCG64(stream))
            self.rngs[row] = rng
            self.trajectories[row].clear()
            self.states[row] = self._opening(rng)
            if self.config.switch_plies:
                self.switch[row] = rng.integers(self.config.switch_plies)
            self.side[row] = self.games_started % 2 if self.in_league else BOTH
            self.games_started += 1
        self._draw_full(rows)

    def _opening(self, rng: np.random.Generator) -> np.void:
        """A stored position for some games, where the settings say so; else the position after some uniformly random
        plies, drawn again if that happens to end the game."""
        if self._stored is not None and len(self._stored) and rng.random() < self.config.start_from_stored:
            return self._stored.draw(1, rng)["state"][0]
        most = min(self.config.random_opening_plies, self.game.max_game_length - 1)
        while True:
            states = self.game.initial_states(1)
            for _ in range(rng.integers(0, most + 1)):
                actions, count = self.game.legal_actions(states)
                states = self.game.step(states, actions[:, rng.integers(0, count[0])]).states
                if states["terminal"][0]:
                    break
            if not states["terminal"][0]:
                return states[0]

    def _draw_full(self, rows: np.ndarray) -> None:
        """Decides for the next moves of games `rows` whether they are searched in full (playout cap randomisation; Wu
        2019)."""
        if self.config.full_search_share < 1:
            self.full[rows] = [self.rngs[row].random() < self.config.full_search_share for row in rows]

    def _parts(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, int, list[np.random.Generator] | None]]:
        """(places among `rows`, simulations, noise) of those searched in full, and of the fast ones: without noise."""
        full = np.flatnonzero(self.full[rows])
        if len(full):
            yield full, self.num_simulations, [self.rngs[row] for row in rows[full]]
        fast = np.flatnonzero(~self.full[rows])
        if len(fast):
            yield fast, min(self.config.fast_simulations, self.num_simulations), None

    def start_searches(self, rows: np.ndarray) -> None:
        """Searches of games `rows` start anew from their positions."""
        for part, simulations, noise in self._parts(rows):
            self.search.reset_root(rows[part], self.states[rows[part]], simulations, noise)

    def advance(self, rows: np.ndarray, actions: np.ndarray) -> None:
        """Searches of games `rows` [M] go on after `actions` [M], which do not end them."""
        self._draw_full(rows)
        for part, simulations, noise in self._parts(rows):
            self.search.advance(rows[part], actions[part], simulations, noise)

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Games in progress, as arrays and JSON values. Searches in progress are not part of it: they start anew."""
        name = f"group{self.number}."
        played = [len(trajectory) for trajectory in self.trajectories]
        moves = np.zeros(sum(played), SAVED_MOVE)
        moves["game"] = np.repeat(np.arange(len(played)), played)
        for field in MOVE.names or ():
            moves[field] = np.concatenate([trajectory.moves[field] for trajectory in self.trajectories])
        rows = np.zeros(len(moves), self.trajectories[0].rows.dtype)
        rows[:] = np.concatenate([trajectory.rows for trajectory in self.trajectories])
        arrays = {"states": self.states, "side": self.side, "rows": rows, "moves": moves}
        if self.config.switch_plies:
            arrays["switch"] = self.switch
        if self.config.full_search_share < 1:
            arrays["full"] = self.full
        rest = {
            "games_started": self.games_started,
            "turns": self.turns,
            "rngs": [random_stream.pack(rng) for rng in self.rngs],
        }
        return {name + field: array for field, array in arrays.items()}, rest

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> None:
        """Takes what `state` gave; `start_searches` must follow."""
        name = f"group{self.number}."
        self.states = like(arrays[name + "states"], self.states)
        self.side = like(arrays[name + "side"], self.side)
        self.switch[:] = 0  # of games that began without
        if self.config.switch_plies and name + "switch" in arrays:
            self.switch = like(arrays[name + "switch"], self.switch)
        self.full[:] = True
        if self.config.full_search_share < 1 and name + "full" in arrays:
            self.full = like(arrays[name + "full"], self.full)
        self.games_started, self.turns = rest["games_started"], rest["turns"]
        self.rngs = [random_stream.unpack(stream) for stream in rest["rngs"]]
        moves = np.zeros(len(arrays[name + "moves"]), MOVE)
        saved = arrays[name + "moves"].dtype.names or ()
        for field in MOVE.names or ():
            if field in saved:  # earlier versions had fewer
                moves[field] = arrays[name + "moves"][field]
        for row, trajectory in enumerate(self.trajectories):
            own = arrays[name + "moves"]["game"] == row
            trajectory.clear()
            trajectory.extend(arrays[name + "rows"][own], moves[own])
        self.search.stop(np.arange(len(self.states)))
