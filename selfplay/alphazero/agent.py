"""The AlphaZero family as the loop sees it: configuration, networks, actors, batches, measurements."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

import games
from games.knowledge import Knowledge
from selfplay import config as configs
from selfplay import device as devices
from selfplay.agent import Agent, unwatched
from selfplay.alphazero import actor, buckets, evaluation, loss, recurring
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.display import DISPLAY, FIRST
from selfplay.alphazero.monitors import observer
from selfplay.errors import ConfigError
from selfplay.learning.learner import Update
from selfplay.learning.recurring import Recurrence
from selfplay.learning.replay import Replay
from selfplay.networks import inference, openvino_forward, policy_value
from selfplay.networks.shared import launcher
from selfplay.players import player, reference
from selfplay.search import evaluators, proofs, search, tree
from selfplay.types import Batch, MatchResult, Watch, Weights


class AlphaZero(Agent):
    """The AlphaZero family of one game; see `selfplay.agent.Agent`."""

    roles = (policy_value.PLAYER,)
    display = DISPLAY
    counts_evaluations = True

    def __init__(self, config: AlphaZeroConfig) -> None:
        self.config = config
        try:
            self.game = games.make(config.game, **config.game_options)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        knowledge = games.facet(self.game, Knowledge)
        for name in config.evaluation.opponents:
            if name != FIRST:
                reference.make(self.game, name)  # so that a wrong name is told now, and not in mid-run
        if config.actor.learn_from_endgame_tables and knowledge.exact(self.game.initial_states(0)) is None:
            raise ConfigError(
                f"actor.learn_from_endgame_tables needs tables of {self.game.name} on this machine: "
                f"`selfplay games endgames build {self.game.name}`, or leave it off."
            )
        asked = [name for name in ("proof_nodes", "root_proof_nodes") if getattr(config.search, name)]
        if asked and self.game.compiled_rules() is None:
            raise ConfigError(
                f"search.{asked[0]} needs rules that are compiled, and those of {self.game.name} are not "
                "(Game.compiled_rules): leave it at 0."
            )
        self.row_dtype = loss.row_dtype(self.game, config.network.moves_left)
        self._key = secrets.token_hex(8)  # of the inference servers that this agent's actors share, wherever they run
        if config.inference.mode == "shared" and sys.platform != "linux":
            raise ConfigError("inference.mode=shared needs Linux: leave it at local.")
        self._check_backend()
        self._check_memory()

    def _check_backend(self) -> None:
        """Raises ConfigError for what computes in no such way."""
        wanted = self.config.inference
        if wanted.backend == "openvino":
            openvino_forward.require()
        if wanted.precision == "int8" and (wanted.backend == "torch" or wanted.mode == "shared"):
            raise ConfigError(
                "inference.precision=int8 needs inference.backend=openvino and inference.mode=local, not "
                f"{wanted.backend} and {wanted.mode}: set them so, or leave the precision at native."
            )

    def _check_memory(self) -> None:
        """Raises ConfigError for settings that ask for more than this machine has, before a run begins with them."""
        config, memory = self.config, devices.memory()
        Replay.check(self.row_dtype, config.replay, self.recurrence())
        for key, batch, simulations in (
            ("actor.num_simulations", config.actor.concurrent_games, config.actor.num_simulations),
            ("actor.late_simulations", config.actor.concurrent_games, config.actor.late_simulations or 0),
            ("evaluation.num_simulations", player.BATCH, config.evaluation.num_simulations),
            ("evaluation.match_simulations", player.BATCH, config.evaluation.match_simulations),
        ):
            nodes = simulations + 2
            size = tree.size_of(
                batch, nodes, tree.max_edges(nodes, self.game.max_legal_actions, config.search.edges_per_node)
            )
            proving = proofs.size_of(self.game, batch, config.search.proof_nodes, config.search.root_proof_nodes)
            if size < 0 or size + batch * nodes * self.game.state_dtype.itemsize + proving > memory:
                games = "actor.concurrent_games" if key.startswith("actor") else "games at once"
                raise ConfigError(
                    f"{key}={simulations:,} asks for trees that are too large, with {games}={batch:,}: set it, or "
                    "search.edges_per_node, lower."
                )
        slot = 8 + 4 * (self.game.max_legal_actions + 3)
        if 2 * config.actor.cache_entries * slot > memory:
            raise ConfigError(
                f"actor.cache_entries={config.actor.cache_entries:,} positions of {slot} bytes, for two networks, are "
                f"more than this machine's {memory / 2**30:.0f} GiB: set it lower."
            )

    def identity(self) -> dict[str, Any]:
        size = self.config.network
        return {
            "family": "alphazero",
            "game": self.game.name,
            "game_version": self.game.version,
            "game_options": self.config.game_options,
            "network": {"channels": size.channels, "blocks": size.blocks,
                        "head_channels": size.head_channels, "value_hidden": size.value_hidden}
                       | ({"moves_left": True} if size.moves_left else {}),  # checkpoints of before say nothing of it
        }  # fmt: skip

    def details(self) -> dict[str, Any]:
        return {"search": configs.to_values(self.config.search)}

    def updates(self) -> tuple[Update, ...]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.run.seed)
            net = policy_value.PolicyValueNet(self.game, self.config.network)
        net = net.to(devices.best()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        target = self.config.target
        return (
            Update(policy_value.PLAYER, net, loss.policy_value_loss(target.value_weight, target.moves_left_weight)),
        )

    def make_actor(self, index: int, seed: int) -> actor.SelfPlayActor:
        config = self.config
        return actor.SelfPlayActor(
            self.game, config.actor, config.search, config.network, seed, index,
            groups=config.inference.groups, server=self._server(index), inference_config=config.inference,
        )  # fmt: skip

    def _server(self, index: int) -> launcher.Server | None:
        """The inference server, on its node, of actor `index`; None where it evaluates itself."""
        wanted = self.config.inference
        if not self.shares_inference:
            return None
        return launcher.Server(self._key, index % launcher.servers_here(wanted), self.game, self.config.network, wanted)

    @property
    def shares_inference(self) -> bool:
        return self.config.inference.mode == "shared" and self.config.run.actors > 0

    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        return loss.make_batch(self.game, rows, self.config.target.search_value_fraction, rng, devices.best())

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        now, then = self._evaluator(weights), self._evaluator(first)
        return evaluation.measure(
            self.game, now, then, self.config.search, self.config.evaluation, self.config.run.seed, watch
        )

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        one, other = self._evaluator(row), self._evaluator(column)
        found = evaluation.play_match(self.game, one, other, self.config.search, self.config.evaluation, seed)
        return MatchResult(found.score, found.games, None)

    def _evaluator(self, weights: Weights) -> inference.NetworkEvaluator:
        net = inference.NetworkEvaluator(self.game, self.config.network)
        net.load(weights[policy_value.PLAYER])
        return net

    def sound(self, rows: np.ndarray) -> np.ndarray:
        return loss.sound_rows(self.game, rows)

    def recurrence(self) -> Recurrence | None:
        return recurring.recurrence(self.game, self.config.target, self.config.network.moves_left)

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        return buckets.buckets(self.game, rows)

    def difficulty(self, weights: Weights, rows: np.ndarray) -> np.ndarray:
        return buckets.value_errors(self.game, self._evaluator(weights), rows)

    def without_opponents(self) -> str:
        return "" if self.config.actor.opponent_share > 0 else "actor.opponent_share is 0"

    def observer(self) -> observer.SelfPlayObserver | None:
        return observer.SelfPlayObserver(self.game, self.config) if self.config.drift.enabled else None

    def is_solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics.get("mistakes", 1) == 0

    def warm_up(self) -> None:
        states = self.game.initial_states(2)
        actions = self.game.legal_actions(states)[0][:, 0]
        rngs = [np.random.default_rng(0), np.random.default_rng(1)]
        searching = search.Search(self.game, 2, self.config.search, 8)
        search.run(self.game, states, evaluators.HashEvaluator(self.game), self.config.search, 8, rngs, searching)
        searching.advance(np.arange(2), actions, 8, rngs)
        self.game.observe(states)
