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
