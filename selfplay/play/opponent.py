"""Opponents for interactive play: a trained agent that shows its search, or any other player. Prints nothing.

`named` makes one from the text that players are named by. Loading takes seconds, so this module is imported by those
who can wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from games.base import Game
from selfplay.errors import ConfigError
from selfplay.play import session
from selfplay.players import levels, network_player, player_spec, registry
from selfplay.players.external import engine_player
from selfplay.players.player import Player, Turn
from selfplay.search import analyzer, evaluators, search
from selfplay.search.analyzer import Limit, SearchInfo
from selfplay.search.config import SearchConfig

ROOM = 4096  # nodes of a tree, at least
UNTRAINED = "uct"


class Reply(NamedTuple):
    """A whole move, and what its player expects of it."""

    actions: list[int]
    comment: str  # for the record; may be empty
    value: float  # in [-1, 1], what the player expects for itself; NaN: not said


class Opponent(Protocol):
    """Plays one move at a time."""

    name: str
    searches: bool  # strength and advice mean something

    def reply(
        self, at: session.GameSession, strength: session.Strength, seconds: float | None, rng: np.random.Generator,
        report: Callable[[SearchInfo], None] | None = None,
    ) -> Reply:  # fmt: skip
        """A whole move of the player to move, found within about `seconds`; None: no limit."""

    def analyze(
        self, at: session.GameSession, limit: Limit, report: Callable[[SearchInfo], None] | None = None
    ) -> SearchInfo:
        """What it finds about the position, where `searches`."""

    def stop(self) -> bool:
        """Asks for an early end of the reply that another thread waits for; False where that is not possible."""

    def close(self) -> None:
        """Ends the processes and searches that it started."""


class SearchOpponent:
    """An agent that searches one game with its tree kept."""

    searches = True

    def __init__(self, name: str, game: Game, evaluate: search.Evaluate, config: SearchConfig) -> None:
        self.name, self.game, self.evaluate, self.config = name, game, evaluate, config
        self._analyzer: analyzer.Analyzer | None = None

    def analyze(
        self, at: session.GameSession, limit: Limit, report: Callable[[SearchInfo], None] | None = None
    ) -> SearchInfo:
        """What it finds about the position."""
        return self._analyze(at.start, at.actions, limit, report)

    def _analyze(
        self, start: np.ndarray, actions: list[int], limit: Limit, report: Callable[[SearchInfo], None] | None
    ) -> SearchInfo:
        wanted = (limit.simulations or 0) + 2
        if self._analyzer is None or self._analyzer.max_nodes < wanted:
            self._analyzer = analyzer.Analyzer(self.game, self.evaluate, self.config, max(ROOM, 2 * wanted))
        self._analyzer.set_position(start, actions)
        return self._analyzer.analyze(limit, report, 0.2)

    def reply(
        self, at: session.GameSession, strength: session.Strength, seconds: float | None, rng: np.random.Generator,
        report: Callable[[SearchInfo], None] | None = None,
    ) -> Reply:  # fmt: skip
        """See `Opponent`."""
        played: list[int] = []
        states, mover = at.states, at.to_play
        first: SearchInfo | None = None
        while not states["terminal"][0] and states["to_play"][0] == mover:
            info = self._analyze(at.start, at.actions + played, Limit(strength.simulations, seconds), report)
            first = first or info
            played.append(levels.pick(info, strength.as_level(), rng))
            states = self.game.step(states, np.array(played[-1:])).states
        assert first is not None
        return Reply(played, comment(self.game, at.states, first), first.value)

    def stop(self) -> bool:
        """See `Opponent`."""
        if self._analyzer is not None:
            self._analyzer.stop()
        return True

    def close(self) -> None:
        """See `Opponent`."""
        self._analyzer = None


class PlayerOpponent:
    """An opponent that is any other `Player`: gives moves, and no analysis."""

    searches = False

    def __init__(self, game: Game, player: Player) -> None:
        self.name, self.game, self.player = player.name, game, player

    def reply(
        self, at: session.GameSession, strength: session.Strength, seconds: float | None, rng: np.random.Generator,
        report: Callable[[SearchInfo], None] | None = None,
    ) -> Reply:  # fmt: skip
        """See `Opponent`. Strength and time are ignored: the player has its own."""
        played: list[int] = []
        states, mover, value = at.states, at.to_play, math.nan
        while not states["terminal"][0] and states["to_play"][0] == mover:
            choice = self.player.choose(Turn(states, [rng], at.start, [at.actions + played]))
            if not played:
                value = float(choice.values[0])
            played.append(int(choice.actions[0]))
            states = self.game.play(states[0], played[-1]).states
        return Reply(played, "" if math.isnan(value) else f"{round(value, 2) + 0:+.2f}", value)

    def analyze(
        self, at: session.GameSession, limit: Limit, report: Callable[[SearchInfo], None] | None = None
    ) -> SearchInfo:
        """See `Opponent`."""
        raise NotImplementedError

    def stop(self) -> bool:
        """See `Opponent`."""
        return False

    def close(self) -> None:
        """See `Opponent`."""
        if isinstance(self.player, engine_player.ExternalEnginePlayer):
            self.player.close()


def comment(game: Game, states: np.ndarray, info: SearchInfo) -> str:
    """An analysis of the position in states [1] as a comment in a game record: "+0.32, 400 visits, 4 4 3"."""
    best = info.lines[0]
    searched = f", {info.visits} visit{'s' * (info.visits != 1)}" if info.visits else ""
    return f"{round(info.value, 2) + 0:+.2f}{searched}, {' '.join(session.variation(game, states, best.actions))}"


def twin(opponent: Opponent) -> Opponent:
    """An opponent that plays like `opponent`, and keeps a search of its own."""
    if isinstance(opponent, SearchOpponent):
        return SearchOpponent(opponent.name, opponent.game, opponent.evaluate, opponent.config)
    return opponent


def named(text: str, game: Game, simulations: int) -> Opponent:
    """The opponent that `text` names: "bundled", a checkpoint, or what `registry` knows. Raises UserError."""
    if text == UNTRAINED:
        evaluate = evaluators.RolloutEvaluator(game, 0)
        return SearchOpponent(UNTRAINED, game, evaluate, SearchConfig(policy="uct"))
    if not player_spec.is_trained(text):
        return PlayerOpponent(game, registry.load_players([text], game.name, simulations)[1][0])
    agent = network_player.load(registry.path_of(text, game.name))
    if agent.game is not game:
        raise ConfigError(
            f"'{text}' is an agent for {agent.game.name} with its own options: expected {game.name} with the options "
            "of this game."
        )
    name = f"the {game.name} agent" if text == player_spec.BUNDLED else text
    return SearchOpponent(name, game, agent.evaluate, agent.config)
