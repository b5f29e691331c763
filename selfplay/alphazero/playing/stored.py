"""Positions of an actor's earlier games: kept for a while, chosen as starts of new games, and searched anew.

Games that start where earlier ones were surprising see such positions more often (Go-Exploit; Trudeau & Bowling 2023).
Positions that newer weights search again get new policies and values for the same outcome (reanalysis; Schrittwieser et
al. 2021). Knows rows and searches, and nothing of games in progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from games.base import Game
from selfplay.alphazero.config import ActorConfig
from selfplay.alphazero.playing.trajectory import like
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig
from selfplay.storage import random_stream


class StoredPositions:
    """The newest rows of finished games, each with a weight that it is drawn by."""

    def __init__(self, dtype: np.dtype, config: ActorConfig) -> None:
        self._rows = np.zeros(config.stored_positions, dtype)
        self._weights = np.zeros(config.stored_positions)
        self._choice = config.stored_choice
        self._added = 0  # in all
        self._sums: np.ndarray | None = None  # of the weights up to each row, where they are up to date

    @property
    def dtype(self) -> np.dtype:
        """Of a row."""
        return self._rows.dtype

    def __len__(self) -> int:
        return min(self._added, len(self._rows))

    def add(self, rows: np.ndarray, surprise: np.ndarray) -> None:
        """Adds rows [M] whose outcomes are known. surprise: [M] ≥ 0, in nats."""
        value = (rows["search_wdl"][:, 0] - rows["search_wdl"][:, 2]).astype(np.float64)
        weights = {"even": np.ones(len(rows)), "surprise": surprise, "value_error": np.square(value - rows["outcome"])}
        self._append(rows, weights[self._choice])

    def _append(self, rows: np.ndarray, weights: np.ndarray) -> None:
        rows, weights = rows[-len(self._rows) :], weights[-len(self._rows) :]
        places = (self._added + np.arange(len(rows))) % len(self._rows)
        self._rows[places], self._weights[places] = rows, weights
        self._added += len(rows)
        self._sums = None

    def draw(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """[number] rows, with replacement, in proportion to their weights; evenly, where none has any. There must be
        some."""
        if self._sums is None:
            self._sums = np.cumsum(self._weights[: len(self)])
        if self._sums[-1] <= 0:
            return self._rows.take(rng.integers(len(self), size=number))
        places = np.searchsorted(self._sums, rng.random(number) * self._sums[-1], side="right")
        return self._rows.take(np.minimum(places, len(self) - 1))

    def state(self) -> dict[str, np.ndarray]:
        """The rows and their weights, the oldest first."""
        places = np.arange(self._added - len(self), self._added) % len(self._rows)
        rows = np.zeros(len(places), self._rows.dtype)  # bytes between fields stay zero
        return {
            "stored.rows": np.take(self._rows, places, out=rows, mode="clip"),
            "stored.weights": self._weights[places],
        }

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `state` gave; a state without any leaves none. Raises ValueError for rows of another layout."""
        self._added, self._sums = 0, None
        rows = arrays.get("stored.rows", self._rows[:0])
        weights = arrays.get("stored.weights", self._weights[:0])
        if rows.dtype != self._rows.dtype or weights.shape != rows.shape:
            raise ValueError(f"stored positions are {rows.dtype} {rows.shape}, not {self._rows.dtype}")
        self._append(rows, weights)


class Reanalysis:
    """B stored positions that are searched side by side with the newest weights, without noise at the root; each that
    is done makes room for another. The positions are drawn by a random stream of its own."""

    def __init__(
        self, game: Game, config: ActorConfig, search_config: SearchConfig, stored: StoredPositions, size: int,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self._stored, self.num_simulations, self._rng = stored, config.num_simulations, rng
        self.search = search.Search(game, size, search_config, config.most_simulations)
        self._rows = np.zeros(size, stored.dtype)
        self._taken = np.zeros(size, bool)  # places that have a row
        self.turns = 0
        self.asked: list[tuple[search.Leaves, evaluators.Answer]] = []  # evaluations on their way

    def restart(self, all_of_them: bool) -> None:
        """Searches of the rows at hand start anew; else only those that are not under way, as after load_state."""
        rows = np.flatnonzero(self._taken & (all_of_them | ~self.search.active))
        self._start(rows)

    def take(self, places: np.ndarray) -> tuple[np.ndarray, search.Results]:
        """(rows [M] in `places` as they were stored, what their searches have found); the places are free then."""
        results = self.search.results(places)
        self.search.stop(places)
        self._taken[places] = False
        return self._rows.take(places), results

    def fill(self) -> None:
        """Free places take new rows, once there are any."""
        free = np.flatnonzero(~self._taken)
        if len(free) and len(self._stored):
            self._rows[free] = self._stored.draw(len(free), self._rng)
            self._taken[free] = True
            self._start(free)

    def _start(self, places: np.ndarray) -> None:
        if len(places):
            self.search.reset_root(places, self._rows["state"].take(places), self.num_simulations)

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Rows at hand, as arrays and JSON values. Their searches are not part of it: they start anew."""
        arrays = {"reanalysis.rows": self._rows, "reanalysis.taken": self._taken}
        return arrays, {"turns": self.turns, "rng": random_stream.pack(self._rng)}

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> None:
        """Takes what `state` gave; `restart` must follow. Raises ValueError for rows of another layout."""
        self._rows = like(arrays["reanalysis.rows"], self._rows)
        self._taken = like(arrays["reanalysis.taken"], self._taken)
        self.turns, self._rng = int(rest["turns"]), random_stream.unpack(rest["rng"])
        self.search.stop(np.arange(len(self._rows)))
