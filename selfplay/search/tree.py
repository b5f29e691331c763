"""Search trees as arrays: the records, their meaning, and their allocation. The tree never sees a position.

B trees live side by side in flat arrays. Tree b owns nodes ``b * max_nodes …`` and edges ``b * max_edges …``; its root
is its first node. A node's edges, one for each legal action, are contiguous. Nodes are numbered in order of creation,
so a parent always precedes its children.
"""

from __future__ import annotations

import mmap
from typing import NamedTuple

import numpy as np

UNKNOWN = 2  # Node.proven: nothing is proven about this node
NO_NODE = -1
_HUGE = 2**26  # bytes

NODE = np.dtype(
    [
        ("first_edge", "i4"),  # global index of its first edge; edges exist once num_edges > 0
        ("num_edges", "i4"),  # 0 until the node is expanded, and always 0 for a finished game
        ("parent", "i4"),  # global index, NO_NODE at the root
        ("slot", "i4"),  # which of the parent's edges leads here
        ("visits", "i4"),
        ("value_sum", "f4"),  # of values in [-1, 1] for the player to move here
        ("draw_sum", "f4"),  # of draw probabilities, the same for both players
        ("raw_value", "f4"),  # the evaluator's value of this node, for the player to move
        ("visited_prior", "f4"),  # sum of the priors of edges with a child
        ("reward", "f4"),  # of the action that led here, for the player who took it
        ("discount", "f4"),  # of that action: value for him = reward + discount * value here; 0: the game is over
        ("proven", "i4"),  # game-theoretic value -1, 0, +1 for the player to move, or UNKNOWN
    ],
    align=True,
)

EDGE = np.dtype(
    [
        ("prior", "f4"),  # sums to 1 over a node's edges
        ("value_sum", "f4"),  # for the player who takes the action
        ("visits", "i4"),
        ("child", "i4"),  # global node index, or NO_NODE
    ]
)


class Trees(NamedTuple):
    """B trees and what the search knows of each root."""

    nodes: np.ndarray  # [B * max_nodes] NODE
    edges: np.ndarray  # [B * max_edges] EDGE
    actions: np.ndarray  # [B * max_edges] int32, the action of each edge
    visits_in_flight: np.ndarray  # [B * max_edges] int32, descents on their way along each; [0] for one leaf at a time
    num_nodes: np.ndarray  # [B] int32, nodes in use
    num_edges: np.ndarray  # [B] int32, edges in use
    full: np.ndarray  # [B] bool, set when an expansion did not fit: the search of this tree ends early
    root_noise: np.ndarray  # [B, K] float32: Dirichlet draws (PUCT) or scaled Gumbel draws, by edge of the root
    noise_fraction: np.ndarray  # [B] float32, weight of root_noise in the root prior (PUCT)
    num_simulations: np.ndarray  # [B] int32, simulations wanted at the root
    table: np.ndarray  # [B] int32, which sequential-halving table the root follows (Gumbel)


def allocate(batch: int, max_nodes: int, max_edges: int, max_legal_actions: int, several: bool = False) -> Trees:
    """Empty trees; max_nodes and max_edges are per tree. several: a tree may have several leaves waiting at once.
    Raises ValueError when the arrays outgrow 32-bit indices."""
    if batch * max(max_nodes, max_edges) >= 2**31:
        raise ValueError(f"{batch} trees of {max_nodes} nodes and {max_edges} edges outgrow 32-bit indices.")
    return Trees(
        nodes=zeros(batch * max_nodes, NODE),
        edges=zeros(batch * max_edges, EDGE),
        actions=zeros(batch * max_edges, np.dtype(np.int32)),
        visits_in_flight=zeros(batch * max_edges if several else 0, np.dtype(np.int32)),
        num_nodes=np.zeros(batch, dtype=np.int32),
        num_edges=np.zeros(batch, dtype=np.int32),
        full=np.zeros(batch, dtype=np.bool_),
        root_noise=np.zeros((batch, max_legal_actions), dtype=np.float32),
        noise_fraction=np.zeros(batch, dtype=np.float32),
        num_simulations=np.zeros(batch, dtype=np.int32),
        table=np.zeros(batch, dtype=np.int32),
    )


def max_edges(max_nodes: int, max_legal_actions: int, edges_per_node: int) -> int:
    """Edges that a tree of so many nodes has room for."""
    return max(max_nodes * min(max_legal_actions, edges_per_node), max_legal_actions)


def size_of(batch: int, max_nodes: int, max_edges: int) -> int:
    """Bytes of such trees when they are full; −1 where they outgrow 32-bit indices."""
    if batch * max(max_nodes, max_edges) >= 2**31:
        return -1
    return batch * (max_nodes * NODE.itemsize + max_edges * (EDGE.itemsize + 4))


def zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """[size] zeros. Huge arrays take memory only as they are written, whatever the allocator was told: a tree with room
    for a million nodes costs nothing until it has grown."""
    if size * dtype.itemsize < _HUGE:
        return np.zeros(size, dtype=dtype)
    return np.frombuffer(mmap.mmap(-1, size * dtype.itemsize), dtype=dtype)
