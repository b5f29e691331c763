"""What does it help to react to an alarm? Faults in runs of connect four that last, with and without the action.

    upset values     in the middle of generation --from, wins and losses change places in the value head's last layer;
                     restore-generation goes back to before
    stale draws      from generation --from on, rows are drawn from the oldest tenth of the window; evict-rows makes
                     the window a short one
    not a number     in the middle of generation --from a weight becomes NaN; without the action the run fails

Small network, one process. Counted for each seed are the sign accuracy of the raw value on the 600 positions with known
values, by generation, and the mean age of the rows drawn. "ratio" is the last accuracy with the action over the last
one without, the median over faults and seeds.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import drift_faults
import harness
import numpy as np
import torch

import games
from games.knowledge import Knowledge
from selfplay.alphazero.agent import AlphaZero
from selfplay.drift import events
from selfplay.errors import TrainingDiverged
from selfplay.loop import folder as folders
from selfplay.loop import metrics
from selfplay.loop import run as runs
from selfplay.networks.policy_value import PLAYER, PolicyValueNet
from selfplay.types import Watch, Weights

FAULTS = {"upset values": "restore-generation", "stale draws": "evict-rows", "not a number": "restore-generation"}


class Agent(AlphaZero):
    """Measured by the raw value alone."""

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = drift_faults.unwatched) -> dict[str, float]:
        known = games.facet(self.game, Knowledge).eval_set()
        net = PolicyValueNet(self.game, self.config.network).eval()
        net.load_state_dict(weights[PLAYER])
        with torch.inference_mode():
            shares = net(torch.from_numpy(self.game.observe(known.states)))[1].softmax(1).numpy()
        best = np.where(known.values >= -1, known.values, -2).max(1)
        decided = best != 0
        return {"value_accuracy": float((np.sign(shares[:, 0] - shares[:, 2]) == best)[decided].mean())}


def inject(fault: str, run: runs.Run, begins: int) -> None:
    """Makes the fault happen in the middle of generation `begins`, or from its beginning on."""
    (update,) = run.learner.updates
    step, state = run.training.step, {"done": False}

    @torch.no_grad()
    def upset(module: Any) -> None:
        for value in (module.value.weight, module.value.bias):
            value.copy_(value[[2, 1, 0]])

    def stepped(*arguments: Any) -> Any:
        now = run.status.generation + 1 >= begins and run.training.share() > 0.5
        if now and not state["done"]:
            state["done"] = True
            if fault == "upset values":
                upset(update.module)
                upset(run.learner.averaged[update.name])
            elif fault == "not a number":
                update.module.value.bias.data[0] = float("nan")
        return step(*arguments)

    def sample(size: int, rng: np.random.Generator) -> np.ndarray:
        replay = run.replay
        if run.status.generation + 1 < begins:
            return plain(size, rng)
        first = replay.inserted - len(replay)
        numbers = rng.integers(first, first + max(1, len(replay) // 10), size)
        return replay.rows(first, replay.inserted)[numbers - first]

    run.training.step = stepped  # type: ignore[method-assign]
    if fault == "stale draws":
        plain, run.replay.sample = run.replay.sample, sample  # type: ignore[method-assign]


def play(fault: str, action: str, seed: int, begins: int, after: int, rows: int, path: Path) -> dict[str, Any]:
    """What became of one run."""
    wanted = drift_faults.config(seed, begins + after, rows)
    drift = dataclasses.replace(wanted.drift, actions=(action,) if action else ())
    replay = dataclasses.replace(wanted.replay, window_min=8 * rows)
    wanted = dataclasses.replace(
        wanted, drift=drift, replay=replay, run=dataclasses.replace(wanted.run, evaluate_every=1)
    )
    failed = ""
    with folders.Folder(path) as folder:
        run = runs.Run(Agent(wanted), folder, lambda status: None)
        try:
            inject(fault, run, begins)
            run.train(lambda: False)
        except TrainingDiverged as error:
            failed = str(error)
        finally:
            run.close()
    lines = [line for line in metrics.iterate(path) if line["step"] > 0]
    told = events.read(path)
    return {
        "accuracy": [round(line["evaluation/value_accuracy"], 3) for line in lines],
        "age": [round(line.get("drift/age", 0.0), 2) for line in lines],
        "alarms": [(line["stream"], line["step"]) for line in told if not line.get("action")],
        "actions": [(line["action"], line["step"]) for line in told if line.get("action")],
        "failed": failed,
    }


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=3)
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=list(FAULTS), help="which (default: all)")
    parser.add_argument("--from", type=int, default=6, dest="begins", help="generation in which they begin")
    parser.add_argument("--after", type=int, default=5, help="generations after that")
    parser.add_argument("--rows", type=int, default=1500, help="rows a generation")
    arguments = parser.parse_args()
    if arguments.begins < 2:
        parser.error("--from must be 2 or more: a run that fails at once has no accuracy to compare with")
    harness.start()
    began, found, ratios = time.process_time(), {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for fault in arguments.faults:
            for seed in range(1, arguments.repeats + 1):
                pair = {}
                for action in ("", FAULTS[fault]):
                    path = Path(scratch) / f"{fault}-{seed}-{action}"
                    pair[action or "none"] = play(
                        fault, action, seed, arguments.begins, arguments.after, arguments.rows, path
                    )
                found[f"{fault}, seed {seed}"] = pair
                ratios.append(pair[FAULTS[fault]]["accuracy"][-1] / pair["none"]["accuracy"][-1])
    harness.report(
        "drift_actions", harness.median(ratios), "the same run without the action",
        cpu_seconds=round(time.process_time() - began), runs=found,
    )  # fmt: skip


if __name__ == "__main__":
    main()
