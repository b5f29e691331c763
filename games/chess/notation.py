"""Notation of chess: moves in UCI and SAN, positions as FEN, games as PGN. The parsing is in `fen.py` and `pgn`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from games.chess import fen, geometry, rules
from games.chess.pgn import reader, writer
from games.notation import Notation
from games.text.game_reader import Failed
from games.text.records import GameRecord


class ChessNotation(Notation):
    game: rules.Chess
    record_suffix = "pgn"
    player_tags = ("White", "Black")
    has_fen = True

    def action_from_string(self, state: np.void, text: str) -> int:
        """Takes UCI, with either way to write castling."""
        king = (int(state["own"]) & int(state["kings"])).bit_length() - 1
        for rook in range(8):
            if int(state["castling"]) >> rook & 1:
                castling = int(geometry.CODE[geometry.NO_PROMOTION, king, rook])
                if text in (self.game.uci(state, castling, chess960=True), self.game.uci(state, castling)):
                    text = self.game.action_to_string(state, castling)
        return super().action_from_string(state, text)

    def move_names(self, state: np.void) -> dict[str, int]:
        """SAN."""
        return fen.san_moves(self.game, state)

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype; see `fen.from_fen`."""
        return fen.from_fen(self.game, text, self.game.chess960)

    def is_position(self, line: str) -> bool:
        return line.partition(" ")[0].count("/") >= 6

    def read_position(self, line: str) -> tuple[np.ndarray, dict[str, str], tuple[str, ...]]:
        """FEN or EPD, with the operations of EPD."""
        position = fen.parse(self.game, line, self.game.chess960)
        return position.states, position.operations, position.warnings

    def to_fen(self, state: np.void) -> str:
        return fen.to_fen(state)

    def record_moves(self, record: GameRecord) -> list[str]:
        """SAN."""
        return writer.move_texts(self.game, record)

    def record_plies(self, record: GameRecord) -> int:
        return len(record.actions)

    def write_record(self, record: GameRecord) -> str:
        """PGN."""
        return writer.write(self.game, record)

    def iterate_records(self, lines: Iterable[str], failed: Failed | None = None) -> Iterator[GameRecord]:
        """PGN, main lines."""
        return reader.iterate(lines, self.game, failed)
