"""The specification of a tournament for `elo`: participants, pairings, anchor.

The same for every family of players; what is particular to one is in `board_ratings` or `gan_ratings`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selfplay.errors import UserError

if TYPE_CHECKING:
    from selfplay.cli.tournaments.playing import Progress, WorkerPools
    from selfplay.cli.tournaments.report import TournamentReport
    from selfplay.ratings.tournament import Participant, TournamentResults

MAX_SAMPLES = 1_000_000  # of a generator, in one block
SCHEDULES = ("round-robin", "gauntlet", "ladder")


class Entry(NamedTuple):
    """One agent that takes part, before anything is loaded."""

    text: str  # as registry.py has it, or a generation's folder
    name: str
    series: str  # the run it belongs to; empty for players without generations
    generation: int
    simulations: int | None = None  # None: it does not search, or is not a trained player


class Contest(NamedTuple):
    """A tournament as `elo` plays, stores and reports it."""

    participants: list[Participant]
    pairings: list[tuple[int, int]]
    openings: int  # tasks of a pairing: openings, or blocks of data
    counted: tuple[str, int]  # what a task is counted in, and how many of them it is: games, 2
    terms: dict[str, Any]  # as of a `TournamentFolder`
    suffix: str  # of files with records
    workers: WorkerPools
    report: Callable[[TournamentResults, Progress], TournamentReport]


def series_of(paths: Sequence[Path]) -> list[str]:
    """What the runs in these folders are called: by the folder's name, or its whole path where two have one name."""
    names = [path.resolve().name for path in paths]
    return [str(path) for path in paths] if len(set(names)) < len(paths) else names


def generations(newest: Path, given: Path, wanted: int | str) -> list[Path]:
    """Folders of a run's generations, evenly spread, the first and the newest among them; or the one folder.

    newest: the folder of the newest generation in `given`. wanted: how many, or "all"."""
    from selfplay.league import pool

    if newest == given:
        return [given]
    checkpoints = pool.Pool(newest.parent)
    numbers = checkpoints.generations()
    if isinstance(wanted, int):
        count = min(wanted, len(numbers))
        places = {round(k * (len(numbers) - 1) / max(1, count - 1)) for k in range(count)} if count > 1 else {-1}
        numbers = [numbers[place] for place in sorted(places)]
    return [checkpoints.path(number) for number in numbers]


def refuse_twice(names: Sequence[str]) -> None:
    """Raises UserError where a name is there twice."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"'{twice}' takes part twice: name each player once.")


def pairings(entries: Sequence[Entry], schedule: str) -> list[tuple[int, int]]:
    """Numbers (i, j), i < j, of the agents that play each other."""
    from selfplay.ratings import tournament

    if schedule == "round-robin":
        return tournament.round_robin(len(entries))
    series = [name for name in dict.fromkeys(entry.series for entry in entries) if name]
    runs = [[k for k, entry in enumerate(entries) if entry.series == name] for name in series]
    if schedule == "ladder":
        return tournament.ladder(len(entries), runs)
    newest = [max(rung, key=lambda k: (entries[k].generation, entries[k].simulations or 0)) for rung in runs]
    return tournament.gauntlet(len(entries), newest or [0])


def anchor(text: str | None, names: Sequence[str]) -> tuple[int | None, float]:
    """Number and Elo of the player NAME[=ELO]. Raises UserError."""
    if text is None:
        return None, 0.0
    name, _, elo = text.rpartition("=") if "=" in text else (text, "", "0")
    try:
        return list(names).index(name), float(elo)
    except ValueError:
        raise UserError(
            f"--anchor is '{text}': expected one of the players, perhaps with =ELO. Players: {', '.join(names[:20])}."
        ) from None
