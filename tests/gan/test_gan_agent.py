"""The GAN family in the loop: batches, mitigations, exact resumption with each of them, and divergence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from selfplay import config as configs
from selfplay.agent import unwatched
from selfplay.errors import ConfigError, TrainingDiverged
from selfplay.gan import actor, agent, presets
from selfplay.gan.config import GanConfig
from selfplay.league.pool import Pool
from selfplay.learning.learner import Learner
from selfplay.loop import folder as folders
from selfplay.storage import artifact
from selfplay.types import Batch, Status, Watch, Weights

RING = [
    "network.width=8", "network.depth=2", "network.latent=4", "learner.batch_size=32", "replay.window_min=200",
    "replay.learn_after=64", "run.generation_rows=192", "run.rollout_rows=64", "run.generations=3",
    "run.evaluate_every=1000", "learner.ema_decay=0.9",
]  # fmt: skip
DIGITS = [*RING, "data.name=digits", "network.kind=dcgan", "learner.batch_size=16", "network.conditional=true"]
MITIGATIONS = {
    "none": RING,
    "label smoothing": [*RING, "objective.label_smoothing=0.1"],
    "noisy labels": [*RING, "objective.noisy_labels=0.1"],
    "instance noise": [*RING, "objective.instance_noise=0.2"],
    "virtual batch norm": [*RING, "network.virtual_batch_norm=16"],
    "minibatch deviation": [*RING, "network.minibatch_deviation=4"],
    "spectral norm": [*RING, "network.spectral_norm=true"],
    "packing": [*RING, "network.packing=2"],
    "past fakes": [*RING, "objective.past_fakes=0.5"],
    "past critics": [*RING, "objective.past_critics=0.5"],
    "feature matching": [*RING, "objective.feature_matching=1"],
    "two time scales": [*RING, "objective.critic_steps=2", "objective.critic_learning_rate=0.5"],
    "no average": [*RING, "learner.ema_decay=0"],
    "wgan-gp": [*RING, "objective.loss=wgan-gp", "objective.r1=0", "objective.r2=0"],
    "many": [
        *RING, "objective.label_smoothing=0.1", "objective.noisy_labels=0.1", "objective.instance_noise=0.2",
        "network.virtual_batch_norm=16", "network.spectral_norm=true", "network.packing=2", "objective.past_fakes=0.5",
        "objective.past_critics=0.5", "objective.feature_matching=1", "objective.critic_steps=2",
    ],
    "batch norm": DIGITS,
    "augmentation": [*DIGITS, "objective.augmentations=translation,cutout"],
    "adaptive augmentation": [*DIGITS, "objective.augmentations=cutout", "objective.augmentation_target=0.6"],
    "many on digits": [
        *DIGITS, "objective.augmentations=translation,cutout", "objective.augmentation_target=0.6",
        "network.minibatch_deviation=4", "objective.past_fakes=0.5", "network.virtual_batch_norm=16",
    ],
    "codes": [*RING, "model=info", "objective.past_fakes=0.5", "network.virtual_batch_norm=16"],
}  # fmt: skip


class Agent(agent.Gan):
    """Judged by a sum over its weights instead of 10,000 samples."""

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        return {"total": abs(sum(float(value.double().sum()) for value in weights["generator"].values())) % 1}

    def pictures(self, weights: Weights) -> dict[str, np.ndarray]:
        return {}


def config(settings: list[str]) -> GanConfig:
    return configs.override(presets.RING, settings)


def train(path: Path, wanted: GanConfig, until: int | None = None, turns: int | None = None) -> Status:
    """Trains to the end; or until a generation is saved; or for so many turns of the loop, in mid-generation."""
    left = iter(range(10**9 if turns is None else turns))
    with tiny.Session(path, wanted, Agent) as run:  # type: ignore[arg-type]
        run.train(lambda: (until is not None and run.status.generation >= until) or next(left, None) is None)
        return run.status


def contents(path: Path) -> dict[str, Any]:
    """Weights of all generations, and all of the training state that isn't a time or a count of sessions."""
    state = max((path / "state").iterdir())
    _, files = artifact.read(state)
    rest = json.loads(files.pop("state.json"))
    found: dict[str, Any] = dict(files) | {key: rest[key] for key in ("rng", "losses", "steps", "generation")}
    for generation in Pool(path / "checkpoints").generations():
        found[f"generation {generation}"] = artifact.read(path / "checkpoints" / f"{generation:06d}")[1]
    return found


def differences(a: Path, b: Path) -> set[str]:
    one, other = contents(a), contents(b)
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


# -- batches -----------------------------------------------------------------------------------------------------------


def test_a_batch_holds_reals_two_draws_of_inputs_and_a_seed() -> None:
    made = agent.Gan(config(RING))
    rows = made.make_actor(0, 1).generate(32)[0]
    batch = made.make_batch(rows, np.random.default_rng(0))
    assert set(batch) == {"real", "inputs", "critic_inputs", "seed"}
    assert torch.equal(batch["real"], torch.from_numpy(rows["real"].copy()))
    assert batch["inputs"].shape == batch["critic_inputs"].shape == (32, 4)
    assert not torch.equal(batch["inputs"], batch["critic_inputs"])
    again = made.make_batch(rows, np.random.default_rng(0))
    assert all(torch.equal(value, again[key]) for key, value in batch.items())


def test_past_fakes_take_their_share_of_a_batch_once_there_are_any() -> None:
    made = agent.Gan(config([*RING, "objective.past_fakes=0.25"]))
    playing = made.make_actor(0, 1)
    batch = made.make_batch(playing.generate(4000)[0], np.random.default_rng(0))
    assert not batch["past"].any()
    past = Learner(made.updates(), made.config.learner).weights()
    playing.set_weights(past, 1, past)
    rows = playing.generate(4000)[0]
    batch = made.make_batch(rows, np.random.default_rng(0))
    assert float(batch["past"].float().mean()) == pytest.approx(0.25, abs=0.03)
    # Of that generator, in the scale that its networks see.
    made_again = made.generator(past)
    network = made_again.module(torch.randn(4000, 4))
    assert float(batch["fake"].std()) == pytest.approx(float(network.std()), rel=0.1)


def test_a_conditional_batch_has_labels_of_reals_and_of_past_fakes() -> None:
    made = agent.Gan(config([*DIGITS, "objective.past_fakes=0.5"]))
    rows = made.make_actor(0, 1).generate(16)[0]
    rows["producer"], rows["fake_label"] = 3, (rows["label"] + 1) % 10
    batch = made.make_batch(rows, np.random.default_rng(0))
    assert torch.equal(batch["label"], torch.from_numpy(rows["label"].astype(np.int64)))
    assert torch.equal(batch["fake_label"], (batch["label"] + 1) % 10)
    assert rows["producer"][0] != actor.NOBODY and batch["past"].any() and not batch["past"].all()


def test_contradictory_settings_are_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="label_smoothing"):
        agent.Gan(config([*RING, "objective.loss=hinge", "objective.label_smoothing=0.1"]))
    with pytest.raises(ConfigError, match="multiple of 3"):
        agent.Gan(config([*RING, "network.packing=3"]))


# -- learning ----------------------------------------------------------------------------------------------------------


def batches(of: agent.Gan, count: int, past: Weights) -> list[Batch]:
    playing, rng = of.make_actor(0, 1), np.random.default_rng(5)
    playing.set_weights(past, 1, past)
    return [of.make_batch(playing.generate(of.config.learner.batch_size)[0], rng) for _ in range(count)]


@pytest.mark.parametrize("name", MITIGATIONS)
def test_with_each_mitigation_a_restored_learner_goes_on_bit_by_bit(name: str) -> None:
    made = Agent(config(MITIGATIONS[name]))
    straight = Learner(made.updates(), made.config.learner)
    past = straight.weights()
    straight.set_opponent(past)
    given = batches(made, 8, past)
    for batch in given[:4]:
        straight.step(batch, 0.1)
    tensors, rest = straight.state()
    for batch in given[4:]:
        straight.step(batch, 0.2)
    again = Agent(made.config)
    restored = Learner(again.updates(), again.config.learner)
    restored.load_state(tensors, rest)
    restored.set_opponent(past)
    for batch in given[4:]:
        restored.step(batch, 0.2)
    (a, _), (b, _) = straight.state(), restored.state()
    assert list(a) == list(b)
    assert [key for key in a if not torch.equal(a[key], b[key])] == []
    assert [key for key in a if key in tensors and torch.equal(a[key], tensors[key])] != list(a)
    assert all(torch.isfinite(value).all() for value in a.values())


UNSEEN = ("none", "batch norm", "no average", "adaptive augmentation")  # that changes nothing in the beginning


@pytest.mark.parametrize("name", [name for name in MITIGATIONS if name not in UNSEEN])
def test_each_mitigation_changes_what_is_learned(name: str) -> None:
    plain = DIGITS if MITIGATIONS[name][: len(DIGITS)] == DIGITS else RING
    if name == "codes":
        plain = [*RING, "model=info"]

    def learned(settings: list[str]) -> Weights:
        made = Agent(config(settings))
        learner = Learner(made.updates(), made.config.learner)
        past = learner.weights()
        learner.set_opponent({role: {key: value * 0.5 for key, value in of.items()} for role, of in past.items()})
        for batch in batches(made, 4, past):
            learner.step(batch, 0.1)
        return learner.weights()

    def last(weights: Weights, role: str) -> torch.Tensor:
        return [value for key, value in weights[role].items() if key.endswith(("weight", "original"))][-1]

    one, other = learned(plain), learned(MITIGATIONS[name])
    assert any(
        last(one, role).shape != last(other, role).shape or not torch.equal(last(one, role), last(other, role))
        for role in ("generator", "discriminator")
    )


def test_without_averaging_the_weights_that_play_are_those_that_learn() -> None:
    made = Agent(config(MITIGATIONS["no average"]))
    learner = Learner(made.updates(), made.config.learner)
    for batch in batches(made, 3, learner.weights()):
        learner.step(batch, 0.1)
    for update in learner.updates:
        held = update.module.state_dict()
        assert all(torch.equal(value, held[key]) for key, value in learner.weights()[update.name].items())


def test_averaged_weights_under_spectral_norm_still_have_the_norm_one() -> None:
    # The vectors of the power iteration are averaged too; they must still fit the averaged weights.
    made = Agent(config([*RING, "network.spectral_norm=true", "learner.ema_decay=0.99"]))
    learner = Learner(made.updates(), made.config.learner)
    for batch in batches(made, 100, learner.weights()):
        learner.step(batch, 0.1)
    critic = learner.averaged["discriminator"]
    norms = [float(torch.linalg.matrix_norm(m.weight, 2)) for m in critic.modules() if isinstance(m, torch.nn.Linear)]
    assert norms == pytest.approx([1.0] * 3, abs=0.02)


def test_the_adaptive_probability_is_saved_with_the_critic() -> None:
    made = Agent(config(MITIGATIONS["adaptive augmentation"]))
    learner = Learner(made.updates(), made.config.learner)
    critic = learner.updates[0].module
    assert float(critic.augmentation) == 0  # type: ignore[arg-type]
    for batch in batches(made, 10, learner.weights()):
        report = learner.step(batch, 0.1)
    assert 0 <= float(report["discriminator/augmentation"]) <= 10 * 16 / 500_000
    critic.augmentation.fill_(1.0)  # type: ignore[union-attr,operator]
    assert float(learner.state()[0]["discriminator.weights.augmentation"]) == 1.0
    # It is what decides: at 1 the critic sees what it sees with a fixed probability of 1.
    always = Agent(config([*DIGITS, "objective.augmentations=cutout"]))
    fixed = Learner(always.updates(), always.config.learner)
    fixed.load_state(*learner.state())
    losses = [
        playing.updates[0].loss(playing.updates[0].module, batch, 0.1)[1]["loss"].item() for playing in (learner, fixed)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("rule", ["alternating", "simultaneous", "extragradient", "optimistic"])
def test_the_adaptive_probability_moves_once_a_step_however_often_the_rule_evaluates_the_loss(rule: str) -> None:
    made = Agent(config([*MITIGATIONS["adaptive augmentation"], f"learner.rule={rule}"]))
    learner = Learner(made.updates(), made.config.learner)
    critic = learner.updates[0].module
    critic.augmentation.fill_(0.5)  # type: ignore[union-attr,operator]
    size = made.config.learner.batch_size
    expected = 0.5
    for batch in batches(made, 3, learner.weights()):
        report = learner.step(batch, 0.1)
        assert float(report["discriminator/augmentation"]) == pytest.approx(expected, abs=1e-6)  # that was in use
        expected += size / 500_000 * np.sign(2 * float(report["discriminator/wins"]) - 1 - 0.6)
        assert float(critic.augmentation) == pytest.approx(expected, abs=1e-6)  # type: ignore[arg-type]


def test_an_agent_stays_as_it_is_while_its_networks_learn() -> None:
    made = Agent(config(MITIGATIONS["past critics"]))
    before = pickle.dumps(made)
    learner = Learner(made.updates(), made.config.learner)
    learner.set_opponent(learner.weights())
    for batch in batches(made, 2, learner.weights()):
        learner.step(batch, 0.1)
    assert pickle.dumps(made) == before


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "many" else pytest.mark.slow) for name in MITIGATIONS]
)
def test_a_run_killed_in_mid_generation_goes_on_to_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = config(MITIGATIONS[name])
    train(tmp_path / "whole", wanted)
    train(tmp_path / "killed", wanted, until=1)
    train(tmp_path / "killed", wanted, turns=2)  # stopped in the second generation

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:  # and killed in it: a generation is written, its state is not
        patch.setattr(folders.Folder, "save_state", die)
        with pytest.raises(Killed):
            train(tmp_path / "killed", wanted, until=2)
    train(tmp_path / "killed", wanted)
    assert Pool(tmp_path / "killed" / "checkpoints").generations() == [0, 1, 2, 3]
    assert differences(tmp_path / "whole", tmp_path / "killed") == set()


def test_a_loss_that_is_not_a_number_stops_the_run_with_a_sentence_and_keeps_what_was_good(tmp_path: Path) -> None:
    wanted = config(RING)
    train(tmp_path / "run", wanted, until=1)
    good = contents(tmp_path / "run")

    class Poisoned(Agent):
        def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
            batch = dict(super().make_batch(rows, rng))
            batch["real"][3] = float("nan")
            return batch

    with (
        tiny.Session(tmp_path / "run", wanted, Poisoned) as run,  # type: ignore[arg-type]
        pytest.raises(TrainingDiverged, match=r"discriminator loss .*not finite at step") as caught,
    ):
        run.train(lambda: False)
    assert len(str(caught.value).splitlines()) == 1
    assert contents(tmp_path / "run") == good
    assert train(tmp_path / "run", wanted).generation == 3  # it goes on from there


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.5), (0.5, 0.0)])
def test_a_run_goes_on_with_fakes_of_the_past_switched_on_or_off(tmp_path: Path, before: float, after: float) -> None:
    train(tmp_path, config([*RING, f"objective.past_fakes={before}", "run.generations=2"]))
    wanted = config([*RING, f"objective.past_fakes={after}", "run.generations=4"])
    with folders.Folder(tmp_path) as folder:
        state = folder.load_state(agent.Gan(wanted))
    assert state is not None
    rows = np.concatenate(list(state.rows))
    assert rows.dtype == agent.Gan(wanted).row_dtype
    assert len(rows) >= 192
    assert (rows["real"] != 0).all(axis=1).any() and "damaged" not in " ".join(state.warnings)
    assert ["lack" if after else "hold"] == [word for word in ("lack", "hold") if word in " ".join(state.warnings)]
    if after:
        batch = agent.Gan(wanted).make_batch(rows[:64], np.random.default_rng(0))
        assert not batch["past"].any()  # no loss sees a fake that nobody made
    status = train(tmp_path, wanted)
    assert status.generation == 4
    with folders.Folder(tmp_path) as folder:  # shards of both kinds, in one window
        again = folder.load_state(agent.Gan(wanted))
    assert again is not None and again.inserted == status.rows
    if after:
        assert (np.concatenate(list(again.rows))["producer"][-192:] != actor.NOBODY).all()
