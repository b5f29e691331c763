"""The conversation at a board: whose turn it is, what is shown, and who is asked. The commands are in `commands.py`.

One thread of its own does all that torch and searches do, from loading on, so that board and prompt are there at once
and Ctrl-C reaches us while an agent thinks.
"""

from __future__ import annotations

import concurrent.futures
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import games
from games.appearance import Appearance
from games.base import IllegalMove
from selfplay.cli.terminal import advice, commands, records
from selfplay.cli.terminal.commands import AUTO, OPPONENT, PERSON, STEP
from selfplay.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from selfplay.cli.terminal.screen import Screen
    from selfplay.play.opponent import Opponent
    from selfplay.play.session import GameSession, Strength
    from selfplay.search.analyzer import SearchInfo

T = TypeVar("T")


class Dialogue:
    """One session: games one after the other, with the same players."""

    def __init__(
        self, screen: Screen, at: GameSession, seats: list[str], names: dict[str, str], searching: set[str],
        strength: Strength, simulations: int, rng: np.random.Generator, keep: Path | None,
        load: Callable[[], tuple[Opponent, Opponent]],
    ) -> None:  # fmt: skip
        """at: with the position to begin with; seats: who sits where; names: of AGENT and OPPONENT; searching: those of
        them for whom strength means something; simulations: of hints and analyses; keep: a file that every game is
        added to; load: makes the agent and the opponent, which takes its time."""
        self.screen, self.table, self.seats, self.names, self.strength = screen, at, seats, names, strength
        self.game, self.searching, self.appearance = at.game, searching, games.facet(at.game, Appearance)
        self.simulations, self.rng, self.keep = simulations, rng, keep
        self.watching = "" if PERSON in seats else AUTO
        self.analysis = self.bar = self.turned = self.left = False
        self._kept: list[int] | None = None  # actions of the game when it was added to `keep`
        self.held = False  # an engine could not move, and waits to be asked again
        self._told = False  # that the game is over
        self._thought: SearchInfo | None = None
        self._worker = concurrent.futures.ThreadPoolExecutor(1, "agent")
        self._loading = self._worker.submit(load)
        self._asked: concurrent.futures.Future | None = None
        screen.completions = self._completions

    # -- the loop ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until the person leaves or input ends. Raises UserError where a player cannot be had."""
        try:
            self.introduce()
            self.show()
            if not self.screen.typed:
                self.partners()
            while not self.left:
                self._turn()
        finally:
            self.put_away()
            if not self.busy:
                self._loading.add_done_callback(_close)
            self._worker.shutdown(wait=False)

    @property
    def busy(self) -> bool:
        """Whether a player is still at something that nobody waits for any more."""
        return self._asked is not None and not self._asked.done()

    def _turn(self) -> None:
        over = self.table.over
        engine = not over and self.engine_to_move
        if over and not self._told:
            self._told = True
            self.tell_result()
        if engine and not self.held and self.watching != STEP:
            try:
                self.move_by_engine()
            except KeyboardInterrupt:
                if not self.watching or self.busy:
                    raise
                self.pause()
            return
        self.held = self.held and engine
        line = self._prompt()
        if line is None:
            self.left = True
        elif line.strip():
            self._obey(line.strip())
        elif engine:
            self.move_by_engine()

    @property
    def alone(self) -> bool:
        """One person plays, against an agent."""
        return self.seats.count(PERSON) == 1 and not self.watching

    @property
    def flipped(self) -> bool:
        """Whether the board is turned by half: one's own side is below, unless it was turned by hand."""
        board = self.appearance.board(self.table.states[0])
        below = None if board is None else board.bottom
        own_above = below is not None and self.seats.count(PERSON) == 1 and self.seats[below] != PERSON
        return own_above != self.turned

    def pause(self) -> None:
        """Whoever watches looks at a position."""
        if self.watching:
            self.watching = STEP

    @property
    def engine_to_move(self) -> bool:
        return bool(self.watching) or self.seats[self.table.to_play] != PERSON

    def _prompt(self) -> str | None:
        """A line, or None where the person leaves."""
        asked = False
        while True:
            if self._loading.done():
                self._loading.result()  # raises what went wrong meanwhile
            try:
                return self.screen.ask(self._prompt_text())
            except KeyboardInterrupt:
                if asked:
                    self.screen.say()
                    return None
                asked = True
                self.screen.say("\nCtrl-C once more leaves; 'save FILE' keeps the game, anything else goes on.")

    def _prompt_text(self) -> str:
        if self.table.over:
            return "game over> "
        seat = self.table.to_play
        if self.table.clock and not self.watching:
            self.table.clock.run(seat)
        clock = f" {commands.minutes(self.table.clock.left(seat))}" if self.table.clock else ""
        pause = "Enter: next move, " if self.watching else ""
        number = len(self.table.moves) // 2 + 1 if self.table.notation.move_separator else len(self.table.moves) + 1
        return f"{pause}{self.appearance.seat_names[seat]}{clock}, move {number}> "

    def _obey(self, line: str) -> None:
        """A move or a command; mistakes are told, and nothing is lost."""
        try:
            if self.table.over:
                if not commands.obey(self, line):
                    self.screen.say("The game is over: 'new' starts another, 'undo' takes a move back.")
                return
            try:
                actions = self.table.read(line)
            except IllegalMove:
                if not commands.obey(self, line):
                    raise
            else:
                self._person_moves(actions)
        except (UserError, IllegalMove) as error:
            if self._loading.done() and self._loading.exception() is error:
                raise
            self.screen.say(_sentence(str(error)))

    def _person_moves(self, actions: list[int]) -> None:
        seat = self.table.to_play
        if not self._flag_fallen(seat):
            self.table.play(actions)
        if self.table.over or not self.engine_to_move:
            self.show()

    def _flag_fallen(self, seat: int) -> bool:
        clock = self.table.clock
        if clock is None or clock.left(seat) > 0:
            return False
        clock.stop()
        self.table.end(float(seat == 1), f"{self.appearance.seat_names[seat]} ran out of time")
        return True

    def move_by_engine(self) -> None:
        """A move of whoever plays for the side to move where no person does."""
        at, seat, clock = self.table, self.table.to_play, self.table.clock
        who, helping = self.engine_at(seat), self.seats[seat] == PERSON and not self.watching
        strength = type(self.strength)(self.simulations, 0.0) if helping else self.strength
        seconds = None
        if clock:
            clock.run(seat)
            seconds = clock.share(seat, self.game.max_game_length - len(at.actions))
        label = f"{who.name} is thinking"
        try:
            reply = self.ask(who, lambda: who.reply(at, strength, seconds, self.rng, self._report), label)
        except UserError as error:  # an engine's, which may have died; the game is not lost for that
            self.held = True
            self.screen.say(f"{_sentence(str(error))} ('go' asks again.)")
            return
        if self.screen.interrupted:
            self.pause()
        if self._flag_fallen(seat):
            self.show()
            return
        before, self.held = at.states[0], False
        move = at.play(reply.actions, reply.comment)
        said = self.appearance.move_in_words(before, move.actions) if self.screen.plain else move.text
        value = f" ({round(reply.value, 2) + 0:+.2f})" if self.bar and not math.isnan(reply.value) else ""
        turn = " Your turn." if self.screen.plain and not at.over and not self.engine_to_move else ""
        told = f"{_subject(who.name)} plays {said}{' for you' if helping else ''}{value}.{turn}"
        if helping and not at.over and self.engine_to_move:
            self.screen.say(told)  # the answer comes at once, and then the board
        else:
            self.show(told)

    # -- who ---------------------------------------------------------------------------------------------

    def partners(self) -> tuple[Opponent, Opponent]:
        """The agent and the opponent, waited for. Raises UserError."""
        return self.screen.wait(self._loading, lambda: "the agent is loading", lambda: False)

    def engine_at(self, seat: int) -> Opponent:
        """Who moves for a seat where no person does; for a person, the agent."""
        agent, opponent = self.partners()
        return opponent if self.seats[seat] == OPPONENT else agent

    def ask(self, who: Opponent, question: Callable[[], T], label: str) -> T:
        """The answer to a question that takes thinking. Ctrl-C makes it come soon."""
        self._thought = None
        future = self._asked = self._worker.submit(question)
        return self.screen.wait(future, lambda: label + self._so_far(), who.stop)

    def think(self) -> SearchInfo | None:
        """What the agent thinks of the position; None where there is nothing to think about, which is told."""
        if self.table.over:
            self.screen.say("The game is over: there is nothing to think about.")
            return None
        agent = self.partners()[0]
        if not agent.thinks:
            self.screen.say(f"{_subject(agent.name)} does not tell what it thinks; '--agent uct' would.")
            return None
        from selfplay.search.analyzer import Limit

        at, limit = self.table, Limit(self.simulations)
        return self.ask(agent, lambda: agent.think(at, limit, self._report), "thinking")

    def _report(self, thought: SearchInfo) -> None:
        self._thought = thought  # by another thread; shown by `_so_far`

    def _so_far(self) -> str:
        if self._thought is None:
            return " …"
        best = self.game.action_to_string(self.table.states[0], self._thought.lines[0].actions[0])
        value = f"{round(self._thought.value, 2) + 0:+.2f}"
        return f": {self._thought.visits:,} visits, {best} {value} (Ctrl-C: that will do)"

    def called(self, seat: int) -> str:
        """A player's name in records."""
        who = self.seats[seat]
        if who == PERSON:
            alone = PERSON not in self.seats[:seat] + self.seats[seat + 1 :]
            return "You" if alone else self.appearance.seat_names[seat]
        if who not in self.searching:
            return self.names[who]
        level, simulations = self.strength.level, self.strength.simulations
        return f"{self.names[who]} ({f'level {level}' if level else f'{simulations} simulations'})"

    # -- what is shown --------------------------------------------------------------------------------------

    def introduce(self) -> None:
        """Who plays whom."""
        names = self.appearance.seat_names
        marks = [self._mark(seat) for seat in (0, 1)]
        people = [seat for seat in (0, 1) if self.seats[seat] == PERSON]
        if len(people) == 1:
            me = people[0]
            mine = self.table.to_play == me
            if self.table.moves:
                first = "it is your move" if mine else "the other side is to move"
            else:
                first = "you begin" if mine else "the other side begins"
            text = f"{self.game.name}: you are {names[me]}{marks[me]} against {self.called(1 - me)}; {first}."
        elif people:
            text = f"{self.game.name}: {names[0]}{marks[0]} against {names[1]}{marks[1]}."
        else:
            sides = [f"{names[seat]}{marks[seat]} is {self.called(seat)}" for seat in (0, 1)]
            text = f"{self.game.name}: {sides[0]}, {sides[1]}."
        self.screen.say(f"{text} 'help' lists the commands.")

    def _mark(self, seat: int) -> str:
        """How a player's pieces look, where that is not told by the name."""
        found = [(mark, piece) for mark, piece in self.appearance.pieces.items() if piece.player == seat]
        if not found or self.screen.plain or self.screen.colour:
            return ""
        mark, piece = found[0]
        shown = piece.symbol if self.screen.drawn else mark
        return "" if shown == self.appearance.seat_names[seat] else f" ({shown})"

    def show(self, said: str = "") -> None:
        """The position after it has changed, and how; with what is switched on."""
        if not self.screen.plain:
            self.screen.board(self.table, self.flipped)
        if said:
            self.screen.say(said)
        if self.table.over:
            return
        self._told = False
        if (self.analysis or self.bar) and (not self.engine_to_move or self.watching):
            advice.show(self, lines=self.analysis)

    def tell_result(self) -> None:
        """How the game ended."""
        points, names = self.table.points, self.appearance.seat_names
        number = len(self.table.moves)
        if self.table.notation.move_separator:  # moves are counted in pairs
            number = (number + 1) // 2
        if points is None:
            ended = "the game is over in this position"
        elif points == 0.5:
            ended = "a draw"
        else:
            winner = 0 if points > 0.5 else 1
            you = " (you)" if self.alone and self.seats[winner] == PERSON else ""
            ended = f"{names[winner]}{you} wins"
        why = f" ({self.table.reason})" if self.table.reason else ""
        self.screen.say(f"Game over after {number} move{'s' * (number != 1)}: {ended}{why}.")
        self.screen.say("'save FILE' keeps it, 'new' starts another, 'undo' takes back, 'quit' leaves.")

    # -- records -------------------------------------------------------------------------------------------

    def record_text(self, path: Path) -> str:
        """The game with its comments in the format of a file."""
        tags = {"Event": "selfplay play", "Date": time.strftime("%Y.%m.%d")}
        return records.text_of(self.game, self.table.record([self.called(0), self.called(1)], tags), path)

    def put_away(self) -> None:
        """The game goes, to be kept where that was asked for."""
        if self.keep is not None and self.table.moves and self.table.actions != self._kept:
            self._kept = self.table.actions
            try:
                records.append(self.keep, self.record_text(self.keep))
            except (UserError, IllegalMove) as error:
                self.screen.say(_sentence(str(error)))
            else:
                self.screen.say(f"The game was added to {self.keep}.")

    def _completions(self, line: str) -> list[str]:
        return [*(self.table.names() if not self.table.over else []), *commands.COMMANDS]


def _close(loaded: concurrent.futures.Future[tuple[Opponent, Opponent]]) -> None:
    if loaded.exception() is None:
        for partner in loaded.result():
            partner.close()


def _subject(name: str) -> str:
    """A player's name where a sentence begins; texts that stand for players are left alone."""
    return _sentence(name) if name.isalpha() else name


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
