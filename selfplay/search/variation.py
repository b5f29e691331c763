"""The principal variation of a search: the line of play that the tree expects after an action of its root.

Knows trees and their proofs; not the positions in them, nor how actions are written.
"""

from __future__ import annotations

import numpy as np

from selfplay.search import root_policy, tree
from selfplay.search.search import Search


def principal(search: Search, row: int, slot: int) -> list[int]:
    """Actions along the path below an edge of the root that each player would choose, by proof and visits; the edge's
    own action first.

    row: which of the searches side by side; slot: which of its root's edges, as in `Results.actions`."""
    t, solve = search.trees, search.config.solve
    edge = int(t.nodes[row * search.max_nodes]["first_edge"]) + slot
    actions = [int(t.actions[edge])]
    while (node := int(t.edges[edge]["child"])) != tree.NO_NODE and t.nodes[node]["num_edges"]:
        first, number = int(t.nodes[node]["first_edge"]), int(t.nodes[node]["num_edges"])
        edges = t.edges[first : first + number]
        proven = np.full(number, tree.UNKNOWN)
        if solve:
            below = t.nodes[edges["child"]]  # of the last node, where there is no child
            results = (below["reward"] + below["discount"] * below["proven"]).astype(np.int64)
            known = (edges["child"] != tree.NO_NODE) & (below["proven"] != tree.UNKNOWN)
            proven = np.where(known, results, tree.UNKNOWN)
        allowed = root_policy.allowed_actions(np.ones((1, number), dtype=np.bool_), proven[None])[0]
        visits = np.where(allowed, edges["visits"], 0)
        if not visits.any():
            break
        edge = first + int(visits.argmax())
        actions.append(int(t.actions[edge]))
    return actions


def leaf_wdl(search: Search, rows: np.ndarray) -> np.ndarray:
    """[M, 3] float32, sums to 1: win, draw and loss, for the player to move at the root, where the principal variation
    of each of `rows` [M] ends: the evaluator's answer there, or the result that is proven. Greedy backup, as in A0GB
    (Willemsen et al. 2021): no exploration of the tree enters it, as it does the mean of all simulations.

    The line goes on to the most visited action that proof allows, the first of several, from visited node to visited
    node."""
    t, solve = search.trees, search.config.solve
    node = np.array(rows, dtype=np.int64) * search.max_nodes
    earned, factor = np.zeros(len(node)), np.ones(len(node))  # value at the root = earned + factor * value at the node
    slots = np.arange(search.game.max_legal_actions)
    going = np.ones(len(node), dtype=np.bool_)
    while going.any():
        at = np.flatnonzero(going)
        here = t.nodes[node[at]]
        listed = slots < here["num_edges"][:, None]
        edges = t.edges[np.where(listed, here["first_edge"][:, None] + slots, 0)]
        met = listed & (edges["child"] != tree.NO_NODE)
        below = t.nodes[np.where(met, edges["child"], 0)]
        known = met & (below["proven"] != tree.UNKNOWN) & solve
        result = np.where(known, below["reward"] + below["discount"] * below["proven"], tree.UNKNOWN)
        visits = np.where(root_policy.allowed_actions(listed, result) & met, edges["visits"], 0)
        ends = ~visits.any(axis=1) | ((here["proven"] != tree.UNKNOWN) & solve)
        going[at[ends]] = False
        on, best = at[~ends], visits[~ends].argmax(axis=1)
        child = edges["child"][~ends, best]
        earned[on] += factor[on] * t.nodes["reward"][child]
        factor[on] *= t.nodes["discount"][child]
        going[on[factor[on] == 0]] = False
        node[on] = child
    last = t.nodes[node]
    proven = (last["proven"] != tree.UNKNOWN) & solve
    value = earned + factor * np.where(proven, last["proven"], last["raw_value"])
    evaluated = np.where(proven, last["proven"] == 0, last["draw_sum"] / np.maximum(last["visits"], 1))
    draw = np.where(factor == 0, earned == 0, evaluated)
    draw = np.clip(draw, 0, 1 - np.abs(value))
    return np.stack([(1 - draw + value) / 2, draw, (1 - draw - value) / 2], axis=1).astype(np.float32)
