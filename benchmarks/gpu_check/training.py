"""Minutes of connect four from nothing, with actors in processes and the network on a server: accuracy over time.

The run is the loop's own (replay, learner, generations, evaluations against the solver); only Ray is left out.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import points
import processes

from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.presets import CONNECT_FOUR
from selfplay.bench import timing
from selfplay.loop import folder as folders
from selfplay.networks.config import InferenceConfig

RATES = ("rate/", "actors/", "loss/")
CURVE = ("accuracy", "raw_accuracy", "contested_accuracy", "mistakes")


def settings(seconds: float, actors: int, dry: bool) -> AlphaZeroConfig:
    """The preset, with as many actors as there are cores for, and a larger network."""
    made = replace(CONNECT_FOUR, inference=InferenceConfig(mode="shared", servers=1, groups=2))
    run = replace(made.run, minutes=seconds / 60, actors=actors, evaluate_every=10)
    if not dry:
        return replace(made, network=points.network(64, 5), run=run)
    return replace(
        made, network=points.network(8, 1),
        run=replace(run, minutes=None, generations=2, generation_rows=200, rollout_rows=50),
        actor=replace(made.actor, num_simulations=4, concurrent_games=8), learner=replace(made.learner, batch_size=32),
        replay=replace(made.replay, learn_after=100, window_min=400),
        evaluation=replace(made.evaluation, num_simulations=2),
    )  # fmt: skip


def main() -> None:
    told = points.arguments()
    points.sizes(told)
    folder = told.folder or Path(tempfile.mkdtemp())
    began = time.perf_counter()

    def tell(generation: int, metrics: Mapping[str, float]) -> None:
        told = {name: metrics[name] for name in ("rows", "games", "steps", "evaluations") if name in metrics}
        told |= {name: metrics[f"evaluation/{name}"] for name in CURVE if f"evaluation/{name}" in metrics}
        told["rates"] = {key: timing.significant(value) for key, value in metrics.items() if key.startswith(RATES)}
        points.emit(generation=generation, seconds=time.perf_counter() - began, **told)

    with folders.Folder(folder / "connect-four") as opened:
        agent = AlphaZero(settings(told.seconds, told.actors, told.dry_run))
        run = processes.ProcessRun(agent, opened, lambda status: None, on_generation=tell)
        try:
            run.train(lambda: False)
            first = {name: value for name, value in run.status.history[0][1].items() if name in CURVE}
            points.emit(generation=0, **first)
            points.emit(ended=time.perf_counter() - began, notes=list(run.status.notes)[-5:])
        finally:
            run.close()


if __name__ == "__main__":
    main()
