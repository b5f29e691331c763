"""The tree search once more, slow and obvious: objects, recursion, one position at a time. The twin of `search.Search`.

Written from the formulas of the papers: PUCT (Silver et al. 2018), first-play urgency (KataGo), Gumbel with completed
q-values (Danihelka et al. 2022), UCT (Kocsis & Szepesvári 2006), MCTS-solver (Winands et al. 2008), WU-UCT for several
leaves at once (Liu et al. 2020). An action's value
is what its child is worth, seen by the player who takes it; nothing is stored at edges.

Precision: sums of values are rounded to float32 after each addition, as tree.py declares them; otherwise they would
drift from the compiled search, the further the longer, until some score flips. Everything else is float64. Scores may
still differ by about 1e-7, so the evaluator must not make ties; `HashEvaluator` does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from games.base import Game
from selfplay.search.config import SearchConfig
from selfplay.search.search import Evaluate, Leaves


def f32(number: float) -> float:
    return float(np.float32(number))


@dataclass
class Edge:
    action: int
    prior: float
    child: Node | None = None
    flying: int = 0  # descents along it that wait for an evaluation

    @property
    def visits(self) -> int:
        return self.child.visits if self.child else 0

    @property
    def q(self) -> float:
        """Mean value of a visited action for the player who takes it."""
        assert self.child and self.child.visits
        return self.child.seen_by_mover(self.child.value_sum) / self.child.visits

    @property
    def proven(self) -> float | None:
        """Game-theoretic value of the action, or None while it is unknown."""
        if not self.child or self.child.proven is None:
            return None
        return self.child.seen_by_mover(self.child.proven)


@dataclass
class Node:
    state: np.ndarray  # [1]
    number: int = 0  # in its tree, in order of creation
    reward: float = 0.0  # of the action that led here, for the player who took it
    discount: float = -1.0  # of that action
    edges: list[Edge] = field(default_factory=list)
    visits: int = 0
    value_sum: float = 0.0  # for the player to move; at a finished game, for the player who ended it
    draw_sum: float = 0.0
    raw_value: float = 0.0
    proven: float | None = None

    @property
    def finished(self) -> bool:
        return self.discount == 0.0

    def seen_by_mover(self, value: float) -> float:
        """A value of this node, for the player whose action led here."""
        return value if self.finished else self.discount * value


class NaiveSearch:
    """One search of one position. `noise` holds one number for each legal action of the root, in ascending order."""

    def __init__(self, game: Game, state: np.void, evaluate: Evaluate, config: SearchConfig) -> None:
        self.game, self.evaluate, self.config = game, evaluate, config
        self.root, self.created = Node(np.array([state], dtype=game.state_dtype)), 1

    def run(self, num_simulations: int, noise: list[float] | None = None) -> NaiveSearch:
        """Searches until the root has been visited once more than there are simulations, or is proven."""
        self.num_simulations = num_simulations
        self.noise = noise
        while self.root.visits < 1 + num_simulations:
            if self.config.solve and self.root.proven is not None:
                break
            self.simulate(self.root)
        return self

    def advance(self, action: int) -> None:
        """Plays `action`: what was found below it stays, if it was ever looked at and the config keeps trees."""
        edge = next(edge for edge in self.root.edges if edge.action == action)
        keeps = self.config.reuse_tree and self.config.policy != "gumbel"
        if keeps and edge.child and edge.child.edges:
            self.root = edge.child
            kept = sorted(self.below(self.root), key=lambda node: node.number)
            for number, node in enumerate(kept):
                node.number = number
            self.created = len(kept)
        else:
            self.root, self.created = Node(self.game.step(self.root.state, np.array([action])).states), 1

    def below(self, node: Node) -> list[Node]:
        """`node` and all under it."""
        return [node, *(found for edge in node.edges if edge.child for found in self.below(edge.child))]

    # -- one simulation ----------------------------------------------------------------------------------------------

    def simulate(self, node: Node) -> tuple[float, float]:
        """Visits `node`; returns (value for the player to move there, draw probability)."""
        if node.finished:
            value, draw = node.reward, float(node.reward == 0)
        elif self.config.solve and node.proven is not None:
            value, draw = node.proven, float(node.proven == 0)
        elif not node.edges:
            value, draw = self.open(node)
        else:
            edge = self.choose(node)
            if edge.child is None:
                step = self.game.step(node.state, np.array([edge.action]))
                edge.child = Node(step.states, self.created, float(step.reward[0]), float(step.discount[0]))
                self.created += 1
                if edge.child.finished and edge.child.reward in (-1, 0, 1):
                    edge.child.proven = edge.child.reward
            value, draw = self.simulate(edge.child)
            value = edge.child.seen_by_mover(value)
            if self.config.solve and node.proven is None:
                node.proven = self.settle(node)
        node.visits += 1
        node.value_sum = f32(node.value_sum + value)
        node.draw_sum = f32(node.draw_sum + draw)
        return value, draw

    def open(self, node: Node) -> tuple[float, float]:
        """Asks the evaluator about a new position."""
        actions, count = self.game.legal_actions(node.state)
        zero = np.zeros(1, dtype=np.int64)
        prior, wdl = self.evaluate(Leaves(zero, zero, node.state, actions, count))
        node.edges = [Edge(int(actions[0, k]), float(prior[0, k])) for k in range(count[0])]
        win, draw, loss = (float(share) for share in wdl[0])
        node.raw_value = f32(win - loss)
        return node.raw_value, draw

    @staticmethod
    def settle(node: Node) -> float | None:
        """What the actions' proofs say about a node: a win if one wins, else the best once all are known."""
        known = [edge.proven for edge in node.edges]
        if 1 in known:
            return 1.0
        return None if None in known else max(result for result in known if result is not None)

    # -- several leaves at once --------------------------------------------------------------------------------------

    def run_several(self, num_simulations: int, leaves: Callable[[int], int], noise: list[float] | None = None) -> None:
        """As `run`, where leaves(visits of the root) descents go out before anything is evaluated."""
        self.num_simulations, self.noise = num_simulations, noise
        if not self.root.visits:
            self.simulate(self.root)
        while self.root.visits < 1 + num_simulations and not (self.config.solve and self.root.proven is not None):
            self.turn(leaves(self.root.visits))

    def turn(self, leaves: int) -> None:
        """Descents that meet new finished games go out again, twice at most; those that come too late do not."""
        waiting: list[tuple[list[Edge], Node]] = []
        late: list[list[Edge]] = []
        for _ in range(3):
            paths = [path for path in (self.descend(late) for _ in range(leaves)) if path]
            reached = [(path, self.attach(path)) for path in paths]
            waiting += [(path, node) for path, node in reached if not node.finished]
            ended = [path for path, node in reached if node.finished]
            for path in ended:
                self.release(path)
            leaves = len(ended)
        for path in late:
            self.release(path)
        for path, node in waiting:
            self.release(path)
            self.back_up(path, *self.open(node))

    def descend(self, late: list[list[Edge]]) -> list[Edge] | None:
        """The way to a new position. None where no more simulations are wanted, and where another descent was first:
        then the way is noted in `late`."""
        while self.root.visits + sum(edge.flying for edge in self.root.edges) <= self.num_simulations:
            if self.config.solve and self.root.proven is not None:
                return None
            path, node = [], self.root
            while True:
                edge = self.choose(node)
                path.append(edge)
                edge.flying += 1
                if edge.child is None and edge.flying == 1:
                    return path
                if edge.child is None or not edge.child.visits:
                    late.append(path)
                    return None
                node = edge.child
                if node.finished or (self.config.solve and node.proven is not None):
                    self.release(path)
                    value = node.reward if node.finished else node.proven
                    assert value is not None
                    self.back_up(path, value, float(value == 0))
                    break
        return None

    def attach(self, path: list[Edge]) -> Node:
        """Makes the position at the end of the path; counts the visit where the game is over there."""
        parent = self.root if len(path) == 1 else path[-2].child
        assert parent
        step = self.game.step(parent.state, np.array([path[-1].action]))
        child = Node(step.states, self.created, float(step.reward[0]), float(step.discount[0]))
        path[-1].child = child
        self.created += 1
        if child.finished:
            child.proven = child.reward if child.reward in (-1, 0, 1) else None
            self.back_up(path, child.reward, float(child.reward == 0))
        return child

    @staticmethod
    def release(path: list[Edge]) -> None:
        for edge in path:
            edge.flying -= 1

    def back_up(self, path: list[Edge], value: float, draw: float) -> None:
        """One more visit to each node on the path, worth `value` at its end."""
        nodes = [self.root, *(edge.child for edge in path if edge.child)]
        for node in reversed(nodes):
            if self.config.solve and node.proven is None and node.edges:
                node.proven = self.settle(node)
            node.visits += 1
            node.value_sum = f32(node.value_sum + value)
            node.draw_sum = f32(node.draw_sum + draw)
            value = node.seen_by_mover(value)

    # -- choosing ----------------------------------------------------------------------------------------------------

    def choose(self, node: Node) -> Edge:
        """The action to try next; never one that is a proven loss, as long as there is another."""
        open_edges = [k for k, edge in enumerate(node.edges) if not (self.config.solve and edge.proven == -1)]
        if self.config.policy == "puct":
            scores = self.puct(node)
        elif self.config.policy == "uct":
            return self.uct(node, [node.edges[k] for k in open_edges])
        elif node is self.root:
            open_edges, scores = self.gumbel_root(node, open_edges)
        else:
            improved = self.improved_policy(node, open_edges)
            total = sum(edge.visits for edge in node.edges)
            scores = [improved[k] - edge.visits / (1 + total) for k, edge in enumerate(node.edges)]
        return node.edges[max(open_edges, key=lambda k: scores[k])]

    def puct(self, node: Node) -> list[float]:
        seen = sum(edge.prior for edge in node.edges if edge.child)
        unvisited = node.value_sum / node.visits - self.config.fpu_reduction * math.sqrt(seen)
        scores = []
        for k, edge in enumerate(node.edges):
            prior = edge.prior
            if node is self.root and self.noise is not None:
                share = self.config.dirichlet_fraction
                prior = (1 - share) * prior + share * self.noise[k]
            q = edge.q if edge.visits else unvisited
            going = sum(edge.flying for edge in node.edges)
            root_of_all = math.sqrt(node.visits + going)
            scores.append(q + self.config.c_puct * prior * root_of_all / (1 + edge.visits + edge.flying))
        return scores

    def uct(self, node: Node, edges: list[Edge]) -> Edge:
        """UCB1: an action that was never tried, the first in a shuffled order, or else the best upper bound."""
        untried = [k for k, edge in enumerate(node.edges) if not edge.visits + edge.flying]
        if untried:
            draws = {k: (48271 * node.number + 69621 * k + 1) % (2**31 - 1) for k in untried}
            return node.edges[max(untried, key=lambda k: draws[k] ** 2 % (2**31 - 1))]
        total = sum(edge.visits + edge.flying for edge in node.edges)

        def bound(edge: Edge) -> float:
            q = edge.q if edge.visits else -1.0
            return q + self.config.c_uct * math.sqrt(math.log(total) / (edge.visits + edge.flying))

        return max(edges, key=bound)

    def sigma(self, node: Node, q: float) -> float:
        most = max(edge.visits for edge in node.edges)
        return (self.config.c_visit + most) * self.config.c_scale * q

    def mixed_value(self, node: Node) -> float:
        """Stands in for the value of unvisited actions (Danihelka et al. 2022, appendix D, equation 33)."""
        seen = [e for e in node.edges if e.visits and not (self.config.solve and e.proven == -1)]
        if not seen:
            return node.raw_value
        total = sum(e.visits for e in seen)
        mean = sum(e.prior * e.q for e in seen) / sum(e.prior for e in seen)
        return (node.raw_value + total * mean) / (1 + total)

    def improved_policy(self, node: Node, allowed: list[int], exact: bool = False) -> list[float]:
        """softmax(log prior + sigma(completed q)) over the allowed actions; `exact`: with proofs in the place of q."""
        mixed = self.mixed_value(node)
        weights = [0.0] * len(node.edges)
        for k in allowed:
            edge = node.edges[k]
            q = edge.q if edge.visits else mixed
            if exact and edge.proven is not None:
                q = edge.proven
            weights[k] = edge.prior * math.exp(self.sigma(node, q))
        return [weight / sum(weights) for weight in weights]

    def gumbel_root(self, node: Node, open_edges: list[int]) -> tuple[list[int], list[float]]:
        """Sequential halving: (actions that may be tried now, score of every action)."""
        wanted = self.halving_plan(min(self.config.max_num_considered_actions, len(node.edges)))[node.visits - 1]
        visits = [edge.visits for edge in node.edges]
        if all(visits[k] != wanted for k in open_edges):
            wanted = min(visits[k] for k in open_edges)
        scores = [
            self.gumbel(k) + math.log(edge.prior) + (self.sigma(node, edge.q) if edge.visits else 0.0)
            for k, edge in enumerate(node.edges)
        ]
        return [k for k in open_edges if visits[k] == wanted], scores

    def gumbel(self, k: int) -> float:
        return 0.0 if self.noise is None else self.noise[k]

    def halving_plan(self, considered: int) -> list[int]:
        """How often the action of each simulation has been visited before, written as a tournament: in each of
        log2(considered) phases those who remain are visited in rounds, then the better half goes on."""
        budget = self.num_simulations
        plan: list[int] = []
        if considered == 1:
            return list(range(budget))
        share = budget / math.ceil(math.log2(considered))  # simulations for each phase
        remaining, rounds_played = considered, 0
        while len(plan) < budget:
            for _ in range(max(1, math.floor(share / remaining))):
                plan += [rounds_played] * remaining
                rounds_played += 1
            remaining = max(2, remaining // 2)
        return plan[:budget]

    # -- what was found at the root ----------------------------------------------------------------------------------

    def visits(self) -> list[int]:
        return [edge.visits for edge in self.root.edges]

    def q(self) -> list[float]:
        """By action: the proven value, else the mean, else 0."""
        known = [edge.proven if self.config.solve else None for edge in self.root.edges]
        means = [edge.q if edge.visits else 0.0 for edge in self.root.edges]
        return [mean if result is None else result for result, mean in zip(known, means, strict=True)]

    def candidates(self) -> list[int]:
        """Actions that proof leaves: the wins, or else all but the losses, or else all."""
        edges = self.root.edges
        proven = [edge.proven if self.config.solve else None for edge in edges]
        wins = [k for k in range(len(edges)) if proven[k] == 1]
        others = [k for k in range(len(edges)) if proven[k] != -1]
        return wins or others or list(range(len(edges)))

    def policy(self) -> list[float]:
        allowed = self.candidates()
        if self.config.policy == "gumbel":
            return self.improved_policy(self.root, allowed, exact=self.config.solve)
        weights = [edge.visits if k in allowed else 0 for k, edge in enumerate(self.root.edges)]
        if not any(weights):
            weights = [edge.prior if k in allowed else 0 for k, edge in enumerate(self.root.edges)]
        return [weight / sum(weights) for weight in weights]

    def play(self) -> int:
        """Slot of the best action: the most visited; among equals, by score (Gumbel) or prior (PUCT, UCT)."""
        allowed, edges = self.candidates(), self.root.edges
        most = max(edges[k].visits for k in allowed)
        best = [k for k in allowed if edges[k].visits == most]
        if self.config.policy == "gumbel":
            policy = self.policy()
            return max(best, key=lambda k: self.gumbel(k) + math.log(max(policy[k], 1e-300)))
        return max(best, key=lambda k: edges[k].prior)

    def value(self) -> float:
        """The proven value, else the mean of the evaluator's value and the visits, proven losses left out."""
        root = self.root
        if self.config.solve and root.proven is not None:
            return root.proven
        edges = [e for e in root.edges if e.visits and not (self.config.solve and e.proven == -1)]
        return (root.raw_value + sum(e.visits * e.q for e in edges)) / (1 + sum(e.visits for e in edges))
