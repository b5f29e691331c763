"""A slow twin of `games.chess` in obvious Python around python-chess: actions, ends, rewards, planes, draw by draw."""

from __future__ import annotations

from functools import cache

import chess
import numpy as np

MAX_PLIES = 512


@cache
def codes() -> dict[tuple[int, int, int | None], int]:
    """(source, target, underpromotion) → action, counted out on an empty board."""
    numbers: dict[tuple[int, int, int | None], int] = {}
    empty = chess.Board(None)
    for source in chess.SQUARES:
        reached = set()
        for piece in (chess.QUEEN, chess.KNIGHT):
            empty.set_piece_at(source, chess.Piece(piece, chess.WHITE))
            reached |= set(empty.attacks(source))
            empty.remove_piece_at(source)
        for target in sorted(reached):
            numbers[source, target, None] = len(numbers)
    for source in range(chess.A7, chess.H7 + 1):
        for target in range(chess.A8, chess.H8 + 1):
            if abs(chess.square_file(source) - chess.square_file(target)) <= 1:
                for piece in (chess.KNIGHT, chess.BISHOP, chess.ROOK):
                    numbers[source, target, piece] = len(numbers)
    return numbers


class Twin:
    """One game. The board castles in Chess960's way, the king onto his rook, as our actions do."""

    def __init__(self, fen: str = chess.STARTING_FEN) -> None:
        self.board = chess.Board(fen, chess960=True)
        self.past = [self.board.copy(stack=False)]  # every position so far
        self.seen = [0]  # how often each of them stood before

    def actions(self) -> dict[int, chess.Move]:
        """Action → move, empty when the game is over."""
        if self.over():
            return {}
        found = {}
        for move in self.board.legal_moves:
            source, target = move.from_square, move.to_square
            if self.board.turn == chess.BLACK:
                source, target = chess.square_mirror(source), chess.square_mirror(target)
            under = None if move.promotion == chess.QUEEN else move.promotion
            found[codes()[source, target, under]] = move
        return found

    def play(self, move: chess.Move) -> None:
        self.board.push(move)
        times = sum(1 for back in range(2, 101) if self.board.is_repetition(back)) if self.board.is_repetition(2) else 0
        self.past.append(self.board.copy(stack=False))
        self.seen.append(times)

    def over(self) -> bool:
        return not any(self.board.legal_moves) or self.drawn_by_rule()

    def drawn_by_rule(self) -> bool:
        board = self.board
        return (
            board.halfmove_clock >= 100
            or board.is_repetition(3)
            or board.is_insufficient_material()
            or len(board.move_stack) >= MAX_PLIES
        )

    def reward(self) -> float:
        """For the player who moved last."""
        return float(self.board.is_checkmate())

    def planes(self, history_length: int) -> np.ndarray:
        """[14 * history_length + 7, 8, 8]."""
        me = self.board.turn
        planes = np.zeros((14 * history_length + 7, 8, 8), dtype=np.float32)
        for back, (board, times) in enumerate(zip(self.past[::-1], self.seen[::-1], strict=True)):
            if back == history_length:
                break
            for square, piece in board.piece_map().items():
                number = piece.piece_type - 1 + (0 if piece.color == me else 6)
                planes[(14 * back + number, *cell(square, me))] = 1
            planes[14 * back + 12] = times >= 1
            planes[14 * back + 13] = times >= 2
        rest = planes[14 * history_length :]
        for number, (colour, short) in enumerate([(me, True), (me, False), (not me, True), (not me, False)]):
            king = self.board.king(colour)
            rooks = chess.SquareSet(self.board.castling_rights & chess.BB_RANKS[0 if colour else 7])
            rest[number] = any((rook > king) == short for rook in rooks)
        if self.board.has_legal_en_passant():
            rest[(4, *cell(self.board.ep_square, me))] = 1
        rest[5] = len(self.board.move_stack) / MAX_PLIES
        rest[6] = self.board.halfmove_clock / 100
        return planes


def cell(square: int, viewer: bool) -> tuple[int, int]:
    """Row and column of a square in planes whose last row is the viewer's side."""
    rank = chess.square_rank(square)
    return 7 - rank if viewer == chess.WHITE else rank, chess.square_file(square)
