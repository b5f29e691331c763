"""The self-play actor: plays many games at once and turns finished ones into rows of experience.

Games run asynchronously, each with its own random stream and its own progress, in groups that share a search. The main
group plays the newest weights against themselves; a second one, when asked for, plays them against an opponent's, and
only the newest player's moves are recorded there. Value targets are `trajectory`'s. Positions of earlier games may be
searched anew between them, which is `stored`'s.

Games start after a few uniformly random plies: without them a network never sees the lopsided positions it will be
asked about. When a position is proven by the search, the proof replaces what the game happened to end with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import games
from games.base import Game, Step
from games.knowledge import Knowledge
from selfplay.alphazero import loss
from selfplay.alphazero.config import ActorConfig
from selfplay.alphazero.playing import endings
from selfplay.alphazero.playing.group import LEAGUE, Group
from selfplay.alphazero.playing.stored import Reanalysis, StoredPositions
from selfplay.alphazero.playing.trajectory import MOVE, GrowingArray
from selfplay.networks import inference, policy_value, quantization
from selfplay.networks.config import IN_PROCESS, InferenceConfig, NetworkConfig
from selfplay.networks.shared import client, launcher
from selfplay.search import evaluators, root_policy, search, variation
from selfplay.search.config import SearchConfig
from selfplay.types import Weights

_FINISH_SHARE = 16  # moves are finished when this part of all games waits for it: few calls for many games
REANALYSIS = 2**31  # in the place of a group's number, in the random stream that draws stored positions
_COLD = 0.02  # below this temperature the search's own choice is played


class SelfPlayActor:
    """Owns games in progress. `set_weights` first, then `generate` again and again. See `selfplay.agent.Actor`."""

    def __init__(
        self, game: Game, config: ActorConfig, search_config: SearchConfig, network_config: NetworkConfig, seed: int,
        index: int, device: torch.device | None = None, groups: int = 1, server: launcher.Server | None = None,
        inference_config: InferenceConfig = IN_PROCESS,
    ) -> None:  # fmt: skip
        """seed, index: the games of actor `index` are a function of both, of the weights, of the config and of groups.
        groups: parts that the games among the newest weights are divided into. server: what evaluates, in place of this
        process. inference_config: what computes, in this process."""
        self.game, self.config, self.search_config = game, config, search_config
        self.seed, self.index, self.generation = seed, index, 0
        self._inference = inference_config
        self._row_dtype = loss.row_dtype(game, network_config.moves_left)
        parts = min(groups, config.concurrent_games)
        size = -(-config.concurrent_games // parts)
        # On their way, at most: a request of each part, one for each player of the group against an opponent, and one
        # for stored positions.
        slots = parts + 2 + (config.reanalyse_share > 0)
        self._client = client.Client(game, server, size, slots) if server is not None else None
        self._newest, self._newest_network = self._evaluator("newest", network_config, device)
        self._opponent, self._opponent_network = self._evaluator("opponent", network_config, device)
        self._has_opponent = False
        self.should_stop: Callable[[], bool] = _never
        self._overlapping = parts > 1
        stored = StoredPositions(self._row_dtype, config)
        self._stored = stored if config.start_from_stored or config.reanalyse_share else None
        self._groups = [Group(game, config, search_config, self._row_dtype, 0, size, self._stored)]
        if config.opponent_share > 0:
            # The two players' trees must not be shared, so there is nothing to keep between moves.
            apart = replace(search_config, reuse_tree=False)
            self._groups.append(Group(game, config, apart, self._row_dtype, LEAGUE, size, self._stored))
        more = range(LEAGUE + 1, LEAGUE + parts)
        self._groups += [Group(game, config, search_config, self._row_dtype, n, size, self._stored) for n in more]
        self._reanalysis: Reanalysis | None = None
        if config.reanalyse_share:
            stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, REANALYSIS)))
            self._reanalysis = Reanalysis(game, config, search_config, stored, size, stream)
        self._finished, self._reanalysed = GrowingArray(self._row_dtype), GrowingArray(self._row_dtype)
        self._stats: dict[str, float] = {}
        for group in self._groups:
            group.start_games(np.arange(size), seed, index)

    def _evaluator(
        self, name: str, network_config: NetworkConfig, device: torch.device | None
    ) -> tuple[evaluators.Evaluator, inference.NetworkEvaluator | client.SharedEvaluator]:
        net: inference.NetworkEvaluator | client.SharedEvaluator
        if self._client is not None:
            net = client.SharedEvaluator(self._client, name)
        else:
            net = inference.NetworkEvaluator(self.game, network_config, device, self._inference)
        if not self.config.cache_entries:
            return net, net
        entries, symmetric = self.config.cache_entries, self.config.symmetric_cache
        return evaluators.CachedEvaluator(net, self.game, entries, symmetric), net

    @property
    def progress(self) -> int:
        """Turns so far; a number that rises while games are played, or while an inference server is starting."""
        return self._turns() + (self._client.waiting if self._client is not None else 0)

    def _turns(self) -> int:
        return sum(group.turns for group in self._groups) + (self._reanalysis.turns if self._reanalysis else 0)

    @property
    def server_pid(self) -> int:
        """The inference server's process; 0 where there is none."""
        return self._client.server_pid if self._client is not None else 0

    # -- what a run asks for -------------------------------------------------------------------------------

    def set_weights(self, weights: Weights, generation: int, opponent_weights: Weights | None = None) -> None:
        """Plays with `weights` from now on, and against `opponent_weights`; None leaves the opponent there is."""
        self.generation = generation
        self._load(self._newest_network, weights)
        if opponent_weights is not None:
            self._load(self._opponent_network, opponent_weights)
            self._has_opponent = True
        for evaluator in (self._newest, self._opponent):
            if isinstance(evaluator, evaluators.CachedEvaluator):
                evaluator.clear()
        restart = self.config.restart_search_on_update
        for group in self._groups:
            group.num_simulations = self.config.simulations_at(generation)
            idle = ~group.search.active  # at the start, and after load_state
            if restart or idle.any():
                group.start_searches(np.flatnonzero(idle | restart))
        if self._reanalysis is not None:
            self._reanalysis.num_simulations = self.config.simulations_at(generation)
            self._reanalysis.restart(restart)

    def _load(self, network: inference.NetworkEvaluator | client.SharedEvaluator, weights: Weights) -> None:
        own = weights[policy_value.PLAYER]
        if isinstance(network, client.SharedEvaluator) or self._inference.precision != "int8":
            network.load(own)
            return
        # Of games, which are saved with a run: one that is resumed has the same networks.
        states = np.concatenate([group.states for group in self._groups])
        rng = np.random.default_rng((self.seed, self.index, self.generation))
        eval_set = games.facet(self.game, Knowledge).eval_set()
        known = (eval_set.states, eval_set.values) if eval_set is not None else None
        network.load(own, quantization.samples(self.game, states, known, rng))
        if network.verdict is not None:
            self._count(**network.verdict.sums())

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        """(rows [M >= min_rows], sums since the last call) of whole games only, and after them those of positions that
        were searched anew; fewer rows after `should_stop`.

        Sums: games, positions, moves, evaluations, batches, cache_lookups, cache_hits, cache_merged (see
        `CachedEvaluator`), game_plies, first_wins (of whoever moves first after the random plies), draws, exact
        (positions proven by search), adjudicated; where positions are searched anew, reanalysed, their rows. With an
        inference server also, summed over this actor's requests: server_requests, server_batch and server_queue
        (positions of the batch, and of the queue when it began), server_queued and server_waited (seconds in the queue,
        and seconds that searching stood still for them), and server_lost, servers that died or hung. In int8 also
        int8_networks (made since), int8_accepted of them, and the sums of what `quantization.Verdict` says of each.
        """
        while len(self._finished) + len(self._reanalysed) < min_rows and not self.should_stop():
            if self._reanalysis_is_due():
                self._reanalyse()
            else:
                self._turn(self._next_group())
        for group in self._groups:
            self._take_answers(group)
        if self._reanalysis is not None:
            self._take_answers(self._reanalysis)
            again = self._reanalysed.take()
            self._count(reanalysed=len(again))
            self._finished.extend_by(len(again))[:] = again
        rows = self._finished.take()
        stats, self._stats = self._stats | self._counters(), {}
        stats["positions"] = len(rows)
        return rows, stats

    def _counters(self) -> dict[str, float]:
        cache = ("lookups", "hits", "merged")
        counters: dict[str, float] = {"evaluations": 0, "batches": 0, **{f"cache_{name}": 0 for name in cache}}
        for cached, net in ((self._newest, self._newest_network), (self._opponent, self._opponent_network)):
            counters["evaluations"] += net.evaluations
            counters["batches"] += net.batches
            net.evaluations = net.batches = 0
            if isinstance(cached, evaluators.CachedEvaluator):
                for name in cache:
                    counters[f"cache_{name}"] += getattr(cached, name)
                cached.lookups = cached.hits = cached.merged = 0
        if self._client is not None:
            counters |= self._client.take_counts()
        return {key: float(value) for key, value in counters.items()}

    # -- playing ---------------------------------------------------------------------------------------------

    def _next_group(self) -> Group:
        """The group against an opponent when it lags behind its share, else the others in turn."""
        if self._has_opponent:
            turns = sum(group.turns for group in self._groups)  # of games
            for group in self._groups:
                if group.in_league and group.turns < self.config.opponent_share * (turns + 1):
                    return group
        return min((group for group in self._groups if not group.in_league), key=lambda group: group.turns)

    def _turn(self, group: Group) -> None:
        """One step: finish moves that are due, then ask for one evaluation for every game that waits. Where games are
        in several groups, answers are taken at the group's next step: meanwhile the others are searched."""
        group.turns += 1
        self._take_answers(group)
        finished = group.search.finished()
        if len(finished) * _FINISH_SHARE >= len(group.states):
            self._finish_moves(group, finished)
        self._search(group)

    def _reanalysis_is_due(self) -> bool:
        if self._reanalysis is None or not self._stored:  # without positions, too
            return False
        return self._reanalysis.turns < self.config.reanalyse_share * (self._turns() + 1)

    def _reanalyse(self) -> None:
        """One step of the positions that are searched anew, as `_turn` is of games."""
        again = self._reanalysis
        assert again is not None
        again.turns += 1
        self._take_answers(again)
        finished = again.search.finished()
        if len(finished) * _FINISH_SHARE >= again.search.batch:
            before, results = again.take(finished)
            rows = self._records(before["state"], results, before["ply"])
            rows["outcome"] = np.where(results.exact, results.value, before["outcome"])
            if loss.has_moves_left(self._row_dtype):
                rows["moves_left"] = before["moves_left"]
            self._reanalysed.extend_by(len(rows))[:] = rows
        again.fill()
        self._search(again)

    def _search(self, group: Group | Reanalysis) -> None:
        leaves = group.search.leaves()
        if not len(leaves.rows):
            return
        self._ask(group, leaves)
        if not self._overlapping:
            self._take_answers(group)

    def _ask(self, group: Group | Reanalysis, leaves: search.Leaves) -> None:
        if not isinstance(group, Group) or not group.in_league:
            group.asked.append((leaves, evaluators.submit(self._newest, leaves)))
            return
        newest = group.newest_plays(leaves.rows)
        for evaluator, mine in ((self._newest, newest), (self._opponent, ~newest)):
            if mine.any():
                part = search.Leaves(*(field[mine] for field in leaves))
                group.asked.append((part, evaluators.submit(evaluator, part)))

    @staticmethod
    def _take_answers(group: Group | Reanalysis) -> None:
        """Expands what was asked for, once it is there."""
        for leaves, answer in group.asked:
            group.search.expand(leaves, *answer())
        group.asked.clear()

    def _finish_moves(self, group: Group, rows: np.ndarray) -> None:
        """Plays and records the moves of games `rows`, whose searches are done, and starts the next searches."""
        results = group.search.results(rows)
        if self.config.greedy_backup:
            results = results._replace(wdl=variation.leaf_wdl(group.search, rows))
        plies = group.plies(rows)
        slots = self._choose(group, rows, results, plies)
        actions = results.actions[np.arange(len(rows)), slots]
        step = self.game.step(group.states[rows], actions)
        reward, discount = self._ended(group, rows, results, step, plies)
        cut = (slots != results.play) & self.config.cut_outcomes
        self._record(group, rows, results, plies, reward, discount, cut)
        group.states[rows] = step.states
        over = discount == 0
        for row in rows[over]:
            self._finish_game(group, row)
        if over.any():
            group.start_games(rows[over], self.seed, self.index)
            group.start_searches(rows[over])
        going = rows[~over]
        if len(going):
            group.advance(going, actions[~over])

    def _ended(
        self, group: Group, rows: np.ndarray, results: search.Results, step: Step, plies: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(reward, discount) [M] of moves, some of which end their game early."""
        ending = endings.adjudicated(self.game, self.config, step, plies)
        self._count(adjudicated=ending[2].sum())
        if self.config.end_proven:
            ending = endings.proven(ending, results, [group.rngs[row] for row in rows], self.config.end_proven)
            self._count(ended_proven=ending[2].sum())
        return ending[0], ending[1]

    def _choose(self, group: Group, rows: np.ndarray, results: search.Results, plies: np.ndarray) -> np.ndarray:
        """[M] slot of the action to play: drawn by temperature under PUCT, where the game still explores; the search's
        own choice under Gumbel."""
        if self.search_config.policy == "gumbel":
            return results.play
        draws = np.array([group.rngs[row].random() for row in rows])
        fall = 0.5 ** (plies / self.config.temperature_half_life)
        temperature = self.config.final_temperature * (1 - fall) + self.config.temperature * fall
        weights = results.policy / results.policy.max(axis=1, keepdims=True)
        shares = np.cumsum(weights.astype(np.float64) ** (1 / np.maximum(temperature, 1e-3))[:, None], axis=1)
        drawn = (shares <= draws[:, None] * shares[:, -1:]).sum(axis=1)
        explores = temperature > _COLD
        if self.config.switch_plies:
            explores &= plies < group.switch[rows]
        return np.where(explores, drawn, results.play)

    def _record(
        self, group: Group, rows: np.ndarray, results: search.Results, plies: np.ndarray, reward: np.ndarray,
        discount: np.ndarray, cut: np.ndarray,
    ) -> None:  # fmt: skip
        """Adds the moves [M] to the trajectories of games `rows`. The row of a move that is not learned from, an
        opponent's, one of exploration or one of a fast search, stays zero."""
        moves = np.zeros(len(rows), MOVE)
        moves["recorded"] = group.newest_plays(rows) & (plies >= group.switch[rows]) & group.full[rows]
        moves["cut"], moves["search_value"] = cut, results.wdl[:, 0] - results.wdl[:, 2]
        moves["exact"] = np.where(results.exact, results.value, np.nan)
        if self.config.learn_from_endgame_tables:
            known = games.facet(self.game, Knowledge).exact(group.states[rows])
            if known is not None:
                moves["exact"][known.known] = known.values[known.known].max(axis=1)
        moves["reward"], moves["discount"] = reward, discount
        if self.config.surprise_weight or self._stored is not None:
            moves["surprise"] = root_policy.surprise(results.policy, results.prior)
        records = self._records(group.states[rows], results, plies)
        records[~moves["recorded"]] = np.zeros((), self._row_dtype)
        for i, row in enumerate(rows):
            group.trajectories[row].append(records[i], moves[i])
        self._count(moves=len(rows), exact=results.exact.sum())

    def _records(self, states: np.ndarray, results: search.Results, plies: np.ndarray) -> np.ndarray:
        """[M] rows, but for their outcomes; of more actions than a row has room for, the likeliest are kept."""
        rows = np.zeros(len(states), dtype=self._row_dtype)
        width = rows["policy"].shape[1]
        actions, policy = results.actions, results.policy
        if self.config.exact_policy:
            policy = root_policy.exact_policy(results.policy, results.proven, results.value, results.exact)
        if width < actions.shape[1]:
            kept = np.sort(np.argsort(-policy, axis=1, kind="stable")[:, :width], axis=1)
            actions, policy = np.take_along_axis(actions, kept, axis=1), np.take_along_axis(policy, kept, axis=1)
            policy = policy / policy.sum(axis=1, keepdims=True)
        rows["state"], rows["actions"], rows["policy"] = states, actions, policy
        rows["search_wdl"], rows["ply"], rows["generation"] = results.wdl, plies, self.generation
        return rows

    def _finish_game(self, group: Group, row: int) -> None:
        """Delivers the rows of a game that is over."""
        trajectory = group.trajectories[row]
        if loss.has_moves_left(self._row_dtype):
            trajectory.rows["moves_left"] = np.arange(len(trajectory), 0, -1) / self.game.max_game_length
        trajectory.finish(self._finished, self.config.surprise_weight, group.rngs[row])
        moves = trajectory.moves
        if self._stored is not None:
            own = np.flatnonzero(moves["recorded"])
            self._stored.add(trajectory.rows.take(own), moves["surprise"][own])
        # For whoever moved first from the position after the random plies: discounts carry the sign back to there.
        result = float(moves["reward"][-1] * np.sign(moves["discount"][:-1]).prod())
        self._count(games=1, game_plies=len(trajectory), draws=result == 0, first_wins=result > 0)

    def _count(self, **amounts: float) -> None:
        for key, amount in amounts.items():
            self._stats[key] = self._stats.get(key, 0.0) + float(amount)

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Games in progress, as arrays and JSON values. Searches in progress are not part of it: they start anew."""
        arrays: dict[str, np.ndarray] = {}
        rest: dict[str, Any] = {"seed": self.seed, "groups": []}
        for group in self._groups:
            own, more = group.state()
            arrays |= own
            rest["groups"].append(more)
        if self._stored is not None:
            arrays |= self._stored.state()
        if self._reanalysis is not None:
            own, rest["reanalysis"] = self._reanalysis.state()
            arrays |= own
        return arrays, rest

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        """Takes what `state` gave; `set_weights` must follow, and starts the searches. False, changing nothing, where
        there were more or fewer games at once than the settings ask for now."""
        sizes = [len(saved["rngs"]) for saved in rest["groups"]]
        if sizes != [len(group.states) for group in self._groups]:
            return False
        self.seed = rest["seed"]
        for group, saved in zip(self._groups, rest["groups"], strict=True):
            group.load_state(arrays, saved)
        if self._stored is not None:
            self._stored.load_state(arrays)
        if self._reanalysis is not None and "reanalysis" in rest:
            self._reanalysis.load_state(arrays, rest["reanalysis"])
        return True


def _never() -> bool:
    return False
