"""FEN and SAN of chess, by python-chess: positions and moves as text. Knows no records.

python-chess parses and writes; positions that it lets through although they cannot be are refused here. Whatever is
wrong with a text is said in one sentence, as `base.IllegalMove`.
"""

from __future__ import annotations

from typing import Any

import chess
import numpy as np

from games import base
from games.chess import geometry
from games.chess.rules import Chess

MAX_FEN = 120  # characters; the longest sensible one has about 90
MAX_MOVE_NUMBER = 9999
MAX_CLOCK = 100

_UPSIDE_DOWN = 56
_FAULTS = {  # python-chess's names of what it finds, in the order in which they are told
    "EMPTY": "the board is empty",
    "NO_WHITE_KING": "white has no king",
    "NO_BLACK_KING": "black has no king",
    "TOO_MANY_KINGS": "a side has more than one king",
    "TOO_MANY_WHITE_PAWNS": "white has more than eight pawns",
    "TOO_MANY_BLACK_PAWNS": "black has more than eight pawns",
    "PAWNS_ON_BACKRANK": "a pawn stands on the first or last rank",
    "TOO_MANY_WHITE_PIECES": "white has more than sixteen pieces",
    "TOO_MANY_BLACK_PIECES": "black has more than sixteen pieces",
    "OPPOSITE_CHECK": "the side that is not to move is in check",
    "BAD_CASTLING_RIGHTS": "it lets a king castle that is not at home, or with a rook that is not there",
    "INVALID_EP_SQUARE": "no pawn can just have passed its en passant square",
    "TOO_MANY_CHECKERS": "more pieces give check than one move can make",
    "IMPOSSIBLE_CHECK": "no last move can have given this check",
}


# Positions


def from_fen(game: Chess, text: str, chess960: bool = False) -> np.ndarray:
    """[1] state_dtype. Raises IllegalMove, saying what is wrong, for text that is no FEN or no possible position.

    chess960: castling rights may belong to kings and rooks of any file (X-FEN or Shredder-FEN).
    """
    shown = base.shorten(text)
    if len(text) > MAX_FEN or not text.isascii() or not 4 <= len(text.split()) <= 6:
        raise base.IllegalMove(
            f"'{shown}' is no FEN: that has four to six fields (pieces, side to move, castling, en passant, clock,"
            f" move number) and at most {MAX_FEN} characters."
        )
    try:
        board = chess.Board(" ".join(text.split()), chess960=chess960)
    except ValueError as error:
        raise base.IllegalMove(f"'{shown}' is no FEN: {base.shorten(str(error), 100)}.") from None
    fault = _fault(board)
    if fault:
        raise base.IllegalMove(f"'{shown}' is not a possible position: {fault}.")
    return game.settled(_state_of(game, board))


def _fault(board: Any) -> str | None:
    """What keeps a board from being a position of chess, or None."""
    status = board.status()
    for name, fault in _FAULTS.items():
        if status & getattr(chess, f"STATUS_{name}"):
            return fault
    if status:
        return f"python-chess says {status!r}"
    for colour, name in ((True, "white"), (False, "black")):
        count = [len(board.pieces(kind, colour)) for kind in range(1, 6)]
        promoted = sum(max(n - start, 0) for n, start in zip(count[1:], (2, 2, 2, 1), strict=True))
        if promoted > 8 - count[0]:
            return f"{name} has more promoted pieces than missing pawns"
    if board.halfmove_clock > MAX_CLOCK:
        return f"its clock is {board.halfmove_clock}, but the game is drawn after {MAX_CLOCK} plies"
    if not 1 <= board.fullmove_number <= MAX_MOVE_NUMBER:
        return f"its move number is {board.fullmove_number}, but must be 1 to {MAX_MOVE_NUMBER}"
    return None


def _state_of(game: Chess, board: Any) -> np.ndarray:
    """[1] state_dtype, without history; `terminal` is not set."""
    state = np.zeros(1, dtype=game.state_dtype)
    words = {
        "own": board.occupied_co[board.turn], "pawns": board.pawns, "knights": board.knights,
        "diagonals": board.bishops | board.queens, "straights": board.rooks | board.queens, "kings": board.kings,
        "castling": board.clean_castling_rights(),
        "en_passant": 1 << board.ep_square if board.has_legal_en_passant() else 0,
    }  # fmt: skip
    for name, word in words.items():
        state[name] = word if board.turn else _turned(word)
    state["clock"], state["first_move"], state["to_play"] = board.halfmove_clock, board.fullmove_number, not board.turn
    return state


def _turned(word: int) -> int:
    """A set of squares upside down."""
    return int.from_bytes(word.to_bytes(8, "little"), "big")


def board_of(state: np.void) -> Any:
    """The position as a python-chess board, without its past moves."""
    board = chess.Board(None, chess960=True)
    white = not state["to_play"]
    names = ("own", "pawns", "knights", "diagonals", "straights", "kings", "castling", "en_passant")
    words = {name: int(state[name]) if white else _turned(int(state[name])) for name in names}
    board.turn = white
    board.pawns, board.knights, board.kings = words["pawns"], words["knights"], words["kings"]
    board.queens = words["diagonals"] & words["straights"]
    board.bishops, board.rooks = words["diagonals"] ^ board.queens, words["straights"] ^ board.queens
    board.occupied = words["pawns"] | words["knights"] | words["diagonals"] | words["straights"] | words["kings"]
    board.occupied_co[white], board.occupied_co[not white] = words["own"], board.occupied ^ words["own"]
    board.castling_rights = words["castling"]
    board.ep_square = words["en_passant"].bit_length() - 1 if words["en_passant"] else None
    board.halfmove_clock = int(state["clock"])
    ply, to_play = int(state["ply"]), int(state["to_play"])
    started = (to_play ^ ply) & 1  # who moved first in this game
    board.fullmove_number = int(state["first_move"]) + (ply + started) // 2
    return board


def to_fen(state: np.void) -> str:
    """FEN with the en passant square only where a capture is legal; castling letters as in X-FEN."""
    fen: str = board_of(state).fen()
    return fen


def result(state: np.void) -> str:
    """1-0, 0-1, 1/2-1/2, or * while the game goes on."""
    if not state["terminal"]:
        return "*"
    if board_of(state).is_checkmate():
        return "1-0" if state["to_play"] else "0-1"
    return "1/2-1/2"


# Moves


def move_of(state: np.void, action: int) -> Any:
    """python-chess's move; castling is the king's move onto its rook."""
    source, target, promotion = map(int, geometry.MOVE[action])
    arrives = int(state["pawns"]) >> source & 1 and target >= 56
    turn = _UPSIDE_DOWN if state["to_play"] else 0
    pieces = (5, 2, 3, 4)  # queen, knight, bishop, rook in python-chess
    return chess.Move(source ^ turn, target ^ turn, pieces[promotion] if arrives else None)


def action_of(board: Any, move: Any) -> int:
    """The code of a legal move."""
    target = move.to_square
    if board.is_castling(move) and not board.rooks >> target & 1:
        target += 1 if target > move.from_square else -2  # usual castling, written as the king's two-square move
    turn = 0 if board.turn else _UPSIDE_DOWN
    promotion = {None: 0, 5: 0, 2: 1, 3: 2, 4: 3}[move.promotion]
    return int(geometry.CODE[promotion, move.from_square ^ turn, target ^ turn])


def san(state: np.void, action: int) -> str:
    """The legal action in standard algebraic notation, with + or #."""
    text: str = board_of(state).san(move_of(state, action))
    return text


def san_moves(game: Chess, state: np.void) -> dict[str, int]:
    """Legal actions by their SAN."""
    board = board_of(state)
    return {board.san(move_of(state, action)): action for action in game.legal_moves(state).values()}


def action_from_san(game: Chess, state: np.void, text: str) -> int:
    """Raises IllegalMove, naming the legal moves, when `text` is not one of them."""
    if state["terminal"]:
        raise base.IllegalMove(f"'{base.shorten(text)}' cannot be played: the game is over.")
    board = board_of(state)
    try:
        move = board.parse_san(text) if len(text) <= 16 and text.isascii() else None
    except ValueError:
        move = None
    if not move:  # python-chess also takes "--", a move that moves nothing
        legal = ", ".join(sorted(board.san(each) for each in board.legal_moves))
        raise base.IllegalMove(f"'{base.shorten(text)}' is not a legal move here. Legal moves: {legal}.")
    return action_of(board, move)
