"""Every model of the GAN family in the training loop: exact resumption, loading from checkpoints, sampling, judging."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from selfplay import config as configs
from selfplay.errors import ConfigError
from selfplay.gan import agent, load, presets
from selfplay.gan import config as settings
from selfplay.league.pool import Pool
from selfplay.learning.learner import Learner
from selfplay.storage import artifact

SMALL = [
    "network.width=8", "network.depth=1", "network.latent=3", "learner.batch_size=16", "replay.window_min=200",
    "replay.learn_after=32", "run.generation_rows=64", "run.rollout_rows=32", "run.generations=2",
    "run.evaluate_every=1000", "learner.ema_decay=0.9",
]  # fmt: skip
MODELS = {
    "info": ("gan-info", []),
    "superres": ("gan-superres", ["network.critic_width=8"]),
    "superres with noise": ("gan-superres", ["network.critic_width=8", "superres.noise=true"]),
    "vae": ("vae-digits", []),
    "ae": ("vae-digits", ["model=ae"]),
    "convolutional vae": ("vae-digits", ["network.kind=residual"]),
}


def config(model: str, *more: str) -> settings.GanConfig:
    preset, own = MODELS[model]
    return configs.override(presets.PRESETS[preset], [*SMALL, *own, *more])


class Agent(agent.Gan):
    """Not judged: that takes thousands of samples."""

    def evaluate(self, weights: Any, first: Any, watch: Any = None) -> dict[str, float]:
        return {"names": float(len(weights))}

    def pictures(self, weights: Any) -> dict[str, np.ndarray]:
        return {}


def train(path: Path, wanted: settings.GanConfig, until: int | None = None) -> Pool:
    with tiny.Session(path, wanted, Agent) as run:  # type: ignore[arg-type]
        run.train(lambda: until is not None and run.status.generation >= until)
        return run.pool


@pytest.mark.parametrize("model", ["info", "superres with noise", "vae", "ae"])
def test_a_run_that_was_stopped_ends_with_the_same_bits_as_one_that_was_not(model: str, tmp_path: Path) -> None:
    through = train(tmp_path / "through", config(model))
    train(tmp_path / "stopped", config(model), until=1)
    resumed = train(tmp_path / "stopped", config(model))
    (_, expected), (_, found) = through.load(2), resumed.load(2)
    (_, before) = through.load(1)
    assert expected.keys() == found.keys()
    moved = False
    for name, tensors in expected.items():
        for key, value in tensors.items():
            assert torch.equal(value, found[name][key]), (name, key)
            moved |= not torch.equal(value, before[name][key])
    assert moved


@pytest.mark.parametrize("model", MODELS)
def test_a_checkpoint_alone_says_how_to_draw_from_it(model: str, tmp_path: Path) -> None:
    wanted = config(model, "run.generations=1")
    _, weights = train(tmp_path, wanted).load(1)
    loaded = load.load(tmp_path)
    own = agent.Gan(wanted).generator(weights)
    samples = [made.sample(5, np.random.default_rng(3))[0] for made in (loaded.generator, own)]
    assert samples[0].shape == (5, 1, 8, 8) and samples[0].dtype == np.float32
    assert tiny.same_bits(*samples)
    assert (loaded.critic is None) == (model in ("vae", "ae", "convolutional vae"))


def test_every_player_learns_from_the_same_batches_under_every_rule() -> None:
    for rule in ("alternating", "simultaneous", "extragradient", "optimistic"):
        made = agent.Gan(config("info", f"learner.rule={rule}"))
        learner = Learner(made.updates(), made.config.learner)
        before = learner.weights()
        rows, _ = made.make_actor(0, 1).generate(16)
        learner.step(made.make_batch(rows, np.random.default_rng(0)), 0.0)
        after = learner.weights()
        assert set(after) == {"generator", "discriminator", "recogniser"}
        for name, tensors in after.items():
            assert any(not torch.equal(value, before[name][key]) for key, value in tensors.items()), (rule, name)


@pytest.mark.parametrize("model", MODELS)
def test_what_travels_to_actors_holds_no_networks_and_makes_the_same_rows(model: str) -> None:
    made = agent.Gan(config(model))
    made.updates()
    sent = pickle.dumps(made)
    assert len(sent) < 300_000  # the digits
    rows = [one.make_actor(0, 1).generate(16)[0] for one in (made, pickle.loads(sent))]
    assert tiny.same_bits(*rows)


def test_a_model_without_a_critic_has_no_roles_and_refuses_to_score() -> None:
    made = agent.Gan(config("vae"))
    weights = Learner(made.updates(), made.config.learner).weights()
    assert made.roles == ()
    with pytest.raises(ConfigError, match="vae has no critic"):
        made.critic(weights)


def test_a_checkpoint_of_one_model_is_not_taken_for_another(tmp_path: Path) -> None:
    found = {model: agent.Gan(config(model)).identity() for model in MODELS}
    assert len({str(identity) for identity in found.values()}) == len(MODELS)
    assert settings.described(found["info"] | {"objective": {}}).info == config("info").info
    train(tmp_path, config("vae", "run.generations=1"))
    meta, _ = artifact.read(tmp_path / "checkpoints" / "000001")
    assert meta["model"] == "vae"


@pytest.mark.parametrize(
    ("model", "setting", "sentence"),
    [
        ("info", "network.conditional=true", "without labels"),
        ("vae", "network.conditional=true", "take no labels"),
        ("ae", "network.packing=2", "have no critic"),
        ("superres", "network.conditional=true", "takes no labels"),
        ("superres", "superres.factor=3", "sides divide"),
        ("superres", "data.name=ring", "sides divide"),
        ("superres", "data.name=stacked-digits", "superres.perceptual"),
        ("superres", "objective.past_fakes=0.5", "past generators"),
        ("superres", "network.virtual_batch_norm=16", "virtual_batch_norm"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_sentence(model: str, setting: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        agent.Gan(config(model, setting))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["gan-info", "gan-superres", "vae-digits"])
def test_figures_of_a_model_are_finite_and_the_same_twice(preset: str) -> None:
    made = agent.Gan(configs.override(presets.PRESETS[preset], ["network.width=8"]))
    weights = Learner(made.updates(), made.config.learner).weights()
    figures = made.evaluate(weights, weights)
    assert all(np.isfinite(list(figures.values())))
    assert figures == made.evaluate(weights, weights)
