"""Counting the move tree: `perft` and `divide`, the quickest proof of rules. Knows the contract, not the game.

perft(d) is the number of move sequences of exactly d moves from a position; a game that ends earlier adds nothing.
A move ends when the mover changes or the game is over, so a jump made of several actions (discount +1 between them)
counts as one move, however the game encodes it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import games
from games import base
from games.checks import exhaustive
from games.notation import Notation
from games.text import whole_moves

CHUNK = 1 << 15  # positions expanded at once; bounds memory to about CHUNK * K * depth positions


def perft(game: base.Game, depth: int, states: np.ndarray | None = None) -> int:
    """Number of move sequences of `depth` moves from `states` ([B] state_dtype; default: the start)."""
    states = game.initial_states(1) if states is None else states
    if depth <= 0:
        return len(states)
    total = 0
    stack = [(depth, states)]
    while stack:
        left, pending = stack.pop()
        if len(pending) > CHUNK:
            stack.append((left, pending[CHUNK:]))
            pending = pending[:CHUNK]
        _, _, step = exhaustive.expand(game, pending)
        same_mover = step.discount > 0
        if left == 1:
            total += len(same_mover) - int(np.count_nonzero(same_mover))
        else:
            replied = step.states[step.discount < 0]  # finished games are not extended
            if len(replied):
                stack.append((left - 1, replied))
        if same_mover.any():
            stack.append((left, step.states[same_mover]))
    return total


def divide(
    game: base.Game,
    depth: int,
    states: np.ndarray | None = None,
    count: Callable[[np.void, int], int] | None = None,
) -> dict[str, int]:
    """perft(depth) of one position ([1] state_dtype) by first move, in the game's notation.

    count: of the sequences after it, such as the game's `Knowledge.perft`; `perft` by default. Turns a wrong total into
    one wrong move: compare with another program's, play the move that differs, repeat.
    """
    states = game.initial_states(1) if states is None else states
    notation = games.facet(game, Notation)
    counts = {}
    for move in whole_moves.legal(game, states):
        text = notation.move_to_string(states[0], move.actions)
        if move.last.discount[0] == 0:
            counts[text] = int(depth == 1)
        else:
            counts[text] = perft(game, depth - 1, move.after) if count is None else count(move.after[0], depth - 1)
    return counts
