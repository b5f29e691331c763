"""English checkers in obvious Python: the slow twin of `games/checkers`. Shares no code with it.

The board is a dict from (row, column) to "b", "w", "B" or "W" as White sees it, row 0 at the top; Black begins
and walks down. Moves are texts of single plies: "11-15", "22x15".
"""

from __future__ import annotations

from collections import Counter

Cell = tuple[int, int]
DIAGONALS = [(1, -1), (1, 1), (-1, -1), (-1, 1)]


def number_of(cell: Cell) -> int:
    return cell[0] * 4 + cell[1] // 2 + 1


def cell_of(number: int) -> Cell:
    row, place = divmod(number - 1, 4)
    return row, 2 * place + (1 if row % 2 == 0 else 0)


class NaiveCheckers:
    """One game. quiet_plies, occurrences: as in the real one; forced=False makes captures optional: wrong."""

    def __init__(self, quiet_plies: int = 80, occurrences: int = 3, forced: bool = True) -> None:
        self.board: dict[Cell, str] = {}
        for number in range(1, 13):
            self.board[cell_of(number)] = "b"
            self.board[cell_of(33 - number)] = "w"
        self.mover = "b"
        self.jumping: Cell | None = None
        self.quiet_plies, self.occurrences, self.forced = quiet_plies, occurrences, forced
        self.clock = 0
        self.seen = Counter([self.position()])
        self.drawn = False

    @classmethod
    def from_fen(cls, fen: str, **options) -> NaiveCheckers:
        game = cls(**options)
        mover, *sides = fen.split(":")
        game.board = {}
        for side in sides:
            for piece in side[1:].split(",") if side[1:] else []:
                mark = side[0].lower()
                game.board[cell_of(int(piece.lstrip("K")))] = mark.upper() if "K" in piece else mark
        game.mover = mover.lower()
        game.seen = Counter([game.position()])
        return game

    def copy(self) -> NaiveCheckers:
        other = NaiveCheckers.__new__(NaiveCheckers)
        other.__dict__ |= self.__dict__
        other.board, other.seen = dict(self.board), Counter(self.seen)
        return other

    def position(self) -> tuple:
        return self.mover, frozenset(self.board.items())

    def directions(self, piece: str) -> list[Cell]:
        return DIAGONALS if piece.isupper() else DIAGONALS[:2] if piece == "b" else DIAGONALS[2:]

    def reachable(self, cell: Cell, jump: bool) -> list[Cell]:
        found = []
        for down, right in self.directions(self.board[cell]):
            near = cell[0] + down, cell[1] + right
            far = cell[0] + 2 * down, cell[1] + 2 * right
            target = far if jump else near
            inside = 0 <= target[0] < 8 and 0 <= target[1] < 8
            enemy = self.board.get(near, self.mover).lower() != self.mover
            if inside and target not in self.board and (enemy or not jump):
                found.append(target)
        return found

    def texts(self, jump: bool) -> list[str]:
        own = [cell for cell, piece in self.board.items() if piece.lower() == self.mover]
        pieces = own if self.jumping is None else [self.jumping]
        sign = "x" if jump else "-"
        return [f"{number_of(a)}{sign}{number_of(b)}" for a in pieces for b in self.reachable(a, jump)]

    def moves(self) -> list[str]:
        """Whatever the draw rules say."""
        jumps = self.texts(jump=True)
        if self.jumping is not None or (jumps and self.forced):
            return jumps
        return jumps + self.texts(jump=False)

    def legal(self) -> list[str]:
        return [] if self.drawn else self.moves()

    def winner(self) -> str | None:
        return None if self.moves() else "w" if self.mover == "b" else "b"

    def over(self) -> bool:
        return not self.legal()

    def play(self, text: str) -> None:
        jump = "x" in text
        start, end = (cell_of(int(number)) for number in text.replace("x", "-").split("-"))
        piece = self.board.pop(start)
        if jump:
            del self.board[(start[0] + end[0]) // 2, (start[1] + end[1]) // 2]
        crowned = piece.islower() and end[0] == (7 if piece == "b" else 0)
        self.board[end] = piece.upper() if crowned else piece
        irreversible = jump or piece.islower()
        self.clock = 0 if irreversible else self.clock + 1
        if irreversible:
            self.seen.clear()
        self.jumping = None
        if jump and not crowned and self.reachable(end, jump=True):
            self.jumping = end
            return
        self.mover = "w" if self.mover == "b" else "b"
        self.seen[self.position()] += 1
        repeated = self.occurrences and self.seen[self.position()] >= self.occurrences
        self.drawn = bool(self.moves()) and bool(repeated or self.clock >= self.quiet_plies)

    def planes(self) -> list[list[list[float]]]:
        """The six planes that are not the clock's, as `observe` has them: rows from the mover's own."""
        kinds = [self.mover, self.mover.upper(), *("w", "W")] if self.mover == "b" else ["w", "W", "b", "B"]
        planes = [[[0.0] * 8 for _ in range(8)] for _ in range(6)]
        for cell, piece in self.board.items():
            row, column = cell if self.mover == "b" else (7 - cell[0], 7 - cell[1])
            planes[kinds.index(piece)][row][column] = 1.0
            if cell == self.jumping:
                planes[4][row][column] = 1.0
        if self.seen[self.position()] > 1:
            planes[5] = [[1.0] * 8 for _ in range(8)]
        return planes


def perft(game: NaiveCheckers, depth: int) -> int:
    """Whole moves, every path counted."""
    if depth == 0:
        return 1
    total = 0
    for text in game.moves():
        after = game.copy()
        after.play(text)
        total += perft(after, depth - (after.jumping is None))
    return total
