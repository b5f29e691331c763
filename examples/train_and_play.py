"""Trains an agent at tic-tac-toe, watches it learn, and lets it play.

    python examples/train_and_play.py [--minutes 1] [--run runs/example]

Repeated, it goes on with the run where it stopped.
"""

from __future__ import annotations

import argparse

import selfplay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--run", default="runs/example")
    arguments = parser.parse_args()

    def tell(end: selfplay.GenerationEnd) -> None:
        wrong = end.metrics.get("evaluation/mistakes")  # of 4,520 positions; None where it was not measured
        print(f"generation {end.generation}: {end.metrics['games']:,.0f} games, mistakes in positions: {wrong}")

    run = selfplay.train(
        "tic-tac-toe", run=arguments.run, minutes=arguments.minutes, progress=False, on_generation=tell
    )

    # The first generation that was kept against the newest.
    first, newest = run.generations()[0], run.agent()
    print(selfplay.match(newest, first, games=40, simulations=20))

    # A game of the newest against itself, move by move.
    moves: list[str] = []
    while True:
        try:
            found = newest.analyze(moves, simulations=50)
        except selfplay.UserError as error:  # the game is over
            print(f"{' '.join(moves)}: {error}")
            break
        print(found.board, f"\nvalue {found.value:+.2f} for the player to move, who plays {found.best}\n")
        moves.append(found.best)


if __name__ == "__main__":
    main()
