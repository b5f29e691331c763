"""Analyzes a position with a trained agent, and finds the moves of many positions at once.

python examples/analyze_position.py [--agent connect-four] [--moves 4453]
"""

from __future__ import annotations

import argparse

import numpy as np

import selfplay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", default="connect-four", help="a run's folder, or a game: its packaged agent")
    parser.add_argument("--moves", default="4453")
    parser.add_argument("--simulations", type=int, default=400)
    arguments = parser.parse_args()

    agent = selfplay.load(arguments.agent)
    found = agent.analyze(arguments.moves, simulations=arguments.simulations)
    print(found)
    print("expected:", " ".join(found.pv))

    # 64 random positions, two plies into the game: what the network says of all in one batch, and what search finds.
    game, rng = agent.game, np.random.default_rng(0)
    states = game.initial_states(64)
    for _ in range(2):
        actions, count = game.legal_actions(states)
        drawn = rng.integers(count)
        states = game.step(states, actions[np.arange(len(states)), drawn]).states
    priors, wdl = agent.evaluate(states)
    searched = agent.analyze(states, simulations=32)
    changed = sum(one.best_action != prior.argmax() for one, prior in zip(searched, priors, strict=True))
    print(f"search changes the network's first choice in {changed} of {len(states)} positions")
    print(f"expected score of the player to move: {np.mean(wdl[:, 0] + wdl[:, 1] / 2):.1%}")


if __name__ == "__main__":
    main()
