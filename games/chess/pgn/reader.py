"""Games read from PGN, one after the other. Every move is replayed by our rules.

What is said in a file is kept where it contradicts itself or the board, with a warning: the result behind the moves
before that of the tag, and either before the board's. Draws that players have to claim end no game that others played
on; those of `ends.py` do. Variations are passed over, and counted in a warning. Chess960 is told from the tags Variant
and FEN. Knows tags and results; what a text means as a move is found in `moves.py`, and most quickly, where all is as
usual, in `movetext.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

import numpy as np

from games import base
from games.chess import fen, rules
from games.chess.pgn import ends, moves, movetext, tokens
from games.text import game_reader
from games.text.game_reader import MAX_TAGS, Failed, GameReader
from games.text.records import GameRecord
from games.text.scanner import Token

MAX_PLIES = 12_000  # of a game; with the rule of 75 moves the longest possible has 17,697 by theory, and 538 by record
_NAME_OF = {"White": "First", "Black": "Second"}
_BEFORE_RUNS = ("move", "number", "numbers", "comment", "variation", "glyph")
_USUAL = ("standard", "chess", "normal", "fromposition", "regular", "classical", "?", "")
_CHESS960 = ("chess960", "fischerandom", "fischerrandom", "chess9lx", "freestyle", "freestylechess")


def iterate(lines: Iterable[str], game: rules.Chess, failed: Failed | None = None) -> Iterator[GameRecord]:
    """The games of a text, line by line, one at a time; see `game_reader.iterate`."""
    none = "there is no game of chess in this text."
    scanner = tokens.PgnScanner(lines)
    make = functools.partial(_GameReader, game, scanner, movetext.Run(game))
    return game_reader.iterate(scanner, make, none, failed)


class _GameReader(GameReader):
    """One game as it is read."""

    def __init__(self, game: rules.Chess, scanner: tokens.PgnScanner, run: movetext.Run, number: int) -> None:
        super().__init__(number)
        self.game, self.scanner, self.run = game, scanner, run
        self.fen: Token | None = None
        self.start = game.initial_states(1)
        self.states = self.start.copy()  # changed in place
        self.wrong_checks: list[str] = []
        self.drawn = 0  # plies after which a draw was not claimed
        self.watch: ends.Watch | None = None  # from there on
        self.misnumbered = False

    def take(self, token: Token) -> None:
        super().take(token)
        if token.kind in _BEFORE_RUNS and self.in_moves and self.watch is None:
            self._run_on()

    def _run_on(self) -> None:
        """Reads on in the text of the scanner as far as all is as usual."""
        first, to_play = int(self.start["first_move"][0]), int(self.start["to_play"][0])
        going = True
        while going and len(self.actions) + movetext.ROOM <= MAX_PLIES:
            half = len(self.actions) + to_play
            end, found = self.run.read(self.scanner.text, self.scanner.at, self.states, half, first)
            self.actions += found
            going = self.scanner.skip(end)

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
        self.start, self.states = position.states, position.states.copy()
        for sentence in position.warnings:
            if f"line {self.fen.line}: {sentence}" not in self.warnings:
                self._warn(self.fen, sentence)

    # -- moves -------------------------------------------------------------------------------------------

    def _move(self, token: Token) -> None:
        self.in_moves = True
        if len(self.actions) >= MAX_PLIES:
            raise base.IllegalMove(f"a game of more than {MAX_PLIES} plies is too long.")
        states = self._going_on(token)
        try:
            found = moves.resolve(self.game, states, token.text)
        except base.IllegalMove as error:
            raise base.IllegalMove(f"ply {len(self.actions) + 1}: {error}") from None
        step = self.game.step(states, np.array([found.action]))
        self.actions.append(found.action)
        self.states = step.states
        if self.watch is not None:
            self.watch.add(step.states)
        if found.check and moves.wrong_check(step.states, step.reward[0] > 0, found.check):
            self.wrong_checks.append(f"{token.text} in line {token.line}")
        if found.warning:
            self._warn(token, f"'{base.shorten(token.text)}' {found.warning}")

    def _going_on(self, token: Token) -> np.ndarray:
        """[1] the position, on from a draw that was not claimed. Raises IllegalMove where the game is over."""
        states = self.states
        over = self.watch.over() if self.watch else ""
        if states["terminal"][0]:
            states = self.game.unclaimed(states)
            if states["terminal"][0]:
                over = self._why_over()
            else:
                self.watch = self.watch or ends.Watch(self.game, self.start, self.actions)
                over = self.watch.over()
                if not self.drawn and self.watch.claimable():
                    self.drawn = len(self.actions)
        if over:
            word = base.shorten(token.text)
            raise base.IllegalMove(
                f"ply {len(self.actions) + 1}: '{word}' cannot be played: the game had ended before, {over}."
            )
        return states

    def _why_over(self) -> str:
        if fen.result(self.states[0]) != "1/2-1/2":
            return "by mate"
        stuck = not any(fen.board_of(self.states[0]).legal_moves)
        return f"drawn {'by stalemate' if stuck else 'for lack of material'}"

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
        points = self._points(self._by_rule() if self.actions else None)
        tags = {_NAME_OF.get(name, name): text for name, text in self.tags.items()}
        return GameRecord(
            self.start, self.actions, tags, self.comments, points, tuple(self.warnings), self.line, self.glyphs
        )

    def _by_rule(self) -> float | None:
        """Points of White where the game is over for everybody: by mate, or a draw that nobody has to claim."""
        if self.states["terminal"][0] and self.game.unclaimed(self.states)["terminal"][0]:
            return self.points_of.get(fen.result(self.states[0]))
        return 0.5 if self.watch is not None and self.watch.over() else None
