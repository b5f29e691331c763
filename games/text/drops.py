"""UCI notation of games in which stones are dropped on a board, as engines with variants read it.

A move is ``P@d1``, the stone and its square; column a is the left one, row 1 the lowest. In FEN the stones of the
player who begins are P, those of the other p, and the stones still in hand stand in brackets after the board. That is
how Fairy-Stockfish reads and writes such games; what it has to be told about them is in `DropUciText.definition`.
Knows no rules but lines: moves are made by the game.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from games import base

MAX_FEN = 200  # characters; connect four needs 107
_OFF = ("king", "queen", "rook", "bishop", "knight", "pawn")  # pieces of chess that are not there


class DropUciText:
    """A `games.protocols.UciText` for games with the fields `own` and `mask`: squares of the mover and of both."""

    options: Mapping[str, str] = {}  # that an engine must have set for this notation, besides UCI_Variant

    def __init__(self, game: base.Game, variant: str, bits: np.ndarray, in_a_row: int, falls: bool) -> None:
        """bits: [R, C] int, the bit of each square in `own` and `mask`, row 0 the top; falls: stones fall down."""
        self.game, self.variant, self.bits, self.in_a_row, self.falls = game, variant, bits, in_a_row, falls
        self.hands = (bits.size - bits.size // 2, bits.size // 2)  # stones at the start, of seats 0 and 1
        squares = {int(bits[row, column]): (row, column) for row in range(len(bits)) for column in range(bits.shape[1])}
        self._name_of = {bit: "abcdefgh"[column] + str(len(bits) - row) for bit, (row, column) in squares.items()}

    @property
    def definition(self) -> str:
        """The game as a section of a variants file of Fairy-Stockfish, from its version 11 on."""
        rows, columns = self.bits.shape
        lines = [f"{piece} = -" for piece in _OFF]
        lines += ["immobile = p", f"maxRank = {rows}", f"maxFile = {columns}", "pieceDrops = true"]
        lines += [f"dropOnTop = {str(self.falls).lower()}", f"connectN = {self.in_a_row}", "stalemateValue = draw"]
        lines += [f"startFen = {self.to_fen(self.game.initial_states(1)[0])}"]
        return "\n".join([f"[{self.variant}:chess]", *lines, ""])

    def to_fen(self, state: np.void) -> str:
        """The clock counts all stones, as none is ever captured."""
        stones = self._stones(state)
        rows = ["".join(row) for row in np.where(stones[0], "P", np.where(stones[1], "p", "."))]
        for size in range(self.bits.shape[1], 0, -1):
            rows = [row.replace("." * size, str(size)) for row in rows]
        placed = [int(each.sum()) for each in stones]
        hands = "P" * (self.hands[0] - placed[0]) + "p" * (self.hands[1] - placed[1])
        ply = sum(placed)
        return f"{'/'.join(rows)}[{hands}] {'wb'[int(state['to_play'])]} - - {ply} {ply // 2 + 1}"

    def _stones(self, state: np.void) -> tuple[np.ndarray, np.ndarray]:
        """[R, C] bool each: stones of seats 0 and 1."""
        own, mask = int(state["own"]), int(state["mask"])
        words = (own, mask ^ own) if state["to_play"] == 0 else (mask ^ own, own)
        first, second = (np.array([[word >> int(bit) & 1 for bit in row] for row in self.bits], bool) for word in words)
        return first, second

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype. The stones in hand may be left out, and fields after the player to move. Raises IllegalMove,
        saying what is wrong."""
        shown = base.shorten(text)
        fields = text.split() if len(text) <= MAX_FEN and text.isascii() else []
        rest = fields[2:]
        fits = all(word == "-" for word in rest[:2]) and all(word.isdigit() for word in rest[2:])
        if not 2 <= len(fields) <= 6 or fields[1] not in ("w", "b") or not fits:
            example = self.to_fen(self.game.initial_states(1)[0])
            raise base.IllegalMove(f"'{shown}' is not a position; one looks like '{example}'.")
        board, bracket, hands = fields[0].partition("[")
        stones = self._read_board(board, shown)
        to_play = "wb".index(fields[1])
        placed = [int(each.sum()) for each in stones]
        if placed[0] - placed[1] != to_play:
            raise base.IllegalMove(
                f"'{shown}' has {placed[0]} P and {placed[1]} p, which cannot be where {fields[1]} is to move:"
                " they take turns, and P, to whom w belongs, begins."
            )
        left = "P" * (self.hands[0] - placed[0]) + "p" * (self.hands[1] - placed[1])
        if bracket and (not hands.endswith("]") or "".join(sorted(hands[:-1])) != left):
            raise base.IllegalMove(f"'{shown}' has the wrong stones in hand: [{left}] are left.")
        return self._state(stones, to_play, shown)

    def remarks(self, text: str) -> tuple[str, ...]:
        """None: what is not as it should be is refused."""
        return ()

    def _read_board(self, board: str, shown: str) -> tuple[np.ndarray, np.ndarray]:
        """[R, C] bool each: stones of seats 0 and 1."""
        expected = f"{len(self.bits)} rows of {self.bits.shape[1]} squares"
        rows = []
        for text in board.split("/"):
            row = "".join("." * int(mark) if mark in "123456789" else mark for mark in text)
            wrong = row.strip("Pp.") or ("." if "." in text else "")
            if wrong:
                raise base.IllegalMove(f"'{shown}' names '{wrong[0]}', which is no stone; they are P and p.")
            rows.append(row)
        if len(rows) != len(self.bits) or any(len(row) != self.bits.shape[1] for row in rows):
            raise base.IllegalMove(f"'{shown}' does not have {expected}.")
        marks = np.array([list(row) for row in rows])
        return marks == "P", marks == "p"

    def _state(self, stones: tuple[np.ndarray, np.ndarray], to_play: int, shown: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove for stones that play cannot lead to."""
        both = stones[0] | stones[1]
        if self.falls and (both[:-1] & ~both[1:]).any():
            raise base.IllegalMove(f"'{shown}' has a stone with nothing below it.")
        last = stones[1 - to_play]
        won = self._has_line(last)
        if self._has_line(stones[to_play]) or (won and not self._can_be_new(last, both)):
            raise base.IllegalMove(f"'{shown}' was over before its last stone: {self.in_a_row} in a row end the game.")
        states = self.game.initial_states(1)
        states["to_play"], states["terminal"] = to_play, won or both.all()
        states["own"] = sum(1 << int(bit) for bit in self.bits[stones[to_play]])
        states["mask"] = sum(1 << int(bit) for bit in self.bits[both])
        return states

    def _can_be_new(self, stones: np.ndarray, both: np.ndarray) -> bool:
        """Whether one of `stones` can have come last and made every line there is."""
        for row, column in np.argwhere(stones):
            if self.falls and row > 0 and both[row - 1, column]:
                continue
            before = stones.copy()
            before[row, column] = False
            if not self._has_line(before):
                return True
        return False

    def _has_line(self, stones: np.ndarray) -> bool:
        n = self.in_a_row
        rows, columns = stones.shape
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            for row in range(rows - down * (n - 1)):
                for column in range((n - 1) if right < 0 else 0, columns - (n - 1 if right > 0 else 0)):
                    if all(stones[row + down * k, column + right * k] for k in range(n)):
                        return True
        return False

    def move(self, state: np.void, action: int) -> str:
        """ "P@" and the square, for either player."""
        after = self.game.step(np.array([state], dtype=self.game.state_dtype), np.array([action])).states
        stone = int(after["mask"][0]) ^ int(state["mask"])
        return f"P@{self._name_of[stone.bit_length() - 1]}"

    def action(self, state: np.void, text: str) -> int:
        """Raises IllegalMove, naming the legal moves."""
        actions, count = self.game.legal_actions(np.array([state], dtype=self.game.state_dtype))
        legal = {self.move(state, int(action)): int(action) for action in actions[0, : count[0]]}
        if text in legal:
            return legal[text]
        if not legal:
            raise base.IllegalMove(f"'{base.shorten(text)}' cannot be played: the game is over.")
        raise base.IllegalMove(f"'{base.shorten(text)}' is not a legal move here. Legal moves: {', '.join(legal)}.")
