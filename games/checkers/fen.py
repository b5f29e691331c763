"""Checkers positions as one line of text, the FEN of PDN: "B:W21,22,K24:B1,2,K30", the side to move first.

Read as people write it: spaces, small letters, a dot at the end, ranges of squares ("W21-32"), the sides in either
order and counters behind them (":H0:F1") change nothing; a man on the row where it would be crowned is read as a king,
with a warning. A FEN names pieces only: a position read from it has no history, and no piece in the middle of a jump.
"""

from __future__ import annotations

import re

import numpy as np

from games import base
from games.checkers import board, rules

MAX_LENGTH = 400  # characters: 24 pieces with every square named need 100
MAX_PIECES = 12
_PIECE = re.compile(r"(K?)(\d{1,2})(?:-K?(\d{1,2}))?", re.ASCII)
_COUNTER = re.compile(r"[HF]\d{1,5}", re.ASCII)  # plies without a capture, number of the move: not part of a position
_COLOURS = ("Black", "White")


def read(text: str, game: rules.Checkers) -> np.ndarray:
    """[1] state_dtype. Raises IllegalMove, saying in one sentence what is wrong."""
    return parse(text, game)[0]


def parse(text: str, game: rules.Checkers) -> tuple[np.ndarray, list[str]]:
    """[1] state_dtype, and a sentence for everything that was not taken as it stands. Raises IllegalMove as `read`."""
    shown = base.shorten(text)
    to_play, sides = _split(text, shown)
    warnings: list[str] = []
    words = {"own": 0, "other": 0, "kings": 0}
    for player, pieces in enumerate(sides):
        for number, king in _pieces(pieces, shown):
            bit = board.bits([number - 1 if to_play == 0 else board.SQUARES - number])
            if (words["own"] | words["other"]) & bit:
                raise base.IllegalMove(f"'{shown}' has two pieces on square {number}.")
            if not king and number in (range(29, 33) if player == 0 else range(1, 5)):
                warnings.append(f"'{shown}' has a man of {_COLOURS[player]} on square {number}; it is read as a king")
                king = True
            words["own" if player == to_play else "other"] |= bit
            words["kings"] |= bit if king else 0
    for field in ("own", "other"):
        if words[field].bit_count() > MAX_PIECES:
            raise base.IllegalMove(f"'{shown}' has {words[field].bit_count()} pieces of a side; allowed are 12.")
    if not words["own"] | words["other"]:
        raise base.IllegalMove(f"'{shown}' has no pieces.")
    states = game.initial_states(1)
    states["to_play"] = to_play
    for field, word in words.items():
        states[field] = word
    states["terminal"] = game.legal_actions(states)[1] == 0
    return states, warnings


def _split(text: str, shown: str) -> tuple[int, tuple[str, str]]:
    """Who is to move, and the pieces of Black and White."""
    plain = "".join(text.split()).upper().rstrip(".") if len(text) <= MAX_LENGTH else ""
    turn, *parts = plain.split(":")
    while parts and _COUNTER.fullmatch(parts[-1]):
        parts.pop()
    if turn == "?":
        raise base.IllegalMove(f"'{shown}' does not say who is to move; it begins with B or W.")
    sides = {part[:1]: part[1:] for part in parts}
    if turn not in ("B", "W") or len(parts) != 2 or sorted(sides) != ["B", "W"]:
        raise base.IllegalMove(f"'{shown}' is not a position; one looks like B:W21,22,K24:B1,2,K30.")
    return "BW".index(turn), (sides["B"], sides["W"])


def _pieces(text: str, shown: str) -> list[tuple[int, bool]]:
    """(square number, whether a king) of each piece of a side's list such as "21,22,K24" or "21-32"."""
    found = []
    for token in text.split(",") if text else []:
        match = _PIECE.fullmatch(token)
        numbers = [int(match[2]), int(match[3] or match[2])] if match else [0, 0]
        if match is None or not 1 <= numbers[0] <= numbers[1] <= board.SQUARES:
            raise base.IllegalMove(f"'{shown}' names '{base.shorten(token)}', which is not a square from 1 to 32.")
        found += [(number, bool(match[1])) for number in range(numbers[0], numbers[1] + 1)]
    return found


def write(state: np.void) -> str:
    """The position as FEN. Raises ValueError in the middle of a jump, which FEN cannot say."""
    if state["jumper"]:
        raise ValueError("a position in the middle of a jump has no FEN; end the jump first.")
    sides = {"w": "", "b": ""}
    for number, mark in enumerate(rules.marks_of(state), start=1):
        if mark != ".":
            sides[mark.lower()] += f",{'K' if mark.isupper() else ''}{number}"
    return f"{'BW'[int(state['to_play'])]}:W{sides['w'][1:]}:B{sides['b'][1:]}"
