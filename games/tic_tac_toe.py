"""Tic-tac-toe in plain NumPy: the smallest whole game, and the one to copy.

The class `TicTacToe` is the rules, which is all that a game must have; its facets follow. Cells are numbered 0–8 by
rows from the top left; in text they are 1–9. A position keeps the stones of the player to move (`own`) and all stones
(`mask`) as 9-bit sets, so that one colour's code serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from games import base
from games.appearance import Appearance, Board, Piece
from games.checks import exhaustive
from games.knowledge import EvalSet, Knowledge, KnownResult
from games.notation import Notation
from games.protocols import Protocols
from games.text import drops

CELLS = 9
FULL_BOARD = 0b111_111_111
_LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]

# HAS_LINE[stones]: whether that 9-bit set holds three in a row. BITS[stones]: the set as nine 0/1 numbers.
HAS_LINE = np.array([any(all(stones >> cell & 1 for cell in line) for line in _LINES) for stones in range(512)])
BITS = (np.arange(512)[:, None] >> np.arange(CELLS)) & 1

# CELL_AFTER[symmetry, cell]: where the eight symmetries of the square take each cell; number 0 is the identity. A
# turned board lists, at each place, the cell that came there; its argsort is the inverse: the place each cell goes to.
_square = np.arange(CELLS).reshape(3, 3)
_turns = [np.rot90(board, turn) for board in (_square, _square.T) for turn in range(4)]
CELL_AFTER = np.array([np.argsort(turned.ravel()) for turned in _turns], dtype=np.int32)


class TicTacToe(base.Game):
    """Three in a row wins; a full board without a row is a draw. The start position is a draw."""

    name = "tic-tac-toe"
    version = 1
    state_dtype = np.dtype([("own", "u2"), ("mask", "u2"), ("to_play", "i1"), ("terminal", "?")])
    num_actions = CELLS
    max_legal_actions = CELLS
    max_game_length = CELLS
    observation_shape = (2, 3, 3)  # what a network sees: own stones, the opponent's stones
    num_symmetries = 8  # training data is turned by these; 1, the default, where a board has none
    facets = {
        "notation": "games.tic_tac_toe:TicTacToeNotation",
        "protocols": "games.tic_tac_toe:TicTacToeProtocols",
        "appearance": "games.tic_tac_toe:TicTacToeAppearance",
        "knowledge": "games.tic_tac_toe:TicTacToeKnowledge",
    }

    def initial_states(self, batch: int) -> np.ndarray:
        return np.zeros(batch, dtype=self.state_dtype)

    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        live = ~states["terminal"]
        stone = np.left_shift(1, actions) * live
        mine = states["own"] | stone
        mask = states["mask"] | stone
        won = HAS_LINE[mine] & live
        after = states.copy()
        after["mask"] = mask
        after["own"] = np.where(live, mask ^ mine, states["own"])  # the opponent is to move: `own` are their stones
        after["to_play"] ^= live
        after["terminal"] = ~live | won | (mask == FULL_BOARD)
        discount = np.where(after["terminal"], 0, -1).astype(np.float32)
        return base.Step(after, won.astype(np.float32), discount)

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        free = (BITS[states["mask"]] == 0) & ~states["terminal"][:, None]
        cells = np.where(free, np.arange(CELLS), CELLS)
        cells.sort(axis=1)
        return np.where(cells < CELLS, cells, -1).astype(np.int32), free.sum(axis=1, dtype=np.int32)

    def observe(self, states: np.ndarray) -> np.ndarray:
        own, mask = states["own"], states["mask"]
        planes = np.stack([BITS[own], BITS[mask ^ own]], axis=1)
        return planes.reshape(-1, *self.observation_shape).astype(np.float32)

    def key(self, states: np.ndarray) -> np.ndarray:
        # The side to move follows from the number of stones, so the two sets say all.
        return base.mix64(states["own"].astype(np.uint64) << np.uint64(9) | states["mask"] | np.uint64(1 << 20))

    def symmetric_states(self, states: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        turned = states.copy()
        weights = np.left_shift(1, CELL_AFTER[symmetry])  # [B, 9]: the bit that each cell's stone moves to
        for field in ("own", "mask"):
            turned[field] = (BITS[states[field]] * weights).sum(axis=1)
        return turned

    def symmetric_actions(self, actions: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        return np.where(actions >= 0, CELL_AFTER[symmetry[:, None], actions], -1).astype(np.int32)

    def action_to_string(self, state: np.void, action: int) -> str:
        return str(action + 1)

    def to_string(self, state: np.void) -> str:
        mark = "XO" if state["to_play"] == 0 else "OX"  # marks of the player to move and of the other
        own, mask = int(state["own"]), int(state["mask"])
        cells = [mark[0] if own >> c & 1 else mark[1] if mask >> c & 1 else str(c + 1) for c in range(CELLS)]
        return "\n".join(" " + " | ".join(cells[row : row + 3]) for row in (0, 3, 6))


# What follows is optional: without it, and without `facets` above, the game can be trained, played and rated all the
# same. A larger game has a file for each facet.


class TicTacToeNotation(Notation):
    """Moves are digits written one after the other: "519"."""

    move_separator = ""


class TicTacToeProtocols(Protocols):
    def uci(self) -> drops.DropUciText:
        return drops.DropUciText(self.game, "tictactoe", bits=np.arange(CELLS).reshape(3, 3), in_a_row=3, falls=False)


class TicTacToeAppearance(Appearance):
    """A checkered board whose empty cells show their numbers."""

    seat_names = ("X", "O")
    # By mark, as `board` puts it on cells: the piece's player, name, sign without colour, sign with it, and colour.
    pieces = {"X": Piece(0, "X", "X", "X", "white"), "O": Piece(1, "O", "O", "O", "black")}

    def board(self, state: np.void) -> Board:
        # Rows from the top: what stands on each cell ("" for nothing), what moves call the cell, and its colour.
        marks = self.game.to_string(state).replace("|", "").split()
        names = np.arange(1, CELLS + 1).astype(str).reshape(3, 3).tolist()
        cells = [["" if mark.isdigit() else mark for mark in marks[row : row + 3]] for row in (0, 3, 6)]
        grounds = [[("light", "dark")[(row + column) % 2] for column in range(3)] for row in range(3)]
        return Board(cells, names, grounds, left=[""] * 3, below=[""] * 3, numbered=True)

    def move_in_words(self, state: np.void, actions: Sequence[int]) -> str:
        return f"cell {actions[0] + 1}"


class TicTacToeKnowledge(Knowledge):
    """Exact: the game is small enough to visit every position once."""

    known_results = (KnownResult("47586", 1), KnownResult("415293", 0), KnownResult("123546879", 0.5))

    def exact_action_values(self, states: np.ndarray) -> np.ndarray:
        return _table(self.game).action_values(self.game, states)

    def eval_set(self) -> EvalSet:
        """All 4,520 non-terminal positions that play can reach."""
        table = _table(self.game)
        states = table.states[~table.states["terminal"]]
        stage = np.zeros(len(states), dtype=np.int8)
        return EvalSet(states, table.action_values(self.game, states), stage, ("all",))


@cache
def _table(game: base.Game) -> exhaustive.ValueTable:
    return exhaustive.solve(game)
