"""Games written as PGN: the seven tags that every file has, other tags, moves in standard algebraic notation.

Games that were read from a file keep their tags as they were. Draws that nobody claimed end no game here either.
"""

from __future__ import annotations

import re
import textwrap

import numpy as np

from games import base
from games.chess import fen, rules
from games.chess.pgn import movetext
from games.text import glyphs, records
from games.text.records import GameRecord

WIDTH = 79  # characters of a line, where no comment needs more
_HEADER_OF = {"First": "White", "Second": "Black"}
_ROSTER = {"Event": "?", "Site": "?", "Date": "????.??.??", "Round": "?", "White": "?", "Black": "?"}
_JOINED = "\xa0"  # stands for a space at which no line ends


def write(game: rules.Chess, record: GameRecord) -> str:
    """See `Notation.write_record`. Raises IllegalMove, naming the ply, for a move that is not legal, and for tags that
    PGN has no way to say."""
    texts, end = _moves(game, record)
    by_rule = None if record.line else fen.result(end[0])
    result = by_rule if record.result is None and by_rule else records.RESULTS[record.result]
    lines = [_tag(name, value) for name, value in _tags(game, record, result).items()]
    wrapped = textwrap.wrap(" ".join([*texts, result]), WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, "", *wrapped, "", ""]).replace(_JOINED, " ")


def _tags(game: rules.Chess, record: GameRecord, result: str) -> dict[str, str]:
    tags = {_HEADER_OF.get(name, name): str(text) for name, text in record.tags.items()}
    if not record.line:
        tags = _ROSTER | {"Result": result} | tags
    if "Result" in tags:
        tags["Result"] = result
    initial = game.initial_states(1)
    if fen.to_fen(record.start[0]) != fen.to_fen(initial[0]):
        board = fen.board_of(record.start[0])
        board.chess960 = False
        if board.clean_castling_rights() != board.castling_rights:
            tags.setdefault("Variant", "Chess960")
        if not _means(game, tags, record.start):
            tags |= {"SetUp": "1", "FEN": fen.to_fen(record.start[0])}
    else:
        tags = {name: text for name, text in tags.items() if name not in ("FEN", "SetUp")} if not record.line else tags
    return tags


def _means(game: rules.Chess, tags: dict[str, str], start: np.ndarray) -> bool:
    """Whether the tag FEN is there and says what it should, without a warning."""
    try:
        found = fen.parse(game, tags.get("FEN", ""), "Variant" in tags)
    except base.IllegalMove:
        return False
    return not found.warnings and fen.to_fen(found.states[0]) == fen.to_fen(start[0])


def _tag(name: str, value: str) -> str:
    if not re.fullmatch(r"[^\W_]\w{0,63}", name):
        raise base.IllegalMove(f"'{base.shorten(name)}' is no name for a tag: letters, digits and _ only.")
    escaped = " ".join(value.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'[{name} "{escaped}"]'


def move_texts(game: rules.Chess, record: GameRecord) -> list[str]:
    """The moves alone. Raises IllegalMove, naming the ply, for one that is not legal."""
    return movetext.written(game, record.start, record.actions)[0]


def _moves(game: rules.Chess, record: GameRecord) -> tuple[list[str], np.ndarray]:
    """The moves with their numbers, glyphs and comments, and the last position [1]."""
    moves, end = movetext.written(game, record.start, record.actions)
    first, to_play = fen.board_of(record.start[0]).fullmove_number, int(record.start["to_play"][0])
    comment = _comment(record, -1)
    texts = [comment] if comment else []
    number_due = True
    for index, move in enumerate(moves):
        number, black = divmod(to_play + index, 2)
        due = f"{first + number}{'...' if black else '.'}{_JOINED}" if number_due or not black else ""
        texts.append(f"{due}{move}")
        if record.glyphs.get(index):
            texts.append(glyphs.written(record.glyphs[index]))
        comment = _comment(record, index)
        texts += [comment] if comment else []
        number_due = bool(comment)
    return texts, end


def _comment(record: GameRecord, index: int) -> str:
    if index not in record.comments:
        return ""
    text = " ".join(record.comments[index].replace("{", "(").replace("}", ")").split())
    text = re.sub(r" (?=[%\[])", _JOINED, text)  # an escape or a tag at the beginning of a line
    return "{" + text + "}" if text else ""
