"""The analyzer of one game: a search that keeps its tree between moves, can be stopped, and reports what it has found.

Where `match` asks players about many games at once, an `Analyzer` follows a single one, for engines and for people.
Knows positions and trees; knows no protocol and no clock of a game.

One thread searches; `stop`, `limit` and `clear` may be called from any other. A stop, or a change of the limit, is for
the search that runs, or else for the next one that begins; the search that it was for uses it up. So the caller that
hands `analyze` to another thread calls `clear` first: what came after the last search had ended is forgotten, and what
comes from then on counts, whether the search has begun yet or not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from games.base import Game
from selfplay.search import kernels, search, tree, variation
from selfplay.search.config import SearchConfig

LEAVES = 16  # positions of the tree evaluated together, by default
_SIMULATIONS_A_TURN = 4096  # so that a search that meets only finished games looks at the clock every few milliseconds
_ROW = np.zeros(1, dtype=np.int64)  # the one search of the batch


@dataclass(frozen=True)
class Limit:
    """When to stop searching: at the first of these, or when told. None: no limit of that kind."""

    simulations: int | None = None  # visits of the root, those kept from earlier moves included; 0: the policy alone
    seconds: float | None = None  # since the search began, or since the limit was changed
    early: bool = False  # also as soon as the best action cannot be overtaken any more, or is the only one


class PV(NamedTuple):
    """One legal action, and what is expected after it. Values are for the player to move at the root."""

    actions: list[int]  # principal variation, the action first
    visits: int
    prior: float
    policy: float  # the search's own, sums to 1 over the lines
    value: float  # in [-1, 1]; the root's own where the action was not visited
    proven: int | None  # game-theoretic value −1, 0, +1 of the action, or None


class SearchInfo(NamedTuple):
    """What a search has found about the position at its root."""

    lines: list[PV]  # every legal action, the best first: the one to play is lines[0].actions[0]
    value: float  # in [-1, 1] for the player to move
    wdl: tuple[float, float, float]  # sums to 1
    exact: bool  # the value is proven
    visits: int  # of the root's actions, those kept from earlier moves included
    evaluations: int  # positions evaluated in this search
    seconds: float
    depth: int  # plies of the longest path from the root
    full: bool  # the tree has no room left
    mean_depth: float = 0.0  # plies, over the visits


class Analyzer:
    """Searches positions of one game, one after the other."""

    def __init__(
        self, game: Game, evaluate: search.Evaluate, config: SearchConfig, max_nodes: int, leaves: int = LEAVES
    ) -> None:
        """max_nodes: room in the tree; a search ends when it is used up. leaves: positions evaluated together, at most.

        Gumbel's sequential halving has to know its last simulation from the first: PUCT searches in its place."""
        self.game, self.evaluate, self.max_nodes = game, evaluate, max_nodes
        policy = "puct" if config.policy == "gumbel" else config.policy
        self.config = replace(config, policy=policy, dirichlet_fraction=0.0)
        self._search = search.Search(game, 1, self.config, max_nodes, leaves)
        self._state: np.ndarray | None = None  # [1], the root's
        self._game: tuple[bytes, list[int]] = (b"", [])  # start and actions that led there
        self._rooted = False  # the tree is whole, and that of `_state`
        self._only: tuple[int, ...] = ()  # the root's actions to choose from; empty: all
        self._stop = threading.Event()
        self._changed: tuple[Limit, float] | None = None  # and when
        self._began, self._seconds, self._evaluations = 0.0, 0.0, 0

    def set_position(self, start: np.ndarray, actions: Sequence[int], root_actions: Sequence[int] = ()) -> None:
        """The position after `actions` from `start` [1]: the next one of the game that was followed, or any other.

        root_actions: the legal actions to choose from in the position; none: all. A restricted search begins anew."""
        begun, played = self._game
        follows = self._state is not None and begun == start.tobytes() and list(actions[: len(played)]) == played
        states = self._state if follows and self._state is not None else start.copy()
        rooted, self._rooted = self._rooted and follows, False  # for good, if what follows is interrupted
        for action in actions[len(played) :] if follows else actions:
            step = self.game.step(states, np.array([action]))
            states, rooted = step.states, rooted and step.discount[0] != 0
            if rooted:
                self._search.advance(_ROW, np.array([action]), 0)
        self._state, self._game = states, (start.tobytes(), list(actions))
        self._only, self._rooted = tuple(root_actions), rooted and not root_actions
        self._evaluations, self._seconds = 0, 0.0

    def forget(self) -> None:
        """Drops the position and its tree."""
        self._state, self._rooted = None, False

    def analyze(
        self, limit: Limit, report: Callable[[SearchInfo], None] | None = None, every: float = 0.5
    ) -> SearchInfo:  # fmt: skip
        """Searches until `limit`, `stop`, a proof, or the end of the tree's room; the position itself is evaluated in
        any case. report is called with the findings so far about every `every` seconds.

        ValueError where the game is over. After an exception, be it of the evaluator, the tree starts anew."""
        if self._state is None or self._state["terminal"][0]:
            raise ValueError("the game is over in this position: there is nothing to analyze.")
        self._began = since = told = time.perf_counter()
        self._evaluations = 0
        if not self._rooted:
            self._search.reset_root(_ROW, self._state, 0, root_actions=[self._only] if self._only else None)
        self._rooted = False  # for good, if the search is interrupted in the middle of a turn
        begun_with = int(self._search.trees.nodes[0]["visits"])
        while True:
            self._turn(limit)
            now = time.perf_counter()
            self._seconds = now - self._began
            if self._changed is not None:
                limit, since = self._changed
            if self._stop.is_set() or self._done(limit, now - since, begun_with):
                break
            if report is not None and now - told >= every:
                report(self.info())
                told = time.perf_counter()
        self._rooted = True
        self.clear()
        return self.info()

    def _turn(self, limit: Limit) -> None:
        """Evaluates the next leaves, if there are any."""
        visits = int(self._search.trees.nodes[0]["visits"])
        most = visits + _SIMULATIONS_A_TURN
        self._search.trees.num_simulations[0] = most if limit.simulations is None else min(limit.simulations, most)
        if self._search.finished().size:
            return
        leaves = self._search.leaves()
        if len(leaves.rows):
            self._search.expand(leaves, *self.evaluate(leaves))
            self._evaluations += len(leaves.rows)

    def _done(self, limit: Limit, seconds: float, begun_with: int) -> bool:
        """Whether the search is over. seconds: since the limit holds; begun_with: visits before this search."""
        root, t = self._search.trees.nodes[0], self._search.trees
        if t.full[0] or (self.config.solve and root["proven"] != tree.UNKNOWN):
            return True
        if limit.simulations is not None and root["visits"] > limit.simulations:
            return True
        if limit.seconds is not None and seconds >= limit.seconds:
            return True
        return limit.early and self._settled(limit, seconds, int(root["visits"]) - begun_with)

    def _settled(self, limit: Limit, seconds: float, made: int) -> bool:
        """Whether the most visited action stays so to the end. made: simulations in this search."""
        root, t = self._search.trees.nodes[0], self._search.trees
        edges = t.edges[root["first_edge"] :][: root["num_edges"]]
        visits = np.sort(edges["visits"][edges["value_sum"] != kernels.LOST])
        if len(visits) < 2:
            return True
        left = [np.inf]
        if limit.simulations is not None:
            left.append(limit.simulations + 1 - int(root["visits"]))
        if limit.seconds is not None and self._seconds > 0:
            left.append(made / self._seconds * (limit.seconds - seconds))
        return bool(visits[-1] - visits[-2] > min(left))

    def info(self) -> SearchInfo:
        """What the tree holds now; not for other threads. ValueError before the first `analyze` of the position."""
        if not self._search.trees.nodes[0]["num_edges"]:
            raise ValueError("this position has not been analyzed yet.")
        found = self._search.results(_ROW)
        size = int((found.actions[0] >= 0).sum())
        lines = [
            PV(
                variation.principal(self._search, 0, k), int(found.visits[0, k]), float(found.prior[0, k]),
                float(found.policy[0, k]),
                float(found.q[0, k] if found.visits[0, k] else found.value[0]),
                None if found.proven[0, k] == tree.UNKNOWN else int(found.proven[0, k]),
            )
            for k in range(size)
        ]  # fmt: skip
        best = int(found.play[0])
        others = sorted(lines[:best] + lines[best + 1 :], key=_rank)
        win, draw, loss = (float(share) for share in found.wdl[0])
        t = self._search.trees
        nodes = t.nodes["visits"][: t.num_nodes[0]]
        return SearchInfo(
            [lines[best], *others], float(found.value[0]), (win, draw, loss), bool(found.exact[0]),
            int(found.visits[0].sum()), self._evaluations, self._seconds, self._search.depth(0), bool(t.full[0]),
            float(nodes[1:].sum() / nodes[0]),
        )  # fmt: skip

    # -- from other threads --------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends the search that runs soon, or else the next one, once it has evaluated its position."""
        self._stop.set()

    def limit(self, limit: Limit) -> None:
        """Gives the search that runs, or else the next one, another limit; its seconds count from now."""
        self._changed = limit, time.perf_counter()

    def clear(self) -> None:
        """Forgets what `stop` and `limit` said to a search that is over."""
        self._stop.clear()
        self._changed = None


def _rank(line: PV) -> tuple[bool, bool, int, float]:
    """Sorts lines: proven wins first, proven losses last; then by visits and prior."""
    return line.proven != 1, line.proven == -1, -line.visits, -line.prior
