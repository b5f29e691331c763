"""A match from Python: games between two players in pairs that swap seats, and the Elo of the first.

Knows who plays and how the result is told; the games themselves are played in `selfplay.players`.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import games as rules
from games.base import Game
from selfplay.api import arguments
from selfplay.api.agents import TrainedAgent
from selfplay.errors import ArgumentError, ArgumentTypeError, CheckpointError
from selfplay.league import pool
from selfplay.players import match as playing
from selfplay.players import match_worker, openings, player_spec, pretrained, registry
from selfplay.players.player import Player, SearchPlayer
from selfplay.ratings import elo as rating
from selfplay.ratings import sprt, tournament

PlayerSource = str | os.PathLike[str] | TrainedAgent | Player
"""Who takes part: a run's folder or one generation's, the name of a game (its packaged agent), a reference player
("random", "greedy", "uct:1000", "alphabeta:4", "solver"), an engine ("uci:stockfish"), an agent, or any object with a
`name` and a method `choose` as `selfplay.players.player.Player` has it."""


@dataclass(frozen=True)
class MatchSummary:
    """What a match says of its first player. Intervals are 95 %, from pairs of games; Elo may be infinite."""

    game: str
    first: str
    second: str
    games: int
    wins: int
    draws: int
    losses: int
    score: float
    """Points a game, in [0, 1]."""
    score_interval: tuple[float, float]
    elo: float
    """Of the first player above the second."""
    interval: tuple[float, float]
    """Of `elo`."""
    superiority: float
    """Likelihood that the first player is the stronger, in [0, 1]."""
    pentanomial: tuple[int, int, int, int, int]
    """Pairs of games with 0, ½, 1, 1½ and 2 points."""
    plies: float
    """Mean length of a game."""
    records: str = field(repr=False)
    """The games as text, in the game's own format (PGN, PDN, …)."""

    def __str__(self) -> str:
        low, high = self.score_interval
        elo, lower, upper = (f"{x:+.0f}".replace("inf", "∞") for x in (self.elo, *self.interval))
        return (
            f"{self.first} against {self.second}, {self.game}, {self.games} games: won {self.wins}, "
            f"drawn {self.draws}, lost {self.losses}; score {self.score:.1%} (95 % {low:.1%} to {high:.1%}), "
            f"Elo {elo} ({lower} to {upper})."
        )


def match(
    first: PlayerSource, second: PlayerSource, *, game: str | None = None, games: int = 100, simulations: int = 100,
    seed: int = 1, random_plies: int | None = None, balance: float = 0.5, book: str | os.PathLike[str] | None = None,
    adjudication: playing.Adjudication | None = None,
) -> MatchSummary:  # fmt: skip
    """Plays `games` games between two players, two from each opening with seats swapped, all side by side in this
    process. Equal arguments give equal games, those that `selfplay match` plays.

    game: needed where neither player is an agent. simulations: a move of trained players that name no number of their
    own. random_plies, balance, book: where games begin, as of `selfplay match`. adjudication: when games end early.
    Raises UserError for players that are not there, or that do not play the same game."""
    number = arguments.even_games(games) // 2
    pairs = [tournament.MatchTask(0, 1, k) for k in range(number)]
    rated = play([first, second], pairs, game, number, simulations, seed, random_plies, balance, book, adjudication)
    moving_first, moving_second = np.array([result.points for result in rated.results]).T
    counts = sprt.pentanomial(sprt.kinds(moving_first, moving_second))
    points = np.concatenate([moving_first, moving_second])
    wins, draws = int((points == 1).sum()), int((points == 0.5).sum())
    measured = sprt.measure(counts)
    zero, half, one, more, two = counts.tolist()
    return MatchSummary(
        game=rated.game.name, first=rated.names[0], second=rated.names[1], games=len(points), wins=wins, draws=draws,
        losses=len(points) - wins - draws, score=measured.score,
        score_interval=(float(rating.score_of_elo(measured.lower)), float(rating.score_of_elo(measured.upper))),
        elo=measured.elo, interval=(measured.lower, measured.upper), superiority=measured.superiority,
        pentanomial=(zero, half, one, more, two),
        plies=float(np.mean([plies for result in rated.results for plies in result.plies])),
        records="".join(result.text for result in rated.results),
    )  # fmt: skip


@dataclass(frozen=True)
class Played:
    """Games between several players."""

    game: Game
    names: list[str]
    results: list[tournament.TaskResult]  # in the order of their tasks


def play(
    sources: Sequence[PlayerSource], tasks: Sequence[tournament.MatchTask], game: str | None, number: int,
    simulations: int, seed: int, random_plies: int | None, balance: float, book: str | os.PathLike[str] | None,
    adjudication: playing.Adjudication | None,
) -> Played:  # fmt: skip
    """Plays the tasks, whose openings are below `number`. Raises UserError."""
    simulations, seed = arguments.simulations(simulations), arguments.whole_number("seed", seed, 0, 2**62)
    plies = None if random_plies is None else arguments.whole_number("random_plies", random_plies, 0, 1000)
    balance, file = arguments.fraction("balance", balance), None if book is None else arguments.path("book", book)
    common, players = load_players(sources, game, simulations)
    names = _distinct([_name(source) for source in sources])
    judge = next((player.values for player in players if isinstance(player, SearchPlayer)), None)
    try:
        starts = openings.for_match(common, number, seed, plies, balance, file, judge)
        spec = match_worker.MatchSpec(
            tuple(names), tuple(names), common.name, simulations, tuple(starts), seed,
            adjudication or playing.Adjudication(),
        )  # fmt: skip
        worker = match_worker.MatchWorker(spec, (common, players))
        results = {result.task: result for result in worker.play(tasks)}
    finally:
        registry.close_players(players)
    return Played(common, names, [results[task] for task in tasks])


def _name(source: PlayerSource) -> str:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else source.name


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered where two are the same."""
    return [f"{name} ({k})" if names.count(name) > 1 else name for k, name in enumerate(names, start=1)]


def load_players(sources: Sequence[PlayerSource], game: str | None, simulations: int) -> tuple[Game, list[Player]]:
    """The game that the players share, and the players. Raises UserError."""
    if game is not None and not isinstance(game, str):
        raise ArgumentTypeError(f"game must be a name such as 'connect-four', not {arguments.shown(game)}.")
    if game is not None:
        try:
            rules.make(game)
        except ValueError as error:
            raise ArgumentError(str(error)) from None
    for source in sources:
        if not isinstance(source, (str, os.PathLike, TrainedAgent)):
            _check(source)
    agents = [source for source in sources if isinstance(source, TrainedAgent)]
    played = sorted({agent.game.name for agent in agents} | ({game} if game else set()))
    if len(played) > 1:
        raise ArgumentError(f"these players play different games: {', '.join(played)}.")
    texts = [_text(source) for source in sources if isinstance(source, (str, os.PathLike))]
    named = played[0] if played else None
    if named is None and not any(map(player_spec.is_trained, texts)):
        raise ArgumentError("no player is a trained agent: say which game they play, as in game='chess'.")
    if texts:
        common, found = registry.load_players(texts, named, simulations)
    elif agents:
        common, found = agents[0].game, []
    else:
        assert named is not None
        common, found = rules.make(named), []
    rules_of = pickle.dumps(common)
    if other := next((agent for agent in agents if pickle.dumps(agent.game) != rules_of), None):
        raise ArgumentError(f"{other} plays {common.name} with other options than the other player.")
    by_text = iter(found)
    players: list[Player] = []
    for source in sources:
        if isinstance(source, TrainedAgent):
            players.append(source.player(simulations))
        elif isinstance(source, (str, os.PathLike)):
            players.append(next(by_text))
        else:
            players.append(source)
    return common, players


def _text(source: str | os.PathLike[str]) -> str:
    """The text by which `registry` knows a player: the name of a game stands for its packaged agent."""
    text = os.fspath(source)
    base, mark, query = text.partition("?")
    if base in pretrained.available() and not Path(base).exists():
        text = f"{pretrained.path(base)}{mark}{query}"
    elif isinstance(source, os.PathLike) and not Path(base).exists():
        raise CheckpointError(f"'{text}' does not exist: expected a run's folder such as those in runs/.")
    if player_spec.is_trained(text) and text != player_spec.BUNDLED:
        pretrained.peek(pool.newest(Path(text.partition("?")[0])))  # says of a generator that it plays no game
    return text


def _check(source: Any) -> None:
    """Raises UserError where an object cannot be a player."""
    if not callable(getattr(source, "choose", None)) or not isinstance(getattr(source, "name", None), str):
        raise ArgumentTypeError(
            "a player is a path, a text such as 'uct:1000', an agent from selfplay.load, or an object with a name and "
            f"a method choose, not {arguments.shown(source)}."
        )
