"""The dialogue of interactive play: reads a person's moves, asks agents for theirs, and shows the board. Knows no
commands: a table of them is an argument.

Loading and searching run on one worker thread, so that board and prompt are shown at once and Ctrl-C works while an
agent searches.
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
from selfplay.cli.terminal import advice, records, screen
from selfplay.cli.terminal.seats import AUTO, OPPONENT, PERSON, STEP
from selfplay.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from selfplay.cli.terminal.command_table import CommandTable
    from selfplay.cli.terminal.screen import Screen
    from selfplay.play.opponent import Opponent
    from selfplay.play.session import GameSession, Strength
    from selfplay.search.analyzer import SearchInfo

T = TypeVar("T")


class Dialogue:
    """One session: games one after the other, with the same players."""

    def __init__(
        self, shown: Screen, at: GameSession, seats: list[str], names: dict[str, str], searching: set[str],
        strength: Strength, simulations: int, rng: np.random.Generator, keep: Path | None,
        load: Callable[[], tuple[Opponent, Opponent]], commands: CommandTable,
    ) -> None:  # fmt: skip
        """at: with the position to begin with; seats: who sits where; names: of AGENT and OPPONENT; searching: those of
        them for whom strength means something; simulations: of hints and analyses; keep: a file that every game is
        added to; load: makes the agent and the opponent, which takes its time."""
        self.screen, self.session, self.seats, self.names, self.strength = shown, at, seats, names, strength
        self.commands = commands
        self.game, self.searching, self.appearance = at.game, searching, games.facet(at.game, Appearance)
        self.simulations, self.rng, self.keep = simulations, rng, keep
        self.watching = "" if PERSON in seats else AUTO
        self.analysis = self.bar = self.turned = self.left = False
        self._kept: list[int] | None = None  # actions of the game when it was added to `keep`
        self.held = False  # an engine could not move, and waits to be asked again
        self._told = False  # that the game is over
        self._info: SearchInfo | None = None
        self._worker = concurrent.futures.ThreadPoolExecutor(1, "agent")
        self._loading = self._worker.submit(load)
        self._asked: concurrent.futures.Future | None = None
        shown.completions = self._completions

    # -- the loop ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until the person leaves or input ends. Raises UserError where a player cannot be had."""
        try:
            self.introduce()
            self.show()
            if not self.screen.typed:
                self.opponents()
            while not self.left:
                self._turn()
        finally:
            self.put_away()
            if not self.busy:
                self._loading.add_done_callback(_close)
            self._worker.shutdown(wait=False)

    @property
    def busy(self) -> bool:
        """Whether the worker thread still runs a question, also one that nobody waits for any longer."""
        return self._asked is not None and not self._asked.done()

    def _turn(self) -> None:
        over = self.session.over
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
        board = self.appearance.board(self.session.states[0])
        below = None if board is None else board.bottom
        own_above = below is not None and self.seats.count(PERSON) == 1 and self.seats[below] != PERSON
        return own_above != self.turned

    def pause(self) -> None:
        """While two agents are watched: goes on move by move."""
        if self.watching:
            self.watching = STEP

    @property
    def engine_to_move(self) -> bool:
        return bool(self.watching) or self.seats[self.session.to_play] != PERSON

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
        if self.session.over:
            return "game over> "
        seat = self.session.to_play
        if self.session.clock and not self.watching:
            self.session.clock.run(seat)
        clock = f" {screen.minutes(self.session.clock.left(seat))}" if self.session.clock else ""
        pause = "Enter: next move, " if self.watching else ""
        played = len(self.session.moves)
        number = played // 2 + 1 if self.session.notation.move_separator else played + 1
        return f"{pause}{self.appearance.seat_names[seat]}{clock}, move {number}> "

    def _obey(self, line: str) -> None:
        """A move or a command; mistakes are told, and nothing is lost."""
        try:
            if self.session.over:
                if not self._command(line):
                    self.screen.say("The game is over: 'new' starts another, 'undo' takes a move back.")
                return
            try:
                actions = self.session.read(line)
            except IllegalMove:
                if not self._command(line):
                    raise
            else:
                self._person_moves(actions)
        except (UserError, IllegalMove) as error:
            if self._loading.done() and self._loading.exception() is error:
                raise
            self.screen.say(_sentence(str(error)))

    def _command(self, line: str) -> bool:
        """Whether `line` was a command, which has then been carried out. Raises UserError, IllegalMove."""
        if (found := self.commands.find(line)) is None:
            return False
        command, rest = found
        command.run(self, rest)
        return True

    def _person_moves(self, actions: list[int]) -> None:
        seat = self.session.to_play
        if not self._flag_fallen(seat):
            self.session.play(actions)
        if self.session.over or not self.engine_to_move:
            self.show()

    def _flag_fallen(self, seat: int) -> bool:
        clock = self.session.clock
        if clock is None or clock.left(seat) > 0:
            return False
        clock.stop()
        self.session.run_out_of_time(seat, self.appearance.seat_names[seat])
        return True

    def move_by_engine(self) -> None:
        """A move for the side to move by its agent or opponent, for a person by the agent."""
        at, seat, clock = self.session, self.session.to_play, self.session.clock
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

    def opponents(self) -> tuple[Opponent, Opponent]:
        """The agent and the opponent, waited for. Raises UserError."""
        return self.screen.wait(self._loading, lambda: "the agent is loading", lambda: False)

    def engine_at(self, seat: int) -> Opponent:
        """Who moves for a seat where no person does; for a person, the agent."""
        agent, opponent = self.opponents()
        return opponent if self.seats[seat] == OPPONENT else agent

    def ask(self, who: Opponent, question: Callable[[], T], label: str) -> T:
        """Runs `question` on the worker thread and waits for its result; Ctrl-C asks for an early end."""
        self._info = None
        future = self._asked = self._worker.submit(question)
        return self.screen.wait(future, lambda: label + self._so_far(), who.stop)

    def analyze(self) -> SearchInfo | None:
        """The agent's analysis of the position; None, after saying why, where there is none."""
        if self.session.over:
            self.screen.say("The game is over: there is nothing to analyse.")
            return None
        agent = self.opponents()[0]
        if not agent.searches:
            self.screen.say(f"{_subject(agent.name)} gives no analysis; start with '--agent uct' for one.")
            return None
        from selfplay.search.analyzer import Limit

        at, limit = self.session, Limit(self.simulations)
        return self.ask(agent, lambda: agent.analyze(at, limit, self._report), "thinking")

    def _report(self, info: SearchInfo) -> None:
        self._info = info  # by another thread; shown by `_so_far`

    def _so_far(self) -> str:
        if self._info is None:
            return " …"
        best = self.game.action_to_string(self.session.states[0], self._info.lines[0].actions[0])
        value = f"{round(self._info.value, 2) + 0:+.2f}"
        return f": {self._info.visits:,} visits, {best} {value} (Ctrl-C: stop searching)"

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
        """Says who plays whom."""
        names = self.appearance.seat_names
        marks = [self._mark(seat) for seat in (0, 1)]
        people = [seat for seat in (0, 1) if self.seats[seat] == PERSON]
        if len(people) == 1:
            me = people[0]
            mine = self.session.to_play == me
            if self.session.moves:
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
        """The symbol of a player's pieces in brackets; empty where the player's name or a colour shows it."""
        found = [(mark, piece) for mark, piece in self.appearance.pieces.items() if piece.player == seat]
        if not found or self.screen.plain or self.screen.colour:
            return ""
        mark, piece = found[0]
        shown = piece.symbol if self.screen.drawn else mark
        return "" if shown == self.appearance.seat_names[seat] else f" ({shown})"

    def show(self, said: str = "") -> None:
        """Shows the position after a change, the sentence `said`, and the views that are switched on."""
        if not self.screen.plain:
            self.screen.board(self.session, self.flipped)
        if said:
            self.screen.say(said)
        if self.session.over:
            return
        self._told = False
        if (self.analysis or self.bar) and (not self.engine_to_move or self.watching):
            self.advise(lines=self.analysis)

    def advise(self, lines: bool) -> None:
        """Shows the agent's analysis of the position, where it gives one."""
        if (info := self.analyze()) is not None:
            advice.show(self.screen, self.session, info, lines)

    def tell_result(self) -> None:
        """Says how the game ended."""
        points, names = self.session.points, self.appearance.seat_names
        number = len(self.session.moves)
        if self.session.notation.move_separator:  # moves are counted in pairs
            number = (number + 1) // 2
        if points is None:
            ended = "the game is over in this position"
        elif points == 0.5:
            ended = "a draw"
        else:
            winner = 0 if points > 0.5 else 1
            you = " (you)" if self.alone and self.seats[winner] == PERSON else ""
            ended = f"{names[winner]}{you} wins"
        why = f" ({self.session.reason})" if self.session.reason else ""
        self.screen.say(f"Game over after {number} move{'s' * (number != 1)}: {ended}{why}.")
        self.screen.say("'save FILE' keeps it, 'new' starts another, 'undo' takes back, 'quit' leaves.")

    # -- records -------------------------------------------------------------------------------------------

    def record_text(self, path: Path) -> str:
        """The game with its comments in the format of a file."""
        tags = {"Event": "selfplay play", "Date": time.strftime("%Y.%m.%d")}
        return records.text_of(self.game, self.session.record([self.called(0), self.called(1)], tags), path)

    def put_away(self) -> None:
        """Adds the game to the `keep` file, where there is one, before another takes its place."""
        if self.keep is not None and self.session.moves and self.session.actions != self._kept:
            self._kept = self.session.actions
            try:
                records.append(self.keep, self.record_text(self.keep))
            except (UserError, IllegalMove) as error:
                self.screen.say(_sentence(str(error)))
            else:
                self.screen.say(f"The game was added to {self.keep}.")

    def _completions(self, line: str) -> list[str]:
        return [*(self.session.names() if not self.session.over else []), *self.commands.commands]


def _close(loaded: concurrent.futures.Future[tuple[Opponent, Opponent]]) -> None:
    if loaded.exception() is None:
        for opponent in loaded.result():
            opponent.close()


def _subject(name: str) -> str:
    """A player's name where a sentence begins; texts that stand for players are left alone."""
    return _sentence(name) if name.isalpha() else name


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
