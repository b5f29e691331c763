"""Ratings of board-game players for `elo`: participants, openings, and the report of the results."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay.cli.tournaments import conditions, contest, playing
from selfplay.cli.tournaments.contest import Contest, Entry
from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.cli.tournaments.playing import Progress
    from selfplay.cli.tournaments.report import TournamentReport
    from selfplay.ratings.standings import Standings
    from selfplay.ratings.tournament import TournamentResults

MAX_PLAYERS = 200
GAMES = 100  # a pair of players, where none are asked for
SIMULATIONS = 100


def enter(arguments: argparse.Namespace) -> Contest:
    """The tournament that is asked for. Raises UserError."""
    arguments.games = GAMES if arguments.games is None else arguments.games
    conditions.check_even(arguments)
    numbers = sorted(set(arguments.simulations or [SIMULATIONS]))
    if arguments.samples is not None:
        raise UserError("--samples is for generators and discriminators: these players play games.")
    entries = _entries(arguments, numbers)
    anchor = contest.anchor(arguments.anchor, [entry.name for entry in entries])
    import games
    from games.notation import Notation
    from selfplay.players import match_worker, registry
    from selfplay.ratings import tournament

    game, players = registry.load_players([entry.text for entry in entries], arguments.game, numbers[0])
    starts = conditions.find_openings(game, arguments, arguments.games // 2, players)
    spec = match_worker.MatchSpec(
        tuple(entry.text for entry in entries), tuple(entry.name for entry in entries), game.name, numbers[0],
        tuple(starts), arguments.seed, conditions.adjudication(game, arguments),
    )  # fmt: skip
    return Contest(
        [tournament.Participant(entry.name, registry.digest(entry.text, game.name, numbers[0])) for entry in entries],
        contest.pairings(entries, arguments.schedule), arguments.games // 2, ("games", 2),
        conditions.terms(game, arguments), games.facet(game, Notation).record_suffix,
        playing.workers_of_games(spec, (game, players)),
        partial(_report, game, entries, arguments, anchor),
    )  # fmt: skip


def _entries(arguments: argparse.Namespace, numbers: list[int]) -> list[Entry]:
    """The players who take part: generations of runs, with each of the numbers of simulations, which ascend; other
    players that search and name no number, with the first. Raises UserError."""
    from selfplay.league import pool
    from selfplay.players import player_spec

    found: list[Entry] = []
    trained = [text for text in arguments.players if player_spec.is_trained(text)]
    called = dict(zip(trained, contest.series_of([Path(text) for text in trained]), strict=True))
    for text in arguments.players:
        if text not in called:
            found.append(Entry(text, text, "", 0))
        elif "?" in text or text == player_spec.BUNDLED:
            found.append(Entry(text, text, "", 0, player_spec.simulations_of(text, numbers[0])))
        else:
            series, given = called[text], Path(text)
            for folder in contest.generations(pool.newest(given), given, arguments.generations):
                name = f"{series}/{int(folder.name)}" if folder != given and folder.name.isdigit() else text
                for number in numbers:
                    said = f"{name}@{number}" if len(numbers) > 1 else name
                    generation = int(folder.name) if folder.name.isdigit() else 0
                    found.append(Entry(f"{folder}?simulations={number}", said, series, generation, number))
    contest.refuse_twice([entry.name for entry in found])
    conditions.check_range("the number of players", len(found), 2, MAX_PLAYERS)
    return found


# Telling


def _report(
    game: Game, entries: list[Entry], arguments: argparse.Namespace, anchor: tuple[int | None, float],
    results: TournamentResults, session: Progress,
) -> TournamentReport:  # fmt: skip
    from selfplay.cli.tournaments import report
    from selfplay.ratings import standings

    found = standings.compute([entry.name for entry in entries], results.pairs(), *anchor)
    total = 2 * len(results)
    numbers = sorted({entry.simulations for entry in entries if entry.simulations is not None})
    searched = f", {', '.join(map(str, numbers))} simulations a move of trained players" if numbers else ""
    said = (
        f"{game.name}: {total:,} games in pairs with seats swapped, {arguments.schedule}, {arguments.games} a pair of "
        f"players, {conditions.describe_openings(game, arguments, arguments.games // 2)}{searched}. Intervals are "
        f"95 %, by resampling pairs. Moving first is worth {found.fit.advantage:+.0f} Elo "
        f"(± {1.96 * found.fit.advantage_error:.0f})."
    )
    before = f"{total - session.done:,} games from before"
    extra = [f"{results.plies():.0f} plies a game; {before}, none played now."]
    if session.done:
        speed = f", {session.simulations / session.seconds:,.0f} simulations/s" if session.simulations else ""
        now = f"{session.done:,} games played now in {session.seconds:.0f} s"
        rate = f"{session.done / session.seconds:.1f} games/s{speed}"
        extra = [f"{results.plies():.0f} plies a game; {now} ({rate}), {before}."]
    if repeats := results.duplicates():
        extra.append(f"{repeats} of {total} games repeat another one move by move: more openings would say more.")
    if called := results.adjudicated():
        extra.append(f"{called} of {total} games were called off before their end by the rules.")
    several = len(numbers) > 1
    series = {
        number: (f"{entry.series} at {entry.simulations}" if several else entry.series, entry.generation)
        for number, entry in enumerate(entries) if entry.series
    }  # fmt: skip
    return report.TournamentReport(
        f"Elo, {game.name}", found, conditions.terms(game, arguments), said, extra + _doublings(entries, found), series,
        "games/",
    )  # fmt: skip


def _doublings(entries: list[Entry], found: Standings) -> list[str]:
    """What more simulations are worth, for agents that take part with several numbers of them."""
    import math

    from selfplay.ratings import standings

    rated = {row.player for row in found.rows}
    sentences = []
    by_agent: dict[tuple[str, int], list[int]] = {}
    for number, entry in enumerate(entries):
        if entry.simulations is not None and entry.series and number in rated:
            by_agent.setdefault((entry.series, entry.generation), []).append(number)
    for (series, generation), numbers in by_agent.items():
        for weak, strong in pairwise(numbers):
            few, many = (entries[k].simulations or 0 for k in (weak, strong))
            elo, low, high = standings.gain(found, strong, weak)
            step = f"from {few} to {many} simulations" if few else f"{many} simulations over the policy alone"
            each = f", {elo / math.log2(many / few):+.0f} a doubling" if few and many > 2 * few else ""
            sentences.append(f"{series}/{generation}, {step}: {elo:+.0f} Elo ({low:+.0f} to {high:+.0f}){each}.")
    return sentences
