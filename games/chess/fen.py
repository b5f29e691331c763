"""FEN and SAN of chess, by python-chess: positions and moves as text. Knows no records.

python-chess parses and writes; positions that it lets through although they cannot be are refused here. Whatever is
wrong with a text is said in one sentence, as `base.IllegalMove`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import chess
import numpy as np

from games import base
from games.chess import geometry
from games.chess.rules import Chess

MAX_FEN = 120  # characters; the longest sensible one has about 90
MAX_EPD = 4000  # characters, operations included
MAX_MOVE_NUMBER = 9999
MAX_CLOCK = 250  # the record of a position has one byte for it

_UPSIDE_DOWN = 56
_COUNTER = re.compile(r"-|\d{1,6}", re.ASCII)
_COUNTERS = re.compile(r"(?:-|\d{1,6})(?:\s+(?:-|\d{1,6}))?\s*;?\s*", re.ASCII)
(
    _OPERATION,
    _OPERATION_UNESCAPED,
) = (  # of EPD, with \" in strings as people write them, or without as its standard has it
    re.compile(rf'([A-Za-z]\w{{0,14}})((?:\s+(?:"{string}"|[^\s";]+))*)\s*(?:;|$)', re.ASCII)
    for string in (r'(?:[^"\\]|\\.)*+', '[^"]*+')
)
_ESCAPE = re.compile(r'\\(["\\])')
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
    "TOO_MANY_CHECKERS": "more pieces give check than one move can make",
    "IMPOSSIBLE_CHECK": "no last move can have given this check",
}


# Positions


class Position(NamedTuple):
    """A position that was read."""

    states: np.ndarray  # [1] state_dtype
    warnings: tuple[str, ...]  # what was read otherwise than it stands, a sentence each
    operations: dict[str, str]  # of EPD, by opcode: {"bm": "Nf3", "id": "a name"}


def from_fen(game: Chess, text: str, chess960: bool = False) -> np.ndarray:
    """[1] state_dtype. Raises IllegalMove, saying what is wrong, for text that is no FEN or no possible position."""
    return parse(game, text, chess960).states


def parse(game: Chess, text: str, chess960: bool = False) -> Position:
    """A position from FEN or EPD as people write it. Counters may be missing, castling letters stand in any order, and
    rights that no king and rook have, or an en passant square that no pawn has passed, are dropped with a warning.

    Castling rights of Chess960 are told by their letters and by kings that are not on file e. chess960: letters KQkq
    mean the outermost rooks also for kings on file e. Raises IllegalMove as `from_fen`.
    """
    shown = base.shorten(text)
    fields = text.split() if len(text) <= MAX_EPD and text.isascii() else []
    fields, operations = _split(fields, text)
    if not 2 <= len(fields) <= 6 or sum(map(len, fields)) > MAX_FEN:
        raise base.IllegalMove(
            f"'{shown}' is no FEN: that has two to six fields (pieces, side to move, castling, en passant, clock,"
            f" move number) and at most {MAX_FEN} characters."
        )
    warnings = [] if len(fields) >= 4 else ["castling rights and en passant are not given; there are none"]
    pieces, turn, castling, en_passant, clock, number = [*fields, *("-", "-", "0", "1")[len(fields) - 2 :]]
    try:
        board = chess.Board(f"{pieces} {turn} - - 0 1", chess960=True)
        board.halfmove_clock = _counter(operations.get("hmvc", clock), "clock", 0)
        board.fullmove_number = _counter(operations.get("fmvn", number), "move number", 1)
    except ValueError as error:
        raise base.IllegalMove(f"'{shown}' is no FEN: {base.shorten(str(error), 100)}.") from None
    fault = _fault(board)
    if fault:
        raise base.IllegalMove(f"'{shown}' is not a possible position: {fault}.")
    warnings += _set_castling(board, castling, chess960, shown) + _set_en_passant(board, en_passant, shown)
    if board.halfmove_clock > MAX_CLOCK:
        warnings.append(f"the clock {board.halfmove_clock} is read as {MAX_CLOCK}")
        board.halfmove_clock = MAX_CLOCK
    return Position(_settled(game, board), tuple(warnings), operations)


def _split(fields: list[str], text: str) -> tuple[list[str], dict[str, str]]:
    """The fields of a FEN, and the operations that stand behind the first four, or all six, where it is EPD."""
    if len(fields) > 4 and (";" in text or not _COUNTER.fullmatch(fields[4])):
        first = 6 if len(fields) > 6 and all(_COUNTER.fullmatch(field) for field in fields[4:6]) else 4
        rest = text.split(None, first)[first]
        if first == 4 and _COUNTERS.fullmatch(rest):
            return [*fields[:4], *rest.rstrip("; \t\r\n").split()], {}
        for operation in (_OPERATION, _OPERATION_UNESCAPED):
            found = {name: _operand(value.strip()) for name, value in operation.findall(rest)}
            if found and not operation.sub("", rest).strip(" ;\t\r\n"):
                return fields[:first], found
        raise base.IllegalMove(
            f"'{base.shorten(rest)}' is neither counters nor operations of EPD such as 'hmvc 0; fmvn 1;'."
        )
    if fields:
        fields[-1] = fields[-1].removesuffix(";")
    return [field for field in fields if field], {}


def _operand(text: str) -> str:
    """What an operation of EPD says: a string without its quotes and escapes, anything else as it stands."""
    if not re.fullmatch(r'"(?:[^"\\]|\\.)*+"', text):
        return text.strip('"')
    return _ESCAPE.sub(r"\1", text[1:-1])


def _counter(text: str, what: str, least: int) -> int:
    if text == "-":
        return least
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"its {what} is '{base.shorten(text)}', and no number")
    return max(least, int(text))


def _set_castling(board: Any, letters: str, chess960: bool, shown: str) -> list[str]:
    """Gives the rights to a board [in place]; a sentence where there are none for a letter. Raises IllegalMove."""
    wrong = "" if letters == "-" else letters.strip("KQkqABCDEFGHabcdefgh")
    if wrong or not letters:
        raise base.IllegalMove(f"'{shown}' is no FEN: '{base.shorten(letters)}' are no castling rights such as KQkq.")
    dropped = ""
    for letter in dict.fromkeys(letters.replace("-", "")):
        rook = _rook_of(board, letter, chess960)
        if rook is None:
            dropped += letter
        else:
            board.castling_rights |= 1 << rook
    return [f"no king and rook can castle by the right {dropped}, which is dropped"] if dropped else []


def _rook_of(board: Any, letter: str, chess960: bool) -> int | None:
    """The square of the rook that a castling letter means; None where king or rook are not there."""
    white = letter.isupper()
    first = 0 if white else 56
    king = board.king(white)
    if king is None or not first < king < first + 7:
        return None
    rooks = [square for square in board.pieces(chess.ROOK, white) if first <= square < first + 8]
    if letter in "KQkq":
        side = [square for square in rooks if (square > king) == (letter in "Kk")]
        if king == first + 4 and not chess960:
            side = [square for square in side if square in (first, first + 7)]
        return max(side, key=lambda square: abs(square - king), default=None)
    named = first + "abcdefgh".index(letter.lower())
    return named if named in rooks and named != king else None


def _set_en_passant(board: Any, square: str, shown: str) -> list[str]:
    """Sets the square on a board [in place]; a sentence where no pawn can have passed it. Raises IllegalMove."""
    if square == "-":
        return []
    if square not in chess.SQUARE_NAMES:
        raise base.IllegalMove(f"'{shown}' is no FEN: '{base.shorten(square)}' is no en passant square such as e3.")
    board.ep_square = chess.parse_square(square)
    if not board.status() & (chess.STATUS_INVALID_EP_SQUARE | chess.STATUS_IMPOSSIBLE_CHECK):
        return []
    board.ep_square = None
    return [f"no pawn can just have passed the en passant square {square}, which is dropped"]


def _settled(game: Chess, board: Any) -> np.ndarray:
    """[1] state_dtype: the position, over where there is no move or too little material: draws by the clock have to be
    claimed, and a position that somebody asks about goes on."""
    states = _state_of(game, board)
    clock, states["clock"] = states["clock"].copy(), 0
    states = game.settled(states)
    states["clock"] = clock
    return states


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
