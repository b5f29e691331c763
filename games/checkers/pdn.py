"""PDN of checkers games, read and written. Every move is replayed, so what is read was played by the rules.

A move names squares 1–32, "11-15" or "22x15x8"; of a jump the ends are enough ("22x8") where only one jump has them,
and a jump may also be given ply by ply ("22x15 15x8"). Comments, move numbers, annotations and variations are skipped.
Results are White's first: 1-0 means that White won. "1-0" is a result and never a move, whatever a grammar may say.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from games import base
from games.checkers import fen, moves, rules
from games.text import records, whole_moves
from games.text.records import GameRecord

RESULTS = ("1-0", "0-1", "1/2-1/2", "*")
GAME_TYPE = "21"  # English checkers in the list of PDN
MAX_TAGS = 1000  # of a game
MAX_VARIATIONS = 10_000  # of a text
_SAME_RESULT = {"2-0": "1-0", "0-2": "0-1", "1-1": "1/2-1/2"}  # points of a match, as some files have it
_OWN_TAGS = ("Result", "GameType", "SetUp", "FEN")  # follow from the game itself
_TAG_OF = {"First": "Black", "Second": "White"}

# Alternatives that start alike are ordered; each runs over a character once or twice at most, so noise costs no time.
_TOKEN = re.compile(
    r"""
      (?P<skip>    (?> \s++ | \{[^}]*\} | [;%][^\n]*+ | \$\d{1,3} | \d{1,6}\.++ | [!?]++ )++ )
    | (?P<tag>     \[ \s* (?P<name>\w{1,64}) \s+ "(?P<value>(?>[^"\\\n]++|\\.)*+)" \s* \] )
    | (?P<result>  (?: 1-0 | 0-1 | 1/2-1/2 | \* | 2-0 | 0-2 | 1-1 ) (?=[\s\[\]{}();]|$) )
    | (?P<move>    \d{1,2} (?: [-x:] \d{1,2} ){1,12} (?![\d\w]) )
    | (?P<open>    \( )
    | (?P<close>   \) )
    """,
    re.VERBOSE | re.ASCII,
)


class PdnError(base.IllegalMove):
    """Text that is no PDN of a game by the rules; the message says where and why."""


class PdnGame(NamedTuple):
    """One game."""

    tags: Mapping[str, str]  # as read, or as given to `record`
    start: np.ndarray  # [1] state_dtype
    moves: Sequence[moves.CheckersMove]
    result: str  # one of RESULTS

    @property
    def actions(self) -> list[int]:
        """One a ply."""
        return [action for move in self.moves for action in move.actions]

    @property
    def end(self) -> np.ndarray:
        """[1] state_dtype: the last position."""
        return self.moves[-1].states if self.moves else self.start


# Reading


def read(text: str, game: rules.Checkers | None = None) -> list[PdnGame]:
    """All games of a text, at least one. Raises PdnError in one sentence at the first thing that is wrong."""
    game = game or rules.Checkers()
    games: list[PdnGame] = []
    reader = _PdnReader(game)
    for kind, token, position in _tokens(text):
        if kind == "tag" and reader.in_moves:
            games.append(reader.finish())
            reader = _PdnReader(game)
        try:
            reader.take(kind, token)
        except base.IllegalMove as error:
            line = text.count("\n", 0, position) + 1
            raise PdnError(f"game {len(games) + 1}, line {line}: {error}") from None
        if reader.done:
            games.append(reader.finish())
            reader = _PdnReader(game)
    try:
        if reader.touched:
            games.append(reader.finish())
    except base.IllegalMove as error:
        raise PdnError(f"game {len(games) + 1}: {error}") from None
    if not games:
        raise PdnError("there is no game in this text.")
    return games


def _tokens(text: str) -> Iterator[tuple[str, re.Match, int]]:
    """(kind, match, position) of all that means something in the main line of each game."""
    position, depth, opened, variations = 0, 0, 0, 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            line = text.count("\n", 0, position) + 1
            if text[position] == "{":
                raise PdnError(f"line {line}: a comment begins with {{ and does not end.")
            rest = text[position : position + 60].split()
            shown = base.shorten(rest[0] if rest else text[position])
            raise PdnError(
                f"line {line}: '{shown}' is not PDN; expected are tags such as [Event \"…\"], moves such as 11-15 or"
                " 22x15 on squares 1 to 32, and a result such as 1-0."
            )
        kind = str(token.lastgroup)
        depth += (kind == "open") - (kind == "close")
        variations += kind == "open"
        if variations > MAX_VARIATIONS:
            raise PdnError(f"there are more than {MAX_VARIATIONS} variations.")
        if depth < 0:
            raise PdnError(f"line {text.count(chr(10), 0, position) + 1}: ')' closes a variation that was not opened.")
        if kind == "open":
            opened = position
        elif depth == 0 and kind not in ("skip", "close"):
            yield kind, token, position
        position = token.end()
    if depth:
        raise PdnError(f"line {text.count(chr(10), 0, opened) + 1}: a variation begins with ( and does not end.")


class _PdnReader:
    """One game as it is read, token by token."""

    def __init__(self, game: rules.Checkers) -> None:
        self.game = game
        self.tags: dict[str, str] = {}
        self.start = self.now = game.initial_states(1)
        self.moves: list[moves.CheckersMove] = []
        self.part: moves.CheckersMove | None = None  # of a jump that goes on with the next token
        self.result = ""
        self.in_moves = self.done = False

    @property
    def touched(self) -> bool:
        return self.in_moves or bool(self.tags)

    def take(self, kind: str, token: re.Match) -> None:
        if kind == "tag":
            self._tag(token["name"], re.sub(r"\\(.)", r"\1", token["value"]))
        elif kind == "result":
            if not self.touched:
                raise PdnError(f"'{token[0]}' is a result without a game.")
            self.result = _SAME_RESULT.get(token[0], token[0])
            self.in_moves = self.done = True
            self._check_end()
        else:
            self.in_moves = True
            self._move(token[0])

    def _tag(self, name: str, value: str) -> None:
        if name in self.tags:
            raise PdnError(f"the tag {name} is given twice.")
        self.tags[name] = value
        if len(self.tags) > MAX_TAGS:
            raise PdnError(f"a game has more than {MAX_TAGS} tags.")
        if name == "GameType" and value.split(",")[0].strip() != GAME_TYPE:
            raise PdnError(f"GameType {base.shorten(value)} is another game; English checkers is {GAME_TYPE}.")
        if name == "FEN":
            self.start = self.now = fen.read(value, self.game)

    def _move(self, text: str) -> None:
        if len(self.moves) >= self.game.max_game_length:
            raise PdnError(f"a game has at most {self.game.max_game_length} plies.")
        try:
            move = moves.resolve(self.game, self.now[0], text)
        except base.IllegalMove as error:
            raise PdnError(f"move {len(self.moves) + 1}: {error}") from None
        self.now = move.states
        if self.part is not None:
            move = moves.CheckersMove(
                self.part.squares + move.squares[1:], self.part.actions + move.actions, move.states, True
            )  # fmt: skip
        self.part = move if self.now["jumper"][0] else None
        if self.part is None:
            self.moves.append(move)

    def _check_end(self) -> None:
        if self.part is not None:
            raise PdnError(f"the game ends in the middle of the jump {self.part.path}.")
        tag = self.tags.get("Result", "")
        tag = _SAME_RESULT.get(tag, tag)
        if tag and tag not in RESULTS:
            raise PdnError(f"the result '{base.shorten(tag)}' is none of {', '.join(RESULTS)}.")
        if self.result and tag and self.result != tag:
            raise PdnError(f"the tag says {tag}, but the moves end with {self.result}.")
        self.result = self.result or tag or "*"
        by_rule = result_of(self.game, self.start, self.moves)
        if by_rule != "*" and self.result not in ("*", by_rule):
            raise PdnError(f"the result is given as {self.result}, but the game ended {by_rule} on the board.")

    def finish(self) -> PdnGame:
        self._check_end()
        return PdnGame(self.tags, self.start, tuple(self.moves), self.result)


def result_of(game: rules.Checkers, start: np.ndarray, played: Sequence[moves.CheckersMove]) -> str:
    """What the rules say of a game: one of RESULTS, "*" while it goes on. start: [1] state_dtype."""
    end = played[-1].states if played else start
    if not end["terminal"][0]:
        return "*"
    stuck = end.copy()
    stuck["terminal"] = False  # a draw leaves moves, a loss does not
    if game.legal_actions(stuck)[1][0]:
        return "1/2-1/2"
    return "1-0" if end["to_play"][0] == 0 else "0-1"


# Writing


def record(
    game: rules.Checkers,
    actions: Sequence[int],
    start: np.ndarray | None = None,
    tags: Mapping[str, str] | None = None,
    result: str | None = None,
) -> PdnGame:
    """A game from its plies. start: [1] state_dtype; result: None for what the rules say. Raises IllegalMove."""
    start = game.initial_states(1) if start is None else start.copy()
    if start["jumper"][0]:
        raise PdnError("a game cannot begin in the middle of a jump.")
    played = []
    for move in whole_moves.split(game, start, actions, checked=True):
        if not move.complete:
            raise PdnError("the actions end in the middle of a jump.")
        played.append(moves.described(move))
    by_rule = result_of(game, start, played)
    if result is not None and (result not in RESULTS or by_rule not in ("*", result)):
        raise PdnError(f"the result cannot be '{base.shorten(result)}' where the rules say {by_rule}.")
    return PdnGame(dict(tags or {}), start, tuple(played), result or by_rule)


def write(game: rules.Checkers, played: PdnGame, comments: Mapping[int, str] | None = None) -> str:
    """The game as PDN, ending in an empty line. comments: by index of the whole move that they follow. Raises PdnError
    for tags that PDN has no way to say."""
    tags = {name: value for name, value in played.tags.items() if name not in _OWN_TAGS}
    tags |= {"Result": played.result, "GameType": GAME_TYPE}
    if moves.placement(played.start[0]) != moves.placement(game.initial_states(1)[0]):
        tags |= {"SetUp": "1", "FEN": fen.write(played.start[0])}
    lines = []
    for name, value in tags.items():
        if not re.fullmatch(r"\w{1,64}", name, re.ASCII):
            raise PdnError(f"'{base.shorten(name)}' is no name for a tag: letters, digits and _ only.")
        if any(ord(character) < 32 for character in value):
            raise PdnError(f"the tag {name} holds a control character: '{base.shorten(value)}'.")
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'[{name} "{escaped}"]')
    texts = move_texts(game, played, number_sign="\xa0")  # no line ends after a number
    for index, comment in (comments or {}).items():
        texts[index] += " {" + " ".join(comment.replace("{", "(").replace("}", ")").split()) + "}"
    text = " ".join([*texts, played.result])
    wrapped = textwrap.fill(text, 79, break_long_words=False, break_on_hyphens=False).replace("\xa0", " ")
    return "\n".join([*lines, "", wrapped, "", ""])


def move_texts(game: rules.Checkers, played: PdnGame, number_sign: str = "") -> list[str]:
    """The moves in their shortest clear form; with a number_sign, move numbers and that sign before Black's."""
    texts: list[str] = []
    before, number = played.start, 0
    for move in played.moves:
        to_play = int(before["to_play"][0])
        clear = not move.jump or len(move.squares) == 2 or _means(game, before[0], move)
        text = move.ends if clear else move.path
        if to_play == 0 or not texts:
            number += 1
            text = f"{number}{'.' if to_play == 0 else '...'}{number_sign}{text}" if number_sign else text
        texts.append(text)
        before = move.states
    return texts


def _means(game: rules.Checkers, state: np.void, move: moves.CheckersMove) -> bool:
    """Whether the ends of a move are enough to name it."""
    try:
        return moves.placement(moves.resolve(game, state, move.ends).states[0]) == moves.placement(move.states[0])
    except base.IllegalMove:
        return False


# As the contract has it


def write_record(game: rules.Checkers, played: GameRecord) -> str:
    """See `Notation.write_record`: Black, who moves first, is seat 0. A comment follows the whole move it is in."""
    tags = {_TAG_OF.get(name, name): text for name, text in played.tags.items()}
    result = None if played.result is None else _result(played.result)
    found = record(game, played.actions, played.start, tags, result)
    ends = np.cumsum([len(move.actions) for move in found.moves])
    comments: dict[int, str] = {}
    for index, text in played.comments.items():
        move = int(np.searchsorted(ends, index, side="right"))
        if 0 <= index < len(played.actions):
            comments[move] = f"{comments.get(move, '')} {text}".strip()
    return write(game, found, comments)


def read_records(game: rules.Checkers, text: str) -> list[GameRecord]:
    """See `Notation.read_records`."""
    name_of = {tag: name for name, tag in _TAG_OF.items()}
    played = []
    for found in read(text, game):
        tags = {name_of.get(tag, tag): value for tag, value in found.tags.items() if tag not in _OWN_TAGS}
        by_rule = records.score(game, found.start, found.actions)
        told = None if found.result == "*" else {"1-0": 0.0, "0-1": 1.0}.get(found.result, 0.5)
        played.append(GameRecord(found.start, found.actions, tags, {}, told if by_rule is None else None))
    return played


def _result(points: float) -> str:
    """PDN gives White's points first."""
    return records.RESULTS[1 - points]
