"""Runs small enough for tests: tic-tac-toe, a network of a few hundred weights, evaluated on nothing slow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import games
from selfplay.agent import unwatched
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig, EvaluationConfig
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop import folder as folders
from selfplay.loop import run as runs
from selfplay.loop.config import RunConfig
from selfplay.networks import inference
from selfplay.networks.config import NetworkConfig
from selfplay.search.config import SearchConfig
from selfplay.storage import artifact
from selfplay.types import Status, Watch, Weights

NETWORK = NetworkConfig(channels=8, blocks=1, head_channels=4, value_hidden=8)
CONFIG = AlphaZeroConfig(
    game="tic-tac-toe",
    network=NETWORK,
    search=SearchConfig(),
    actor=ActorConfig(concurrent_games=8, num_simulations=6, random_opening_plies=3, opponent_share=0.2),
    replay=ReplayConfig(samples_per_insert=4.0, window_min=150, learn_after=60),
    learner=LearnerConfig(batch_size=32),
    evaluation=EvaluationConfig(num_simulations=2),
    run=RunConfig(generations=4, generation_rows=120, rollout_rows=30, evaluate_every=1),
)
SETTINGS = [  # the same as --set arguments
    "network.channels=8", "network.blocks=1", "network.head_channels=4", "network.value_hidden=8",
    "actor.concurrent_games=8", "actor.num_simulations=6", "actor.random_opening_plies=3",
    "replay.samples_per_insert=4", "replay.window_min=150", "replay.learn_after=60", "learner.batch_size=32",
    "run.generation_rows=120", "run.rollout_rows=30", "evaluation.num_simulations=1", "run.evaluate_every=1000",
]  # fmt: skip


def config(**sections: dict[str, Any]) -> AlphaZeroConfig:
    """`CONFIG` with fields of its sections changed: config(run={"seed": 2})."""
    return replace(CONFIG, **{name: replace(getattr(CONFIG, name), **values) for name, values in sections.items()})


class Agent(AlphaZero):
    """Judged by a sum over its weights instead of 4,520 searches."""

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        total = sum(float(value.double().sum()) for value in weights["net"].values())
        names = ("accuracy", "raw_accuracy", "contested_accuracy")
        return dict.fromkeys(names, abs(total) % 1) | {"mistakes": 5.0, "positions": 10.0, "simulations": 2.0}


class Session:
    """One session of a run in `path`, from opening the folder to closing it."""

    def __init__(self, path: Path, wanted: AlphaZeroConfig = CONFIG, agent: type[AlphaZero] = Agent) -> None:
        self.folder = folders.Folder(path)
        try:
            self.phases: list[str] = []
            self.run = runs.Run(agent(wanted), self.folder, lambda status: self.phases.append(status.phase))
        except BaseException:
            self.folder.__exit__()
            raise

    def __enter__(self) -> runs.Run:
        return self.run

    def __exit__(self, *_: object) -> None:
        self.run.close()
        self.folder.__exit__()


def train(
    path: Path, wanted: AlphaZeroConfig = CONFIG, until: int | None = None, agent: type[AlphaZero] = Agent
) -> Status:
    """Trains until the budget is used, or until generation `until`; what the panel would show at the end."""
    with Session(path, wanted, agent) as run:
        run.train(lambda: until is not None and run.status.generation >= until)
        return run.status


def random_weights(game: Any, seed: int, size: NetworkConfig = NETWORK) -> dict[str, torch.Tensor]:
    """A network's state_dict with statistics of batch norm that are not the initial ones."""
    generator = torch.Generator().manual_seed(seed)
    net = inference.PolicyValueNet(game, size)
    state = net.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.is_floating_point():
            value.normal_(0.0, 0.3, generator=generator)
    return state


def generator_folder(run: Path, preset: str, generation: int = 7, **network: Any) -> Path:
    """A GAN run's folder with one generation of untrained weights, which differ by generation."""
    from selfplay.gan import presets
    from selfplay.gan.agent import Gan

    config = presets.PRESETS[preset]
    wanted = replace(config, network=replace(config.network, **network), run=replace(config.run, seed=generation))
    made = Gan(wanted)
    meta = made.identity() | made.details() | {"kind": "weights", "generation": generation}
    files = {f"{name}.safetensors": artifact.pack_tensors(module.state_dict())
             for name, module in made.networks().items()}  # fmt: skip
    artifact.write(run / "checkpoints" / f"{generation:06d}", files, meta)
    return run


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def weights_folder(run: Path, name: str = "connect-four", generation: int = 7) -> Path:
    """A run's folder with one generation of untrained weights, which differ by generation."""
    game = games.make(name)
    network = {"channels": NETWORK.channels, "blocks": NETWORK.blocks, "head_channels": NETWORK.head_channels,
               "value_hidden": NETWORK.value_hidden}  # fmt: skip
    meta = {"kind": "weights", "family": "alphazero", "game": name, "game_version": game.version,
            "generation": generation, "network": network, "search": {}}  # fmt: skip
    files = {"net.safetensors": artifact.pack_tensors(random_weights(game, generation))}
    artifact.write(run / "checkpoints" / f"{generation:06d}", files, meta)
    return run


def assert_goes_on_to_the_same_bits(folder: Path, config: Any) -> None:
    """Two generations with a stop between them end with the weights of two without."""
    train(folder / "whole", config)
    train(folder / "parts", config, until=1)
    train(folder / "parts", config)
    last = "checkpoints/000002/net.safetensors"
    assert (folder / "parts" / last).read_bytes() == (folder / "whole" / last).read_bytes()
