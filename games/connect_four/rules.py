"""Connect four on bitboards, compiled with Numba. Rules only: exact values come from `solver.py`.

Bit index = column * 7 + row, row 0 at the bottom; the seventh bit of each column stays empty and keeps shifted lines
from running into the next column (the layout of J. Tromp's Fhourstones). `own` holds the stones of the player to move.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base

COLUMNS = 7
ROWS = 6
STRIDE = ROWS + 1


class ConnectFour(base.Game):
    """Four in a row wins; a full board without one is a draw. The start position is a win for the first player."""

    name = "connect-four"
    version = 1
    state_dtype = np.dtype([("own", "u8"), ("mask", "u8"), ("to_play", "i1"), ("terminal", "?")], align=True)
    num_actions = COLUMNS
    max_legal_actions = COLUMNS
    max_game_length = COLUMNS * ROWS
    observation_shape = (2, ROWS, COLUMNS)  # own stones, the opponent's stones; row 0 of the planes is the top
    num_symmetries = 2
    facets = {
        "notation": "games.connect_four.notation:ConnectFourNotation",
        "protocols": "games.connect_four.notation:ConnectFourProtocols",
        "appearance": "games.connect_four.appearance:ConnectFourAppearance",
        "knowledge": "games.connect_four.knowledge:ConnectFourKnowledge",
    }

    def initial_states(self, batch: int) -> np.ndarray:
        return np.zeros(batch, dtype=self.state_dtype)

    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        after = base.copied(states)
        reward = np.zeros(len(states), dtype=np.float32)
        discount = np.zeros(len(states), dtype=np.float32)
        _step(after, base.kernel_ready(np.asarray(actions, dtype=np.int32)), reward, discount)
        return base.Step(after, reward, discount)

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actions = np.empty((len(states), COLUMNS), dtype=np.int32)
        count = np.empty(len(states), dtype=np.int32)
        _legal_actions(base.kernel_ready(states), actions, count)
        return actions, count

    def compiled_rules(self) -> base.CompiledRules:
        return base.CompiledRules(_step, _legal_actions)

    def observe(self, states: np.ndarray) -> np.ndarray:
        # Written with the planes last, which is what a channels-last network wants in memory; viewed planes first.
        planes = np.empty((len(states), ROWS, COLUMNS, 2), dtype=np.float32)
        _observe(base.kernel_ready(states), planes)
        return planes.transpose(0, 3, 1, 2)

    def key(self, states: np.ndarray) -> np.ndarray:
        # own + mask is unique: in each column the sum's top bit marks the height, as `mask` is a run of ones.
        # The sentinel row of column 6 is free for a constant that keeps the empty board's key from being zero.
        return base.mix64(states["own"] + states["mask"] + np.uint64(1 << 56))

    def symmetric_states(self, states: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        turned = states.copy()
        mirrored = np.asarray(symmetry) == 1
        for field in ("own", "mask"):
            turned[field] = np.where(mirrored, mirror(states[field]), states[field])
        return turned

    def symmetric_actions(self, actions: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        flip = (np.asarray(symmetry) == 1)[:, None] & (actions >= 0)
        return np.where(flip, COLUMNS - 1 - actions, actions).astype(np.int32)

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose
    def playouts(self, states: np.ndarray, seeds: np.ndarray, plies: np.ndarray | None = None) -> np.ndarray:
        outcome, played = np.empty(len(states), dtype=np.int8), np.zeros(len(states), dtype=np.int64)
        _playouts(base.kernel_ready(states), base.mix64(np.asarray(seeds)), outcome, played)
        if plies is not None:
            plies += played
        return outcome

    def action_to_string(self, state: np.void, action: int) -> str:
        return str(action + 1)

    def to_string(self, state: np.void) -> str:
        mark = "XO" if state["to_play"] == 0 else "OX"  # marks of the player to move and of the other
        own, mask = int(state["own"]), int(state["mask"])
        lines = []
        for row in range(ROWS - 1, -1, -1):
            bits = [column * STRIDE + row for column in range(COLUMNS)]
            lines.append(" ".join(mark[0] if own >> b & 1 else mark[1] if mask >> b & 1 else "." for b in bits))
        return "\n".join([*lines, " ".join(str(column + 1) for column in range(COLUMNS))])


def mirror(boards: np.ndarray) -> np.ndarray:
    """[B] uint64 bitboards, left and right exchanged."""
    column = np.uint64((1 << STRIDE) - 1)
    turned = np.zeros_like(boards)
    for c in range(COLUMNS):
        here, there = np.uint64(c * STRIDE), np.uint64((COLUMNS - 1 - c) * STRIDE)
        turned |= ((boards >> here) & column) << there
    return turned


# Kernels. All of one file: the on-disk cache does not see edits elsewhere.

_FULL = np.uint64(sum(((1 << ROWS) - 1) << (c * STRIDE) for c in range(COLUMNS)))
_ONE = np.uint64(1)
_SHIFTS = (np.uint64(1), np.uint64(STRIDE), np.uint64(STRIDE - 1), np.uint64(STRIDE + 1))
_TOP = np.uint64(sum(1 << (c * STRIDE + ROWS - 1) for c in range(COLUMNS)))


@njit(cache=True)
def _has_four(stones: np.uint64) -> bool:
    for shift in _SHIFTS:
        pairs = stones & (stones >> shift)
        if pairs & (pairs >> (shift + shift)):
            return True
    return False


@njit(cache=True)
def _step(states, actions, reward, discount):
    """Changes `states` in place; writes reward and discount."""
    for i in range(len(states)):
        if states[i]["terminal"]:
            reward[i] = 0.0
            discount[i] = 0.0
            continue
        own = states[i]["own"]
        mask = states[i]["mask"]
        filled = mask | (mask + (_ONE << np.uint64(actions[i] * STRIDE)))
        mine = own | (filled ^ mask)
        won = _has_four(mine)
        over = won or filled == _FULL
        states[i]["own"] = filled ^ mine
        states[i]["mask"] = filled
        states[i]["to_play"] = 1 - states[i]["to_play"]
        states[i]["terminal"] = over
        reward[i] = 1.0 if won else 0.0
        discount[i] = 0.0 if over else -1.0


@njit(cache=True)
def _legal_actions(states, actions, count):
    """Writes actions [B, K], padded with -1, and count [B]."""
    for i in range(len(states)):
        n = 0
        if not states[i]["terminal"]:
            mask = states[i]["mask"]
            for column in range(COLUMNS):
                if mask & (_ONE << np.uint64(column * STRIDE + ROWS - 1)) == np.uint64(0):
                    actions[i, n] = column
                    n += 1
        count[i] = n
        for k in range(n, COLUMNS):
            actions[i, k] = -1


@njit(cache=True)
def _playouts(states, seeds, outcome, plies):
    """Writes outcome [B] of the random games of `Game.playouts`; adds their lengths to plies [B]. seeds: [B], mixed."""
    for i in range(len(states)):
        own, mask, stream = states[i]["own"], states[i]["mask"], seeds[i]
        sign = 1
        outcome[i] = 0
        over = states[i]["terminal"]
        while not over:
            stream = stream + np.uint64(0x9E3779B97F4A7C15)
            draw = (stream ^ (stream >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            draw = (draw ^ (draw >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            draw = (draw ^ (draw >> np.uint64(31))) >> np.uint64(32)
            # Each free column as the one bit at the top of it; the lowest ones are taken away until the drawn is left.
            free = ~mask & _TOP
            place = (draw * _popcount(free)) >> np.uint64(32)
            while place:
                free &= free - _ONE
                place -= _ONE
            top = free & (~free + _ONE)
            filled = mask | (mask + (top >> np.uint64(ROWS - 1)))
            mine = own | (filled ^ mask)
            own, mask = filled ^ mine, filled
            plies[i] += 1
            over = _has_four(mine)
            if over:
                outcome[i] = sign
            over = over or mask == _FULL
            sign = -sign


@njit(cache=True)
def _popcount(bits):
    """Number of ones. LLVM recognises the pattern and emits one instruction."""
    bits = bits - ((bits >> _ONE) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bits * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(cache=True)
def _observe(states, planes):
    """Writes planes [B, R, C, 2], row 0 at the top of the board."""
    for i in range(len(states)):
        own = states[i]["own"]
        other = states[i]["mask"] ^ own
        for row in range(ROWS):
            for column in range(COLUMNS):
                bit = np.uint64(column * STRIDE + ROWS - 1 - row)
                planes[i, row, column, 0] = np.float32((own >> bit) & _ONE)
                planes[i, row, column, 1] = np.float32((other >> bit) & _ONE)
