"""The actor: plays many games at once and turns finished ones into rows of experience.

Games run asynchronously, each with its own random stream and its own progress, in groups that share a search. The
main group plays the newest weights against themselves; a second one, when asked for, plays them against a past self,
and only the newest player's moves are recorded there. This file owns the value targets.

Games start after a few uniformly random plies: without them a network never sees the lopsided positions it will be
asked about. When a position is proven by the search, the proof replaces what the game happened to end with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

import games
from games.base import Game, Step
from games.knowledge import Knowledge
from selfplay.alphazero import loss
from selfplay.alphazero.config import ActorConfig
from selfplay.networks import inference
from selfplay.networks.config import NetworkConfig
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig

NetworkWeights = Mapping[str, torch.Tensor]


_FINISH_SHARE = 16  # moves are finished when this part of all games waits for it: few calls for many games
_COLD = 0.02  # below this temperature the search's own choice is played


class Rollout(NamedTuple):
    """What `Actor.generate` returns."""

    rows: np.ndarray  # [M] loss.row_dtype(game), whole games only
    stats: dict[str, float]  # sums since the last call; see Actor.generate


class _Move(NamedTuple):
    row: np.void | None  # None: a move of the past self, not recorded
    exact: int | None  # proven value of the position it was played in, for its player
    reward: float
    discount: float


class _Group:
    """B games that share a search and an evaluation batch."""

    def __init__(self, actor: Actor, number: int, config: SearchConfig) -> None:
        size = actor.config.concurrent_games
        self.search = search.Search(actor.game, size, config, actor.config.num_simulations)
        self.number = number
        self.states = actor.game.initial_states(size)
        self.rngs: list[np.random.Generator] = [np.random.default_rng(0)] * size
        self.moves: list[list[_Move]] = [[] for _ in range(size)]
        self.side = np.full(size, -1, dtype=np.int8)  # the newest weights' side; -1: both
        self.games_started = 0
        self.turns = 0


class Actor:
    """Owns games in progress. `set_weights` first, then `generate` again and again."""

    def __init__(
        self, game: Game, config: ActorConfig, search_config: SearchConfig,
        network_config: NetworkConfig, seed: int, index: int, device: torch.device | None = None,
    ) -> None:  # fmt: skip
        """seed, index: the games of actor `index` are a function of both, of the weights, and of nothing else."""
        self.game, self.config, self.search_config = game, config, search_config
        self.seed, self.index, self.generation = seed, index, 0
        self._row_dtype = loss.row_dtype(game)
        self._newest, self._newest_network = self._evaluator(network_config, device)
        self._past, self._past_network = self._evaluator(network_config, device)
        self._has_past = False
        self._groups = [_Group(self, 0, search_config)]
        if config.opponent_share > 0:
            # The two players' trees must not be shared, so there is nothing to keep between moves.
            self._groups.append(_Group(self, 1, replace(search_config, reuse_tree=False)))
        self._finished: list[np.void] = []
        self._stats: dict[str, float] = {}
        for group in self._groups:
            self._new_games(group, np.arange(config.concurrent_games))

    def _evaluator(
        self, network_config: NetworkConfig, device: torch.device | None
    ) -> tuple[evaluators.Evaluator, inference.NetworkEvaluator]:
        net = inference.NetworkEvaluator(self.game, network_config, device)
        if not self.config.cache_entries:
            return net, net
        return evaluators.CachedEvaluator(net, self.game, self.config.cache_entries), net

    # -- what a run asks for -------------------------------------------------------------------------------

    def set_weights(self, weights: NetworkWeights, generation: int, past: NetworkWeights | None = None) -> None:
        """Plays with `weights` from now on, and against `past` where a past self is wanted."""
        self.generation = generation
        self._newest_network.load(weights)
        if past is not None:
            self._past_network.load(past)
            self._has_past = True
        for evaluator in (self._newest, self._past):
            if isinstance(evaluator, evaluators.CachedEvaluator):
                evaluator.clear()
        for group in self._groups:
            idle = ~group.search.active  # at the start, and after load_state
            if self.config.restart_search_on_update or idle.any():
                self._plant(group, np.flatnonzero(idle | self.config.restart_search_on_update))

    def generate(self, min_rows: int) -> Rollout:
        """Plays until at least `min_rows` rows from finished games have gathered.

        stats: games, positions, moves, evaluations, batches, cache_lookups, cache_hits, game_plies, first_wins,
        draws, exact (positions proven by search), simulations: sums since the last call.
        """
        while len(self._finished) < min_rows:
            self._turn(self._next_group())
        rows = np.array(self._finished, dtype=self._row_dtype)
        self._finished = []
        stats, self._stats = self._stats | self._counters(), {}
        stats["positions"] = len(rows)
        return Rollout(rows, stats)

    def _counters(self) -> dict[str, float]:
        counters = {"evaluations": 0, "batches": 0, "cache_lookups": 0, "cache_hits": 0}
        for cached, net in ((self._newest, self._newest_network), (self._past, self._past_network)):
            counters["evaluations"] += net.evaluations
            counters["batches"] += net.batches
            net.evaluations = net.batches = 0
            if isinstance(cached, evaluators.CachedEvaluator):
                counters["cache_lookups"] += cached.lookups
                counters["cache_hits"] += cached.hits
                cached.lookups = cached.hits = 0
        return {key: float(value) for key, value in counters.items()}

    # -- playing ---------------------------------------------------------------------------------------------

    def _next_group(self) -> _Group:
        """The group against a past self when it lags behind its share, else the main group."""
        main, *league = self._groups
        if league and self._has_past:
            turns = main.turns + league[0].turns
            if league[0].turns < self.config.opponent_share * (turns + 1):
                return league[0]
        return main

    def _turn(self, group: _Group) -> None:
        """One turn of the crank: finish moves that are due, then one evaluation for every game that waits."""
        group.turns += 1
        finished = group.search.finished()
        if len(finished) * _FINISH_SHARE >= len(group.states):
            self._finish_moves(group, finished)
        leaves = group.search.leaves()
        if not len(leaves.rows):
            return
        if group.number == 0:
            group.search.expand(leaves, *self._newest(leaves))
            return
        newest = group.side[leaves.rows] == group.states["to_play"][leaves.rows]
        for evaluator, mine in ((self._newest, newest), (self._past, ~newest)):
            if mine.any():
                part = search.Leaves(*(field[mine] for field in leaves))
                group.search.expand(part, *evaluator(part))

    def _finish_moves(self, group: _Group, rows: np.ndarray) -> None:
        results = group.search.results(rows)
        slots = self._choose(group, rows, results)
        actions = results.actions[np.arange(len(rows)), slots]
        step = self.game.step(group.states[rows], actions)
        plies = np.array([len(group.moves[row]) for row in rows])
        records = self._records(group.states[rows], results, plies)
        reward, discount = self._adjudicated(step, plies)
        recorded = (group.side[rows] == -1) | (group.side[rows] == group.states["to_play"][rows])
        for i, row in enumerate(rows):
            exact = int(results.value[i]) if results.exact[i] else None
            record = records[i] if recorded[i] else None
            group.moves[row].append(_Move(record, exact, float(reward[i]), float(discount[i])))
        self._count(moves=len(rows), exact=results.exact.sum())
        movers = group.states["to_play"][rows]
        group.states[rows] = step.states
        over = discount == 0
        for row, mover in zip(rows[over], movers[over], strict=True):
            self._finish_game(group, row, mover)
        if over.any():
            self._new_games(group, rows[over])
            self._plant(group, rows[over])
        going = rows[~over]
        if len(going):
            noise = [group.rngs[row] for row in going]
            group.search.advance(going, actions[~over], self.config.num_simulations, noise)

    def _adjudicated(self, step: Step, plies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(reward, discount) [M] after the move number plies [M], the games that went on for too long being over."""
        limit = self.config.adjudicate_after
        if limit is None or (plies + 1 < limit).all():
            return step.reward, step.discount
        lead = games.facet(self.game, Knowledge).heuristic(step.states)
        open_yet = (np.abs(lead) < self.config.adjudicate_below) | (plies + 1 >= 2 * limit)
        late = (step.discount != 0) & (plies + 1 >= limit) & open_yet
        self._count(adjudicated=late.sum())
        score = self.config.adjudication_scale * step.discount * lead
        return np.where(late, score, step.reward), np.where(late, 0, step.discount)

    def _choose(self, group: _Group, rows: np.ndarray, results: search.Results) -> np.ndarray:
        """[M] slot of the action to play: drawn by temperature under PUCT, the search's own choice under Gumbel."""
        if self.search_config.policy == "gumbel":
            return results.play
        plies = np.array([len(group.moves[row]) for row in rows])
        draws = np.array([group.rngs[row].random() for row in rows])
        fall = 0.5 ** (plies / self.config.temperature_half_life)
        temperature = self.config.final_temperature * (1 - fall) + self.config.temperature * fall
        weights = results.policy / results.policy.max(axis=1, keepdims=True)
        shares = np.cumsum(weights.astype(np.float64) ** (1 / np.maximum(temperature, 1e-3))[:, None], axis=1)
        drawn = (shares <= draws[:, None] * shares[:, -1:]).sum(axis=1)
        return np.where(temperature > _COLD, drawn, results.play)

    def _records(self, states: np.ndarray, results: search.Results, plies: np.ndarray) -> np.ndarray:
        """[M] rows, but for their outcomes; of more actions than a row has room for, the likeliest are kept."""
        rows = np.zeros(len(states), dtype=self._row_dtype)
        width = rows["policy"].shape[1]
        actions, policy = results.actions, results.policy
        if width < actions.shape[1]:
            kept = np.sort(np.argsort(-policy, axis=1, kind="stable")[:, :width], axis=1)
            actions, policy = np.take_along_axis(actions, kept, axis=1), np.take_along_axis(policy, kept, axis=1)
            policy = policy / policy.sum(axis=1, keepdims=True)
        rows["state"], rows["actions"], rows["policy"] = states, actions, policy
        rows["search_wdl"], rows["ply"], rows["generation"] = results.wdl, plies, self.generation
        return rows

    def _finish_game(self, group: _Group, row: int, mover: int) -> None:
        """Values the game's positions from its end backwards: outcome = reward + discount * outcome of the next. mover:
        who made the last move."""
        moves = group.moves[row]
        outcome = 0.0
        for move in reversed(moves):
            outcome = move.reward + move.discount * outcome
            if move.exact is not None:
                outcome = float(move.exact)
            if move.row is not None:
                move.row["outcome"] = outcome
                self._finished.append(move.row)
        result = moves[-1].reward
        first_wins = result * (1 if mover == 0 else -1) > 0
        self._count(games=1, game_plies=len(moves), draws=result == 0, first_wins=first_wins)

    def _count(self, **amounts: float) -> None:
        for key, amount in amounts.items():
            self._stats[key] = self._stats.get(key, 0.0) + float(amount)

    # -- starting ----------------------------------------------------------------------------------------------

    def _new_games(self, group: _Group, rows: np.ndarray) -> None:
        for row in rows:
            stream = np.random.SeedSequence(self.seed, spawn_key=(self.index, group.number, group.games_started))
            rng = np.random.Generator(np.random.PCG64(stream))
            group.rngs[row] = rng
            group.moves[row] = []
            group.states[row] = self._opening(rng)
            group.side[row] = -1 if group.number == 0 else group.games_started % 2
            group.games_started += 1

    def _opening(self, rng: np.random.Generator) -> np.void:
        """The position after some uniformly random plies; drawn again if that happens to end the game."""
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

    def _plant(self, group: _Group, rows: np.ndarray) -> None:
        noise = [group.rngs[row] for row in rows]
        group.search.reset_root(rows, group.states[rows], self.config.num_simulations, noise)

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Games in progress, as arrays and JSON values. Searches in progress are not part of it: they start anew."""
        arrays: dict[str, np.ndarray] = {}
        rest: dict[str, Any] = {"seed": self.seed, "groups": []}
        for group in self._groups:
            flat = [(row, move) for row, moves in enumerate(group.moves) for move in moves]
            blank = np.zeros((), dtype=self._row_dtype)[()]
            name = f"group{group.number}."
            arrays[name + "states"] = group.states
            arrays[name + "side"] = group.side
            arrays[name + "rows"] = np.array(
                [blank if move.row is None else move.row for _, move in flat], dtype=self._row_dtype
            )
            arrays[name + "moves"] = np.array(
                [
                    (
                        row,
                        move.row is not None,
                        math.nan if move.exact is None else move.exact,
                        move.reward,
                        move.discount,
                    )
                    for row, move in flat
                ],
                dtype=_MOVE_DTYPE,
            )
            rngs = [rng.bit_generator.state for rng in group.rngs]
            rest["groups"].append({
                "games_started": group.games_started,
                "turns": group.turns,
                "rngs": [
                    [str(s["state"]["state"]), str(s["state"]["inc"]), s["has_uint32"], s["uinteger"]] for s in rngs
                ],
            })  # fmt: skip
        return arrays, rest

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        """Takes what `state` gave; `set_weights` must follow, and starts the searches. False, changing nothing, where
        there were more or fewer games at once than the settings ask for now."""
        sizes = [len(saved["rngs"]) for saved in rest["groups"]]
        if sizes != [len(group.states) for group in self._groups]:
            return False
        self.seed = rest["seed"]
        for group, saved in zip(self._groups, rest["groups"], strict=True):
            name = f"group{group.number}."
            group.states = arrays[name + "states"].copy()
            group.side = arrays[name + "side"].copy()
            group.games_started, group.turns = saved["games_started"], saved["turns"]
            group.moves = [[] for _ in group.states]
            for move, row in zip(arrays[name + "moves"], arrays[name + "rows"].copy(), strict=True):
                exact = None if math.isnan(move["exact"]) else int(move["exact"])
                recorded = row if move["recorded"] else None
                group.moves[move["game"]].append(_Move(recorded, exact, float(move["reward"]), float(move["discount"])))
            group.rngs = [_generator(*stream) for stream in saved["rngs"]]
            group.search.stop(np.arange(len(group.states)))  # until set_weights resets the roots
        return True


_MOVE_DTYPE = np.dtype([("game", "i4"), ("recorded", "?"), ("exact", "f4"), ("reward", "f4"), ("discount", "f4")])


def _generator(state: str, increment: str, has_uint32: int, uinteger: int) -> np.random.Generator:
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(state), "inc": int(increment)},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
