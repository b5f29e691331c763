"""Notation: how moves, positions and whole games are written and read as text. One of the five facets of a game.

The defaults work from the rules alone: moves by `Game.action_to_string`, positions by the moves that lead there, games
in the plain format of `games.text.plain`. A game with a notation of its own subclasses this and names the class in
`Game.facets`. Knows no engine protocol and no drawing.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from games.base import Game, IllegalMove, shorten
from games.text import plain, whole_moves
from games.text.game_reader import Failed
from games.text.records import GameRecord


class Notation:
    """The texts of one game. ``games.facet(game, Notation)`` makes it."""

    move_separator: ClassVar[str] = " "  # between the moves of a game record; "" when every move is one character
    record_suffix: ClassVar[str] = "txt"  # of files with game records
    player_tags: ClassVar[tuple[str, str]] = ("First", "Second")  # in such files, the players of seats 0 and 1
    has_fen: ClassVar[bool] = False  # positions can be given and told as FEN; without it, by the moves that lead there

    def __init__(self, game: Game) -> None:
        self.game = game

    # -- moves -------------------------------------------------------------------------------------------

    def action_from_string(self, state: np.void, text: str) -> int:
        """The action that `text` names. Raises IllegalMove, naming the legal moves, when there is none."""
        legal = self.game.legal_moves(state)
        if text in legal:
            return legal[text]
        if not legal:
            raise IllegalMove(f"'{shorten(text)}' cannot be played: the game is over.")
        near = difflib.get_close_matches(text[:16], legal, 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise IllegalMove(f"'{shorten(text)}' is not a legal move here.{hint} Legal moves: {', '.join(legal)}.")

    def move_names(self, state: np.void) -> dict[str, int]:
        """Legal actions by other names that people know them by, as SAN in chess; none by default."""
        return {}

    def move_to_string(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move: `actions` of one player in a row from `state`, almost always a single one."""
        texts = []
        for action in actions:
            texts.append(self.game.action_to_string(state, action))
            state = self.game.step(np.array([state], dtype=self.game.state_dtype), np.array([action])).states[0]
        return self.move_separator.join(texts)

    def move_in_short(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move as people write it: by its other name where it has one, else as `move_to_string`."""
        if len(actions) == 1:
            for name, action in self.move_names(state).items():
                if action == actions[0]:
                    return name
        return self.move_to_string(state, actions)

    def whole_moves(self, states: np.ndarray) -> dict[str, tuple[int, ...]]:
        """The actions of every whole move from states [1], by its text."""
        legal = whole_moves.legal(self.game, states)
        return {self.move_to_string(states[0], move.actions): move.actions for move in legal}

    def play_text(self, states: np.ndarray, text: str) -> np.ndarray:
        """[1] state_dtype: the position after the move `text` in states [1]. Raises IllegalMove, as
        action_from_string."""
        return self.game.step(states, np.array([self.action_from_string(states[0], text)])).states

    def split(self, moves: str) -> list[str]:
        """The single texts of moves written one after the other: "4453", "1-2 3-4"."""
        return moves.split() if self.move_separator else [text for text in moves if not text.isspace()]

    def state_after(self, moves: str, start: np.ndarray | None = None) -> np.ndarray:
        """[1] state_dtype: the position after moves such as "4453", from `start` [1] or the game's start, also where
        they go on after a draw that nobody claimed. Raises IllegalMove, naming the move."""
        tokens = self.split(moves)
        most = self.game.max_game_length
        if len(tokens) > most:
            raise IllegalMove(f"{len(tokens)} moves were given, but a game has at most {most} plies.")
        states = self.game.initial_states(1) if start is None else start
        for number, token in enumerate(tokens, start=1):
            try:
                states = self.play_text(self.game.unclaimed(states), token)
            except IllegalMove as error:
                raise IllegalMove(f"move {number}: {error}") from None
        return states

    # -- positions ---------------------------------------------------------------------------------------

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype: the position that `text` describes. Raises IllegalMove, saying what is wrong, also for a
        game without FEN."""
        raise IllegalMove(f"positions of {self.game.name} have no FEN; give the moves that lead there instead.")

    def is_position(self, line: str) -> bool:
        """Whether a line of a book looks like a position, right or wrong, and not like moves."""
        return False

    def read_position(self, line: str) -> tuple[np.ndarray, dict[str, str], tuple[str, ...]]:
        """(states [1], what else the line says by name, a sentence for everything that was not taken as it stands) of a
        position in a book. Raises IllegalMove, saying what is wrong."""
        return self.from_fen(line), {}, ()

    def to_fen(self, state: np.void) -> str | None:
        """The position as FEN, or None where there is none for it."""
        return None

    # -- games -------------------------------------------------------------------------------------------

    def record_moves(self, record: GameRecord) -> list[str]:
        """The whole moves of a game as people write them. Raises IllegalMove for one that cannot be played."""
        moves = whole_moves.split(self.game, record.start, record.actions, checked=True)
        return [self.move_in_short(move.before[0], move.actions) for move in moves]

    def record_plies(self, record: GameRecord) -> int:
        """How many moves `record_moves` gives."""
        return sum(1 for _ in whole_moves.split(self.game, record.start, record.actions))

    def write_record(self, record: GameRecord) -> str:
        """The game as text that ends with a newline, in the game's own format. Raises IllegalMove for a game that
        cannot be written so."""
        return plain.write(self, record)

    def read_records(self, text: str) -> list[GameRecord]:
        """The games in a text of that format. Raises IllegalMove, saying which game and move is wrong."""
        return list(self.iterate_records(io.StringIO(text, newline=None)))

    def iterate_records(self, lines: Iterable[str], failed: Failed | None = None) -> Iterator[GameRecord]:
        """The games of a text in that format, one at a time, from its lines with their ends. Raises IllegalMove as
        read_records, after the games before. failed: told of games that cannot be read instead; the others follow."""
        return plain.iterate(self, lines, failed)
