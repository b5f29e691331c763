"""Games written as PDN, so that other programs read them: in the shortest clear form of each move.

In English checkers the points of the first player come first: 1-0 means that Black, seat 0, won. Knows no reading.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from games import base
from games.checkers import fen, moves, rules
from games.checkers.pdn import replay
from games.text import glyphs, records, whole_moves
from games.text.records import GameRecord

GAME_TYPE = "21"  # English checkers in the list of PDN
_OWN_TAGS = ("result", "gametype", "setup", "fen")  # follow from the game itself
_TAG_OF = {"First": "Black", "Second": "White"}
Remark = TypeVar("Remark")
_WIDTH = 79  # of lines of moves


def played(game: rules.Checkers, start: np.ndarray, actions: Sequence[int]) -> list[moves.CheckersMove]:
    """The whole moves of a game from start [1], which may go on after a draw that nobody claimed. Raises IllegalMove
    for actions that are not legal, and where they end or begin in the middle of a jump."""
    if start["jumper"][0]:
        raise base.IllegalMove("a game cannot begin in the middle of a jump.")
    found = [moves.described(move) for move in whole_moves.split(game, start, actions, checked=True)]
    if found and not found[-1].complete:
        raise base.IllegalMove("the actions end in the middle of a jump.")
    return found


def write(game: rules.Checkers, record: GameRecord) -> str:
    """The game as PDN, ending in an empty line; a comment follows the whole move it is in. Raises IllegalMove for a
    game that cannot be played or tags that PDN has no way to say."""
    found = played(game, record.start, record.actions)
    result = _result(game, record, found[-1].states if found else record.start)
    tags = {_TAG_OF.get(name, name): text for name, text in record.tags.items() if name.lower() not in _OWN_TAGS}
    tags |= {"Result": result, "GameType": GAME_TYPE}
    if moves.placement(record.start[0]) != moves.placement(game.initial_states(1)[0]):
        tags |= {"SetUp": "1", "FEN": fen.write(record.start[0])}
    lines = [f'[{_name(name)} "{_escaped(text)}"]' for name, text in tags.items()]
    pieces = _pieces(game, record, found)
    wrapped = textwrap.fill(" ".join([*pieces, result]), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, "", wrapped.replace("\xa0", " "), "", ""])


def move_texts(game: rules.Checkers, start: np.ndarray, actions: Sequence[int]) -> list[str]:
    """The whole moves of a game from start [1] in their shortest clear form: "11-15", "22x8", "22x15x8"."""
    return _texts(game, start, played(game, start, actions))


def _texts(game: rules.Checkers, start: np.ndarray, found: Sequence[moves.CheckersMove]) -> list[str]:
    texts, before = [], start
    for move in found:
        if before["terminal"][0]:
            before = game.unclaimed(before)
        clear = not move.jump or len(move.squares) == 2 or _is_clear(game, before, move)
        texts.append(move.ends if clear else move.path)
        before = move.states
    return texts


def _is_clear(game: rules.Checkers, states: np.ndarray, move: moves.CheckersMove) -> bool:
    """Whether the ends of a move are enough to name it."""
    try:
        named = moves.resolve(game, states[0], move.ends)
    except base.IllegalMove:
        return False
    return moves.placement(named.states[0]) == moves.placement(move.states[0])


def _pieces(game: rules.Checkers, record: GameRecord, found: Sequence[moves.CheckersMove]) -> list[str]:
    """The moves with numbers and comments. No line ends after a number: the space there is a hard one."""
    ends = np.cumsum([len(move.actions) for move in found])
    comments = {index: " ".join(texts) for index, texts in _by_move(record, ends, record.comments).items()}
    marks = {
        index: glyphs.written(itertools.chain(*found)) for index, found in _by_move(record, ends, record.glyphs).items()
    }
    pieces = [_braced(comments[-1])] if -1 in comments else []
    number = 0
    to_play = int(record.start["to_play"][0])
    for index, text in enumerate(_texts(game, record.start, found)):
        first = (to_play + index) % 2 == 0
        number += first or index == 0
        if first or index == 0 or index - 1 in comments:
            text = f"{number}{'.' if first else '...'}\xa0{text}"
        pieces += [text, marks[index]] if index in marks else [text]
        if index in comments:
            pieces.append(_braced(comments[index]))
    return pieces


def _by_move(record: GameRecord, ends: np.ndarray, remarks: Mapping[int, Remark]) -> dict[int, list[Remark]]:
    """Remarks by index of the whole move that they follow; −1: before the first. ends: plies after each whole move."""
    found: dict[int, list[Remark]] = {}
    for index, remark in sorted(remarks.items()):
        if remark and index < len(record.actions):
            move = int(np.searchsorted(ends, index, side="right")) if index >= 0 else -1
            found.setdefault(move, []).append(remark)
    return found


def _braced(comment: str) -> str:
    return "{" + " ".join(comment.replace("{", "(").replace("}", ")").split()) + "}"


def _result(game: rules.Checkers, record: GameRecord, end: np.ndarray) -> str:
    """As recorded, else what the rules say."""
    by_rule = replay.outcome(game, end) if record.actions else None
    return records.RESULTS[by_rule if record.result is None else record.result]


def _name(name: str) -> str:
    if not re.fullmatch(r"[^\W_]\w{0,63}", name):
        raise base.IllegalMove(f"'{base.shorten(name)}' is no name for a tag: letters, digits and _ only.")
    return name


def _escaped(value: str) -> str:
    """A value in one line."""
    return " ".join(value.split()).replace("\\", "\\\\").replace('"', '\\"')
