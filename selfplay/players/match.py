"""A match: games between players, many at once, where each player is asked about all its positions together.

Games come as fixtures, go on side by side, and are handed out as they end; a new one takes the place of each, so that
batches stay full. Knows no networks, no ratings and no files.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta

import games
from games.base import Game
from games.knowledge import Knowledge
from games.text.records import GameRecord
from selfplay.players.openings import Opening
from selfplay.players.player import Player, Turn

TOGETHER = 512  # games side by side


class Fixture(NamedTuple):
    """A game to be played."""

    number: int  # its random stream follows from this and the seed
    seats: tuple[int, int]  # which players take the seats 0 and 1
    opening: Opening
    task: Hashable = None  # what the game belongs to: not looked at here, and handed out with the game


class PlayedGame(NamedTuple):
    """A game that was played."""

    fixture: Fixture
    points: float  # of seat 0: 1 won, 0.5 drawn, 0 lost
    actions: list[int]  # from the opening's start, its actions included
    values: list[float]  # what the player of each action expected for itself, in [-1, 1]; NaN: not said
    adjudicated: str  # why the game ended before its end by the rules; empty: it did not

    def points_of(self, player: int) -> float:
        """Points of one of the two players, in [0, 1]."""
        return self.points if player == self.fixture.seats[0] else 1 - self.points


@dataclass(frozen=True)
class Adjudication:
    """When a game ends before its end by the rules, and how it counts then. Off unless set."""

    max_plies: Annotated[int, Meta(ge=0)] = 0
    """A game this long is drawn; 0: no such rule. Opening plies count."""

    resign: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """A player loses who expects no more than -resign while the opponent expects resign or more; 0: no such rule."""

    draw: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """A game is drawn in which both players expect a value within draw of 0; 0: no such rule."""

    draw_after: Annotated[int, Meta(ge=0)] = 40
    """Plies before which no game is called a draw by values."""

    moves: Annotated[int, Meta(ge=1)] = 4
    """How many moves of each player in a row resign and draw must hold for."""

    exact_after: Annotated[int, Meta(ge=0)] = 0
    """From this ply on, a game counts as what is certain: by the game's exact solver, or by the endgame tables that
    were built on this machine; 0: no such rule."""


class _OngoingGame:
    """One game in progress."""

    def __init__(self, fixture: Fixture, seed: int) -> None:
        self.fixture = fixture
        self.rng = np.random.default_rng([seed, fixture.number])
        self.actions = list(fixture.opening.actions)
        self.values = [math.nan] * len(self.actions)
        self.movers: list[int] = [-1] * len(self.actions)


def stream(
    game: Game, players: Sequence[Player], fixtures: Iterable[Fixture], seed: int,
    adjudication: Adjudication | None = None, together: int = TOGETHER,
) -> Iterator[PlayedGame]:  # fmt: skip
    """Plays the fixtures, up to `together` of them at any time, and yields games as they end, in any order.

    The fixtures' openings must not be over. Same seed and fixtures, same games, unless a player's answers depend on
    what else it is asked at the same time."""
    waiting, rules = iter(fixtures), adjudication or Adjudication()
    states = np.zeros(together, dtype=game.state_dtype)
    ongoing: dict[int, _OngoingGame] = {}
    free = list(range(together))[::-1]
    while True:
        while free and (fixture := next(waiting, None)) is not None:
            slot = free.pop()
            states[slot] = fixture.opening.states(game)[0]
            ongoing[slot] = _OngoingGame(fixture, seed)
        if not ongoing:
            return
        slots = np.fromiter(ongoing, dtype=np.int64)
        movers = states["to_play"][slots].tolist()
        step = game.step(states[slots], _ask(players, states, ongoing, movers))
        states[slots] = step.states
        verdicts = _adjudicated(game, rules, states, ongoing)
        for slot, mover, reward, discount in zip(
            slots.tolist(), movers, step.reward.tolist(), step.discount.tolist(), strict=True
        ):
            points, why = verdicts.get(slot, (None, "")) if discount < 0 else (None, "")  # never within a move
            if discount == 0:
                points, why = 0.5 + 0.5 * float(np.sign(reward)) * (1 if mover == 0 else -1), ""
            if points is not None:
                one = ongoing.pop(slot)
                free.append(slot)
                yield PlayedGame(one.fixture, points, one.actions, one.values, why)


def _ask(
    players: Sequence[Player], states: np.ndarray, ongoing: dict[int, _OngoingGame], movers: list[int]
) -> np.ndarray:
    """[M] int64 actions in the M games in progress, which are noted down."""
    asked: dict[int, list[int]] = {}
    for slot, mover in zip(ongoing, movers, strict=True):
        asked.setdefault(ongoing[slot].fixture.seats[mover], []).append(slot)
    chosen: dict[int, int] = {}
    for player, slots in asked.items():
        here = [ongoing[slot] for slot in slots]
        turn = Turn(
            states[slots], [one.rng for one in here],
            np.concatenate([one.fixture.opening.start for one in here]), [one.actions for one in here],
        )  # fmt: skip
        choice = players[player].choose(turn)
        chosen |= zip(slots, choice.actions.tolist(), strict=True)
        for one, value in zip(here, choice.values.tolist(), strict=True):
            one.values.append(value)
    for slot, mover in zip(ongoing, movers, strict=True):
        ongoing[slot].actions.append(chosen[slot])
        ongoing[slot].movers.append(mover)
    return np.fromiter((chosen[slot] for slot in ongoing), dtype=np.int64)


def _adjudicated(
    game: Game, rules: Adjudication, states: np.ndarray, ongoing: dict[int, _OngoingGame]
) -> dict[int, tuple[float, str]]:
    """(points of seat 0, why) by slot, of games in progress that are to end here."""
    found: dict[int, tuple[float, str]] = {}
    for slot, one in ongoing.items():
        if (verdict := _by_values(rules, one)) is not None:
            found[slot] = verdict
        elif rules.max_plies and len(one.actions) >= rules.max_plies:
            found[slot] = (0.5, f"drawn after {rules.max_plies} plies")
    if rules.exact_after:
        slots = [slot for slot, one in ongoing.items() if len(one.actions) >= rules.exact_after]
        slots = [slot for slot in slots if not states["terminal"][slot]]
        exact = games.facet(game, Knowledge).exact(states[slots]) if slots else None
        if exact is not None:
            why = "by the solver" if exact.distance is None else "by an endgame table"
            gain = np.where(states["to_play"][slots] == 0, 1, -1) * exact.values.max(axis=1)
            for slot, known, points in zip(slots, exact.known.tolist(), (0.5 + 0.5 * gain).tolist(), strict=True):
                if known:
                    found[slot] = (points, why)
    return found


def _by_values(rules: Adjudication, one: _OngoingGame) -> tuple[float, str] | None:
    """Whether the values of both players' last moves agree on the result."""
    if not (rules.resign or rules.draw):
        return None
    last = []
    for seat in (0, 1):
        mine = [value for value, mover in zip(one.values, one.movers, strict=True) if mover == seat]
        if len(mine) < rules.moves:
            return None
        last.append(mine[-rules.moves :])
    if rules.resign:
        for winner in (0, 1):
            if min(last[winner]) >= rules.resign and max(last[1 - winner]) <= -rules.resign:
                return 1.0 - winner, "resigned"
    drawn = rules.draw and len(one.actions) >= rules.draw_after
    if drawn and max(map(abs, last[0] + last[1])) <= rules.draw:
        return 0.5, "drawn by agreement"
    return None


def pair(opening: Opening, first: int, second: int, number: int, task: Hashable = None) -> tuple[Fixture, Fixture]:
    """Two games from an opening: player `first` takes seat 0 in the one, seat 1 in the other."""
    return Fixture(number, (first, second), opening, task), Fixture(number + 1, (second, first), opening, task)


def pairs(openings: Sequence[Opening]) -> Iterator[Fixture]:
    """A `pair` of games between the players 0 and 1 from each opening."""
    for k, opening in enumerate(openings):
        yield from pair(opening, 0, 1, 2 * k)


def play_pairs(game: Game, first: Player, second: Player, openings: Sequence[Opening], seed: int) -> list[PlayedGame]:
    """The games of `pairs` between two players, in order."""
    played = stream(game, [first, second], pairs(openings), seed)
    return sorted(played, key=lambda one: one.fixture.number)


class Summary(NamedTuple):
    """Wins, draws and losses of one player against another."""

    wins: int
    draws: int
    losses: int

    @property
    def games(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Points a game, in [0, 1]."""
        return (self.wins + 0.5 * self.draws) / self.games


def summary(played: Iterable[PlayedGame], player: int = 0) -> Summary:
    """Of all games of a player in `played`."""
    points = [one.points_of(player) for one in played]
    wins, draws = points.count(1.0), points.count(0.5)
    return Summary(wins, draws, len(points) - wins - draws)


def record(played: PlayedGame, names: Sequence[str], tags: dict[str, str]) -> GameRecord:
    """A game for a file; the players' expectations are its comments. names: of all players."""
    first, second = (names[player] for player in played.fixture.seats)
    tags = tags | {"First": first, "Second": second}
    if played.adjudicated:
        tags |= {"Termination": played.adjudicated}
    said = {index: value for index, value in enumerate(played.values) if not math.isnan(value)}
    comments = {index: f"{round(value, 2) + 0:+.2f}" for index, value in said.items()}
    points = played.points if played.adjudicated else None
    return GameRecord(played.fixture.opening.start, played.actions, tags, comments, points)
