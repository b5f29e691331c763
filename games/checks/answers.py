"""Building blocks of the checks: ask a game about positions, compare the answers, fail with a drawing. Knows no game.

The words in which the checks of `games.checks.contract` are written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from games import base
from games.checks.random_play import same

Answers = dict[str, np.ndarray]  # what a game says of B positions, by name of the question


def require(holds: np.ndarray | np.bool | bool, game: base.Game, states: np.ndarray, message: str) -> None:
    """Raises AssertionError with `message` and a drawing of the first of B `states` for which `holds` [B] is false."""
    wrong = np.flatnonzero(~np.broadcast_to(holds, len(states)))
    if len(wrong):
        state = states[wrong[0]]
        raise AssertionError(
            f"{message}, in {len(wrong)} of {len(states)} positions, the first of them with to_play"
            f" {state['to_play']}, terminal {state['terminal']}:\n{game.to_string(state)}"
        )


def require_kind(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
    found = f"{name} must be {shape} {np.dtype(dtype).name}, is {array.shape} {array.dtype.name}"
    assert array.shape == shape and array.dtype == dtype, found


def answers_of(game: base.Game, states: np.ndarray, actions: np.ndarray) -> Answers:
    """Everything that a game says of B positions; actions: [B], each legal."""
    stepped = game.step(states, actions)
    legal, count = game.legal_actions(states)
    return {
        "step: states": stepped.states,
        "step: reward": stepped.reward,
        "step: discount": stepped.discount,
        "legal_actions: actions": legal,
        "legal_actions: count": count,
        "observe": game.observe(states),
        "key": game.key(states),
    }


def require_same(game: base.Game, states: np.ndarray, a: Answers, b: Answers, message: str) -> None:
    for name in a:
        require(same(a[name], b[name]), game, states, f"{name} {message}")


def any_legal(game: base.Game, states: np.ndarray) -> np.ndarray:
    """[B] int32: one legal action each, 0 where the game is over."""
    actions, count = game.legal_actions(states.copy())
    return np.where(count > 0, actions[np.arange(len(states)), np.maximum(count - 1, 0)], 0).astype(np.int32)


def legal_set(game: base.Game, state: np.void) -> set[int]:
    actions, count = game.legal_actions(np.array([state], dtype=game.state_dtype))
    return set(actions[0, : count[0]].tolist())
