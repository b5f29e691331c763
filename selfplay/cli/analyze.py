"""Analyses positions with a trained agent.

Given --moves or --fen, prints the board and a table of the legal moves. Otherwise reads positions as JSON lines from
standard input and answers one JSON line each; a line that cannot be answered gets {"error": …}, and it goes on.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from selfplay.cli.console import early, paths
from selfplay.errors import UserError
from selfplay.players.levels import MAX_SIMULATIONS

if TYPE_CHECKING:
    import numpy as np

    from games.notation import Notation
    from selfplay.players.analysis import Analysis
    from selfplay.players.network_player import NetworkPlayer

EPILOG = """examples:
  selfplay analyze runs/connect-four --moves 4453
  selfplay analyze runs/connect-four/checkpoints/000012 --moves "" --simulations 800
  selfplay analyze runs/chess --fen "6k1/5ppp/8/8/8/8/8/3R2K1 w - - 0 1" --moves "d1d8"
  echo '{"game": "connect-four", "moves": "4453", "simulations": 100}' | selfplay analyze runs/connect-four
  echo '{"game": "chess", "moves": "e2e4 e7e5"}' | selfplay analyze runs/chess
  echo '{"game": "checkers", "fen": "B:W21,22,K24:B1,2,K30"}' | selfplay analyze runs/checkers

Moves are columns 1-7 in connect four, cells 1-9 in tic-tac-toe, UCI (e2e4) in chess, PDN (11-15, 22x15x8) in checkers.
In chess and checkers "fen" (or "start_fen") sets the position that "moves" start from, and answers name the position
reached as "fen". "simulations": 0 asks for the policy alone.
"""

BATCH = 128  # positions searched together
MAX_LINE = 1_000_000  # characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", type=paths.path, metavar="CHECKPOINT_OR_RUN", help="a run's folder, or one generation's"
    )
    parser.add_argument("--moves", metavar="MOVES", help="the position after these moves, shown as a table")
    parser.add_argument("--fen", metavar="FEN", help="the position that --moves start from (chess, checkers)")
    parser.add_argument(
        "--simulations", type=int, default=100, metavar="N", help="simulations a position (default 100)"
    )


def run(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.simulations <= MAX_SIMULATIONS:
        raise UserError(f"--simulations is {arguments.simulations}, and must lie between 0 and {MAX_SIMULATIONS:,}.")
    early.check_checkpoint(arguments.checkpoint)
    from selfplay.players import network_player

    player = network_player.load(arguments.checkpoint)
    if arguments.moves is not None or arguments.fen is not None:
        request = {"moves": arguments.moves or ""} | ({"fen": arguments.fen} if arguments.fen is not None else {})
        _print_table(player, request, arguments.simulations)
        return 0
    for batch in _batches():
        for answer in _answer(player, batch, arguments.simulations):
            print(json.dumps(answer), flush=True)
    return 0


def _batches() -> Iterator[list[str]]:
    """Lines of standard input, as many together as have arrived: one at a time for a person, many for a pipe."""
    lines: queue.Queue[str | None] = queue.Queue(maxsize=4 * BATCH)

    def read() -> None:
        for line in sys.stdin.buffer:
            lines.put(line.decode("utf-8", errors="replace"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        batch = [lines.get()]
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(lines.get(timeout=0.002))
            except queue.Empty:
                break
        yield [line for line in batch if line is not None and line.strip()]
        if batch[-1] is None:
            return


def _answer(player: NetworkPlayer, lines: list[str], default_simulations: int) -> list[dict[str, Any]]:
    """One answer a line, in order; positions with equal budgets are searched together."""
    import numpy as np

    answers: list[dict[str, Any]] = [{} for _ in lines]
    asked: dict[int, list[tuple[int, np.ndarray, dict[str, Any]]]] = {}
    for index, line in enumerate(lines):
        request: dict[str, Any] = {}
        try:
            request = _parse(line)
            simulations = _simulations(request, default_simulations)
            states = _position(player, request)
            asked.setdefault(simulations, []).append((index, states, request))
        except ValueError as error:
            answers[index] = {**(_echo(request) if len(line) < 1000 else {}), "error": str(error)}
    for simulations, group in asked.items():
        together = np.concatenate([states for _, states, _ in group])
        for (index, states, request), found in zip(group, player.analyze(together, simulations), strict=True):
            fen = _notation(player).to_fen(states[0])
            reached = {} if fen is None else {"fen": fen}
            answers[index] = {"moves": "", **_echo(request), **reached, **_told(player, states, found)}
    return answers


def _told(player: NetworkPlayer, states: np.ndarray, found: Analysis) -> dict[str, Any]:
    """An analysis of states [1] as JSON values; moves in the order of their actions."""
    return {
        "best": found.best,
        "policy": {move: round(found.policy[move], 6) for move in player.game.legal_moves(states[0])},
        "value": round(found.value, 6),
        "wdl": [round(share, 6) for share in found.wdl],
        "simulations": found.simulations,
    }


def _echo(request: dict[str, Any]) -> dict[str, str]:
    """What was asked, to know the answer by."""
    start = request.get("start_fen", request.get("fen"))
    asked = {"start_fen": start, "moves": request.get("moves")}
    return {key: text for key, text in asked.items() if isinstance(text, str)}


def _parse(line: str) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of {len(line):,} characters is too long; the limit is {MAX_LINE:,}.")
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError('the line is not JSON; expected an object such as {"moves": "4453"}.') from None
    if not isinstance(request, dict):
        raise ValueError('the line is not a JSON object; expected one such as {"moves": "4453"}.')
    return request


def _simulations(request: dict[str, Any], default: int) -> int:
    simulations = request.get("simulations", default)
    if isinstance(simulations, bool) or not isinstance(simulations, int) or not 0 <= simulations <= MAX_SIMULATIONS:
        raise ValueError(f"simulations must be a whole number between 0 and {MAX_SIMULATIONS:,}.")
    return simulations


def _position(player: NetworkPlayer, request: dict[str, Any]) -> np.ndarray:
    """[1] state_dtype: the position that is asked about. Raises ValueError."""
    game = request.get("game", player.game.name)
    if game != player.game.name:
        raise ValueError(f"this agent plays {player.game.name}, not {str(game)[:40]!r}.")
    moves = request.get("moves", "")
    if not isinstance(moves, str):
        raise ValueError("moves must be a string of moves.")
    given = [request[key] for key in ("fen", "start_fen") if request.get(key) is not None]
    if not all(isinstance(fen, str) for fen in given):
        raise ValueError("fen must be a string.")
    if len(given) == 2 and given[0] != given[1]:
        raise ValueError("fen and start_fen mean the same, the position that moves start from: give one of them.")
    start = _notation(player).from_fen(given[0]) if given else None
    states = _notation(player).state_after(moves, start)
    if states["terminal"][0]:
        raise ValueError("the game is over in this position: there is nothing to choose.")
    return states


def _notation(player: NetworkPlayer) -> Notation:
    """The facet of the player's game."""
    import games
    from games.notation import Notation

    return games.facet(player.game, Notation)


def _print_table(player: NetworkPlayer, request: dict[str, str], simulations: int) -> None:
    from rich.console import Console
    from rich.table import Table

    try:
        states = _position(player, request)
    except ValueError as error:
        raise UserError(str(error)) from None
    found = player.analyze(states, simulations)[0]
    exact = player.exact_values(states[0])
    print(found.board)
    win, draw, loss = found.wdl
    print(f"\n{player.description}, {simulations} simulations: value {found.value:+.3f} for the player to move "
          f"(win {win:.1%}, draw {draw:.1%}, loss {loss:.1%})")  # fmt: skip
    table = Table("move", "visits", "policy", "value", "prior", *(["exact"] if exact else []))
    for move in sorted(player.game.legal_moves(states[0]), key=lambda move: -round(found.policy[move], 6)):
        verdict = [{1: "win", 0: "draw", -1: "loss"}[exact[move]]] if exact else []
        mark = " ←" if move == found.best else ""
        value = f"{found.values[move]:+.3f}" if found.visits[move] else "–"
        table.add_row(f"{move}{mark}", str(found.visits[move]), f"{found.policy[move]:.1%}",
                      value, f"{found.priors[move]:.1%}", *verdict)  # fmt: skip
    Console().print(table)
