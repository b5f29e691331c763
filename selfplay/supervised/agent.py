"""The supervised family as the loop sees it: configuration, network, actors, batches, measurements."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from selfplay import device as devices
from selfplay.agent import Actor, Agent, unwatched
from selfplay.learning.learner import Update
from selfplay.learning.replay import Replay
from selfplay.supervised import actor, network, observer, output_layer, rows, sources
from selfplay.supervised import config as settings
from selfplay.supervised.config import SupervisedConfig
from selfplay.supervised.display import DISPLAY
from selfplay.supervised.network import Classifier
from selfplay.supervised.tables.actor import TableActor
from selfplay.types import Batch, MatchResult, Watch, Weights

HELD_OUT = 2_000  # rows of an evaluation, of each concept


class Supervised(Agent):
    """See `selfplay.agent.Agent`."""

    display = DISPLAY
    roles: tuple[str, ...] = ()

    def __init__(self, config: SupervisedConfig) -> None:
        self.config = config
        self.source = sources.make(config)
        self.row_dtype = rows.row_dtype(self.source.shape)
        self._generation = 0
        Replay.check(self.row_dtype, config.replay)

    def identity(self) -> dict[str, Any]:
        return settings.identity(self.config) | {"layout": self.source.digest}

    def unlike(self, saved: Mapping[str, Any]) -> str:
        kept = super().unlike({**saved, "layout": self.source.digest})
        if not kept and saved.get("layout") != self.source.digest:
            return "whose columns, classes or first rows were others"
        return kept

    def at(self, generation: int) -> Supervised:
        found = copy.copy(self)
        found._generation = generation
        return found

    def updates(self) -> tuple[Update, ...]:
        module = self.network().to(devices.best())
        return (Update(network.CLASSIFIER, module, network.loss),)

    def network(self) -> network.Classifier:
        """Freshly initialised from the run's seed, on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.run.seed)
            return network.Classifier(self.source.shape, self.source.num_classes, self.config.classifier)

    def logits(self, weights: Weights, x: np.ndarray) -> np.ndarray:
        """[M, num_classes] float32 of x [M, *shape]."""
        found: np.ndarray = self._loaded(weights)(torch.from_numpy(np.ascontiguousarray(x))).numpy()
        return found

    def _loaded(self, weights: Weights) -> Classifier:
        module = self.network().eval().requires_grad_(False)
        module.load_state_dict(weights[network.CLASSIFIER])
        return module

    def make_actor(self, index: int, seed: int) -> Actor:
        source, run = self.source, self.config.run
        if source.table is not None:
            return TableActor(source.table)
        assert source.stream is not None
        return actor.StreamActor(source.stream, None if run.actors else run.generation_rows, seed, index)

    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        device = devices.best()
        x, label = np.ascontiguousarray(rows["x"]), rows["label"].astype(np.int64)
        return {"x": torch.from_numpy(x).to(device), "label": torch.from_numpy(label).to(device)}

    def sound(self, rows: np.ndarray) -> np.ndarray:
        """Those of a known class."""
        known: np.ndarray = (rows["label"] >= 0) & (rows["label"] < self.source.num_classes)
        return known

    def difficulty(self, weights: Weights, rows: np.ndarray) -> np.ndarray:
        """Cross-entropy."""
        return self._losses(self.logits(weights, rows["x"]), rows["label"])

    def fit(self, weights: Weights, rows: np.ndarray) -> float:
        """Share of rows [M] that are right, beyond what is right by always saying the most frequent class and three
        standard errors of that, at least 0: weights that know nothing, of the run's beginning, are no better than those
        that know something else."""
        return _beyond_chance(self.logits(weights, rows["x"]).argmax(axis=1), rows["label"])

    def refit(self, weights: Weights, rows: np.ndarray) -> tuple[Weights, float] | None:
        """By logistic regression, see `output_layer`."""
        if len(rows) < output_layer.FEWEST:
            return None
        module, labels, classes = self._loaded(weights), rows["label"].astype(np.int64), self.source.num_classes
        features = module.features(torch.from_numpy(np.ascontiguousarray(rows["x"]))).double().numpy()
        held_out = output_layer.predicted_by_others(features, labels, classes)
        for values, found in zip(module.layers[-1].parameters(), output_layer.fitted(features, labels, classes),
                                 strict=True):  # fmt: skip
            values.copy_(torch.from_numpy(found))
        return {network.CLASSIFIER: module.state_dict()}, _beyond_chance(held_out, labels)

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        """A bucket a class."""
        return rows["label"].astype(np.int64)

    @staticmethod
    def _losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        target = torch.from_numpy(labels.astype(np.int64))
        found: np.ndarray = F.cross_entropy(torch.from_numpy(logits), target, reduction="none").double().numpy()
        return found

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        """accuracy and log_loss on held-out rows of the stream at the generation of `at`, and accuracy_K under each
        concept K by itself; nothing for rows of the user's own, all of which are learned from."""
        held_out = self.source.held_out
        if held_out is None:
            return {}
        rng = np.random.default_rng((self.config.run.seed, 2))
        x, labels, _ = held_out.sample(HELD_OUT, float(self._generation), rng)
        assert labels is not None
        logits = self.logits(weights, x)
        found = {
            "accuracy": float(np.mean(logits.argmax(axis=1) == labels)),
            "log_loss": float(self._losses(logits, labels).mean()),
        }
        if len(held_out.concepts) > 1:
            for number, concept in enumerate(held_out.concepts):
                x, labels = concept.sample(HELD_OUT, rng)
                found[f"accuracy_{number}"] = float(np.mean(self.logits(weights, x).argmax(axis=1) == labels))
        return found

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        raise NotImplementedError("a classifier plays against nobody")

    def observer(self) -> observer.StreamObserver | None:
        drift = self.config.drift
        return observer.StreamObserver(drift, self.logits, self.source) if drift.enabled else None


def _beyond_chance(found: np.ndarray, labels: np.ndarray) -> float:
    """See `Supervised.fit`."""
    share = float(np.bincount(labels).max()) / len(labels)
    right = float(np.mean(found == labels))
    return max(0.0, right - share - 3 * math.sqrt(share * (1 - share) / len(labels)))
