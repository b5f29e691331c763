"""A table of commands: finds the command that a typed line names, by its name, its beginning or a short form.

Knows what commands are called, not what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from selfplay import errors
from selfplay.errors import UserError


class Command(NamedTuple):
    """A word that can be typed, whole or shortened."""

    run: Callable[[Any, str], None]  # (the dialogue, what follows the word)
    argument: str  # as help shows it; empty: it takes none
    help: str


class CommandTable:
    """Commands by name, in the order that help lists them."""

    def __init__(self, commands: Mapping[str, Command], short: Mapping[str, str]) -> None:
        """short: other words for commands, by name."""
        self.commands, self.short = dict(commands), dict(short)

    def find(self, line: str) -> tuple[Command, str] | None:
        """The command that `line` names, and its argument; None where it names none.

        Raises UserError for a beginning of several commands, an argument that is not wanted, and a word that is nearly
        a command."""
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word.endswith("!"):
            word, rest = word[:-1], f"! {rest}"
        word = "help" if word == "?" else word.lower()
        found = [word] if word in self.commands else [name for name in self.commands if word and name.startswith(word)]
        if word in self.short:
            found = [self.short[word]]
        if len(found) > 1:
            raise UserError(f"'{word}' may mean {' or '.join(found)}.")
        if found:
            command = self.commands[found[0]]
            if rest and not command.argument:
                raise UserError(f"'{found[0]}' takes no argument: leave out '{rest[:40]}'.")
            return command, rest
        if near := errors.nearest(word, self.commands, 0.75):
            raise UserError(f"there is no command '{word[:40]}'. Did you mean '{near}'?")
        return None
