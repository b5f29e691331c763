"""Protocols of checkers: Hub (version 2), as Scan and pydraughts write positions and whole moves.

A position is the side to move, B or W, and one character a square, 1 to 32: b and w men, B and W kings, e empty. A
move is "11-15"; a capture names where it begins and ends and then every piece it takes, in any order: "22x8x17x11".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from games import base
from games.checkers import board, fen, moves, rules
from games.protocols import Protocols

START = "Bbbbbbbbbbbbbeeeeeeeewwwwwwwwwwww"


class CheckersHubText:
    """A `games.protocols.HubText`."""

    variant = "english"  # as pydraughts calls it

    def __init__(self, game: rules.Checkers) -> None:
        self.game = game

    def position(self, state: np.void) -> str:
        """Raises ValueError in the middle of a jump, which Hub cannot say."""
        if state["jumper"]:
            raise ValueError("a position in the middle of a jump cannot be told in Hub; end the jump first.")
        return "BW"[int(state["to_play"])] + "".join(rules.marks_of(state)).replace(".", "e")

    def from_position(self, text: str) -> np.ndarray:
        """[1] state_dtype, without history. Raises IllegalMove, saying what is wrong."""
        if not re.fullmatch(r"[BW][bwBWe]{32}", text):
            raise base.IllegalMove(
                f"'{base.shorten(text)}' is not a position: expected are B or W, who is to move, and 32 squares of"
                f" b, w, B, W or e, such as {START}."
            )
        sides = {"w": "", "b": ""}
        for number, mark in enumerate(text[1:], start=1):
            if mark != "e":
                sides[mark.lower()] += f",{'K' if mark.isupper() else ''}{number}"
        states, changed = fen.parse(f"{text[0]}:W{sides['w'][1:]}:B{sides['b'][1:]}", self.game)
        if changed:  # programs speak Hub, and a program that has such men is wrong about more than them
            raise base.IllegalMove(f"{changed[0].partition(';')[0]}, where it would be a king.")
        return states

    def move(self, state: np.void, actions: Sequence[int]) -> str:
        """The squares of captured pieces in ascending order. Raises IllegalMove for actions that are no whole move."""
        for move in moves.legal(self.game, state):
            if list(move.actions) == list(actions):
                return _written(move, int(state["to_play"]))
        raise base.IllegalMove(f"the actions {list(actions)} are not a whole move here.")

    def actions(self, state: np.void, text: str) -> list[int]:
        """Of captures over the same pieces in another order, which end alike, the first. Raises IllegalMove, naming
        the legal moves."""
        legal: dict[str, list[int]] = {}
        for move in moves.legal(self.game, state):
            legal.setdefault(_written(move, int(state["to_play"])), list(move.actions))
        found = legal.get(_in_order(text))
        if found is not None:
            return found
        if not legal:
            raise base.IllegalMove(f"'{base.shorten(text)}' cannot be played: the game is over.")
        raise base.IllegalMove(f"'{base.shorten(text)}' is not a legal move here. Legal moves: {', '.join(legal)}.")


class CheckersProtocols(Protocols):
    game: rules.Checkers

    def hub(self) -> CheckersHubText:
        return CheckersHubText(self.game)


def _written(move: moves.CheckersMove, to_play: int) -> str:
    if not move.jump:
        return move.ends
    taken = sorted(board.number(board.squares_of(action)[2], to_play) for action in move.actions)
    return "x".join(map(str, [move.squares[0], move.squares[-1], *taken]))


def _in_order(text: str) -> str:
    """The move without leading zeros, which Scan writes, and the squares it takes in ascending order; any other text
    as it is."""
    if not re.fullmatch(r"\d{1,2}(?:-\d{1,2}|(?:x\d{1,2}){2,13})", text, re.ASCII):
        return text
    start, end, *taken = map(int, re.split("[-x]", text))
    return ("x" if taken else "-").join(map(str, [start, end, *sorted(taken)]))
