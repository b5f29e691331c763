"""Batched tree search: joins the tree kernels, which see no position, with batched game calls, which see no tree.

`Search` holds B searches side by side, each with its own tree, number of simulations and noise; they start and finish
independently of one another, so the evaluator's batch stays full; where there are few, each may have several leaves
evaluated together. One step of the loop is

    leaves = search.leaves()             # positions that need an evaluation; finished games are settled inside
    prior, wdl = evaluate(leaves)        # a network, or anything else
    search.expand(leaves, prior, wdl)
    rows = search.finished()             # searches to read with `results`, and to go on with reset_root or advance

`run` does all of it for one batch. Randomness comes in as arrays of noise: a search itself is deterministic. Usable on
its own, with any game and any evaluator:

    game = games.make("connect-four")
    found = search.run(game, game.initial_states(8), evaluators.UniformEvaluator(), config.SearchConfig(), 100)
    found.visits                         # [8, K] int32
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from games.base import Game
from selfplay.search import exact, kernels, proofs, root_policy, sequential_halving, tree
from selfplay.search.config import SearchConfig
from selfplay.search.root_actions import RootActions

Evaluate = Callable[["Leaves"], tuple[np.ndarray, np.ndarray]]
"""Maps Leaves of M positions to (prior [M, K] float32 over the listed actions, wdl [M, 3] float32)."""

_DESCENTS = 3  # a row that meets finished games so often in one turn sits this batch out, so small rounds don't pile up
# With several leaves a tree: visits so far for each but the first, and simulations in all for each, beyond a minimum.
_VISITS_A_LEAF, _SIMULATIONS_A_LEAF, _FEW_SIMULATIONS = 16, 50, 100


class Leaves(NamedTuple):
    """M positions that wait for an evaluation."""

    rows: np.ndarray  # [M] int64, which search each belongs to
    nodes: np.ndarray  # [M] int64, global node index
    states: np.ndarray  # [M] state_dtype
    actions: np.ndarray  # [M, K] int32, legal actions padded with -1
    count: np.ndarray  # type: ignore[assignment]  # [M] int32, legal actions


class Results(NamedTuple):
    """What M finished searches found. Edge arrays are [M, K] in the order of `actions`."""

    actions: np.ndarray  # [M, K] int32, padded with -1
    prior: np.ndarray  # [M, K] float32, the evaluator's, without noise
    visits: np.ndarray  # [M, K] int32
    q: np.ndarray  # [M, K] float32 mean value of the action for the player to move; 0 where unvisited
    proven: np.ndarray  # [M, K] int32: game-theoretic value of the action, or tree.UNKNOWN
    policy: np.ndarray  # [M, K] float32: the improved policy, sums to 1; what a network learns
    play: np.ndarray  # [M] int64, slot of the action to play when no temperature is asked for
    value: np.ndarray  # [M] float32 in [-1, 1], for the player to move
    wdl: np.ndarray  # [M, 3] float32, sums to 1
    exact: np.ndarray  # [M] bool: the value is proven


class Search:
    """B independent searches of one game. Owns their trees and the positions at their nodes."""

    def __init__(
        self, game: Game, batch: int, config: SearchConfig, max_simulations: int, leaves_per_tree: int = 1
    ) -> None:
        """max_simulations: the most that `reset_root` and `advance` will ask for, per search. leaves_per_tree: how many
        positions of one tree wait for their evaluation at once, at most; always one with Gumbel."""
        self.game, self.batch, self.config, self.max_simulations = game, batch, config, max_simulations
        budgets = config.proof_nodes, config.root_proof_nodes
        proving = config.solve and any(budgets) and game.compiled_rules() is not None
        # Proofs visit all actions of a root, beyond what was asked for.
        self.max_nodes = max_simulations + 2 + (game.max_legal_actions if proving else 0)
        self.max_edges = tree.max_edges(self.max_nodes, game.max_legal_actions, config.edges_per_node)
        self.leaves_per_tree = 1 if config.policy == "gumbel" else leaves_per_tree  # halving waits for each value
        several = self.leaves_per_tree > 1
        self.trees = tree.allocate(batch, self.max_nodes, self.max_edges, game.max_legal_actions, several)
        self.states = tree.zeros(batch * self.max_nodes + 1, game.state_dtype)  # the last: for nodes without room
        # The same memory as plain bytes: NumPy scatters records field by field, ten times slower.
        self._bytes = self.states.view(np.dtype((np.void, game.state_dtype.itemsize)))
        self.active = np.zeros(batch, dtype=np.bool_)
        self._policy = {"puct": kernels.PUCT, "gumbel": kernels.GUMBEL, "uct": kernels.UCT}[config.policy]
        # An int among them would be another signature, and compile the kernel anew.
        self._constants = (
            float(config.c_puct), float(config.fpu_reduction), float(config.c_uct),
            float(config.c_visit), float(config.c_scale),
        )  # fmt: skip
        self._considered = min(config.max_num_considered_actions, game.max_legal_actions)
        longest = max_simulations + 1 if config.policy == "gumbel" else 1
        self._halving = sequential_halving.Tables(self._considered, longest)
        self._moved = np.zeros(self.max_nodes, dtype=np.int32)
        self._root_actions = RootActions()
        self.proofs = proofs.Proofs(game, batch, *budgets) if proving else None
        self._untried = np.zeros(batch, dtype=np.bool_)  # roots that may be proven

    # -- starting and moving on --------------------------------------------------------------------------

    def reset_root(
        self, rows: np.ndarray, states: np.ndarray, num_simulations: int, noise: list | None = None,
        root_actions: Sequence[Sequence[int]] | None = None,
    ) -> None:  # fmt: skip
        """Starts new searches in `rows` [M] from non-terminal `states` [M] state_dtype.

        noise: M generators, or None for none. root_actions: for each row the actions to choose from at the root, at
        least one; None: all legal ones. ValueError: a game that is over, a negative or too large num_simulations,
        states of another game, root actions that are not legal."""
        states = self._checked(states, len(rows))
        rows = np.array(rows, dtype=np.int64)  # a copy: kernels compile anew for read-only and strided arrays
        t = self.trees
        if self.leaves_per_tree > 1:  # a turn that was broken off has left descents on their way
            for row in rows:
                t.visits_in_flight[row * self.max_edges :][: t.num_edges[row]] = 0
        kernels.reset_root(t.nodes, t.num_nodes, t.num_edges, t.full, rows, self.max_nodes)
        self._store(rows * self.max_nodes, states)
        if self.proofs is not None:
            self.proofs.forget(rows)
        actions, counts = self.game.legal_actions(states)
        self._root_actions.forget(rows)
        if root_actions is not None:
            counts = self._root_actions.restrict(rows, actions, root_actions)
        self._start(rows, num_simulations, counts, noise)

    def _checked(self, states: np.ndarray, number: int) -> np.ndarray:
        if states.dtype != self.game.state_dtype or states.shape != (number,):
            raise ValueError(
                f"states are {states.dtype} {list(states.shape)}, but {self.game.name} needs an array [{number}] of "
                "its own state_dtype, such as game.initial_states(B)."
            )
        return states

    def advance(self, rows: np.ndarray, actions: np.ndarray, num_simulations: int, noise: list | None = None) -> None:
        """Goes on in `rows` [M] after `actions` [M] were played from their roots to positions that are not terminal.

        Keeps the subtree where the config says so and there is one, unless the tree was full."""
        t, size = self.trees, self.max_nodes
        rows, actions = np.array(rows, dtype=np.int64), np.array(actions, dtype=np.int32)
        self._root_actions.forget(rows)
        kept = np.zeros(len(rows), dtype=np.int32)
        if self.config.reuse_tree and self._policy != kernels.GUMBEL:
            places = np.empty((len(rows), t.num_nodes[rows].max(initial=0)), dtype=np.int32)
            kernels.reroot(
                t.nodes, t.edges, t.actions, t.num_nodes, t.num_edges, t.full, rows, size, self.max_edges,
                actions, self._moved, places, kept,
            )  # fmt: skip
            for row, count, local in zip(rows, kept, places, strict=True):
                root = row * size
                self.states[root : root + count] = self.states.take(root + local[:count])
        lost = rows[kept == 0]
        if len(lost):
            after = self.game.step(self.states.take(lost * size), actions[kept == 0]).states
            kernels.reset_root(t.nodes, t.num_nodes, t.num_edges, t.full, lost, size)
            self._store(lost * size, after)
        self._start(rows, num_simulations, self.game.legal_actions(self.states.take(rows * size))[1], noise)

    def _start(self, rows: np.ndarray, num_simulations: int, counts: np.ndarray, noise: list | None) -> None:
        if num_simulations < 0:
            raise ValueError(f"{num_simulations} simulations were asked for: expected 0 (the policy alone) or more.")
        if num_simulations > self.max_simulations:
            raise ValueError(
                f"{num_simulations} simulations were asked for, but room was made for {self.max_simulations}."
            )
        if not counts.all():
            raise ValueError(
                f"The game is over in the position of row {rows[counts == 0][0]}: there is nothing to search."
            )
        t, config = self.trees, self.config
        self.active[rows] = True
        self._untried[rows] = num_simulations > 0 and self._policy != kernels.GUMBEL  # whose halving counts visits
        t.num_simulations[rows] = num_simulations
        t.table[rows] = self._halving.number(num_simulations) if self._policy == kernels.GUMBEL else 0
        t.root_noise[rows] = 0.0
        t.noise_fraction[rows] = config.dirichlet_fraction if noise is not None else 0.0
        for row, count, rng in zip(rows, counts, noise, strict=True) if noise is not None else ():
            if self._policy == kernels.GUMBEL:
                t.root_noise[row, :count] = config.gumbel_scale * rng.gumbel(size=count)
            else:
                draws = rng.standard_gamma(config.dirichlet_alpha, size=count) + 1e-12
                t.root_noise[row, :count] = draws / draws.sum()  # which is a Dirichlet draw

    def _store(self, nodes: np.ndarray, states: np.ndarray) -> None:
        self._bytes[nodes] = np.ascontiguousarray(states).view(self._bytes.dtype)

    # -- the loop ------------------------------------------------------------------------------------------

    def leaves(self) -> Leaves:
        """Descends once in every active search, or up to leaves_per_tree times; may be empty when all have finished."""
        t = self.trees
        if self.proofs is not None and self.config.root_proof_nodes:
            self._prove_roots(self.proofs)
        rows = np.flatnonzero(self.active)
        if self.leaves_per_tree > 1:
            rows = np.repeat(rows, self._wanted(rows))
        waiting_rows, waiting_nodes, collided = [rows[:0]], [rows[:0]], []
        for _ in range(_DESCENTS):
            parent, slot, action = self._select(rows)
            if slot.min(initial=0) < 0:
                at_root = slot == kernels.AT_ROOT
                waiting_rows.append(rows[at_root])
                waiting_nodes.append(parent[at_root])
                late = slot == kernels.COLLIDED
                collided += [(parent[late], action[late])] if late.any() else []
                new = slot >= 0
                rows, parent, slot, action = rows[new], parent[new], slot[new], action[new]
            if not len(rows):
                break
            node, over = self._attach(rows, parent, slot, action)
            waiting_rows.append(rows[~over])
            waiting_nodes.append(node[~over])
            rows = rows[over]
            if not len(rows):
                break
            if self.leaves_per_tree > 1:
                kernels.release(t.nodes, t.visits_in_flight, parent[over], slot[over])
        for above, edge in collided:  # not before now, so that the descents after them went elsewhere
            kernels.release(t.nodes, t.visits_in_flight, above, edge.astype(np.int64))
        rows, nodes = np.concatenate(waiting_rows), np.concatenate(waiting_nodes)
        states = self.states.take(nodes)
        actions, count = self.game.legal_actions(states)
        self._root_actions.apply(rows, nodes == rows * self.max_nodes, actions, count)
        return Leaves(rows, nodes, states, actions, count)

    def _select(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One descent in each of `rows` [M]: (parent node, slot of its edge or a negative code, action), [M] each."""
        t, parent, slot = self.trees, np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
        action = np.empty(len(rows), dtype=np.int32)
        kernels.select(
            t.nodes, t.edges, t.visits_in_flight, t.full, t.root_noise, t.noise_fraction, t.num_simulations, t.table,
            rows, self.max_nodes, self._policy, *self._constants, self.config.solve, self._halving.array,
            self._considered, t.actions, parent, slot, action,
        )  # fmt: skip
        return parent, slot, action

    def _attach(
        self, rows: np.ndarray, parent: np.ndarray, slot: np.ndarray, action: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Plays each action and adds the position to its tree: (new node, whether it needs no evaluation), [M] each."""
        t, step = self.trees, self.game.step(self.states.take(parent), action)
        node = np.empty(len(rows), dtype=np.int64)
        kernels.attach(
            t.nodes, t.edges, t.num_nodes, t.full, rows, self.max_nodes, parent, slot,
            step.reward, step.discount, self.config.solve, node,
        )  # fmt: skip
        self._store(node, step.states)  # a node that found no room is -1: it writes to the state that is never read
        settled = (step.discount == 0.0) | (node < 0)
        if self.proofs is not None and self.config.proof_nodes:
            going = np.flatnonzero(~settled)
            values = self.proofs.attempt(rows[going], step.states.take(going))
            known = values != tree.UNKNOWN
            kernels.settle(t.nodes, t.edges, node[going[known]], values[known])
            settled[going[known]] = True
        return node, settled

    def _wanted(self, rows: np.ndarray) -> np.ndarray:
        """[M] how many leaves each tree of `rows` [M] is to give at once. Those of one batch do not know of each other:
        few while the tree is small, and few against all that is searched, as nothing comes after the last batch."""
        so_far = 1 + self.trees.nodes["visits"][rows * self.max_nodes] // _VISITS_A_LEAF
        in_all = (self.trees.num_simulations[rows] - _FEW_SIMULATIONS) // _SIMULATIONS_A_LEAF
        return np.clip(np.minimum(so_far, in_all), 1, self.leaves_per_tree)

    def expand(self, leaves: Leaves, prior: np.ndarray, wdl: np.ndarray) -> None:
        """Answers `leaves`. prior: [M, K] float32, sums to 1 over each position's actions; wdl: [M, 3] float32.
        Other float types are converted. ValueError: other shapes."""
        t = self.trees
        if prior.shape != leaves.actions.shape or wdl.shape != (len(leaves.rows), 3):
            raise ValueError(
                f"an evaluator answered with shapes {list(prior.shape)} and {list(wdl.shape)}; expected priors "
                f"{list(leaves.actions.shape)}, as leaves.actions, and win, draw, loss [{len(leaves.rows)}, 3]."
            )
        prior, wdl = _for_kernels(prior), _for_kernels(wdl)
        kernels.expand(
            t.nodes, t.edges, t.actions, t.num_edges, t.full, leaves.rows, self.max_edges, leaves.nodes,
            leaves.actions, leaves.count, prior, wdl,
        )  # fmt: skip
        if self.leaves_per_tree > 1:
            records = t.nodes[leaves.nodes]
            kernels.release(
                t.nodes, t.visits_in_flight, records["parent"].astype(np.int64), records["slot"].astype(np.int64)
            )
        if self.config.look_ahead and self.config.solve and self._policy != kernels.GUMBEL:
            expanded = t.nodes["num_edges"].take(leaves.nodes) > 0  # a full tree has given no edges
            listed = np.where(expanded[:, None], leaves.actions, -1)
            self._attach_known(leaves.rows, leaves.nodes, exact.wins(self.game, leaves.states, listed))

    def _prove_roots(self, proofs: proofs.Proofs) -> None:
        """Tries to prove roots of which that was not tried yet, and their actions, so that it is known which of them
        keep the result."""
        t = self.trees
        rows = np.flatnonzero(self._untried & self.active)
        rows = rows[t.nodes["num_edges"][rows * self.max_nodes] > 0]
        self._untried[rows] = False
        rows = rows[t.nodes["proven"][rows * self.max_nodes] == tree.UNKNOWN]
        if not len(rows):
            return
        nodes, actions = rows * self.max_nodes, np.full((len(rows), self.game.max_legal_actions), -1, dtype=np.int32)
        for listed, node in zip(actions, nodes, strict=True):
            first, count = t.nodes[node]["first_edge"], t.nodes[node]["num_edges"]
            listed[:count] = t.actions[first : first + count]
        self._attach_known(rows, nodes, exact.proven(self.game, proofs, rows, self.states.take(nodes), actions))

    def _attach_known(self, rows: np.ndarray, nodes: np.ndarray, known: exact.Known) -> None:
        """Visits actions of expanded `nodes` [M] of `rows` [M] whose results are known."""
        t, (place, slot, step, values) = self.trees, known
        if not len(place):
            return
        child = t.edges["child"].take(t.nodes["first_edge"].take(nodes[place]) + slot).astype(np.int64)
        new = np.flatnonzero(child == tree.NO_NODE)
        node = np.empty(len(new), dtype=np.int64)
        kernels.attach(
            t.nodes, t.edges, t.num_nodes, t.full, rows[place[new]], self.max_nodes, nodes[place[new]], slot[new],
            step.reward[new], step.discount[new], self.config.solve, node,
        )  # fmt: skip
        self._store(node, step.states.take(new))
        child[new] = node
        proven = (child >= 0) & (values != tree.UNKNOWN)
        proven[proven] = t.nodes["proven"][child[proven]] == tree.UNKNOWN
        kernels.settle(t.nodes, t.edges, child[proven], values[proven])

    def depth(self, row: int) -> int:
        """Plies of the longest path in a tree."""
        return int(kernels.depth(self.trees.nodes, self.trees.num_nodes, row, self.max_nodes, self._moved))

    def finished(self) -> np.ndarray:
        """[M] int64: active searches that need no more simulations. They stay active until reset or stopped."""
        rows = np.flatnonzero(self.active)
        roots = rows * self.max_nodes
        done = (self.trees.nodes["visits"][roots] > self.trees.num_simulations[rows]) | self.trees.full[rows]
        if self.config.solve:
            done |= self.trees.nodes["proven"][roots] != tree.UNKNOWN
        return rows[done]

    def stop(self, rows: np.ndarray) -> None:
        """Makes `rows` inactive until they are started again."""
        self.active[rows] = False

    # -- reading -------------------------------------------------------------------------------------------

    def results(self, rows: np.ndarray) -> Results:
        """Reads the roots of `rows` [M]. Exact knowledge wins: a proven win is played, a proven loss avoided."""
        t, m, width = self.trees, len(rows), self.game.max_legal_actions
        rows = np.array(rows, dtype=np.int64)
        actions, visits, proven = (np.empty((m, width), dtype=np.int32) for _ in range(3))
        prior, value_sum = (np.empty((m, width), dtype=np.float32) for _ in range(2))
        mixed, value = (np.empty(m, dtype=np.float32) for _ in range(2))
        wdl = np.empty((m, 3), dtype=np.float32)
        kernels.read_roots(
            t.nodes, t.edges, t.actions, rows, self.max_nodes,
            actions, prior, visits, value_sum, proven, mixed, value, wdl,
        )  # fmt: skip
        if not self.config.solve:
            proven[:] = tree.UNKNOWN
        q = value_sum / np.maximum(visits, 1)
        known = proven != tree.UNKNOWN
        q = np.where(known, proven, q).astype(np.float32)
        settled = self.config.solve & (t.nodes["proven"][rows * self.max_nodes] != tree.UNKNOWN)
        candidates = root_policy.allowed_actions(actions >= 0, proven, np.where(settled, value, np.nan))
        if self._policy == kernels.GUMBEL:
            completed = np.where((visits > 0) | known, q, mixed[:, None])
            noise = t.root_noise[rows]
            policy, play = root_policy.gumbel_policy(self.config, candidates, prior, visits, completed, noise)
        else:
            policy, play = root_policy.visit_policy(candidates, prior, visits)
        return Results(actions, prior, visits, q, proven, policy, play, value, wdl, settled)


def _for_kernels(answers: np.ndarray) -> np.ndarray:
    """An evaluator's answers as a writeable, C-contiguous float32 array, copied only if they are not one."""
    fits = answers.flags.carray and answers.dtype == np.float32
    return answers if fits else np.array(answers, dtype=np.float32, order="C")


def run(
    game: Game, states: np.ndarray, evaluate: Evaluate, config: SearchConfig, num_simulations: int,
    noise: list | None = None, search: Search | None = None, root_actions: Sequence[Sequence[int]] | None = None,
) -> Results:  # fmt: skip
    """Searches each of B non-terminal positions with `num_simulations` simulations, one tree each.

    states: [B] game.state_dtype. evaluate: see `Evaluate`; any of evaluators.py. num_simulations: 0 or more; 0
    evaluates the root only: the raw policy. noise: B generators for noise at the root, as in self-play; None: none, and
    the search is deterministic. search: one to use again, made for this game, batch and config. root_actions: for each
    position the actions to choose from at the root; None: all. ValueError: see `Search.reset_root`."""
    if num_simulations < 0:
        raise ValueError(f"{num_simulations} simulations were asked for: expected 0 (the policy alone) or more.")
    search = search or Search(game, len(states), config, num_simulations)
    rows = np.arange(len(states))
    search.reset_root(rows, states, num_simulations, noise, root_actions)
    while True:
        search.stop(search.finished())
        if not search.active.any():
            return search.results(rows)
        leaves = search.leaves()
        if len(leaves.rows):
            search.expand(leaves, *evaluate(leaves))
