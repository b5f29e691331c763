"""One game searched for a person or a program: keeps its tree between moves, can be stopped, shows what it thinks.

Where `match` asks players about many games at once, a `Thinker` follows a single one, for `uci`, `hub` and `play`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from games.base import Game
from selfplay.alphazero import search, tree


@dataclass(frozen=True)
class Limit:
    """When to stop thinking: at the first of these, or when told. None: no limit of that kind."""

    simulations: int | None = None  # visits of the root, those kept from earlier moves included; 0: the policy alone
    seconds: float | None = None


class Line(NamedTuple):
    """One legal action, and what is expected after it. Values are for the player to move at the root."""

    actions: list[int]  # principal variation, the action first
    visits: int
    prior: float
    policy: float  # the search's own, sums to 1 over the lines
    value: float  # in [-1, 1]; the root's own where the action was not visited
    proven: int | None  # game-theoretic value −1, 0, +1 of the action, or None


class Thought(NamedTuple):
    """What a search thinks of the position at its root."""

    lines: list[Line]  # every legal action, the best first: the one to play is lines[0].actions[0]
    value: float  # in [-1, 1] for the player to move
    wdl: tuple[float, float, float]  # sums to 1
    exact: bool  # the value is proven
    visits: int  # of the root's actions, those kept from earlier moves included
    evaluations: int  # positions evaluated in this search
    seconds: float
    depth: int  # plies of the longest path from the root
    full: bool  # the tree has no room left


class Thinker:
    """Searches positions of one game, one after the other."""

    def __init__(self, game: Game, evaluate: search.Evaluate, config: search.SearchConfig, max_nodes: int) -> None:
        """max_nodes: room in the tree; a search ends when it is used up."""
        self.game, self.evaluate = game, evaluate
        self.config = replace(config, dirichlet_fraction=0.0, gumbel_scale=0.0)
        self.max_nodes = max_nodes
        self._search = search.Search(game, 1, self.config, max_nodes)
        self._stop = threading.Event()
        self._state: np.ndarray | None = None  # [1], the root's
        self._game: tuple[bytes, list[int]] = (b"", [])
        self._planted = False
        self._began, self._evaluations = time.perf_counter(), 0

    def set_position(self, start: np.ndarray, actions: Sequence[int]) -> None:
        """The position after `actions` from `start` [1]: the next one of the game that was followed, or any other."""
        begun, played = self._game
        same = self._state is not None and begun == start.tobytes() and list(actions[: len(played)]) == played
        new = list(actions[len(played) :]) if same else list(actions)
        states = self._state if same and self._state is not None else start.copy()
        if not same:
            self._planted = False
        for action in new:
            step = self.game.step(states, np.array([action]))
            states = step.states
            if self._planted and step.discount[0] != 0:
                self._search.advance(np.array([0]), np.array([action]), 0)
        self._state, self._game = states, (start.tobytes(), list(actions))
        if not self._planted and not states["terminal"][0]:
            self._search.plant(np.array([0]), states, 0)
            self._planted = True

    def think(
        self, limit: Limit, report: Callable[[Thought], None] | None = None, every: float = 0.5
    ) -> Thought:
        """Searches the position until `limit`, `stop` or the end of the tree's room.

        report is called with the thoughts so far about `every` seconds. ValueError where the game is over."""
        if self._state is None or self._state["terminal"][0]:
            raise ValueError("the game is over in this position: there is nothing to think about.")
        self._began = told = time.perf_counter()
        self._evaluations = 0
        most = self.max_nodes - 2
        wanted = most if limit.simulations is None else min(limit.simulations, most)
        self._search.active[0] = True
        self._search.trees.num_simulations[0] = wanted
        while not self._search.finished().size:
            leaves = self._search.leaves()
            if len(leaves.rows):
                self._search.expand(leaves, *self.evaluate(leaves))
                self._evaluations += len(leaves.rows)
            now = time.perf_counter()
            if self._stop.is_set() or (limit.seconds is not None and now - self._began >= limit.seconds):
                break
            if report is not None and now - told >= every:
                report(self.thought())
                told = now
        self._stop.clear()
        return self.thought()

    def thought(self) -> Thought:
        """What the tree holds now."""
        found = self._search.results(np.array([0]))
        size = int((found.actions[0] >= 0).sum())
        lines = [
            Line(
                self._variation(k), int(found.visits[0, k]), float(found.prior[0, k]), float(found.policy[0, k]),
                float(found.q[0, k] if found.visits[0, k] else found.value[0]),
                None if found.proven[0, k] == tree.UNKNOWN else int(found.proven[0, k]),
            )
            for k in range(size)
        ]  # fmt: skip
        best = int(found.play[0])
        lines = [lines[best], *sorted(lines[:best] + lines[best + 1 :], key=lambda line: (-line.visits, -line.prior))]
        win, draw, loss = (float(share) for share in found.wdl[0])
        return Thought(
            lines, float(found.value[0]), (win, draw, loss), bool(found.exact[0]), int(found.visits[0].sum()),
            self._evaluations, time.perf_counter() - self._began, max(len(line.actions) for line in lines),
            bool(self._search.trees.full[0]),
        )  # fmt: skip

    def _variation(self, slot: int) -> list[int]:
        """Actions along the most visited path below an edge of the root."""
        t = self._search.trees
        edge = int(t.nodes[0]["first_edge"]) + slot
        actions = [int(t.actions[edge])]
        while (node := int(t.edges[edge]["child"])) != tree.NO_NODE and t.nodes[node]["num_edges"]:
            first, number = int(t.nodes[node]["first_edge"]), int(t.nodes[node]["num_edges"])
            visits = t.edges["visits"][first : first + number]
            if not visits.any():
                break
            edge = first + int(visits.argmax())
            actions.append(int(t.actions[edge]))
        return actions

    def stop(self) -> None:
        """Ends `think` soon; may be called from another thread, also before `think` is."""
        self._stop.set()
