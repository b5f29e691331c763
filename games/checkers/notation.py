"""Notation of checkers: whole jumps as one move, FEN, PDN. The parsing is in `moves.py`, `fen.py` and `pdn`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from games.checkers import fen, moves, rules
from games.checkers.pdn import reader, writer
from games.notation import Notation
from games.text.game_reader import Failed
from games.text.records import GameRecord


class CheckersNotation(Notation):
    game: rules.Checkers
    record_suffix = "pdn"
    player_tags = ("Black", "White")
    has_fen = True

    def play_text(self, states: np.ndarray, text: str) -> np.ndarray:
        """PDN: a jump over several pieces is one move ("22x15x8", or "22x8" where that is clear) or several plies
        ("22x15 15x8")."""
        return moves.resolve(self.game, states[0], text).states

    def move_to_string(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move: "11-15", "22x15x8"."""
        texts = [self.game.action_to_string(state, action) for action in actions]
        return "x".join([texts[0], *(text.partition("x")[2] for text in texts[1:])])

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype: PDN's FEN, such as "B:W21,22,K24:B1,2,K30"; see `fen.py`."""
        return fen.read(text, self.game)

    def is_position(self, line: str) -> bool:
        return line[:1].upper() in ("B", "W", "?") and ":" in line[1:3]

    def read_position(self, line: str) -> tuple[np.ndarray, dict[str, str], tuple[str, ...]]:
        states, warnings = fen.parse(line, self.game)
        return states, {}, tuple(warnings)

    def to_fen(self, state: np.void) -> str | None:
        """PDN's FEN; None in the middle of a jump."""
        return None if state["jumper"] else fen.write(state)

    def record_moves(self, record: GameRecord) -> list[str]:
        """A jump by its ends where they are enough."""
        return writer.move_texts(self.game, record.start, record.actions)

    def write_record(self, record: GameRecord) -> str:
        """PDN."""
        return writer.write(self.game, record)

    def iterate_records(self, lines: Iterable[str], failed: Failed | None = None) -> Iterator[GameRecord]:
        """PDN."""
        return reader.iterate(lines, self.game, failed)
