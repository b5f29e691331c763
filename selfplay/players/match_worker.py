"""The match worker: plays a tournament's tasks as games, and returns their results with the games' records.

Knows players by the texts that name them; knows no ratings and no files.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import games
from games.base import Game
from games.notation import Notation
from selfplay.players import match, openings, registry
from selfplay.players.player import Player, SearchPlayer
from selfplay.ratings.tournament import MatchTask, TaskResult


@dataclass(frozen=True)
class MatchSpec:
    """All that is needed to play, here or on another machine."""

    players: tuple[str, ...]  # texts as in registry.py, by number of the participant
    names: tuple[str, ...]  # of the participants
    game: str | None  # where no player is a checkpoint
    num_simulations: int  # of trained players that name none
    openings: tuple[openings.Opening, ...]
    seed: int
    adjudication: match.Adjudication = field(default_factory=match.Adjudication)
    together: int = match.TOGETHER  # games side by side


class MatchWorker:
    """The players of a tournament, ready to play: a `tournament.WorkerPool` that plays in this process."""

    def __init__(self, spec: MatchSpec, loaded: tuple[Game, list[Player]] | None = None) -> None:
        """loaded: the game and the spec's players where they are ready already. Raises UserError for a player that
        cannot be had."""
        self.spec = spec
        self.game, self.players = loaded or registry.load_players(list(spec.players), spec.game, spec.num_simulations)

    def run(self, tasks: Iterable[MatchTask]) -> Iterator[tuple[list[TaskResult], int]]:
        """See `tournament.WorkerPool`."""
        counted = self._simulations()
        for result in self.play(tasks):
            simulations = self._simulations()
            yield [result], simulations - counted
            counted = simulations

    def play(self, tasks: Iterable[MatchTask]) -> Iterator[TaskResult]:
        """Results as their second games end."""
        spec = self.spec
        fixtures = (fixture for task in tasks for fixture in self._fixtures(task))
        ended: dict[MatchTask, match.PlayedGame] = {}  # first games whose second goes on
        for played in match.stream(self.game, self.players, fixtures, spec.seed, spec.adjudication, spec.together):
            task = played.fixture.task
            assert isinstance(task, MatchTask)
            if task not in ended:
                ended[task] = played
                continue
            other = ended.pop(task)
            yield self._result(task, (other, played) if other.fixture.seats[0] == task.first else (played, other))

    def _fixtures(self, task: MatchTask) -> tuple[match.Fixture, match.Fixture]:
        """The two games of a task. Their random streams depend on who plays from where, not on what else is played."""
        first, second = self.spec.names[task.first], self.spec.names[task.second]
        number = 2 * zlib.crc32(f"{first}\n{second}\n{task.opening}".encode())
        return match.pair(self.spec.openings[task.opening], task.first, task.second, number, task)

    def _result(self, task: MatchTask, both: tuple[match.PlayedGame, match.PlayedGame]) -> TaskResult:
        date = time.strftime("%Y.%m.%d")
        texts = []
        for seat, played in enumerate(both):
            tags = {"Event": "selfplay arena", "Date": date, "Round": f"{task.opening + 1}.{seat + 1}"}
            record = match.record(played, self.spec.names, tags)
            texts.append(games.facet(self.game, Notation).write_record(record))
        return TaskResult(
            task,
            points=(both[0].points_of(task.first), both[1].points_of(task.first)),
            plies=(len(both[0].actions), len(both[1].actions)),
            digests=(_digest(both[0]), _digest(both[1])),
            adjudicated=sum(bool(played.adjudicated) for played in both),
            text="".join(texts),
        )

    def _simulations(self) -> int:
        return sum(player.simulations for player in self.players if isinstance(player, SearchPlayer))

    def close(self) -> None:
        """Ends the external engines."""
        registry.close_players(self.players)


def _digest(played: match.PlayedGame) -> str:
    text = f"{played.fixture.opening.start.tobytes().hex()} {played.actions}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
