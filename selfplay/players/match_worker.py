"""Where tournaments are played: turns an arena's tasks into games of `match`, and games into results and records."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import games
from games.base import Game
from games.notation import Notation
from selfplay.players import match, openings, registry
from selfplay.players import player as players
from selfplay.players.player import SearchPlayer
from selfplay.ratings import tournament


@dataclass(frozen=True)
class MatchSpec:
    """All that is needed to play, here or on another machine."""

    players: tuple[str, ...]  # texts as in roster.py, by number of the entrant
    names: tuple[str, ...]  # of the entrants
    game: str | None  # where no player is a checkpoint
    num_simulations: int  # of trained players that name none
    openings: tuple[openings.Opening, ...]
    seed: int
    adjudication: match.Adjudication = field(default_factory=match.Adjudication)
    together: int = match.TOGETHER  # games side by side


class MatchWorker:
    """The players, ready to play. An `arena.Crew` that plays in this process."""

    def __init__(self, plan: MatchSpec, company: tuple[Game, list[players.Player]] | None = None) -> None:
        """company: the plan's players where they are ready already. Raises UserError for one that is not there."""
        self.plan = plan
        self.game, self.players = company or registry.gather(list(plan.players), plan.game, plan.num_simulations)

    def run(self, tasks: Sequence[tournament.MatchTask]) -> Iterator[tuple[list[tournament.TaskResult], int]]:
        """See `arena.Crew`."""
        counted = self._simulations()
        for result in self.play(tasks):
            simulations = self._simulations()
            yield [result], simulations - counted
            counted = simulations

    def play(self, tasks: Iterable[tournament.MatchTask]) -> Iterator[tournament.TaskResult]:
        """Results as their second games end."""
        half: dict[tournament.MatchTask, match.PlayedGame] = {}
        task_of: dict[int, tournament.MatchTask] = {}

        def fixtures() -> Iterator[match.Fixture]:
            for task in tasks:
                first, second = self.plan.names[task.first], self.plan.names[task.second]
                # A game's random stream depends on who plays from where, not on what else is played.
                number = 2 * zlib.crc32(f"{first}\n{second}\n{task.opening}".encode())
                for fixture in match.pairs([self.plan.openings[task.opening]], task.first, task.second, number):
                    task_of[fixture.number] = task
                    yield fixture

        for played in match.stream(
            self.game, self.players, fixtures(), self.plan.seed, self.plan.adjudication, self.plan.together
        ):
            task = task_of[played.fixture.number]
            if task not in half:
                half[task] = played
                continue
            other = half.pop(task)
            in_order = (other, played) if other.fixture.seats[0] == task.first else (played, other)
            yield self._result(task, in_order)

    def _result(
        self, task: tournament.MatchTask, both: tuple[match.PlayedGame, match.PlayedGame]
    ) -> tournament.TaskResult:
        date = time.strftime("%Y.%m.%d")
        texts = []
        for seat, played in enumerate(both):
            tags = {"Event": "selfplay arena", "Date": date, "Round": f"{task.opening + 1}.{seat + 1}"}
            record = match.record(self.game, played, self.plan.names, tags)
            texts.append(games.facet(self.game, Notation).write_record(record))
        return tournament.TaskResult(
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
        """Ends the engines of others."""
        registry.dismiss(self.players)


def _digest(played: match.PlayedGame) -> str:
    text = f"{played.fixture.opening.start.tobytes().hex()} {played.actions}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
