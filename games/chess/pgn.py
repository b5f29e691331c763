"""PGN of chess games, read and written by python-chess. Every move is replayed by our rules.

What python-chess lets through unchecked (moves pushed unseen, errors put aside in a list) is checked here, and is said
in one sentence, as `base.IllegalMove`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import chess.pgn
import numpy as np

from games import base
from games.chess import fen
from games.chess.rules import Chess
from games.text import records
from games.text.records import GameRecord

MAX_PGN = 1_000_000  # characters of one game, comments included
_HEADER_OF = {"First": "White", "Second": "Black"}
_OWN_HEADERS = ("Result", "SetUp", "FEN", "Variant")  # said by the record's other fields


class Ply(NamedTuple):
    """One move of a record, and what is said about it."""

    action: int
    comment: str = ""
    nags: tuple[int, ...] = ()  # numeric annotation glyphs: 1 is !, 2 is ?, …


class PgnGame(NamedTuple):
    """A game as a PGN file has it."""

    start: np.ndarray  # [1] state_dtype
    plies: list[Ply]
    headers: dict[str, str]


def write_pgn(
    game: Chess, start: np.ndarray, plies: Sequence[Ply], headers: dict[str, str] | None = None, comment: str = ""
) -> str:
    """The text of one game from `start` [1] on. Raises IllegalMove, naming the ply, for a move that is not legal.

    The result is the position's, unless headers name another (a resignation, say). comment: before the first move.
    """
    tree = chess.pgn.Game()
    tree.comment = comment
    if fen.to_fen(start[0]) != fen.to_fen(game.initial_states(1)[0]):
        board = fen.board_of(start[0])
        board.chess960 = False
        board.chess960 = board.clean_castling_rights() != board.castling_rights
        tree.setup(board)
    node: chess.pgn.GameNode = tree
    states = start
    for number, ply in enumerate(plies, start=1):
        try:
            step = game.play(states[0], ply.action)
        except base.IllegalMove as error:
            raise base.IllegalMove(f"ply {number}: {error}") from None
        node = node.add_variation(fen.move_of(states[0], ply.action), comment=ply.comment, nags=ply.nags)
        states = step.states
    tree.headers["Result"] = fen.result(states[0])
    tree.headers.update(headers or {})
    text: str = tree.accept(chess.pgn.StringExporter(columns=80))
    return f"{text}\n"


def read_pgn(game: Chess, text: str) -> PgnGame:
    """The main line of the first game in `text`, checked move by move by our rules. Variations are passed over.

    Raises IllegalMove for text without a game, a wrong move or position, and a game that goes on after its end.
    """
    if len(text) > MAX_PGN:
        raise base.IllegalMove(f"the text has {len(text)} characters, but one game may have at most {MAX_PGN}.")
    found = _read(game, io.StringIO(text))
    if found is None:
        raise base.IllegalMove(f"there is no chess game in '{base.shorten(text.strip())}'.")
    return found


def _read(game: Chess, text: io.StringIO) -> PgnGame | None:
    """The next game of a text, checked as `read_pgn` says; None where there is none."""
    found: PgnGame | None = chess.pgn.read_game(text, Visitor=_visitor(game))
    if found is None or not (found.plies or found.headers):
        return None
    states = found.start
    for number, ply in enumerate(found.plies, start=1):
        try:
            states = game.play(states[0], ply.action).states
        except base.IllegalMove as error:
            why = "the game had ended before, by mate or a draw by rule" if states["terminal"][0] else str(error)
            raise base.IllegalMove(f"ply {number}: {why}.") from None
    return found


def write_record(game: Chess, record: GameRecord) -> str:
    """PGN; see `Notation.write_record`."""
    plies = [Ply(action, record.comments.get(index, "")) for index, action in enumerate(record.actions)]
    headers = {_HEADER_OF.get(name, name): text for name, text in record.tags.items()}
    if record.result is not None:
        headers["Result"] = records.RESULTS[record.result]
    return write_pgn(game, record.start, plies, headers, record.comments.get(-1, "")) + "\n"


def read_records(game: Chess, text: str) -> list[GameRecord]:
    """See `Notation.read_records`. Raises IllegalMove."""
    stream = io.StringIO(text)
    found: list[GameRecord] = []
    while True:
        try:
            game_read = _read(game, stream)
        except base.IllegalMove as error:
            raise base.IllegalMove(f"game {len(found) + 1}: {error}") from None
        if game_read is None:
            break
        tag_of = {header: tag for tag, header in _HEADER_OF.items()}
        tags = {tag_of.get(name, name): value for name, value in game_read.headers.items() if name not in _OWN_HEADERS}
        comments = {index: ply.comment for index, ply in enumerate(game_read.plies) if ply.comment}
        told = records.points_of(game_read.headers.get("Result", "*"))
        actions = [ply.action for ply in game_read.plies]
        found.append(GameRecord(game_read.start, actions, tags, comments, told))
    if not found:
        raise base.IllegalMove(f"there is no chess game in '{base.shorten(text.strip())}'.")
    return found


def _visitor(game: Chess) -> Any:
    """A visitor for python-chess's parser that gathers a PgnGame and lets no error pass."""

    class Gather(chess.pgn.BaseVisitor):
        def begin_game(self) -> None:
            self.record = PgnGame(game.initial_states(1), [], {})

        def visit_header(self, name: str, value: str) -> None:
            self.record.headers[name] = value

        def end_headers(self) -> None:
            headers = self.record.headers
            variant = headers.get("Variant", "Standard").lower().replace(" ", "")
            chess960 = variant in ("chess960", "fischerandom", "fischerrandom")
            if not chess960 and variant not in ("standard", "chess", "normal", "fromposition"):
                raise base.IllegalMove(f"the game is of the variant '{base.shorten(variant)}', not of chess.")
            if "FEN" in headers:
                self.record = self.record._replace(start=fen.from_fen(game, headers["FEN"], chess960))

        def begin_variation(self) -> Any:
            return chess.pgn.SKIP

        def visit_move(self, board: Any, move: Any) -> None:
            if not move or len(self.record.plies) >= game.max_game_length:
                why = "it is no move" if not move else f"a game has at most {game.max_game_length} plies"
                raise base.IllegalMove(f"ply {len(self.record.plies) + 1}: {why}.")
            self.record.plies.append(Ply(fen.action_of(board, move)))

        def visit_comment(self, comment: str) -> None:
            if self.record.plies:
                last = self.record.plies[-1]
                self.record.plies[-1] = last._replace(comment=f"{last.comment} {comment}".strip())

        def visit_nag(self, nag: int) -> None:
            if self.record.plies:
                last = self.record.plies[-1]
                self.record.plies[-1] = last._replace(nags=(*last.nags, nag))

        def handle_error(self, error: Exception) -> None:
            message = base.shorten(str(error), 100)
            raise base.IllegalMove(f"ply {len(self.record.plies) + 1}: {message}.") from None

        def result(self) -> PgnGame:
            return self.record

    return Gather
