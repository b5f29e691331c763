"""Rates agents, reference players and a player of one's own against each other.

python examples/tournament.py [--games 20]
"""

from __future__ import annotations

import argparse

import numpy as np

import games
import selfplay
from selfplay.players.player import Choice, Turn


class Center:
    """Plays the legal column nearest to the middle: any object with a name and `choose` is a player."""

    name = "center"

    def __init__(self) -> None:
        self.game = games.make("connect-four")

    def choose(self, turn: Turn) -> Choice:
        """One action in each of the positions turn.states [B]; NaN where it expects nothing."""
        actions, _ = self.game.legal_actions(turn.states)
        distance = np.where(actions >= 0, np.abs(actions - 3), 99)
        nearest = np.take_along_axis(actions, distance.argmin(axis=1)[:, None], axis=1)[:, 0]
        return Choice(nearest.astype(np.int64), np.full(len(nearest), np.nan, dtype=np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=20, help="games a pair of players, even")
    arguments = parser.parse_args()
    players = ["connect-four?simulations=50", "connect-four?simulations=0", "uct:100", "greedy", "random", Center()]
    ratings = selfplay.rate(players, games=arguments.games, anchor="random")
    print(ratings)


if __name__ == "__main__":
    main()
