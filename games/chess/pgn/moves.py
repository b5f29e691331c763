"""Texts of moves in PGN, in all the ways people write them, and the legal actions that they name.

Standard algebraic notation, with more or less disambiguation than is needed; long algebraic ("Ng1-f3", "e2e4"), which
UCI is a case of; castling with letters or zeros. Knows the rules, no records.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from games import base
from games.chess import fen, geometry
from games.chess.rules import Chess

_FIGURES = str.maketrans("\u2654\u2655\u2656\u2657\u2658\u2659\u265a\u265b\u265c\u265d\u265e\u265f", "KQRBNPKQRBNP")
_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-") | {"\u2020": "+", "\u2021": "#"}
)
_MOVE = re.compile(
    r"""(?: (?P<castling> [O0o]-[O0o](?:-[O0o])? )
          | (?P<piece>[KQRBNP])? (?P<file>[a-h])? (?P<rank>[1-8])? [-x:\u00d7]? (?P<target>[a-h][1-8])
            [=/(]*+ (?P<promotion>[QRBNqrbn])? \)? )
        (?:e\.?p\.?)? (?P<check>[+#]*)""",
    re.VERBOSE,
)
_KINDS = {"P": 1, "N": 2, "B": 3, "R": 4, "K": 5, "Q": 7}  # as in history.kind_at
_PROMOTIONS = {"Q": 0, "N": 1, "B": 2, "R": 3}  # geometry's numbers
_TARGET = geometry.MOVE[:, 1]
_MOVES: list[tuple[int, int, int]] = [tuple(move) for move in geometry.MOVE.tolist()]
_FIELDS = (("pawns", 1), ("knights", 2), ("diagonals", 3), ("straights", 4), ("kings", 5))


class Found(NamedTuple):
    """What a text names."""

    action: int
    check: str  # the marks behind it: "", "+" or "#"
    warning: str = ""  # how it was read otherwise than it stands


def resolve(game: Chess, states: np.ndarray, text: str) -> Found:
    """The legal action that `text` names in states [1]. Raises IllegalMove, saying why there is none."""
    state = states[0]
    parts = _MOVE.fullmatch(text.translate(_FIGURES).translate(_SIGNS))
    if parts is None:
        raise base.IllegalMove(f"'{base.shorten(text)}' is no move.")
    legal, count = game.legal_actions(states)
    actions = legal[0, : count[0]]
    turn = 56 if state["to_play"] else 0
    check = parts["check"] or ""
    if parts["castling"]:
        return Found(_castling(state, actions, len(parts["castling"]) == 3, text), check)
    target = _square(parts["target"]) ^ turn
    found = [int(action) for action in actions[_TARGET[actions] == target]]
    fits = [action for action in found if _fits(state, action, parts, turn)]
    if not fits:
        castled = _castled_by_king(state, actions, parts, turn)
        if castled is None:
            raise base.IllegalMove(_illegal(game, state, text))
        return Found(castled, check)
    sources = {_MOVES[action][0] for action in fits}
    if len(sources) > 1:
        names = " or ".join(fen.san(state, action) for action in fits[:4])
        raise base.IllegalMove(f"'{base.shorten(text)}' can mean {names}.")
    return _promoted(state, fits, parts["promotion"], text, check)


def _square(name: str) -> int:
    return ord(name[0]) - 97 + 8 * (ord(name[1]) - 49)


def _kind(state: np.void, square: int) -> int:
    return sum(value for name, value in _FIELDS if int(state[name]) >> square & 1)


def _fits(state: np.void, action: int, parts: re.Match, turn: int) -> bool:
    """Whether an action with the right target is by the piece, and from the file and rank, that the text names."""
    source = _MOVES[action][0]
    file, rank, piece = parts["file"], parts["rank"], parts["piece"]
    if file and source & 7 != ord(file) - 97:
        return False
    if rank and (source ^ turn) >> 3 != ord(rank) - 49:
        return False
    if piece == "P" and not (file and rank):
        return False  # a knight in Dutch
    if piece is None and file and rank:
        return True
    if _kind(state, source) != _KINDS[piece or "P"]:
        return False
    return piece != "K" or not int(state["own"]) >> _MOVES[action][1] & 1  # the king onto its rook is castling


def _promoted(state: np.void, fits: list[int], promotion: str | None, text: str, check: str) -> Found:
    """One of the actions of a piece to a square: the one with the right promotion."""
    source, target, _ = _MOVES[fits[0]]
    arrives = int(state["pawns"]) >> source & 1 and target >= 56
    if not arrives:
        if promotion:
            raise base.IllegalMove(f"'{base.shorten(text)}' names a promotion, but no pawn arrives there.")
        return Found(fits[0], check)
    wanted = _PROMOTIONS[(promotion or "Q").upper()]
    action = next(action for action in fits if _MOVES[action][2] == wanted)
    return Found(action, check, "" if promotion else "names no piece, and is read as a queen's promotion")


def _castling(state: np.void, actions: np.ndarray, short: bool, text: str) -> int:
    own, kings = int(state["own"]), int(state["kings"])
    for action in actions.tolist():
        source, target, _ = _MOVES[action]
        if kings >> source & 1 and own >> target & 1 and (target > source) == short:
            return int(action)
    raise base.IllegalMove(f"'{base.shorten(text)}' cannot be played: castling is not possible here.")


def _castled_by_king(state: np.void, actions: np.ndarray, parts: re.Match, turn: int) -> int | None:
    """Castling that is written as the king's move over two squares or more ("e1g1", "Ke1-g1")."""
    if parts["piece"] not in (None, "K") or not (parts["file"] and parts["rank"]):
        return None
    source = _square(parts["file"] + parts["rank"]) ^ turn
    target = _square(parts["target"]) ^ turn
    if not int(state["own"]) & int(state["kings"]) >> source & 1 or source >> 3 != target >> 3:
        return None
    if abs(source - target) < 2:
        return None
    try:
        return _castling(state, actions, target > source, "")
    except base.IllegalMove:
        return None


def _illegal(game: Chess, state: np.void, text: str) -> str:
    shown = base.shorten(text)
    if not game.legal_actions(np.array([state]))[1][0]:
        return f"'{shown}' cannot be played: the game is over."
    legal = fen.san_moves(game, state)
    target = text.rstrip("+#")[-2:]
    near = [name for name in legal if name[0] == text[0]] or [name for name in legal if target in name]
    names = near or list(legal)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return (
        f"'{shown}' is not a legal move here. Legal moves{' like it' if near else ''}: {', '.join(names[:12])}{more}."
    )


def wrong_check(states: np.ndarray, mated: bool, check: str) -> bool:
    """Whether marks of check or mate stand behind a move that leads to states [1] without giving it."""
    if not check or mated:
        return False
    return "#" in check or not fen.board_of(states[0]).is_check()
