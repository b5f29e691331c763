"""Games read from PGN, one after the other. Every move is replayed by our rules.

What is said in a file is kept where it contradicts itself or the board, with a warning: the result behind the moves
before that of the tag, and either before the board's. Draws that players have to claim end no game that others played
on. Variations are passed over, and counted in a warning. Chess960 is told from the tags Variant and FEN. Knows tags and
results; what a text means as a move is found in `moves.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

import numpy as np

from games import base
from games.chess import fen, rules
from games.chess.pgn import moves, tokens
from games.text import game_reader, records
from games.text.game_reader import GameReader
from games.text.records import GameRecord
from games.text.scanner import Token

MAX_TAGS = 1000  # of a game
MAX_REMARKS = 10_000  # comments or variations of a game, and more for a longer one
MAX_PLIES = 12_000  # of a game; with the rule of 75 moves the longest possible has 17,697 by theory, and 538 by record
_NAME_OF = {"White": "First", "Black": "Second"}
_POINTS = {text: points for points, text in records.RESULTS.items() if points is not None}
_UNKNOWN = ("*", "?", "", "-")
_USUAL = ("standard", "chess", "normal", "fromposition", "regular", "classical", "?", "")
_CHESS960 = ("chess960", "fischerandom", "fischerrandom", "chess9lx", "freestyle", "freestylechess")


def iterate(lines: Iterable[str], game: rules.Chess) -> Iterator[GameRecord]:
    """The games of a text, line by line, one at a time. Raises RecordError in one sentence at the first thing that is
    wrong, and at the end of a text without a game."""
    none = "there is no game of chess in this text."
    return game_reader.iterate(tokens.tokens(lines), functools.partial(_GameReader, game), none)


class _GameReader(GameReader):
    """One game as it is read."""

    def __init__(self, game: rules.Chess, number: int) -> None:
        super().__init__(number)
        self.game = game
        self.fen: Token | None = None
        self.start = self.states = game.initial_states(1)
        self.actions: list[int] = []
        self.comments: dict[int, str] = {}
        self.wrong_checks: list[str] = []
        self.drawn = 0  # plies after which a draw was not claimed
        self.misnumbered = False

    def begins_another(self, token: Token) -> bool:
        """After tags alone, it is Event once more."""
        return super().begins_another(token) or (token.kind == "tag" and token.name == "Event" and "Event" in self.tags)

    # -- tags --------------------------------------------------------------------------------------------

    def _tag(self, token: Token) -> None:
        name, value = token.name, token.text
        self._count(token, "tags", MAX_TAGS)
        if name in self.tags:
            if self.tags[name] != value:
                if name == "FEN":
                    raise self._error("the tag FEN is given twice, with different values.", token)
                self._warn(token, f"the tag {name} is given twice; '{base.shorten(value)}' is left out")
            return
        self.tags[name] = value
        if name.lower() == "variant":
            self._variant(token)
        if name.lower() == "fen" and value.strip():
            self.fen = token
            self._set_up()

    def _variant(self, token: Token) -> None:
        variant = re.sub(r"[\s_-]", "", token.text.lower())
        if variant not in _USUAL and not variant.startswith(_CHESS960):
            raise self._error(f"the game is of the variant '{base.shorten(token.text)}', not of chess.", token)
        self._set_up()

    def _set_up(self) -> None:
        """The start by the tags so far."""
        if self.fen is None:
            return
        variant = next((text for name, text in self.tags.items() if name.lower() == "variant"), "")
        chess960 = re.sub(r"[\s_-]", "", variant.lower()).startswith(_CHESS960) or self.game.chess960
        position = fen.parse(self.game, self.fen.text, chess960)
        self.start = self.states = position.states
        for sentence in position.warnings:
            if f"line {self.fen.line}: {sentence}" not in self.warnings:
                self._warn(self.fen, sentence)

    # -- moves -------------------------------------------------------------------------------------------

    def _move(self, token: Token) -> None:
        self.in_moves = True
        if len(self.actions) >= MAX_PLIES:
            raise base.IllegalMove(f"a game of more than {MAX_PLIES} plies is too long.")
        states = self.states
        if states["terminal"][0]:
            states = self.game.unclaimed(states)
            if not states["terminal"][0]:
                self.drawn = self.drawn or len(self.actions)
            else:
                raise base.IllegalMove(f"ply {len(self.actions) + 1}: '{base.shorten(token.text)}' {self._why_over()}.")
        try:
            found = moves.resolve(self.game, states, token.text)
        except base.IllegalMove as error:
            raise base.IllegalMove(f"ply {len(self.actions) + 1}: {error}") from None
        step = self.game.step(states, np.array([found.action]))
        self.actions.append(found.action)
        self.states = step.states
        if found.check and moves.wrong_check(step.states, step.reward[0] > 0, found.check):
            self.wrong_checks.append(f"{token.text} in line {token.line}")
        if found.warning:
            self._warn(token, f"'{base.shorten(token.text)}' {found.warning}")

    def _why_over(self) -> str:
        if fen.result(self.states[0]) != "1/2-1/2":
            return "cannot be played: the game had ended before by mate"
        stuck = not any(fen.board_of(self.states[0]).legal_moves)
        return (
            f"cannot be played: the game had ended before, drawn {'by stalemate' if stuck else 'for lack of material'}"
        )

    def _number(self, token: Token) -> None:
        """The number of a move: nothing but a help for readers, and a sign of a game that goes on elsewhere."""
        self.in_moves = True
        digits = token.text.rstrip(". \u2026\t\n")
        if not digits or self.misnumbered:
            return
        ply = len(self.actions) + int(self.start["to_play"][0])
        first = int(self.start["first_move"][0])
        if int(digits) not in (first + ply // 2, 1 + ply // 2):
            self.misnumbered = True
            self._warn(token, f"the number of a move is {digits} where {first + ply // 2} is due")

    _numbers = _number

    def _result(self, token: Token) -> None:
        if not self.touched:
            raise self._error(f"'{token.text}' is a result without a game.", token)
        self.result = _plain(token.text)
        self.in_moves = self.done = True

    # -- remarks -----------------------------------------------------------------------------------------

    def _comment(self, token: Token) -> None:
        self._count(token, "comments", MAX_REMARKS + len(self.actions))
        if token.text:
            index = len(self.actions) - 1
            self.comments[index] = f"{self.comments.get(index, '')} {token.text}".strip()

    def _variation(self, token: Token) -> None:
        self._count(token, "variations", MAX_REMARKS + len(self.actions))

    @staticmethod
    def plain(result: str) -> str:
        return _plain(result)

    def adopt(self, rest: GameReader) -> None:
        assert isinstance(rest, _GameReader)
        index = len(self.actions) - 1
        for text in rest.comments.values():
            self.comments[index] = f"{self.comments.get(index, '')} {text}".strip()
        self.counts["variations"] += rest.counts["variations"]
        self.warnings += rest.warnings

    # -- the whole ---------------------------------------------------------------------------------------

    def record(self) -> GameRecord:
        if self.wrong_checks:
            others = f", and {len(self.wrong_checks) - 1} more" if len(self.wrong_checks) > 1 else ""
            self.warnings.append(f"marks of check or mate where there is none: {self.wrong_checks[0]}{others}")
        if self.drawn:
            self.warnings.append(
                f"the game could have been claimed as drawn after {self.drawn} plies; nobody did, and play went on"
            )
        if self.counts["variations"]:
            self.warnings.append(f"variations were passed over: {self.counts['variations']}")
        points = self._points()
        tags = {_NAME_OF.get(name, name): text for name, text in self.tags.items()}
        return GameRecord(
            self.start, self.actions, tags, self.comments, points, tuple(self.warnings), self.line
        )  # fmt: skip

    def _points(self) -> float | None:
        """The result as recorded."""
        tag = next((_plain(text) for name, text in self.tags.items() if name.lower() == "result"), "")
        told = tag if self.result in ("", "*") else self.result
        if told not in _POINTS and told not in _UNKNOWN:
            self.warnings.append(f"the result '{base.shorten(told)}', none of 1-0, 0-1, 1/2-1/2 and *, is read as *")
        points = _POINTS.get(told)
        if tag in _POINTS and points is not None and tag != told:
            self.warnings.append(f"the tag Result says {tag}, but the moves end with {told}, which is kept")
        elif self.result == "*" and tag in _POINTS:
            self.warnings.append(f"the moves end with *, but the tag Result says {tag}, which is kept")
        by_rule = self._by_rule() if self.actions else None
        if None not in (by_rule, points) and by_rule != points:
            self.warnings.append(
                f"the recorded result {told} is kept, but on the board it is {records.RESULTS[by_rule]}"
            )
        return points

    def _by_rule(self) -> float | None:
        """Points of White where the game is over for everybody: by mate, stalemate or too little material."""
        if not self.states["terminal"][0] or not self.game.unclaimed(self.states)["terminal"][0]:
            return None
        return _POINTS.get(fen.result(self.states[0]))


def _plain(result: str) -> str:
    """A result without spaces, with hyphens for dashes and digits for halves."""
    text = re.sub("[\u2010-\u2015\u2212]", "-", "".join(result.split())).replace("\u00bd", "1/2")
    return "1/2-1/2" if text == "1/2" else text
