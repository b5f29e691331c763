"""The commands of the program, found by walking its parser, so that tests try new ones and new arguments too."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from selfplay.cli import main

# What a command needs besides the argument that is tried, by its words; each positional one by its name.
NEEDED = {
    "name": "chess", "what": "tic-tac-toe", "first": "random", "second": "greedy", "game": "tic-tac-toe",
    "preset": "tic-tac-toe", "players": "greedy", "checkpoint": "{run}", "run_folder": "{sample}", "folders": "{run}",
    "files": "-", "file": "-", "source": "tic-tac-toe",
    "tables": "KQK",
}  # fmt: skip


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(words, parser) of each command, the program itself among them as "" and groups such as "games"."""
    waiting: list[tuple[str, argparse.ArgumentParser]] = [("", main.parser())]
    while waiting:
        command, parser = waiting.pop()
        yield command, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += [(f"{command} {name}".strip(), sub) for name, sub in action.choices.items()]


def is_group(parser: argparse.ArgumentParser) -> bool:
    """Whether its commands are below it."""
    return any(isinstance(action, argparse._SubParsersAction) for action in parser._actions)
