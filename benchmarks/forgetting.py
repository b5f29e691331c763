"""Does a critic forget generators it has beaten, and does the pool cure it? A scripted one visits mode after mode.

The reals are a ring of eight modes. The generator's fakes lie a little outside one mode, then outside the next, and so
on, some generations at each; the critic learns all the while. After every visit its AUC on fresh fakes of each place is
taken. Once with the newest fakes only, once with half of them drawn from past generators, all alike (`history`).
"ratio" is the mean AUC on the places left behind, after the last visit, with history over without.
"""

from __future__ import annotations

from typing import Any

import harness
import numpy as np
import torch
from torch import nn

from selfplay.datasets import mixtures
from selfplay.gan import actor, loss
from selfplay.gan.config import GanNetworkConfig, ObjectiveConfig
from selfplay.gan.metrics import auc
from selfplay.gan.models import networks
from selfplay.league import opponents
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.learning.learner import Learner, Update
from selfplay.learning.replay import Replay

RING = mixtures.ring(sigma=0.05)
OUTSIDE = 1.3  # radius of the fakes: six σ from the reals, so that no critic need mistake them
GENERATIONS, STEPS, BATCH, SAMPLES = 8, 10, 128, 1_000  # generations at each mode, steps a generation
LEARNER = LearnerConfig(
    batch_size=BATCH, learning_rate=5e-3, weight_decay=0.0, beta1=0.0, beta2=0.9, ema_decay=0.0, max_gradient_norm=1e3
)


class Visitor(nn.Module):
    """Fakes about one place: inputs [B, 2] → x [B, 2]."""

    mode = 0

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return torch.from_numpy(OUTSIDE * RING.centres[self.mode]).float() + RING.sigma * inputs


def fakes_of(mode: Any) -> actor.Fakes:
    visitor = Visitor()
    visitor.mode = int(mode)

    def fakes(labels: np.ndarray | None, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(visitor(torch.from_numpy(rng.standard_normal((n, 2), dtype=np.float32))))

    return fakes


def curve(history: bool, seed: int, modes: int = 8) -> list[list[float]]:
    """AUC of the critic after each visit, on the fakes of all places up to then."""
    torch.manual_seed(seed)
    visitor, critic = Visitor(), networks.make((2,), 0, GanNetworkConfig())[1]
    share = 0.5 if history else 0.0
    game = loss.AdversarialGame(visitor, critic, ObjectiveConfig(r1=0.01, r2=0.01, past_fakes=share))
    learner = Learner((Update("discriminator", critic, game.critic_step),), LEARNER)
    playing = actor.GanActor(RING, 1.0, history, fakes_of, seed, 0)
    rows_each = STEPS * BATCH
    window = ReplayConfig(samples_per_insert=1, window_min=24 * rows_each, window_fraction=1e-6)
    replay, rng, past, found = Replay(actor.row_dtype((2,), history), window), np.random.default_rng(seed), [], []
    reals, places = RING.sample(SAMPLES, rng)[0], [fakes_of(mode)(None, SAMPLES, rng) for mode in range(modes)]
    for visitor.mode in range(modes):
        for _ in range(GENERATIONS):
            names = [str(generation) for generation in range(len(past))]
            drawn = rng.choice(past, p=opponents.weights("history", names)) if past else None
            playing.set_weights(None, len(past), drawn)
            replay.insert(playing.generate(rows_each)[0])
            past.append(visitor.mode)
            for _ in range(STEPS):
                learner.step(batch(replay.sample(BATCH, rng), share, rng), 0.0)
        with torch.no_grad():
            of_reals, *of_fakes = (critic(torch.from_numpy(x)).double().numpy() for x in (reals, *places))
        found.append([auc.auc(of_reals, scores).value for scores in of_fakes[: visitor.mode + 1]])
    return found


def batch(rows: np.ndarray, share: float, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    inputs = torch.from_numpy(rng.standard_normal((len(rows), 2), dtype=np.float32))
    made = {"real": torch.from_numpy(rows["real"].copy()), "critic_inputs": inputs, "seed": torch.tensor(0)}
    if share:
        past = (rows["producer"] != actor.NOBODY) & (rng.random(len(rows)) < share)
        made |= {"fake": torch.from_numpy(rows["fake"].copy()), "past": torch.from_numpy(past)}
    return made


def left_behind(found: list[list[float]]) -> float:
    """Mean AUC on the places that the generator has left, after the last visit."""
    return float(np.mean(found[-1][:-1]))


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=5)
    parser.add_argument("--modes", type=int, default=8, help="places that the generator visits (default 8)")
    arguments = parser.parse_args()
    harness.start()
    seeds = range(arguments.repeats)
    found = {name: [curve(name == "history", seed, arguments.modes) for seed in seeds] for name in ("off", "history")}
    means = {name: [left_behind(one) for one in curves] for name, curves in found.items()}
    firsts = {name: [[visit[0] for visit in one] for one in curves] for name, curves in found.items()}
    harness.report(
        "forgetting", harness.ratio(means["history"], means["off"]), "the same critic without history",
        results={name: [harness.significant(value) for value in values] for name, values in means.items()},
        first_place_by_visit={name: np.mean(of, axis=0).round(3).tolist() for name, of in firsts.items()},
        generations_a_visit=GENERATIONS, steps_a_generation=STEPS, batch=BATCH,
    )  # fmt: skip


if __name__ == "__main__":
    main()
