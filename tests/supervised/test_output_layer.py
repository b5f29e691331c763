"""The output layer fitted by itself, and the action that does so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sea_runs import SEA, contents, lines_of, train

from selfplay.drift.config import DriftConfig
from selfplay.supervised import output_layer
from selfplay.supervised.agent import Supervised
from selfplay.supervised.network import CLASSIFIER

REFIT = DriftConfig(actions=("evict-rows", "refit-outputs"), lasting=2)


def test_the_layer_is_the_minimum_of_the_regularised_loss() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    features = rng.normal(size=(60, 5)) + 10 + np.eye(3, 5)[labels]
    weights, biases = output_layer.fitted(features, labels, 3)
    centre = features.mean(axis=0)
    scale = float(np.sqrt(np.mean(np.sum((features - centre) ** 2, axis=1))))
    standard = torch.tensor(weights * scale, requires_grad=True)
    offsets = torch.tensor(biases + weights @ centre, requires_grad=True)
    z = torch.tensor((features - centre) / scale)
    loss = torch.nn.functional.cross_entropy(z @ standard.T + offsets, torch.tensor(labels), reduction="sum")
    loss = loss + output_layer.DECAY / 2 * (standard.square().sum() + offsets.square().sum())
    loss.backward()  # type: ignore[no-untyped-call]
    assert standard.grad is not None and float(standard.grad.abs().max()) < 0.05 < float(loss.detach())


def test_labels_that_features_know_nothing_of_are_guessed_no_better_than_by_chance() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(200, 50)), rng.integers(0, 2, 200)
    weights, biases = output_layer.fitted(features, labels, 2)
    seen = (features @ weights.T + biases).argmax(axis=1)
    assert np.mean(seen == labels) > 0.7, "of rows that it was fitted to"
    assert np.mean(output_layer.predicted_by_others(features, labels, 2) == labels) < 0.62


def test_features_that_are_all_the_same_give_the_most_frequent_class() -> None:
    weights, biases = output_layer.fitted(np.ones((20, 4)), np.arange(20) % 4 // 3, 2)
    assert ((np.ones((1, 4)) @ weights.T + biases).argmax(axis=1) == 0).all()


def test_only_the_output_layer_is_fitted_and_too_few_rows_are_left_alone() -> None:
    agent = Supervised(SEA)
    rows = agent.make_actor(0, 1).generate(300)[0]
    before = {CLASSIFIER: agent.network().state_dict()}
    found = agent.refit(before, rows)
    assert found is not None and agent.refit(before, rows[: output_layer.FEWEST - 1]) is None
    after, fit = found
    changed = {
        name for name, value in after[CLASSIFIER].items() if not torch.equal(value, before[CLASSIFIER][name])
    }  # fmt: skip
    assert changed == {"layers.3.weight", "layers.3.bias"}
    assert agent.fit(after, rows) >= fit > agent.fit(before, rows)


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("refitted") / "run"
    train(path, Supervised(replace(SEA, drift=REFIT)))
    return path


def test_the_output_layer_is_fitted_where_a_concept_is_new_and_rows_are_right_again(refitted: Path) -> None:
    acted = [json.loads(line) for line in (refitted / "drift.jsonl").read_text().splitlines()]
    assert [(line["step"], line["since"]) for line in acted if line.get("action") == "refit-outputs"] == [(7, 7)]
    accuracy = {line["step"]: line.get("drift/accuracy") for line in lines_of(refitted)}
    assert accuracy[7] < 0.3 and accuracy[8] > 0.85


def test_a_run_that_is_stopped_while_the_output_layer_is_being_fitted_goes_on_to_the_bit(
    refitted: Path, tmp_path: Path
) -> None:
    agent = Supervised(replace(SEA, drift=REFIT))
    for rows in (7 * 400, 7 * 400 + 200, -1):
        train(tmp_path / "run", agent, lambda run, rows=rows: run.replay.inserted == rows)  # type: ignore[misc]
    assert contents(tmp_path / "run") == contents(refitted)
