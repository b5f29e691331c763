"""Alarms: heard on runs that collapse and on generators scripted to, silent on healthy ones, at any level of scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from selfplay.datasets import image_sets, mixtures
from selfplay.gan import alarms, presets
from selfplay.gan.agent import Gan
from selfplay.gan.config import GanConfig
from selfplay.gan.metrics import distinct, judge
from selfplay.learning.config import LearnerConfig
from selfplay.learning.learner import Learner
from selfplay.types import Status

RING = mixtures.ring()


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learn(config: GanConfig, generations: int = 4, steps: int = 150, frozen: str = "") -> dict[str, str]:
    """The alarms of a run, by name: generations of so many updates, without a folder. frozen: a player that stays as it
    was at first; a critic then is one whose scores hardly vary."""
    agent = Gan(config)
    updates = [replace(update, learning_rate=1e-12) if update.name == frozen else update for update in agent.updates()]
    if frozen == "discriminator":
        with torch.no_grad():
            for weight in updates[0].module.parameters():
                weight.mul_(0.3)
    learner, actor, rng = Learner(updates, config.learner), agent.make_actor(0, 1), np.random.default_rng(1)
    actor.set_weights(learner.weights(), 0, None)
    status, heard, size = Status(), {}, config.learner.batch_size
    for generation in range(1, generations + 1):
        sums: dict[str, float] = {}
        rows, _ = actor.generate(size * steps)
        for step in range(steps):
            batch = agent.make_batch(rows[step * size : (step + 1) * size], rng)
            for key, value in learner.step(batch, status.progress).items():
                sums[key] = sums.get(key, 0.0) + float(value) / steps
        status.generation, status.progress, status.losses = generation, generation / generations, sums
        status.metrics = agent.evaluate(learner.weights(), learner.weights())
        status.history.append((generation, status.metrics))
        seen = alarms.look(status)
        heard |= {name: text for name, rule in alarms.RULES.items() if name not in heard and (text := rule(seen))}
    return heard


def ring(loss: str, penalty: float, learning_rate: float, beta1: float = 0.0) -> GanConfig:
    """A small ring whose learning rate stays as it is."""
    objective = replace(presets.RING.objective, loss=loss, r1=penalty, r2=penalty, final_penalty=1.0)
    learner: LearnerConfig = replace(
        presets.RING.learner, batch_size=64, learning_rate=learning_rate, final_learning_rate=learning_rate, beta1=beta1
    )
    return replace(presets.RING, objective=objective, learner=learner)


# Runs that really collapse


def test_a_critic_that_wins_everything_and_gradients_that_burst_and_vanish_are_told_of_plain_minimax() -> None:
    heard = learn(ring("minimax", penalty=0.0, learning_rate=0.2), steps=100)
    assert {"vanished", "exploding", "never_found"} <= heard.keys()
    assert "gradient has vanished (norm " in heard["vanished"] and "objective.loss=rpgan" in heard["vanished"]
    assert "learner.learning_rate" in heard["exploding"]


def test_a_generator_that_repeats_itself_is_told_of_the_non_saturating_loss_at_a_high_rate() -> None:
    heard = learn(ring("non-saturating", penalty=0.0, learning_rate=0.2, beta1=0.9), steps=100)
    assert {"repeating", "never_found"} <= heard.keys()
    assert "birthday test" in heard["repeating"]


def test_a_generator_that_does_not_follow_is_told_where_its_gradient_is_well() -> None:
    heard = learn(ring("rpgan", penalty=0.1, learning_rate=0.005), steps=60, frozen="generator")
    assert "lost" in heard and "vanished" not in heard
    assert "50% of the run done" in heard["lost"]


def test_a_blind_critic_is_told() -> None:
    heard = learn(ring("rpgan", penalty=0.1, learning_rate=0.005), steps=60, frozen="discriminator")
    assert "blind" in heard and "as by lot" in heard["blind"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_healthy_rings_are_silent(seed: int) -> None:
    config = replace(presets.RING, run=replace(presets.RING.run, seed=seed))
    assert learn(config, generations=10, steps=600) == {}


# Generators scripted to collapse, measured as runs are


def figures_of(sampler: mixtures.Mixture) -> dict[str, float]:
    """What a measurement says of a generator that makes this."""
    rng = np.random.default_rng(0)
    found = judge.MixtureJudge(RING).metrics(lambda n: (sampler.sample(n, rng)[0], None), rng)
    fakes = sampler.sample(distinct.SAMPLES, rng)[0]
    return found | {"distinct": distinct.distinct(RING.sample(distinct.SAMPLES, rng)[0], fakes)}


def ring_of(modes: int, width: float = 1.0) -> mixtures.Mixture:
    """The first modes of the ring, so many times as wide."""
    return mixtures.Mixture("scripted", RING.centres[:modes], RING.sigma * width)


def heard_of(*samplers: mixtures.Mixture, progress: float = 1.0, **losses: float) -> list[str]:
    """Names of the alarms at the end of a run that made this, a generation each."""
    history = [(number, figures_of(sampler)) for number, sampler in enumerate(samplers, start=1)]
    healthy = {"discriminator/wins": 0.6, "discriminator/slope_on_reals": 1.0, "discriminator/gradient_norm": 0.3,
               "generator/gradient_norm": 0.5}  # fmt: skip
    status = Status(generation=len(history), progress=progress, metrics=history[-1][1], history=history)
    status.losses = healthy | losses
    seen = alarms.look(status)
    return [name for name, rule in alarms.RULES.items() if rule(seen)]


def test_a_perfect_generator_is_silent() -> None:
    assert heard_of(*[RING] * 3) == []


def test_the_level_of_the_critics_scores_and_losses_is_never_looked_at() -> None:
    losses = {"discriminator/loss": 0.0, "generator/loss": 1e9, "discriminator/score": 1e9}
    assert heard_of(*[RING] * 3, **losses) == []


def test_modes_that_shrink_to_points_are_told() -> None:
    assert heard_of(*[ring_of(8, 0.5)] * 3) == []
    assert heard_of(*[ring_of(8, 0.35)] * 3) == []
    assert heard_of(*[ring_of(8, 0.1)] * 3) == ["shrunk", "repeating"]
    assert heard_of(ring_of(8, 0.1), progress=0.05) == []  # too early to say


def test_modes_that_get_lost_are_told_when_two_measurements_agree() -> None:
    eight, seven, five = ring_of(8), ring_of(7), ring_of(5)
    assert heard_of(eight, eight, five) == []
    assert heard_of(eight, seven, seven) == []
    assert heard_of(eight, five, five) == ["falling"]
    assert heard_of(five, five, eight) == []


def test_modes_never_found_are_told_from_a_third_of_the_run_on() -> None:
    three = ring_of(3)
    assert heard_of(three, three, three, progress=0.3) == []
    assert heard_of(three, three, three, progress=0.34) == ["never_found"]
    assert heard_of(three, three, ring_of(4), progress=0.34) == []


def test_a_mode_instead_of_eight_repeats_itself_eight_times_as_often() -> None:
    assert figures_of(ring_of(1))["distinct"] == pytest.approx(1 / 8, rel=0.15)
    assert figures_of(RING)["distinct"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    ("losses", "heard"),
    [
        ({"discriminator/wins": 0.995, "generator/gradient_norm": 1e-6}, ["vanished"]),
        ({"discriminator/wins": 0.995}, ["lost"]),
        ({"discriminator/wins": 0.95, "generator/gradient_norm": 1e-6}, []),
        ({"generator/gradient_norm": 101.0}, ["exploding"]),
        ({"discriminator/gradient_norm": 99.0}, []),
        ({"discriminator/wins": 0.5, "discriminator/slope_on_reals": 0.0}, []),  # perfect samples
    ],
)
def test_losses_are_told_beyond_their_thresholds(losses: dict[str, float], heard: list[str]) -> None:
    assert heard_of(*[RING] * 3, **losses) == heard


def test_copies_of_training_data_are_told_and_held_out_data_are_not() -> None:
    train, held_out = image_sets.digits(), image_sets.digits(held_out=True)
    judged, rng = judge.DigitJudge(train, held_out), np.random.default_rng(0)
    found = {}
    for name, images in (("copies", train), ("new", held_out)):
        figures = judged.metrics(lambda n, images=images: (images.sample(n, rng)[0], None), rng)
        status = Status(generation=3, progress=1.0, metrics=figures, history=[(3, figures)])
        found[name] = alarms.memorised(alarms.look(status))
    assert "may be copies" in found["copies"] and not found["new"]


def test_an_alarm_has_a_name_and_a_sentence() -> None:
    figures = {"high_quality": 0.9, "distinct": 0.02}
    status = Status(generation=5, progress=0.5, metrics=figures, history=[(5, figures)])
    found = alarms.sound(status)
    assert found.keys() == {"repeating"}
    assert found["repeating"].startswith("two samples are alike 50 times as often")


def test_samples_that_repeat_are_told_from_a_third_of_the_run_on() -> None:
    """The packaged run on stacked digits repeats itself a quarter through, and has 991 of 1,000 modes in the end."""
    figures = {"high_quality": 0.9, "distinct": 0.003}
    for progress, heard in ((0.25, []), (0.34, ["repeating"])):
        status = Status(generation=3, progress=progress, metrics=figures, history=[(3, figures)])
        assert list(alarms.sound(status)) == heard


def test_samples_that_repeat_are_told_when_two_measurements_agree() -> None:
    """The packaged gan-info has 0.04 distinct samples for each real one two fifths through, and 0.06 later."""
    for shares, heard in (((0.1, 0.04), []), ((0.04, 0.052), []), ((0.1, 0.04, 0.04), ["repeating"])):
        history = [(generation, {"high_quality": 0.9, "distinct": share}) for generation, share in enumerate(shares, 1)]
        status = Status(generation=len(shares), progress=0.5, metrics=history[-1][1], history=history)
        assert list(alarms.sound(status)) == heard


def test_runs_without_a_critic_or_modes_are_silent() -> None:
    figures = {"frechet": 3.0, "copies": 0.01}
    status = Status(generation=5, progress=1.0, losses={"autoencoder/loss": 0.1}, metrics=figures)
    assert alarms.sound(status) == {}
    assert alarms.sound(Status()) == {}


def test_figures_of_an_earlier_generation_sound_no_alarm() -> None:
    stale = {"high_quality": 0.9, "distinct": 0.02, "copies": 0.5, "spread": 0.1}
    status = Status(generation=1, progress=0.4, metrics=stale, history=[(0, stale)])
    assert alarms.sound(status) == {}
    status.history.append((1, stale))
    assert alarms.sound(status).keys() == {"repeating", "memorised", "shrunk"}


def test_what_to_try_without_a_critic_is_no_setting_of_a_critic() -> None:
    figures = {"high_quality": 0.1, "distinct": 0.02, "spread": 0.1, "modes_found": 1.0, "modes": 0.1}
    history = [(generation, figures) for generation in range(1, 5)]
    heard = alarms.sound(Status(generation=4, progress=1.0, metrics=figures, history=history), critic=False)
    assert {"repeating", "shrunk", "never_found"} <= heard.keys()
    assert not any("objective." in sentence for sentence in heard.values())
