"""Settings of the tree search, with defaults for games of one to a few hundred moves.

Engines and `--help` read these fields, so that this file loads neither NumPy nor Numba.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True)
class SearchConfig:
    """How a tree is searched. Values lie in [-1, 1], so published constants for [0, 1] need converting."""

    policy: Literal["gumbel", "puct", "uct"] = "puct"
    """gumbel: sequential halving and completed q-values (Danihelka et al. 2022); puct: as in AlphaZero; uct: UCB1,
    without priors and noise (Kocsis & Szepesvári 2006), meant for values of random games."""

    c_puct: Annotated[float, Meta(gt=0, le=1000)] = 1.5
    """Exploration constant of PUCT."""

    fpu_reduction: Annotated[float, Meta(ge=0, le=2)] = 0.2
    """An unvisited action counts as its parent's value less this times sqrt(prior already visited)."""

    c_uct: Annotated[float, Meta(ge=0, le=1000)] = math.sqrt(2)
    """Exploration constant of UCT: q + c_uct * sqrt(ln(visits of all) / visits). UCB1's would be twice that for values
    in [-1, 1]; between 0.7 and 2, connect four is played better than there."""

    dirichlet_alpha: Annotated[float, Meta(ge=0.001, le=1000)] = 1.0
    """Concentration of the noise mixed into the root prior in self-play (PUCT); about 10 / legal actions."""

    dirichlet_fraction: Annotated[float, Meta(ge=0, le=1)] = 0.25
    """Share of that noise in the root prior; 0 turns it off."""

    reuse_tree: bool = True
    """PUCT and UCT keep the subtree of the move played; its visits count towards the next search."""

    max_num_considered_actions: Annotated[int, Meta(ge=1, le=1_000_000)] = 16
    """Actions that enter sequential halving at the root (Gumbel)."""

    gumbel_scale: Annotated[float, Meta(ge=0, le=1000)] = 1.0
    """Scale of the Gumbel noise at the root in self-play; 0 outside self-play."""

    c_visit: Annotated[float, Meta(ge=0, le=1_000_000)] = 50.0
    """sigma(q) = (c_visit + most visits) * c_scale * q (Gumbel)."""

    c_scale: Annotated[float, Meta(gt=0, le=1000)] = 0.1
    """See c_visit."""

    solve: bool = True
    """Carry proven wins, draws and losses up the tree (MCTS-solver)."""

    look_ahead: bool = False
    """Try every action of a position that joins the tree, and prove it won where one wins at once: mates in one are not
    left to the prior. Costs a step of the rules an action; not with Gumbel, whose halving counts visits."""

    proof_nodes: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Positions that alpha–beta may try, at most, to prove a position that joins the tree won, drawn or lost; it then
    needs no evaluation. 0: none. Pays for games that end within a few dozen plies; needs compiled rules (see
    `Game.compiled_rules`)."""

    root_proof_nodes: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """As proof_nodes, for the position that a search begins with, and for its actions once that is proven: a search of
    it is not needed then. Not with Gumbel, whose halving counts visits."""

    edges_per_node: Annotated[int, Meta(ge=1, le=1_000_000)] = 48
    """Room for legal actions, on average over a tree; a search that outgrows it ends early."""
