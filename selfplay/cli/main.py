"""Entry point of the `selfplay` command: finds the subcommand, and turns errors into one sentence and an exit code.

Exit codes: 0 done, 1 a check failed (`games check`, `doctor`, `drift`), 2 the user's mistake, 3 `train` was
stopped by an alarm of drift, 130 stopped by Ctrl-C.
Nothing heavy is imported here or while a subcommand describes itself, so that help is instant.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import re
import sys
from typing import NoReturn

from selfplay import __version__, errors
from selfplay.cli.console import output
from selfplay.errors import UserError

COMMANDS = {
    "train": "teach an agent by self-play, or a generator by its critic; repeated, it goes on where it stopped",
    "play": "play against an agent in the terminal, every game alike; or watch two agents",
    "match": "games between two players, trained or not, with the certainty of the result",
    "sweep": "compare settings: several arms with several seeds at equal budgets, with intervals; resumable",
    "elo": "ratings of generations, runs, reference players and engines, by games against each other",
    "sample": "what a trained generator makes, as a picture or as arrays",
    "analyze": "analyze positions with a trained agent, as a table or as JSON lines",
    "evaluate": "count an agent's mistakes in positions with known results, as Pascal Pons's for connect four",
    "uci": "a trained agent as an engine for chess interfaces (UCI)",
    "hub": "a trained agent as an engine for draughts interfaces (Hub)",
    "drift": "what drifted in a run, or in a CSV or Parquet file against a reference; exit code 1 where something did",
    "games": "list the games, check that a game keeps its contract, count its move tree",
    "runs": "list runs, show one, make an HTML page of its health",
    "bench": "measure this machine, recommend settings for it, and say what a preset takes here",
    "doctor": "check this machine and installation, and say what to do about what is wrong",
    "verify": "check every file of a run or tournament for damage, and repair it on request",
}

LONGEST = 300  # characters of one word in a message

EPILOG = """examples:
  selfplay train tic-tac-toe
  selfplay train connect-four --minutes 20
  selfplay analyze runs/connect-four --moves 4453
  selfplay train gan-ring && selfplay sample runs/gan-ring
  selfplay COMMAND --help
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, with the nearest match for an unknown word."""

    def error(self, message: str) -> NoReturn:
        message = message.replace("the following arguments are required:", "missing:")
        if "invalid choice: " in message:
            word = message.split("invalid choice: ")[1].split(" ")[0].strip("'")
            choices = [text.strip(" ')") for text in message.rpartition("choose from ")[2].split(",")]
            message = f"there is no '{word}' here.{errors.suggest(word, choices)} Choose from: {', '.join(choices)}."
        message = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in message)
        complain(f"{message.rstrip('.')}. `{self.prog} --help` shows how it is used.")
        raise SystemExit(2)


def complain(message: str) -> None:
    message = re.sub(rf"\S{{{LONGEST + 1},}}", lambda long: errors.shorten(long[0], LONGEST), message)
    print(f"selfplay: {message}", file=sys.stderr)


def parser() -> Parser:
    top = Parser(
        prog="selfplay", epilog=EPILOG,
        description="Trains agents by self-play: board games with tree search, generators against their critics.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"selfplay {__version__}")
    top.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"selfplay.cli.{name}")
        sub = commands.add_parser(
            name, help=summary, description=module.__doc__, epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_arguments(sub)
        sub.set_defaults(execute=module.run)
    return top


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    output.prepare()
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.execute(arguments)
        sys.stdout.flush()
    except UserError as error:
        if arguments.debug:
            raise
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        complain("stopped.")
        return 130
    except ImportError as error:  # an extra that is not installed
        if arguments.debug:
            raise
        complain(str(error))
        return 2
    except MemoryError as error:
        if arguments.debug:
            raise
        complain(f"not enough memory ({str(error) or 'none left'}): ask for less at once.")
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if arguments.debug or error.errno != errno.ENAMETOOLONG:
            raise
        complain(f"'{errors.shorten(str(error.filename), 60)}' is too long a name for this system: choose another.")
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
