"""Runs of the GAN family on a stream: exact resumption across a change, and by which data a generation is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import refused
from test_gan_agent import RING, Agent, config, differences, train
from test_gan_elo import run_folder

from selfplay.drift import events
from selfplay.gan import agent, load
from selfplay.gan.config import GanConfig, identity
from selfplay.gan.metrics.alike import alike

TURNS = ["data.name=stream:ring", "stream.kind=sudden", "stream.concepts=same,turn:22.5", "stream.at=1.5"]


def test_a_run_stopped_around_a_change_goes_on_to_the_same_bits_and_the_same_alarms(tmp_path: Path) -> None:
    wanted = config([*RING, *TURNS])
    train(tmp_path / "whole", wanted)
    train(tmp_path / "stopped", wanted, until=1)
    train(tmp_path / "stopped", wanted, turns=2)
    train(tmp_path / "stopped", wanted)
    assert differences(tmp_path / "whole", tmp_path / "stopped") == set()
    one, other = (
        [{key: value for key, value in json.loads(line).items() if key.startswith("drift/")} for line in
         (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "stopped")
    )  # fmt: skip
    assert one == other and "drift/critic" in one[-1] and "drift/new_auc" in one[-1]


def test_a_stream_is_part_of_what_a_run_is_and_other_data_name_none(tmp_path: Path) -> None:
    made = agent.Gan(config([*RING, *TURNS]))
    assert made.identity()["stream"]["concepts"] == ["same", "turn:22.5"]
    assert "stream" not in identity(GanConfig())
    other = agent.Gan(config([*RING, *TURNS, "stream.at=2"]))
    assert "stream" in other.unlike(made.identity()) and made.unlike(made.identity()) == ""


def test_a_checkpoint_is_measured_by_the_data_of_its_generation(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *TURNS)
    concepts = [load.load(folder / "checkpoints" / f"{generation:06d}").agent.source.concept for generation in range(3)]
    assert concepts == ["same", "same", "turn:22.5"]
    assert load.load(folder).agent.source.concept == "turn:22.5"
    weights = Agent(config([*RING, *TURNS])).networks()
    measured = load.load(folder).agent.measure(
        {name: module.state_dict() for name, module in weights.items()} , 1
    )  # fmt: skip
    assert {"before_modes_found", "before_high_quality"} < measured.keys()


def test_generations_are_rated_on_the_data_of_the_newest_of_them(selfplay: Any, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *TURNS)
    said = selfplay("elo", folder, "--games", 2, "--samples", 20, "--actors", 0)
    assert said.code == 0, said.err
    assert "ring-8 (turn:22.5)" in said.out
    assert json.loads((folder / "elo" / "ratings.json").read_text())["terms"]["concept"] == "turn:22.5"
    other = run_folder(tmp_path / "other", *TURNS[:3], "stream.at=1")
    refused(selfplay("elo", folder, other, "--games", 2, "--actors", 0), "different data")


def test_samples_of_a_stream_are_drawn_over_the_reals_of_their_time(selfplay: Any, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *TURNS)
    assert selfplay("sample", folder).code == 0
    said = selfplay("sample", folder, "--evaluate")
    assert said.code == 0 and "before modes found" in said.out


# -- which earlier generation fits -------------------------------------------------------------------------------------


def test_samples_of_one_distribution_are_alike_and_others_less(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, same, half = rng.normal(size=(3, 800, 2))
    half[:400] += 20
    assert alike(one, same) == pytest.approx(1, abs=0.05)
    assert alike(one, one + 20) == 0
    assert 0.4 < alike(one, half) < 0.8
    assert alike(np.zeros((20, 2)), np.zeros((20, 2))) <= 2


def test_fit_is_that_of_the_newest_reals_and_nothing_where_weights_know_other_data() -> None:
    made = agent.Gan(config([*RING, *TURNS]))
    playing = made.make_actor(0, 1)
    rows = {}
    for generation in (0, 2):
        playing.set_weights({}, generation, None)
        rows[generation] = playing.generate(600)[0]

    class Perfect(agent.Gan):
        def generator(self, weights: Any) -> Any:
            source = self.at(weights).source
            return type("Sampler", (), {"sample": lambda _, n, rng, labels=None: source.train.sample(n, rng)})()

    knows = Perfect(made.config)
    assert knows.fit(0, rows[0]) >= 0.9 and knows.fit(2, rows[2]) >= 0.9  # type: ignore[arg-type]
    assert knows.fit(0, rows[2]) == knows.fit(2, rows[0]) == 0  # type: ignore[arg-type]


# -- reactions ---------------------------------------------------------------------------------------------------------

MOVES = [
    "data.name=stream:ring", "data.modes=1", "data.sigma=0.3", "stream.kind=recurrent", "stream.concepts=same,turn:180",
    "stream.at=10", "stream.period=4", "network.width=16", "network.depth=2", "network.latent=2",
    "learner.batch_size=64", "learner.learning_rate=5e-3", "learner.final_learning_rate=1e-3",
    "learner.schedule=linear", "learner.ema_decay=0.9", "replay.samples_per_insert=4", "replay.window_min=1280",
    "replay.learn_after=64", "run.generation_rows=640", "run.rollout_rows=160", "run.generations=16",
    "run.evaluate_every=1000",
]  # fmt: skip
ACTIONS = ["drift.actions=restore-snapshot,evict-rows,raise-learning-rate", "drift.lasting=2", "drift.cool_down=1"]


def middle(folder: Path, generation: int) -> float:
    """The mean place of samples along the axis on which the concepts lie at 1 and −1."""
    made = load.load(folder / "checkpoints" / f"{generation:06d}").generator
    return float(made.sample(1_000, np.random.default_rng(0))[0][:, 0].mean())


def actions(folder: Path) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for line in events.read(folder):
        if line.get("action"):
            found.setdefault(line["step"], set()).add(line["action"])
    return found


@pytest.mark.slow
def test_a_change_is_reacted_to_and_an_old_concept_is_fallen_back_to(tmp_path: Path) -> None:
    """The data move from 1 to −1 and back: first old rows go and the rate rises, then the old generator returns."""
    wanted = config([*MOVES, *ACTIONS])
    train(tmp_path / "run", wanted)
    done = actions(tmp_path / "run")
    assert done[11] == {"evict-rows", "raise-learning-rate"}
    assert "restore-snapshot" in done[15] and "raise-learning-rate" not in done[15]
    assert set(done) == {11, 15}
    assert middle(tmp_path / "run", 10) == pytest.approx(1, abs=0.35)
    assert middle(tmp_path / "run", 14) == pytest.approx(-1, abs=0.35)
    assert middle(tmp_path / "run", 15) == pytest.approx(1, abs=0.35)
    train(tmp_path / "idle", config([*MOVES, *ACTIONS, "drift.react=never"]))
    assert actions(tmp_path / "idle") == {} and middle(tmp_path / "idle", 15) < 0.5


@pytest.mark.slow
def test_a_run_stopped_around_reactions_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    wanted = config([*MOVES, *ACTIONS])
    train(tmp_path / "whole", wanted)
    for until in (10, 11, 14):
        train(tmp_path / "stopped", wanted, until=until)
        train(tmp_path / "stopped", wanted, turns=2)
    train(tmp_path / "stopped", wanted)
    assert differences(tmp_path / "whole", tmp_path / "stopped") == set()
    assert actions(tmp_path / "whole") == actions(tmp_path / "stopped")
