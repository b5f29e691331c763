"""Rates players by games against each other: the generations of runs, reference players, engines of others.

A PLAYER that is a run's folder takes part with several of its generations; everything else is one player: a
generation's folder, random, greedy, uct:SIMULATIONS, alphabeta:DEPTH, solver, uci:ENGINE, hub:ENGINE. Results are kept
in the output folder as they come: the same command goes on after a stop, and plays only what is new when a run has
grown.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selfplay.cli import conditions, playing
from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.cli.playing import Progress
    from selfplay.cli.report import Report
    from selfplay.standings import Standings

EPILOG = """examples:
  selfplay elo runs/connect-four
  selfplay elo runs/connect-four random uct:1000 solver --games 100 --simulations 100
  selfplay elo runs/a runs/b --generations 5 --schedule ladder
  selfplay elo runs/connect-four --generations 1 --simulations 0,25,50,100,200,400
  selfplay elo runs/chess uci:stockfish?UCI_Elo=1350 --schedule gauntlet --games 40
  selfplay elo random greedy uct:100 alphabeta:4 --game checkers --anchor random=0

--simulations with several numbers lets every trained player take part at each of them: what doubling is worth, and
what search adds to the policy alone (0). Written: ratings.csv, ratings.json, ratings.md, crosstable.csv, elo.png, and
the games, one file a pairing.
"""

SCHEDULES = ("round-robin", "gauntlet", "ladder")
MAX_ENTRANTS = 200


class Entry(NamedTuple):
    """One entrant, before anything is loaded."""

    text: str  # as in roster.py
    name: str
    series: str  # the run it belongs to; empty for players without generations
    generation: int
    simulations: int | None  # None: not a trained player


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("players", nargs="+", metavar="PLAYER", help="runs, checkpoints, reference players, engines")
    parser.add_argument("--game", metavar="NAME", help="the game, where no player is a checkpoint")
    parser.add_argument("--generations", default="10", metavar="N",
                        help="of each run, evenly spread; 1: the newest; 'all' (default 10)")  # fmt: skip
    parser.add_argument("--games", type=int, default=100, metavar="N", help="games a pair of players (default 100)")
    parser.add_argument("--simulations", default="100", metavar="N[,N…]",
                        help="simulations a move of trained players (default 100); 0: the policy alone")  # fmt: skip
    parser.add_argument("--schedule", choices=SCHEDULES, default="round-robin",
                        help="gauntlet: each newest generation (or the first player) against all; "
                        "ladder: neighbours")  # fmt: skip
    parser.add_argument("--anchor", metavar="NAME[=ELO]", help="whose rating is fixed (default: the mean is 0)")
    conditions.add_openings(parser)
    conditions.add_adjudication(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="openings and lots follow from it (default 1)")
    playing.add_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="output folder (default: elo/ in the first run)")
    parser.add_argument("--json", action="store_true", help="print ratings.json instead of tables")


def run(arguments: argparse.Namespace) -> int:
    conditions.check(arguments)
    playing.check(arguments)
    numbers = _simulations(arguments.simulations)
    entries = _entries(arguments, numbers)
    from selfplay import arena
    from selfplay.alphazero import hall, roster
    from selfplay.cli import report as reports

    game, company = roster.gather([entry.text for entry in entries], arguments.game, numbers[0])
    starts = conditions.find_openings(game, arguments, arguments.games // 2, company)
    plan = hall.Plan(
        tuple(entry.text for entry in entries), tuple(entry.name for entry in entries), game.name, numbers[0],
        tuple(starts), arguments.seed, conditions.adjudication(arguments),
    )  # fmt: skip
    out = arguments.out or _default_out(arguments.players)
    entrants = [arena.Entrant(entry.name, roster.digest(entry.text, game.name, numbers[-1])) for entry in entries]
    tournament = arena.Arena(out, entrants, conditions.terms(game, arguments), game.record_suffix)
    try:
        tasks = tournament.missing(_pairings(entries, arguments.schedule), arguments.games // 2)
        progress = playing.Progress(2 * len(tasks), arguments.plain or arguments.json)
        if tasks:
            for result in playing.play(plan, (game, company), tasks, arguments, progress):
                tournament.add(result)
        report = _report(game, entries, tournament, arguments, progress)
    except KeyboardInterrupt:
        done = 2 * len(tournament.results)
        print(f"Stopped: {done} games are kept in {out}. The same command goes on.", file=sys.stderr)
        return 130
    finally:
        tournament.close()
    reports.write(out, report)
    if arguments.json:
        print((out / "ratings.json").read_text("utf-8"), end="")
    else:
        reports.show(out, report)
    return 0


# What is asked for


def _simulations(text: str) -> list[int]:
    from selfplay.alphazero.roster import MAX_SIMULATIONS

    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) <= MAX_SIMULATIONS for word in words):
        raise UserError(
            f"--simulations is '{text}': expected a whole number up to {MAX_SIMULATIONS:,}, or several with commas."
        )
    return sorted({int(word) for word in words})


def _entries(arguments: argparse.Namespace, numbers: list[int]) -> list[Entry]:
    """Everyone who takes part. Raises UserError."""
    from selfplay.alphazero import roster

    found: list[Entry] = []
    folders = [Path(text) for text in arguments.players if roster.is_trained(text)]
    alike = len({folder.resolve().name for folder in folders}) < len(folders)
    for text in arguments.players:
        if not roster.is_trained(text):
            found.append(Entry(text, text, "", 0, None))
        elif "?" in text or text == roster.BUNDLED:
            found.append(Entry(text, text, "", 0, roster.simulations_of(text, numbers[-1])))
        else:
            series = text if alike else Path(text).resolve().name
            for folder in _generations(Path(text), arguments.generations):
                name = f"{series}/{int(folder.name)}" if folder != Path(text) and folder.name.isdigit() else text
                for number in numbers:
                    said = f"{name}@{number}" if len(numbers) > 1 else name
                    generation = int(folder.name) if folder.name.isdigit() else 0
                    found.append(Entry(f"{folder}?simulations={number}", said, series, generation, number))
    names = [entry.name for entry in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"'{twice}' takes part twice: name each player once.")
    conditions.check_range("the number of players", len(found), 2, MAX_ENTRANTS)
    return found


def _generations(path: Path, wanted: str) -> list[Path]:
    """Folders of a run's generations, evenly spread, the first and the newest among them; or the one folder."""
    from selfplay import pool
    from selfplay.alphazero import players

    newest = players.newest(path)
    if newest == path:
        return [path]
    checkpoints = pool.Pool(newest.parent)
    numbers = checkpoints.generations()
    if wanted != "all":
        if not (wanted.isascii() and wanted.isdigit() and int(wanted) >= 1):
            raise UserError(f"--generations is '{wanted}': expected a whole number from 1, or 'all'.")
        count = min(int(wanted), len(numbers))
        places = {round(k * (len(numbers) - 1) / max(1, count - 1)) for k in range(count)} if count > 1 else {-1}
        numbers = [numbers[place] for place in sorted(places)]
    return [checkpoints.path(number) for number in numbers]


def _pairings(entries: list[Entry], schedule: str) -> list[tuple[int, int]]:
    from selfplay import arena

    if schedule == "round-robin":
        return arena.round_robin(len(entries))
    series = [name for name in dict.fromkeys(entry.series for entry in entries) if name]
    runs = [[k for k, entry in enumerate(entries) if entry.series == name] for name in series]
    if schedule == "ladder":
        return arena.ladder(len(entries), runs)
    newest = [max(rung, key=lambda k: (entries[k].generation, entries[k].simulations)) for rung in runs]
    return arena.gauntlet(len(entries), newest or [0])


def _default_out(players: list[str]) -> Path:
    from selfplay.alphazero import roster

    for text in players:
        if roster.is_trained(text) and "?" not in text and text != roster.BUNDLED:
            path = Path(text)
            return path / "elo" if (path / "checkpoints").is_dir() else Path("elo")
    return Path("elo")


# Telling


def _report(
    game: Game, entries: list[Entry], tournament: Any, arguments: argparse.Namespace, session: Progress
) -> Report:
    from selfplay import standings
    from selfplay.cli import report

    anchor, elo = _anchor(arguments.anchor, entries)
    found = standings.compute([entry.name for entry in entries], tournament.pairs(), anchor, elo)
    total = 2 * len(tournament.results)
    numbers = sorted({entry.simulations for entry in entries if entry.simulations is not None})
    searched = f", {', '.join(map(str, numbers))} simulations a move of trained players" if numbers else ""
    said = (
        f"{game.name}: {total:,} games in pairs with seats swapped, {arguments.schedule}, {arguments.games} a pair of "
        f"players, {conditions.describe_openings(game, arguments, arguments.games // 2)}{searched}. Intervals are "
        f"95 %, by resampling pairs. Moving first is worth {found.fit.advantage:+.0f} Elo "
        f"(± {1.96 * found.fit.advantage_error:.0f})."
    )
    before = f"{total - session.done:,} games from before"
    extra = [f"{tournament.plies():.0f} plies a game; {before}, none played now."]
    if session.done:
        speed = f", {session.simulations / session.seconds:,.0f} simulations/s" if session.simulations else ""
        now = f"{session.done:,} games played now in {session.seconds:.0f} s"
        rate = f"{session.done / session.seconds:.1f} games/s{speed}"
        extra = [f"{tournament.plies():.0f} plies a game; {now} ({rate}), {before}."]
    if repeats := tournament.duplicates():
        extra.append(f"{repeats} of {total} games repeat another one move by move: more openings would say more.")
    if called := tournament.adjudicated():
        extra.append(f"{called} of {total} games were called off before their end by the rules.")
    several = len(numbers) > 1
    series = {
        number: (f"{entry.series} at {entry.simulations}" if several else entry.series, entry.generation)
        for number, entry in enumerate(entries) if entry.series
    }  # fmt: skip
    return report.Report(found, conditions.terms(game, arguments), said, extra + _doublings(entries, found), series)


def _anchor(text: str | None, entries: list[Entry]) -> tuple[int | None, float]:
    if text is None:
        return None, 0.0
    name, _, elo = text.rpartition("=") if "=" in text else (text, "", "0")
    names = [entry.name for entry in entries]
    try:
        return names.index(name), float(elo)
    except ValueError:
        raise UserError(
            f"--anchor is '{text}': expected one of the players, perhaps with =ELO. Players: {', '.join(names[:20])}."
        ) from None


def _doublings(entries: list[Entry], found: Standings) -> list[str]:
    """What more simulations are worth, for agents that take part with several numbers of them."""
    import math

    from selfplay import standings as tables

    rated = {row.player for row in found.rows}
    sentences = []
    by_agent: dict[tuple[str, int], list[int]] = {}
    for number, entry in enumerate(entries):
        if entry.simulations is not None and entry.series and number in rated:
            by_agent.setdefault((entry.series, entry.generation), []).append(number)
    for (series, generation), numbers in by_agent.items():
        for weak, strong in pairwise(numbers):
            few, many = (entries[k].simulations or 0 for k in (weak, strong))
            elo, low, high = tables.gain(found, strong, weak)
            step = f"from {few} to {many} simulations" if few else f"{many} simulations over the policy alone"
            each = f", {elo / math.log2(many / few):+.0f} a doubling" if few and many > 2 * few else ""
            sentences.append(f"{series}/{generation}, {step}: {elo:+.0f} Elo ({low:+.0f} to {high:+.0f}){each}.")
    return sentences
