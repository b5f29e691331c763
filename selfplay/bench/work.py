"""The work that is timed: random games, searches, forward passes, steps of the learner. Knows no clock.

Each function makes a job: a call without arguments that does a piece of the work and returns how many units it did.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from games.base import Game
from selfplay import device as devices
from selfplay.alphazero.agent import AlphaZero
from selfplay.bench.timing import Job
from selfplay.learning import learner
from selfplay.learning.config import ReplayConfig
from selfplay.learning.replay import Replay
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig

RANDOM_PLIES = 12  # before a search that is timed, at most
ROWS = 20_000  # that the learner draws from


# Rules


def random_games(game: Game, batch: int, rng: np.random.Generator) -> tuple[int, int]:
    """(games, moves) of `batch` random games side by side, each to its end: legal actions and steps, as in a search."""
    states, moves = game.initial_states(batch), 0
    while len(states):
        actions, count = game.legal_actions(states)
        chosen = actions[np.arange(len(states)), (rng.random(len(states)) * count).astype(np.int64)]
        moves += len(states)
        step = game.step(states, chosen)
        states = step.states.take(np.flatnonzero(step.discount))
    return batch, moves


def playouts(game: Game, batch: int, rng: np.random.Generator) -> float:
    """Moves of `batch` random games, played in one call."""
    plies = np.zeros(batch, dtype=np.int64)
    game.playouts(game.initial_states(batch), rng.integers(1 << 62, size=batch, dtype=np.uint64), plies)
    return float(plies.sum())


def random_positions(game: Game, batch: int, rng: np.random.Generator) -> np.ndarray:
    """[batch] state_dtype: positions after a quarter of the longest game, at random; games that end stay where they
    last were not over."""
    states = game.initial_states(batch)
    for _ in range(game.max_game_length // 4):
        actions, count = game.legal_actions(states)
        after = game.step(states, actions[np.arange(batch), (rng.random(batch) * count).astype(np.int64)]).states
        states = np.where(after["terminal"], states, after)
    return states


# Search


def openings(game: Game, batch: int, rng: np.random.Generator) -> np.ndarray:
    """[batch] positions after 0 to RANDOM_PLIES random plies, at most half a game; none of them is over."""
    states = game.initial_states(batch)
    plies = rng.integers(0, min(RANDOM_PLIES, game.max_game_length // 2) + 1, batch)
    for ply in range(plies.max()):
        actions, count = game.legal_actions(states)
        chosen = actions[np.arange(batch), (rng.random(batch) * count).astype(np.int64)]
        after = game.step(states, chosen).states
        states = np.where((ply < plies) & ~after["terminal"], after, states)
    return states


def searches(game: Game, batch: int, simulations: int, config: SearchConfig) -> Job:
    """Searches of `batch` openings with an evaluator that costs nothing; units: simulations."""
    rng = np.random.default_rng(1)
    crank = search.Search(game, batch, config, simulations)
    evaluate = evaluators.UniformEvaluator()
    states = openings(game, batch, rng)

    def work() -> float:
        found = search.run(game, states, evaluate, config, simulations, None, crank)
        return float(found.visits.sum())

    return work


# Networks


def random_planes(game: Game, batch: int) -> np.ndarray:
    """[batch, P, R, C] float32 planes of positions from random play."""
    return game.observe(random_positions(game, batch, np.random.default_rng(1)))


def forwards(game: Game, config: NetworkConfig, device: torch.device) -> dict[str, Callable[[int], Job]]:
    """By name, what makes a job of forward passes of one resident batch of a size; units: evaluations. module: as it is
    trained, in float32; fused: as self-play has it."""
    dtype = devices.compute_dtype(device.type)
    net = policy_value.PolicyValueNet(game, config).eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        fast = inference.fast_forward(net, game.observation_shape[1:], device)

    def maker(forward: Callable[[torch.Tensor], object], number_format: torch.dtype) -> Callable[[int], Job]:
        def make(batch: int) -> Job:
            planes = torch.from_numpy(random_planes(game, batch)).to(device, number_format)
            return forward_passes(forward, planes.contiguous(memory_format=torch.channels_last))

        return make

    return {"module": maker(net, torch.float32), "fused": maker(fast, dtype)}


def forward_passes(forward: Callable[[torch.Tensor], object], planes: torch.Tensor) -> Job:
    """Forward passes of one batch; units: evaluations."""

    def work() -> float:
        with torch.inference_mode():
            forward(planes)
            if planes.is_cuda:
                torch.cuda.synchronize()
        return float(len(planes))

    return work


# Learning


def random_rows(game: Game, dtype: np.dtype, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count] rows: positions of random play with arbitrary targets."""
    rows = np.zeros(count, dtype=dtype)
    states = random_positions(game, count, rng)
    width = rows["actions"].shape[1]
    actions = game.legal_actions(states)[0][:, :width]
    policy = rng.random((count, width), dtype=np.float32) * (actions >= 0)
    rows["state"], rows["actions"], rows["policy"] = states, actions, policy / policy.sum(axis=1, keepdims=True)
    rows["search_wdl"] = rng.dirichlet(np.ones(3), count)
    rows["outcome"] = rng.integers(-1, 2, count)
    return rows


def filled_replay(agent: AlphaZero, rng: np.random.Generator) -> Replay:
    """A replay of ROWS random rows."""
    replay = Replay(agent.row_dtype, ReplayConfig())
    replay.insert(random_rows(agent.game, agent.row_dtype, ROWS, rng))
    return replay


def learning(agent: AlphaZero) -> Job:
    """Steps of the learner with its own settings, batches included; units: samples."""
    rng = np.random.default_rng(1)
    teacher, replay = learner.Learner(agent.updates(), agent.config.learner), filled_replay(agent, rng)
    size = agent.config.learner.batch_size

    def work() -> float:
        teacher.step(agent.make_batch(replay.sample(size, rng), rng), 0.0)
        return float(size)

    return work
