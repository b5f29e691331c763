"""The options of `selfplay evaluate`, and what it does with them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from selfplay.cli.console import early, numbers, output, paths
from selfplay.errors import FolderError, UserError
from selfplay.players.levels import MAX_SIMULATIONS

if TYPE_CHECKING:
    from games.base import Game
    from games.knowledge import EvalSet
    from games.scored_positions import ScoredPositions
    from selfplay.players.network_player import NetworkPlayer

MAX_BYTES = 64 * 2**20  # of a file of positions
AT_ONCE = 20  # positions solved between two signs of life


class Mistakes(NamedTuple):
    """What was counted in one file, at one number of simulations."""

    file: str
    simulations: int
    positions: int
    contested: int  # positions that have a wrong move
    mistakes: int
    rate: float  # mistakes over positions, in [0, 1]
    low: float  # its 95 % interval
    high: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=paths.path, metavar="AGENT",
                        help="a run's folder, one generation's, or a game with a packaged agent")  # fmt: skip
    parser.add_argument("--positions", type=paths.file, nargs="+", required=True, metavar="FILE",
                        help="files with a position a line: moves, a blank, the score")  # fmt: skip
    parser.add_argument("--simulations", type=numbers.several(0, MAX_SIMULATIONS), default=[100], metavar="N[,N…]",
                        help="simulations a position (default 100); 0: the policy alone")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")


def run(arguments: argparse.Namespace) -> int:
    folder = early.find_agent(arguments.checkpoint)
    texts = {file: _text(file) for file in arguments.positions}
    from selfplay.players import network_player

    agent = network_player.load(folder)
    read = {file: _positions(agent.game, file, text) for file, text in texts.items()}
    rows = []
    for file, positions in read.items():
        eval_set = _solved(agent.game, file, positions)
        for simulations in arguments.simulations:
            rows.append(_measured(agent, file, eval_set, simulations))
            if arguments.json:
                print(json.dumps(rows[-1]._asdict()), flush=True)
    if not arguments.json:
        _print_table(agent, rows)
    return 0


def _text(file: Path) -> str:
    """The text of a file. Raises FolderError."""
    from selfplay.storage import bounded

    try:
        with bounded.opened(file, MAX_BYTES) as stream:
            return stream.read().decode("ascii")
    except UnicodeDecodeError:
        raise FolderError(f"'{file}' is not a text of positions: expected moves, a blank and a score a line.") from None
    except OSError as error:
        raise FolderError(f"cannot read '{file}' ({bounded.reason(error)}).") from None


def _positions(game: Game, file: Path, text: str) -> ScoredPositions:
    from games import scored_positions

    try:
        return scored_positions.read(game, text.splitlines())
    except ValueError as error:
        raise UserError(f"'{file}': {error}") from None


def _solved(game: Game, file: Path, positions: ScoredPositions) -> EvalSet:
    """The positions with what every move is worth."""
    import numpy as np

    from games import scored_positions
    from games.knowledge import EvalSet

    parts, count = [], len(positions.states)
    redraws = output.can_redraw(sys.stderr)
    try:
        for start in range(0, count, AT_ONCE):
            if redraws:
                print(f"\r\x1b[K{file}: {start:,} of {count:,} solved", end="", file=sys.stderr, flush=True)
            part = scored_positions.ScoredPositions(*(field[start : start + AT_ONCE] for field in positions))
            parts.append(scored_positions.exact_values(game, part))
    except ValueError as error:
        raise UserError(f"'{file}': {error}") from None
    finally:
        if redraws:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return EvalSet(positions.states, np.concatenate(parts), np.zeros(count, np.int8), ("all",))


def _measured(agent: NetworkPlayer, file: Path, eval_set: EvalSet, simulations: int) -> Mistakes:
    from selfplay.alphazero import evaluation
    from selfplay.players import player
    from selfplay.report import health
    from selfplay.sweeps import positions

    found = player.choices(agent.game, eval_set.states, agent.evaluate, agent.config, simulations)
    count = len(eval_set.states)
    mistakes = int((~evaluation.keeps_result(eval_set, found)).sum())
    contested = round(positions.contested(eval_set) * count)
    low, high = health.wilson(mistakes / count, count)
    return Mistakes(str(file), simulations, count, contested, mistakes, mistakes / count, low, high)


def _print_table(agent: NetworkPlayer, rows: list[Mistakes]) -> None:
    from rich.console import Console
    from rich.table import Table

    print(agent.description)
    table = Table("file", "simulations", "positions", "wrong move", "mistakes", "rate (95 %)")
    for row in rows:
        table.add_row(Path(row.file).name, str(row.simulations), f"{row.positions:,}", f"{row.contested:,}",
                      f"{row.mistakes:,}", f"{row.rate:.2%} ({100 * row.low:.2f}–{100 * row.high:.2f})")  # fmt: skip
    Console().print(table)
    print("wrong move: positions that have one; only there can a mistake be made.")
