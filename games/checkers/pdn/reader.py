"""Games read from PDN, one after the other. Every move is replayed, so what is read was played by the rules.

In English checkers the points of the first player come first: Black, seat 0, moves first, and 1-0 means that Black won.
What is said in a file is kept where it contradicts itself or the board, with a warning: the result behind the moves
before that of the tag, and either before the board's. Draws that the rules let a player claim end no game that others
played on. Knows tags and results; what the moves mean is found in `replay.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import TypeVar

from games import base
from games.checkers import fen, moves, rules
from games.checkers.pdn import replay, tokens
from games.text import game_reader
from games.text.game_reader import MAX_REMARKS, MAX_TAGS, Failed, GameReader
from games.text.records import GameRecord
from games.text.scanner import Token

GAME_TYPE = "21"  # English checkers in the list of PDN
_OTHER_GAMES = {"20": "international draughts", "22": "Italian draughts", "23": "pool checkers"} | {
    "24": "Spanish draughts", "25": "Russian draughts", "26": "Brazilian draughts", "27": "Canadian draughts",
    "28": "Portuguese draughts", "29": "Czech draughts", "30": "Turkish draughts", "31": "Thai draughts",
    "40": "Frisian draughts",
}  # fmt: skip
_POINTS = {"1-0": 1.0, "2-0": 1.0, "0-1": 0.0, "0-2": 0.0, "1/2-1/2": 0.5, "1/2": 0.5, "1-1": 0.5}
_NAME_OF = {"Black": "First", "White": "Second"}
Remark = TypeVar("Remark")
_MEANINGFUL = {name.lower(): name for name in ("FEN", "GameType", "Result")}  # whatever their letters' case


def iterate(
    lines: Iterable[str], game: rules.Checkers | None = None, failed: Failed | None = None
) -> Iterator[GameRecord]:
    """The games of a text, line by line, one at a time; see `game_reader.iterate`."""
    make = functools.partial(_GameReader, game or rules.Checkers())
    return game_reader.iterate(tokens.PdnScanner(lines), make, "there is no game in this text.", failed)


class _GameReader(GameReader):
    """One game as it is read."""

    idle = (*game_reader.REMARKS, "numbers")
    points_of = _POINTS
    no_points = {"0-0": "lost by both players,"}

    def __init__(self, game: rules.Checkers, number: int) -> None:
        super().__init__(number)
        self.game = game
        self.last_move: Token | None = None
        self.start = game.initial_states(1)
        self.replay = replay.Replay(game, self.start)
        self.remarks: list[tuple[int, str]] = []  # comments, each with the number of whole moves before it
        self.marks: list[tuple[int, int]] = []  # glyphs, likewise
        self.said: list[str] = []  # moves and comments, for what a set-up command cuts off
        self.numbered = False

    @property
    def touched(self) -> bool:
        return super().touched or self.numbered

    def begins_another(self, token: Token) -> bool:
        """After tags alone, it is their first one once more, behind a Result."""
        if super().begins_another(token):
            return True
        first = next(iter(self.tags), None)
        return token.kind == "tag" and token.name == first and any(name.lower() == "result" for name in self.tags)

    # -- tokens ------------------------------------------------------------------------------------------

    def _tag(self, token: Token) -> None:
        name, value = token.name, token.text
        meaning = _MEANINGFUL.get(name.lower(), "")
        self._count(token, "tags", MAX_TAGS)
        if name in self.tags:
            if self.tags[name] == value:
                return
            if meaning in ("FEN", "GameType"):
                raise self._error(f"the tag {name} is given twice, with different values.", token)
            self._warn(token, f"the tag {name} is given twice; '{base.shorten(value)}' is left out")
            return
        self.tags[name] = value
        if meaning == "GameType":
            self._check_game_type(token)
        if meaning == "FEN" and value.strip():
            self._begin_at(token)

    def _check_game_type(self, token: Token) -> None:
        kind = token.text.split(",")[0].strip()
        if kind in ("", "?", GAME_TYPE):
            return
        name = f" ({_OTHER_GAMES[kind]})" if kind in _OTHER_GAMES else ""
        raise self._error(
            f"GameType {base.shorten(token.text)}{name} is another game; English checkers is {GAME_TYPE}.", token
        )

    def _begin_at(self, token: Token) -> None:
        self.start, warnings = fen.parse(token.text, self.game)
        self.replay = replay.Replay(self.game, self.start)
        for sentence in warnings:
            self._warn(token, sentence)

    def _setup(self, token: Token) -> None:
        """A position in the middle of a game: the record begins there, and tells what came before in a comment."""
        self.in_moves = True
        now, warnings = fen.parse(token.text, self.game)
        if any(moves.placement(line.states[0]) == moves.placement(now[0]) for line in self.replay.lines):
            return
        if self.said:
            self._warn(
                token,
                "a set-up command changes the position: the record begins there, after a comment with what came before",
            )
        before = " ".join(self.said)
        self.remarks = [(0, f"before the set-up command: {before}")] if before else []
        self.marks = []
        self.start, self.replay = now, replay.Replay(self.game, now)
        for sentence in warnings:
            self._warn(token, sentence)

    def _move(self, token: Token) -> None:
        self.in_moves = True
        self.last_move = token
        self.replay.play(token.text)
        self.said.append(" ".join(token.text.split()))

    def _number(self, token: Token) -> None:
        """A move number without a dot."""
        line = self.replay.lines[0]
        due = (line.moves + int(self.start["to_play"][0])) // 2 + 1
        if int(token.text) != due:
            raise self._error(f"'{token.text}' is no move, and not the number of the next one, {due}.", token)
        self.numbered = True

    def _numbers(self, token: Token) -> None:
        self.numbered = True

    def _comment(self, token: Token) -> None:
        self._count(token, "comments", MAX_REMARKS)
        if not token.text:
            return
        self.remarks.append((self._moves_begun(), token.text))
        self.said.append(f"({token.text})")

    def _glyph(self, token: Token) -> None:
        number = self._glyph_number(token)
        if number is not None:
            self.marks.append((self._moves_begun(), number))

    def _moves_begun(self) -> int:
        """Whole moves so far, with one of which there is a beginning."""
        line = self.replay.lines[0]
        return line.moves + bool(line.states["jumper"][0])

    def adopt(self, rest: GameReader) -> None:
        assert isinstance(rest, _GameReader)
        self.remarks += [(self.replay.lines[0].moves, text) for _, text in rest.remarks]
        self.warnings += rest.warnings

    # -- the whole ---------------------------------------------------------------------------------------

    def record(self) -> GameRecord:
        try:
            line = self.replay.finish()
        except base.IllegalMove as error:
            raise self._error(str(error), self.last_move or Token("move", "", self.line, 0)) from None
        for choice in line.choices:
            self.warnings.append(
                f"'{base.shorten(choice.text)}' (move {choice.number}) names more than one move; what follows allows"
                f" only {choice.path}"
            )
        if line.drawn is not None:
            self.warnings.append(
                f"the game was drawn by the rules after {line.drawn[0]} plies, as {line.drawn[1]}; nobody claimed it,"
                " and play went on"
            )
        if self.counts["variations"]:
            self.warnings.append(f"variations were passed over: {self.counts['variations']}")
        points = self._points(replay.outcome(self.game, line.states) if line.actions else None)
        tags = {_NAME_OF.get(name, name): text for name, text in self.tags.items()}
        comments = {index: " ".join(texts) for index, texts in _by_action(line, self.remarks).items()}
        marks = {index: tuple(found) for index, found in _by_action(line, self.marks).items()}
        warnings = tuple(self.warnings)
        return GameRecord(self.start, line.actions, tags, comments, points, warnings, self.line, marks)


def _by_action(line: replay.Line, remarks: Iterable[tuple[int, Remark]]) -> dict[int, list[Remark]]:
    """Remarks with the number of whole moves before them, by the index of the action before them."""
    found: dict[int, list[Remark]] = {}
    for after, remark in remarks:
        index = line.ends[min(after, len(line.ends)) - 1] - 1 if after and line.ends else -1
        found.setdefault(index, []).append(remark)
    return found
