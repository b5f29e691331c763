"""The league: a run's earlier generations as opponents. Owns the payoff table, and draws from the pool by results and
policy.

Knows generations by number and the results of an agent's `play_match`, and nothing of what a match is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.agent import Agent
from selfplay.errors import CheckpointError
from selfplay.league import equilibrium, opponents, payoff
from selfplay.league.pool import Pool
from selfplay.storage import json_text, records
from selfplay.types import Weights


class League:
    """Which generations play matches, and their results: a function of the seed, the generation and the table."""

    def __init__(self, agent: Agent, pool: Pool, seed: int, note: Callable[[str], None]) -> None:
        """note: takes sentences for the user."""
        self.agent, self.pool, self.seed, self.note = agent, pool, seed, note
        self.by_results = pool.config.by_results and bool(agent.roles)
        self.table = payoff.PayoffTable(*agent.roles) if self.by_results else None
        self._unwritten = False  # whether payoffs.json could not be written in this session

    def opponent_weights(self, newest: int, weights: Weights) -> Weights | None:
        """Weights of the opponents from generation `newest` on, by role: one draw for each; None while there is none.
        weights: those of that generation."""
        drawn: dict[str, str] = {}
        for place, role in enumerate(self.agent.roles):
            names, shares = self.pool.opponents(role, newest, self.table)
            if not names:
                return None
            drawn[role] = _draw(names, shares, np.random.default_rng((self.seed, newest, place)[: 3 if place else 2]))
        try:
            return {
                role: (weights if name == opponents.AVERAGE else self.pool.load(int(name))[1])[role]
                for role, name in drawn.items()
            } or None
        except CheckpointError as error:
            self.note(f"No earlier generation to play against this time: {error}")
            return None

    def first(self) -> Weights:
        """The weights of the first generation; of the first that can be read, where that one is damaged."""
        for generation in self.pool.generations():
            try:
                return self.pool.load(generation)[1]
            except CheckpointError as error:
                self.note(f"Evaluations are against a later generation than {generation}: {error}")
        raise CheckpointError(f"no generation in '{self.pool.folder}' can be read.")

    # -- results ---------------------------------------------------------------------------------------------

    def play_matches(self, newest: int, weights: Weights) -> None:
        """Plays matches of a new generation against some of the earlier ones, where the policy goes by results."""
        if self.table is None:
            return
        before = self.table
        try:
            self._play_matches(newest, weights, before)
        except BaseException:  # cut short: they are played anew, against the same
            self.table = before
            raise

    def _play_matches(self, newest: int, weights: Weights, table: payoff.PayoffTable) -> None:
        kept = self.pool.kept(newest)
        names = {str(generation) for generation in kept}
        entries = [entry for entry in table.rows() if entry["row"] in names and entry["column"] in names]
        self.table = payoff.PayoffTable.from_rows(self.agent.roles, entries)  # those of dropped generations go
        for rival in self._rivals(newest, kept):
            try:
                theirs = weights if rival == newest else self.pool.load(rival)[1]
            except CheckpointError as error:
                self.note(f"Generation {rival} plays no match: {error}")
                continue
            for row, column in _pairings(newest, rival, self.table.symmetric):
                sides = (weights if row == newest else theirs, weights if column == newest else theirs)
                seed = int(np.random.SeedSequence((self.seed, row, column)).generate_state(1, np.uint64)[0] >> 2)
                self.table.add(str(row), str(column), *self.agent.at(newest).play_match(*sides, seed))

    def _rivals(self, newest: int, kept: list[int]) -> list[int]:
        """Rivals of a new generation: the earlier ones in as many stretches as there are matches, and of each the one
        with the fewest results so far, the newest of them; and itself, where there are two roles."""
        assert self.table is not None
        results = Counter(name for entry in self.table.rows() for name in (entry["row"], entry["column"]))
        earlier = [generation for generation in kept if generation < newest]
        stretches = np.array_split(np.array(earlier, dtype=int), min(self.pool.config.matches, len(earlier)) or 1)
        found = [min(part.tolist(), key=lambda g: (results[str(g)], -g)) for part in stretches if len(part)]
        return found + ([] if self.table.symmetric else [newest])

    def metrics(self, newest: int) -> dict[str, float]:
        """exploitability of the newest generation: what the best of the others score against it, beyond what it scores
        itself (the duality gap, Grnarova et al. 2018: a lower bound, as only those it played are asked).
        mixture_exploitability: the same of the mixtures that opponents are drawn from, with the mean for pairs
        that have not played. cyclicity: see `payoff`. Nothing where no results are kept."""
        table = self.table
        if table is None or not table.rows():
            return {}
        name = str(newest)
        against = [cell.score for row in table.players(table.roles[0]) if (cell := table.get(row, name))]
        own = [cell.score for column in table.players(table.roles[-1]) if (cell := table.get(name, column))]
        found = {"cyclicity": payoff.cyclicity(table).share}
        if against and own:
            even = [0.5] if table.symmetric else []  # what anyone scores against itself
            found["exploitability"] = max(against + even) - min(own + even)
        mixtures = [self.shares(newest)[role] for role in table.roles]
        names = [str(generation) for generation in self.pool.kept(newest)]
        scores = table.scores(names, names, self.pool.unknown(table))
        row, column = (np.array([mixtures[place].get(name, 0.0) for name in names]) for place in (0, -1))
        return found | {"mixture_exploitability": equilibrium.exploitability(scores, row, column)}

    def write(self, path: Path, newest: int) -> None:
        """payoffs.json: all pairs that played, the first role's points a game, n and variance."""
        if self.table is None:
            return
        entries = [
            entry | {"variance": payoff.variance_of(payoff.Cell(entry["score"], entry["games"], entry["variance"]))}
            for entry in self.table.rows()
        ]
        told = {"roles": self.table.roles, "generation": newest, "opponents": self.shares(newest), "results": entries}
        try:
            records.replace(path, json_text.dumps(told, indent=1).encode())
        except OSError as error:
            if not self._unwritten:  # once: the system may give another reason each time
                self.note(f"{path.name} was not written: {error.strerror or error}.")
            self._unwritten = True

    def shares(self, newest: int) -> dict[str, dict[str, float]]:
        """How often each player is drawn as an opponent from generation `newest` on, by role."""
        found = {}
        for role in self.agent.roles:
            names, shares = self.pool.opponents(role, newest, self.table)
            found[role] = {name: float(share) for name, share in zip(names, shares, strict=True) if share > 0}
        return found

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> list[dict[str, Any]]:
        """JSON values; `load_state` goes on from there."""
        return [] if self.table is None else self.table.rows()

    def load_state(self, rows: list[Mapping[str, Any]]) -> None:
        if self.table is not None:
            self.table = payoff.PayoffTable.from_rows(self.agent.roles, rows)


def _pairings(newest: int, rival: int, symmetric: bool) -> Iterator[tuple[int, int]]:
    yield newest, rival
    if not symmetric and rival != newest:
        yield rival, newest


def _draw(names: list[str], shares: np.ndarray, rng: np.random.Generator) -> str:
    if (shares == shares[0]).all():  # a choice among equals, as `Generator.choice` makes it
        return str(rng.choice(names))
    return opponents.draw(names, shares, rng)[0]
