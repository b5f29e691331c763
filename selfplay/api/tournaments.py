"""A tournament from Python: every player plays every other, and all are rated.

Knows who takes part and how ratings are told; they are computed in `selfplay.ratings`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from selfplay import errors
from selfplay.api import arguments, frames, matches
from selfplay.errors import ArgumentError, ArgumentTypeError
from selfplay.ratings import standings, tournament

if TYPE_CHECKING:
    import pandas

MOST = 200  # players


@dataclass(frozen=True)
class RatedPlayer:
    """One player's place."""

    name: str
    elo: float
    """The mean of all players is 0, unless one of them is the anchor."""
    interval: tuple[float, float]
    """Of `elo`: 95 %, by resampling pairs of games; infinite where nothing bounds it."""
    games: int
    score: float
    """Points a game, in [0, 1]."""
    draws: float
    """Share of its games."""


@dataclass(frozen=True)
class Ratings:
    """What a tournament comes to."""

    game: str
    players: list[RatedPlayer]
    """The strongest first."""
    notes: list[str]
    """What a reader should know: pairs that were not told apart, circles, ratings that fit badly."""
    records: str = field(repr=False)
    """The games as text, in the game's own format."""

    def elo(self, name: str) -> float:
        """The rating of a player by its name. Raises UserError."""
        for player in self.players:
            if player.name == name:
                return player.elo
        names = [player.name for player in self.players]
        raise ArgumentError(
            f"no player is called {name!r}.{errors.suggest(str(name), names)} Players: {', '.join(names)}."
        )

    def rows(self) -> list[dict[str, object]]:
        """The players as dicts, the strongest first."""
        return [asdict(player) for player in self.players]

    def to_frame(self) -> pandas.DataFrame:
        """The same as a DataFrame. Raises UserError where pandas is not installed."""
        return frames.frame(self.rows())

    def __str__(self) -> str:
        width = max(len(player.name) for player in self.players)
        lines = [f"{self.game}: {'player':{width}}    Elo            95 %  games  score"]
        for player in self.players:
            low, high = (f"{bound:+.0f}" if math.isfinite(bound) else "?" for bound in player.interval)
            lines.append(
                f"{'':{len(self.game) + 1}} {player.name:{width}} {player.elo:+6.0f} {f'{low} to {high}':>15} "
                f"{player.games:6} {player.score:6.1%}"
            )
        return "\n".join([*lines, *self.notes])


def rate(
    players: Sequence[matches.PlayerSource], *, game: str | None = None, games: int = 100, simulations: int = 100,
    seed: int = 1, anchor: str | None = None, random_plies: int | None = None, balance: float = 0.5,
    book: str | os.PathLike[str] | None = None,
) -> Ratings:  # fmt: skip
    """Plays every two of the players against each other, `games` games a pair, and rates them.

    anchor: the name of the player whose rating is 0. The rest is as in `match`; names are the players' texts.
    Raises UserError."""
    if isinstance(players, (str, os.PathLike)) or not isinstance(players, Sequence):
        raise ArgumentTypeError(f"players must be a list of players, not {arguments.shown(players)}.")
    arguments.whole_number("the number of players", len(players), 2, MOST)
    number = arguments.even_games(games) // 2
    pairings = tournament.round_robin(len(players))
    tasks = [tournament.MatchTask(first, second, k) for first, second in pairings for k in range(number)]
    played = matches.play(players, tasks, game, number, simulations, seed, random_plies, balance, book, None)
    if anchor is not None and anchor not in played.names:
        near = errors.suggest(str(anchor), played.names)
        raise ArgumentError(f"anchor is {anchor!r}, and no player is called so.{near}")
    counts = np.zeros((len(players), len(players), 3, 3), dtype=np.int64)
    for result in played.results:
        x, y = (round(2 * points) for points in result.points)
        counts[result.task.first, result.task.second, x, y] += 1
    found = standings.compute(played.names, counts, None if anchor is None else played.names.index(anchor))
    return Ratings(
        played.game.name,
        [
            RatedPlayer(row.name, row.elo, (row.lower, row.upper), row.games, row.points, row.draws)
            for row in found.rows
        ],
        found.notes,
        "".join(result.text for result in played.results),
    )
