"""Two tiny games for tests of the search: one where a player moves several times in a row, one that ends at once."""

from __future__ import annotations

import numpy as np

from games import base
from games.notation import Notation

_COINS = 8


def _bits(sets: np.ndarray) -> np.ndarray:
    """[B] → [B, 8]: a set of coins as 0/1 numbers."""
    return (sets.astype(np.int64)[:, None] >> np.arange(_COINS)) & 1


class Coins(base.Game):
    """Eight coins lie on a table. The first player takes one, then the players take two, three and two in turn; the
    richer one wins. So the same player moves twice or three times in a row, and the last move can lose or draw."""

    name = "coins"
    version = 1
    state_dtype = np.dtype([("own", "u1"), ("other", "u1"), ("to_play", "i1"), ("terminal", "?")])
    num_actions = _COINS
    max_legal_actions = _COINS
    max_game_length = _COINS
    observation_shape = (2, 1, _COINS)  # coins of the player to move, of the other
    facets = {"notation": "toy_games:CoinsNotation"}

    WORTH = np.array([6, 5, 4, 3, 2, 2, 1, 1])
    TURN_ENDS_AFTER = (1, 3, 6)  # coins taken

    def initial_states(self, batch: int) -> np.ndarray:
        return np.zeros(batch, dtype=self.state_dtype)

    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        live = ~states["terminal"]
        own = states["own"] | (np.left_shift(1, actions) * live).astype(np.uint8)
        other = states["other"]
        taken = (_bits(own) + _bits(other)).sum(axis=1)
        over = taken == _COINS
        passes = np.isin(taken, self.TURN_ENDS_AFTER) & live
        after = states.copy()
        after["own"] = np.where(passes, other, own)
        after["other"] = np.where(passes, own, other)
        after["to_play"] ^= passes
        after["terminal"] = over
        lead = (_bits(own) - _bits(other)) @ self.WORTH
        reward = np.where(live & over, np.sign(lead), 0).astype(np.float32)
        return base.Step(after, reward, np.where(over, 0, np.where(passes, -1, 1)).astype(np.float32))

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        free = _bits(states["own"] | states["other"]) == 0
        coins = np.sort(np.where(free, np.arange(_COINS), _COINS), axis=1)
        return np.where(coins < _COINS, coins, -1).astype(np.int32), free.sum(axis=1, dtype=np.int32)

    def observe(self, states: np.ndarray) -> np.ndarray:
        planes = np.stack([_bits(states["own"]), _bits(states["other"])], axis=1)
        return planes.reshape(-1, *self.observation_shape).astype(np.float32)

    def key(self, states: np.ndarray) -> np.ndarray:
        # Who is to move follows from the number of coins taken.
        return base.mix64(states["own"].astype(np.uint64) << np.uint64(8) | states["other"] | np.uint64(1 << 20))

    def action_to_string(self, state: np.void, action: int) -> str:
        return "abcdefgh"[action]

    def to_string(self, state: np.void) -> str:
        mark = "XO" if state["to_play"] == 0 else "OX"  # marks of the player to move and of the other
        own, other = int(state["own"]), int(state["other"])
        owners = (mark[0] if own >> c & 1 else mark[1] if other >> c & 1 else "." for c in range(_COINS))
        return " ".join(f"{worth}{owner}" for worth, owner in zip(self.WORTH, owners, strict=True))


class CoinsNotation(Notation):
    """Coins are letters, written one after the other."""

    move_separator = ""


class Bandit(base.Game):
    """One move, `len(rewards)` arms, and the game is over: the search sees an arm's reward as soon as it tries it."""

    name = "bandit"
    version = 1
    state_dtype = np.dtype([("arm", "i2"), ("to_play", "i1"), ("terminal", "?")])  # arm: 1 + the action, 0 before it
    max_game_length = 1
    observation_shape = (1, 1, 1)

    def __init__(self, rewards: list[float]) -> None:
        self.rewards = np.array(rewards, dtype=np.float32)
        self.num_actions = self.max_legal_actions = len(rewards)  # type: ignore[misc]

    def initial_states(self, batch: int) -> np.ndarray:
        return np.zeros(batch, dtype=self.state_dtype)

    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        live = ~states["terminal"]
        after = states.copy()
        after["arm"] = np.where(live, actions + 1, states["arm"])
        after["to_play"] ^= live
        after["terminal"] = True
        reward = np.where(live, self.rewards[actions], 0).astype(np.float32)
        return base.Step(after, reward, np.zeros(len(states), dtype=np.float32))

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        live = ~states["terminal"]
        arms = np.arange(self.num_actions, dtype=np.int32)
        return np.where(live[:, None], arms, np.int32(-1)), (live * self.num_actions).astype(np.int32)

    def observe(self, states: np.ndarray) -> np.ndarray:
        return np.zeros((len(states), *self.observation_shape), dtype=np.float32)

    def key(self, states: np.ndarray) -> np.ndarray:
        return base.mix64(states["arm"].astype(np.uint64) + np.uint64(1))

    def action_to_string(self, state: np.void, action: int) -> str:
        return str(action + 1)

    def to_string(self, state: np.void) -> str:
        return f"arm {state['arm']} of {self.num_actions}" if state["terminal"] else f"{self.num_actions} arms"
