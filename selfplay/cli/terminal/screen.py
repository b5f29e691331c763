"""Terminal input and output of interactive play: lines, boards, a prompt with completion, a spinner while waiting.

Knows no rules. Three ways to show things: drawn (a terminal), as text (a pipe, or asked for), in words (`plain`).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import glob
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import games
from games.appearance import Appearance
from selfplay.cli.console import output
from selfplay.cli.terminal import board

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.play.session import GameSession

T = TypeVar("T")
PATIENCE = 0.4  # seconds before a spinner


class Screen:
    """Standard input and output."""

    def __init__(self, plain: bool, ascii_only: bool) -> None:
        from rich.console import Console

        self.plain = plain
        self.terminal = terminal = output.can_redraw(sys.stdout)
        encoded = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
        self.unicode = encoded and not ascii_only
        self.drawn = terminal and self.unicode
        self.lively = terminal and not plain
        self.typed = sys.stdin.isatty()
        self.interrupted = False  # the last wait, by Ctrl-C
        # A pipe gets lines as they are, whatever their length: only a person's window has a width.
        self.console = Console(
            highlight=False, markup=False, emoji=False, width=None if terminal else 200,
            no_color=True if plain or "NO_COLOR" in os.environ else None,
        )  # fmt: skip
        self.colour = self.drawn and not self.console.no_color and self.console.color_system is not None
        self.completions: Callable[[str], Sequence[str]] = lambda line: ()
        if self.typed:
            self._edit_lines()

    # -- out -----------------------------------------------------------------------------------------------

    def say(self, text: str = "") -> None:
        """A line or several."""
        self.console.print(text, soft_wrap=not self.terminal)

    def copy(self, text: str) -> None:
        """Text as it is, which may be copied into a file."""
        self.console.print(text, soft_wrap=True)

    def board(self, at: GameSession, flipped: bool) -> None:
        """The position; in words where things are said in words."""
        game, state = at.game, at.states[0]
        if self.plain:
            self.say("\n".join(games.facet(game, Appearance).board_in_words(state)))
        elif self.drawn:
            before = None if at.before is None else at.before[0]
            self.console.print(board.draw(game, state, before, flipped, self.colour))
        else:
            self.say(game.to_string(state))

    def bar(self, game: Game, shares: tuple[float, float, float]) -> None:
        """Chances: seat 0 wins, draw, seat 1 wins."""
        if self.plain:
            names = games.facet(game, Appearance).seat_names
            self.say(f"{names[0]} wins {shares[0]:.0%}, draw {shares[1]:.0%}, {names[1]} wins {shares[2]:.0%}.")
        else:
            self.console.print(board.bar(game, shares, self.unicode, self.colour))

    def rows(self, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> None:
        """A table. numbers: heads of columns that are aligned on the right."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD if self.drawn else None, pad_edge=False, header_style="bold")
        for name in head:
            table.add_column(name, justify="right" if name in numbers else "left")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    # -- in ------------------------------------------------------------------------------------------------

    def ask(self, prompt: str) -> str | None:
        """A line that was typed or piped, or None at the end of input. Piped lines are echoed."""
        try:
            if self.typed:
                return input(prompt)
            line = sys.stdin.readline()
        except EOFError:
            line = ""
        except UnicodeDecodeError:
            line = "\N{REPLACEMENT CHARACTER}\n"
        if not line:
            self.say()
            return None
        self.say(prompt + line.rstrip("\r\n"))
        return line

    def _edit_lines(self) -> None:
        """History and completion of typed lines."""
        try:
            import readline
        except ImportError:  # some builds of Python have none
            return
        found: list[str] = []

        def complete(text: str, number: int) -> str | None:
            if number == 0:
                line = readline.get_line_buffer()[: readline.get_begidx()]
                words = self.completions(line) if not line.strip() else glob.glob(glob.escape(text) + "*")
                found[:] = [word + ("/" if os.path.isdir(word) else "") for word in words if word.startswith(text)]
            return found[number] if number < len(found) else None

        readline.set_completer_delims(" \t\n")
        readline.set_completer(complete)
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")

    # -- waiting -------------------------------------------------------------------------------------------

    def wait(self, future: concurrent.futures.Future[T], label: Callable[[], str], stop: Callable[[], bool]) -> T:
        """The result of another thread's work. The first Ctrl-C calls `stop`; where that returns False, and at
        the second, KeyboardInterrupt is raised."""
        began, self.interrupted = time.monotonic(), False
        with contextlib.ExitStack() as shown:
            status: Any = None
            while True:
                try:
                    concurrent.futures.wait([future], timeout=0.05 if time.monotonic() - began < 2 else 0.2)
                    if future.done():
                        break
                    if self.lively and time.monotonic() - began > PATIENCE:
                        if status is None:
                            status = shown.enter_context(self.console.status(label(), spinner="line"))
                        status.update(label())
                except KeyboardInterrupt:
                    if self.interrupted or not stop():
                        raise
                    self.interrupted = True
        if self.interrupted and self.terminal:
            self.say()  # below the ^C
        return future.result()


def minutes(seconds: float) -> str:
    """Time left as clocks show it: "4:05"; under ten seconds "7.3 s"."""
    left = max(0.0, seconds)
    return f"{left:.1f} s" if left < 10 else f"{int(left) // 60}:{int(left) % 60:02}"
