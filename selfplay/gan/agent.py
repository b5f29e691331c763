"""The GAN family as the loop sees it: configuration, networks, actors, batches, measurements."""

from __future__ import annotations

import base64
import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from selfplay import config as configs
from selfplay import device as devices
from selfplay.agent import Agent, unwatched
from selfplay.errors import ConfigError
from selfplay.gan import actor, alarms, buckets, inference, loss, match, pictures
from selfplay.gan import config as settings
from selfplay.gan.config import GanConfig
from selfplay.gan.data import observer, prequential, streams
from selfplay.gan.display import DISPLAY
from selfplay.gan.metrics import alike, auc, distinct, judge
from selfplay.gan.models import build, model
from selfplay.learning.learner import Update
from selfplay.learning.replay import Replay
from selfplay.storage import artifact
from selfplay.types import Batch, MatchResult, Status, Watch, Weights

BALANCE_SAMPLES = 2_000  # on each side: an AUC of one half is known to ± 0.009
COMPARED = 1_000  # newest reals that earlier generations are compared on
BEFORE = "before_"  # of metrics by the concept before
REMEMBERED = ("modes_found", "high_quality", "frechet_ratio", "coverage")


class Gan(Agent):
    """See `selfplay.agent.Agent`."""

    display = DISPLAY

    def __init__(self, config: GanConfig) -> None:
        self.config = config
        self.source = streams.make(config.data, config.stream)
        loss.check(config.objective, config.network, self.source.shape, config.learner.batch_size)
        self.model = build.build(config, self.source)
        self.roles: tuple[str, ...] = self.model.roles
        self._with_fakes = config.objective.past_fakes > 0 and model.CRITIC in self.roles
        self.row_dtype = actor.row_dtype(self.source.shape, self._with_fakes)
        Replay.check(self.row_dtype, config.replay)

    def identity(self) -> dict[str, Any]:
        return settings.identity(self.config) | {"data_digest": self.source.digest}

    def at(self, generation: int) -> Gan:
        """On a stream, the agent whose data, matches and judge are those of the concept that is in force then."""
        if self.source.timeline is None:
            return self
        found = copy.copy(self)
        found.source = self.source.at(float(generation))
        found.model = build.build(self.config, found.source)
        return found

    def unlike(self, saved: Mapping[str, Any]) -> str:
        """Data may lie in another place, if they are the same."""
        mine, theirs = self.identity(), dict(saved.get("data", {}))
        moved = settings.moved(theirs, self.config.data)
        if moved and self.source.digest and saved.get("data_digest") is None:
            return f"of an earlier version, which has no digest of its data: they cannot be compared with '{moved}'"
        # A run that positions are taken from may have been trained on since.
        grown = self.config.data.name == "positions" and not moved
        if saved.get("data_digest", self.source.digest) != self.source.digest and not grown:
            return f"whose data were others: '{moved or self.config.data.path}' does not hold the same"
        here = {name: mine["data"][name] for name in settings.PLACES}
        return super().unlike({**saved, "data": theirs | here, "data_digest": self.source.digest})

    def details(self) -> dict[str, Any]:
        return {"objective": configs.to_values(self.config.objective)}

    def networks(self) -> dict[str, nn.Module]:
        """By name, freshly initialised from the run's seed, on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.run.seed)
            return self.model.networks()

    def _trained(self, weights: Weights, *names: str) -> dict[str, nn.Module]:
        """Those of the networks that are named, all if none is, with these weights, frozen."""
        found = self.networks()
        for name in names or found:
            found[name].load_state_dict(weights[name])
            found[name].to(devices.best()).eval().requires_grad_(False)
        return {name: found[name] for name in names or found}

    def updates(self) -> tuple[Update, ...]:
        return self.model.updates({name: module.to(devices.best()) for name, module in self.networks().items()})

    def make_actor(self, index: int, seed: int) -> actor.GanActor:
        source, run = self.source, self.config.run
        data = source.train if source.timeline is None else source.timeline.train
        alone = run.generation_rows if run.actors == 0 else None
        return actor.GanActor(data, source.scale, self._with_fakes, self._fakes, seed, index, alone)

    def _fakes(self, opponent_weights: Weights) -> actor.Fakes:
        made = self.generator(opponent_weights)

        def fakes(labels: np.ndarray | None, n: int, rng: np.random.Generator) -> np.ndarray:
            return made.sample(n, rng, labels)[0] / np.float32(self.source.scale)

        return fakes

    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        device, size = devices.best(), len(rows)
        batch = {"real": rows["real"]} | self.model.inputs(rows["real"], rng)
        if self.config.network.conditional:
            batch["label"] = rows["label"].astype(np.int64)
        if self._with_fakes:
            batch["fake"] = rows["fake"]
            batch["fake_label"] = rows["fake_label"].astype(np.int64)
            batch["past"] = (rows["producer"] != actor.NOBODY) & (rng.random(size) < self.config.objective.past_fakes)
        tensors = {key: torch.from_numpy(np.ascontiguousarray(value)).to(device) for key, value in batch.items()}
        return tensors | {"seed": torch.tensor(int(rng.integers(2**62)))}

    def generator(self, weights: Weights) -> inference.TrainedGenerator:
        """What samples with these weights."""
        return self.model.generator(self._trained(weights, self.model.sampler))

    def critic(self, weights: Weights) -> inference.TrainedCritic:
        """What scores with these weights. Raises ConfigError where the model has no critic."""
        if model.CRITIC not in self.roles:
            raise ConfigError(f"model={self.config.model} has no critic: expected a model that is trained against one.")
        critic = self._trained(weights, model.CRITIC)[model.CRITIC]
        return inference.TrainedCritic(critic, self.source, self.config.network)

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        return match.play_seeded(self.generator(row), self.critic(column), self.source, seed)

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        return self.measure(weights, self.config.run.seed, watch)

    def measure(self, weights: Weights, seed: int | tuple[int, ...], watch: Watch = unwatched) -> dict[str, float]:
        """Metrics of samples that follow from the seed; the judge's at least, where time runs out."""
        seeds = seed if isinstance(seed, tuple) else (seed,)
        rng = np.random.default_rng((*seeds, 2))
        made = self.generator(weights)
        metrics = self.source.judge.metrics(lambda n: made.sample(n, rng), rng)
        if self.source.before is not None and watch(0.5):
            metrics |= self._remembered(self.source.before, made, np.random.default_rng((*seeds, 7)))
        if watch(0.7):
            metrics |= self._balance(weights, made, np.random.default_rng((*seeds, 3)))
        if watch(0.9):
            metrics |= self.model.metrics(self._trained(weights), np.random.default_rng((*seeds, 5)))
        return metrics

    def _remembered(
        self, judged: judge.Judge, made: inference.TrainedGenerator, rng: np.random.Generator
    ) -> dict[str, float]:
        """before_…: the same samples' quality by the concept before the present one of a stream."""
        found = judged.metrics(lambda n: made.sample(n, rng), rng)
        return {f"{BEFORE}{name}": found[name] for name in REMEMBERED if name in found}

    def _balance(
        self, weights: Weights, made: inference.TrainedGenerator, rng: np.random.Generator
    ) -> dict[str, float]:
        """auc of the critic against its generator on held-out data; distinct fakes for each real."""
        fakes, asked = made.sample(BALANCE_SAMPLES, rng)
        found = {}
        if model.CRITIC in self.roles:
            reals, labels = self.source.held_out.sample(BALANCE_SAMPLES, rng)
            critic = self.critic(weights)
            found = {"auc": auc.auc(critic.score(reals, labels), critic.score(fakes, asked)).value}
        different = distinct.different(self.source.train, rng)
        return found if different is None else found | {"distinct": distinct.distinct(different, fakes)}

    def adapt_rows(self, rows: np.ndarray) -> np.ndarray | None:
        """With or without fakes of past generators: those that are missing are nobody's, and no loss sees them."""
        if rows.dtype not in (actor.row_dtype(self.source.shape, known) for known in (True, False)):
            return None
        adapted = np.zeros(len(rows), self.row_dtype)
        if self._with_fakes:
            adapted["producer"] = actor.NOBODY
        for name in {*(rows.dtype.names or ())} & {*(self.row_dtype.names or ())}:
            adapted[name] = rows[name]
        return adapted

    def fit(self, weights: Weights, rows: np.ndarray) -> float:
        """How alike samples of these weights and the newest reals are, in steps of 1/40, since less is chance; 0 where
        they share less than half of their neighbours: then the weights know other data."""
        reals = rows["real"][-COMPARED:]
        labels = rows["label"][-COMPARED:].astype(np.int64) if self.config.network.conditional else None
        rng = np.random.default_rng((self.config.run.seed, 6))
        fakes = self.generator(weights).sample(len(reals), rng, labels)[0] / np.float32(self.source.scale)
        found = alike.alike(reals.reshape(len(reals), -1), fakes.reshape(len(fakes), -1))
        return math.floor(40 * found) / 40 if found >= 0.5 else 0.0

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        return buckets.buckets(rows)

    def difficulty(self, weights: Weights, rows: np.ndarray) -> np.ndarray:
        """1 for reals that no fake covers, in the space that the judge measures in."""
        labels = rows["label"].astype(np.int64) if self.config.network.conditional else None
        made = self.generator(weights).sample(len(rows), np.random.default_rng((self.config.run.seed, 3)), labels)[0]
        space, scale = self.source.judge.features, np.float32(self.source.scale)
        return buckets.uncovered(space(rows["real"] * scale), space(made))

    def pictures(self, weights: Weights) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.config.run.seed, 4))
        return {"samples": pictures.samples(self.generator(weights), rng)}

    def without_opponents(self) -> str:
        objective = self.config.objective
        return "" if objective.past_fakes or objective.past_critics else "objective.past_fakes and past_critics are 0"

    def observer(self) -> observer.DataObserver | prequential.StreamObserver | None:
        drift = self.config.drift
        if not drift.enabled:
            return None
        if self.source.timeline is None:
            return observer.DataObserver(drift, self.source.shape)
        return prequential.StreamObserver(drift, self.row_dtype, self._scorers, _packed, _unpacked)

    def _scorers(self, weights: Weights) -> prequential.Scorers:
        scale, made, rng = np.float32(self.source.scale), self.generator(weights), np.random.default_rng(0)
        fakes, labels = made.sample(prequential.MOST, rng)
        labels = np.full(len(fakes), -1) if labels is None else labels
        if model.CRITIC not in self.roles:
            return prequential.Scorers(fakes / scale, None, labels)
        critic = self.critic(weights)
        return prequential.Scorers(fakes / scale, lambda x, of: critic.score(x * scale, of), labels)

    def alarms(self, status: Status) -> dict[str, str]:
        return alarms.sound(status, model.CRITIC in self.roles, changing=self.source.timeline is not None)


def _packed(weights: Weights) -> str:
    """Weights by player, as text."""
    flat = {f"{player}/{name}": value for player, tensors in weights.items() for name, value in tensors.items()}
    return base64.b64encode(artifact.pack_tensors(flat)).decode()


def _unpacked(text: str) -> Weights:
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in artifact.unpack_tensors(base64.b64decode(text), "the state of what watches for drift").items():
        player, _, key = name.partition("/")
        found.setdefault(player, {})[key] = value
    return found
