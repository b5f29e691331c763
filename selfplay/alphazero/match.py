"""Matches between two players: games side by side, in pairs that swap seats from one opening. Knows no networks.

All games of a match move together, so that each player is asked about many positions at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from games.base import Game
from selfplay.alphazero.players import Player, Turn

Z95 = 1.96


class Games(NamedTuple):
    """B games between two players, as the first of them sees it."""

    score: np.ndarray  # [B] float64: 1 won, 0.5 drawn, 0 lost by the first player
    seat: np.ndarray  # [B] int8: the first player's seat (`to_play`)
    starts: np.ndarray  # [B] state_dtype
    actions: list[list[int]]  # of each game, from its start

    def summary(self) -> Summary:
        wins, draws = int((self.score == 1).sum()), int((self.score == 0.5).sum())
        return Summary(wins, draws, len(self.score) - wins - draws)


class Summary(NamedTuple):
    """What a number of games says of the first player."""

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

    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (1927) of the score, each game taken for a trial; draws make it wider than need be."""
        n, p, z = self.games, self.score, Z95
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)


def openings(game: Game, number: int, random_plies: int, rng: np.random.Generator) -> np.ndarray:
    """[number] state_dtype: different positions to begin with, none of them terminal.

    Drawn from the game's customary openings where it has some, else the positions after `random_plies` uniformly random
    plies. Where there are too few different ones, they come again.
    """
    custom = game.openings()
    if custom is not None:
        order = np.concatenate([rng.permutation(len(custom)) for _ in range(-(-number // len(custom)))])
        return custom[order[:number]]
    found: dict[int, np.ndarray] = {}
    spare: list[np.ndarray] = []
    while len(found) + len(spare) < number:
        states = game.initial_states(1)
        for _ in range(random_plies):
            if not states["terminal"][0]:
                actions, count = game.legal_actions(states)
                states = game.step(states, actions[:, rng.integers(0, count[0])]).states
        if states["terminal"][0]:
            continue
        key = int(game.key(states)[0])
        if key not in found:
            found[key], misses = states, 0
        elif (misses := misses + 1) > 50:  # so many misses in a row: there are hardly any others
            spare.append(states)
    return np.concatenate([*found.values(), *spare])


def play_pairs(game: Game, first: Player, second: Player, starts: np.ndarray, seed: int) -> Games:
    """Two games from each of B `starts` [B]: `first` takes seat 0 in game 2i and seat 1 in game 2i + 1.

    seed: what players that draw lots draw from; each game has a stream of its own."""
    seats = np.tile(np.array([0, 1], dtype=np.int8), len(starts))
    return play(game, first, second, np.repeat(starts, 2), seats, seed)


def play(game: Game, first: Player, second: Player, starts: np.ndarray, seats: np.ndarray, seed: int) -> Games:
    """Plays B games from `starts` [B], none terminal; seats: [B] in {0, 1}, the seat of `first`."""
    streams = np.random.SeedSequence(seed).spawn(len(starts))
    rngs = [np.random.default_rng(stream) for stream in streams]
    states = starts.copy()
    score = np.full(len(starts), 0.5)
    actions: list[list[int]] = [[] for _ in starts]
    live = np.arange(len(starts))
    while len(live):
        movers = states["to_play"][live]
        chosen = np.zeros(len(live), dtype=np.int64)
        for player, mine in ((first, movers == seats[live]), (second, movers != seats[live])):
            if mine.any():
                rows = live[mine]
                turn = Turn(states[rows], [rngs[row] for row in rows], starts[rows], [actions[row] for row in rows])
                chosen[mine] = player.choose(turn).actions
        step = game.step(states[live], chosen)
        states[live] = step.states
        for row, action in zip(live.tolist(), chosen.tolist(), strict=True):
            actions[row].append(action)
        over = step.discount == 0
        gain = np.where(movers == seats[live], step.reward, -step.reward)  # the first player's, of those that ended
        score[live[over]] = 0.5 + 0.5 * np.sign(gain[over])
        live = live[~over]
    return Games(score, seats, starts, actions)


def moves(game: Game, start: np.void, actions: Sequence[int]) -> list[str]:
    """The moves of one game in the game's notation, a move of several actions as one."""
    states, texts, pending = np.array([start], dtype=game.state_dtype), [], []
    begun = states
    for action in actions:
        pending.append(action)
        step = game.step(states, np.array([action]))
        states = step.states
        if step.discount[0] <= 0:
            texts.append(game.move_to_string(begun[0], pending))
            begun, pending = states, []
    return texts
