"""Self-play that is timed: a piece of it in some seconds, in this process or in one of several side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from selfplay import config as configs
from selfplay.alphazero.actor import SelfPlayActor
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.bench import timing
from selfplay.bench.processes import Processes
from selfplay.league import pool
from selfplay.networks import policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.players import pretrained

SEED = 1
FIRST_MOVES = 2  # of every game, that are not timed


@dataclass(frozen=True)
class Piece:
    """What an actor has done in a piece of self-play."""

    positions: float  # searched, each of them to be a row when its game ends
    evaluations: float  # by the network
    batches: float
    seconds: float  # on the clock
    processor: float  # seconds of processor time of its process
    server: int  # the process that has evaluated; 0: its own


def has_trained(agent: AlphaZero) -> bool:
    """Whether the packaged agent of the game has a network of this size."""
    if agent.config.game not in pretrained.available():
        return False
    meta = pretrained.peek(pretrained.path(agent.config.game))
    same_game = (meta["game_version"], meta.get("game_options", {})) == (agent.game.version, agent.config.game_options)
    return same_game and configs.from_values(NetworkConfig, meta["network"]) == agent.config.network


def weights(agent: AlphaZero) -> dict[str, dict[str, torch.Tensor]]:
    """What is played with: the packaged agent's weights where they fit, since a trained network's searches end sooner
    and meet more proven positions; else those of a network that has learned nothing."""
    if has_trained(agent):
        return pool.load_weights(pretrained.path(agent.config.game))[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        net = policy_value.PolicyValueNet(agent.game, agent.config.network)
    return {policy_value.PLAYER: net.state_dict()}


def actor(agent: AlphaZero, index: int = 0) -> SelfPlayActor:
    """An actor that plays against itself and, in the agent's share, against a past self with the same weights."""
    made = agent.make_actor(index, SEED)
    played = weights(agent)
    made.set_weights(played, 0, played)
    return made


def play(player: SelfPlayActor, seconds: float, clock: Callable[[], float] = time.perf_counter) -> Piece:
    """Goes on playing for so long by a clock."""
    processor, began, end = time.process_time(), time.perf_counter(), clock() + seconds
    player.should_stop = lambda: clock() >= end
    sums = player.generate(1 << 62)[1]
    return Piece(
        sums.get("moves", 0.0), sums["evaluations"], sums["batches"],
        time.perf_counter() - began, time.process_time() - processor, player.server_pid,
    )  # fmt: skip


def begin(player: SelfPlayActor) -> None:
    """Plays some moves of every game: what is played first are searches without a tree to go on from, that all end at
    once."""
    goal = player.progress + FIRST_MOVES * player.config.num_simulations
    player.should_stop = lambda: player.progress >= goal
    player.generate(1 << 62)


def with_games(config: AlphaZeroConfig, concurrent: int) -> AlphaZeroConfig:
    """The settings with so many games at once."""
    return replace(config, actor=replace(config.actor, concurrent_games=concurrent))


def with_mode(config: AlphaZeroConfig, mode: str) -> AlphaZeroConfig:
    """The settings of a run with actors of their own, and inference in this mode."""
    actors = max(1, config.run.actors)
    inference = replace(config.inference, mode=mode)  # type: ignore[arg-type]
    return replace(config, inference=inference, run=replace(config.run, actors=actors))


def make_player(index: int, agents: dict[str, AlphaZero]) -> Callable[[tuple[str, float]], Piece]:
    """What a process answers with: asked for (the name of an agent, seconds), it plays as that agent's actor. Actors
    are made when first asked for. See `Processes`."""
    actors: dict[str, SelfPlayActor] = {}

    def answer(asked: tuple[str, float]) -> Piece:
        name, seconds = asked
        if name not in actors:
            actors[name] = actor(agents[name], index)
            begin(actors[name])
        return play(actors[name], seconds)

    return answer


def evaluations_per_position(pieces: Iterable[Piece]) -> float:
    """By the network, over all pieces: moves come in bursts, evaluations evenly."""
    evaluations = positions = 0.0
    for piece in pieces:
        evaluations, positions = evaluations + piece.evaluations, positions + piece.positions
    return evaluations / max(positions, 1.0)


class Side(NamedTuple):
    """Pieces of several processes at the same time."""

    pieces: list[Piece]
    seconds: float  # on the clock
    processor: float  # of all processes, servers included
    servers: tuple[int, ...]

    @property
    def evaluations(self) -> float:
        return sum(piece.evaluations for piece in self.pieces)

    @property
    def evaluations_per_second(self) -> float:
        return sum(piece.evaluations / piece.seconds for piece in self.pieces)


def side_by_side(processes: Processes, mode: str, size: int, seconds: float, before: Sequence[Side]) -> Side:
    """Pieces of `size` processes (see `make_player`) at the same time. before: those of the same kind."""
    servers = before[-1].servers if before else ()
    then, began = sum(map(timing.processor_time, servers)), time.perf_counter()
    pieces: list[Piece] = processes.ask((mode, seconds), size)
    took = time.perf_counter() - began
    served = sum(map(timing.processor_time, servers)) - then
    found = tuple(sorted({*servers, *(piece.server for piece in pieces if piece.server)}))
    return Side(pieces, took, served + sum(piece.processor for piece in pieces), found)
