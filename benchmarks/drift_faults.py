"""Which faults of self-play does a run notice, how soon, and at what cost?

Connect four with a small network and two actors in this process. Each run begins well; from generation --from on
something is wrong: the value head is frozen, the moves of one actor are random, the temperature does not fall, all
games start from one opening, outcomes of a share of the games have the wrong sign, or one actor is a generation behind
for ever. Named are the streams that gave alarms, and after how many generations with the fault. Healthy runs, one a
seed, must give none. "ratio" is the share of the runs' time that watching took.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np

from selfplay.agent import unwatched
from selfplay.alphazero import presets
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.monitors import games
from selfplay.drift import events
from selfplay.drift.watching import Watching
from selfplay.loop import folder as folders
from selfplay.loop import run as runs
from selfplay.networks.config import NetworkConfig
from selfplay.types import SampleBatch, Watch, Weights

ACTORS = 2
SHARE = 0.2  # of games with a wrong outcome
FAULTS = {  # and the stream that must name each
    "frozen value head": "value_head",
    "random moves": "moves",
    "stuck temperature": "moves",
    "one opening": "openings",
    "flipped labels": "labels",
    "old weights": "behind",
}


class Agent(AlphaZero):
    """Not evaluated."""

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        return {"accuracy": 0.5}


class Actors:
    """An `actor_pool.ActorPool` of two actors that take turns in this process; one or both may be faulty."""

    size = restarts = 0
    ended = ""

    def __init__(self, agent: AlphaZero, seed: int, rollout_rows: int, fault: str, begins: int) -> None:
        self._actors = [agent.make_actor(index, seed) for index in range(ACTORS)]
        self._rows, self._fault, self._begins = rollout_rows, fault, begins
        self._settings = agent.config.actor
        self._calls, self._generation = [0] * ACTORS, 0
        self._before: Any = None
        self._rng = np.random.default_rng(seed)

    def metrics(self) -> dict[str, float]:
        return {}

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        wrong = generation >= self._begins
        for index, actor in enumerate(self._actors):
            sent = (weights, generation)
            if wrong and self._fault == "old weights" and index == 1 and self._before is not None:
                sent = self._before
            actor.set_weights(*sent, opponent_weights)
            if wrong and self._fault == "stuck temperature":
                actor.config = dataclasses.replace(self._settings, temperature_half_life=1e9)
            if wrong and self._fault == "random moves" and index == 1:
                actor._choose = self._at_random  # type: ignore[method-assign]
            if wrong and self._fault == "one opening":
                start = actor.game.initial_states(1)
                for column in (3, 3, 2):
                    start = actor.game.step(start, np.array([column])).states
                for group in actor._groups:
                    group._opening = lambda rng, start=start: start[0]  # type: ignore[method-assign]
        self._before, self._generation = (weights, generation), generation

    def _at_random(self, group: Any, rows: np.ndarray, results: Any, plies: np.ndarray) -> np.ndarray:
        return self._rng.integers(0, (results.actions >= 0).sum(1))

    def collect(self, wait: bool) -> list[SampleBatch]:
        if not wait:
            return []
        index = sum(self._calls) % ACTORS
        rows, stats = self._actors[index].generate(self._rows)
        self._calls[index] += 1
        if self._fault == "flipped labels" and self._generation >= self._begins:
            begin = games.firsts(rows)
            wrong = self._rng.random(len(begin)) < SHARE
            of_game = np.repeat(wrong, np.diff(np.append(begin, len(rows))))
            rows["outcome"] = np.where(of_game, -rows["outcome"], rows["outcome"])
        return [SampleBatch(rows, stats, self._generation, (index, index, self._calls[index]))]

    def accepted(self, batch: SampleBatch) -> None:
        pass

    def reject(self, batch: SampleBatch, why: str) -> None:
        raise AssertionError(why)

    def pause(self, paused: bool) -> None:
        pass

    def state(self) -> None:
        return None

    def load_state(self, arrays: Any, rest: Any) -> bool:
        return False

    def close(self) -> None:
        pass


def config(seed: int, generations: int, rows: int) -> AlphaZeroConfig:
    base = presets.CONNECT_FOUR
    change = dataclasses.replace
    return change(
        base,
        network=NetworkConfig(channels=16, blocks=1, head_channels=8, value_hidden=16),
        actor=change(base.actor, concurrent_games=16, num_simulations=16, random_opening_plies=12, cache_entries=0),
        replay=change(base.replay, samples_per_insert=2.0, window_min=4 * rows, learn_after=rows // 2),
        learner=change(base.learner, batch_size=128, ema_decay=0.9),
        run=change(base.run, seed=seed, minutes=None, generations=generations, generation_rows=rows, actors=0,
                   rollout_rows=max(50, rows // 10), evaluate_every=1000),
    )  # fmt: skip


def play(fault: str, wanted: AlphaZeroConfig, begins: int, path: Path) -> tuple[list[dict[str, Any]], float, float]:
    """(alarms, seconds of watching, seconds of training) of one run."""
    took = [0.0]
    with contextlib.ExitStack() as stack:
        for name in ("take", "drawn", "end_generation"):
            stack.enter_context(_replaced(Watching, name, _timed(getattr(Watching, name), took)))
        pool = lambda agent, seed, rows, stop: Actors(agent, seed, rows, fault, begins)  # noqa: E731
        stack.enter_context(_replaced(runs, "InlineActorPool", pool))
        folder = stack.enter_context(folders.Folder(path))
        run = runs.Run(Agent(wanted), folder, lambda status: None)
        stack.callback(run.close)
        if fault == "frozen value head":
            _freeze(run, begins)
        began = time.perf_counter()
        run.train(lambda: False)
        seconds = time.perf_counter() - began
    return events.read(path), took[0], seconds


def _freeze(run: runs.Run, begins: int) -> None:
    """The value head's weights are put back after every update."""
    (update,) = run.learner.updates
    step, kept = run.training.step, {}

    def stepped(*arguments: Any) -> Any:
        head = {name: each for name, each in update.module.named_parameters() if name.startswith("value")}
        if run.status.generation >= begins and not kept:
            kept.update({name: each.detach().clone() for name, each in head.items()})
        found = step(*arguments)
        for name, value in kept.items():
            head[name].data.copy_(value)
        return found

    run.training.step = stepped  # type: ignore[method-assign]


def _timed(method: Callable[..., Any], took: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            took[0] += time.perf_counter() - began

    return timed


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Any:
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=5)
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=list(FAULTS), help="which (default: all)")
    parser.add_argument("--from", type=int, default=2, dest="begins", help="generation in which they begin")
    parser.add_argument("--rows", type=int, default=2000, help="rows a generation")
    arguments = parser.parse_args()
    harness.start()
    found, watched, trained = {}, 0.0, 0.0
    healthy = []
    with tempfile.TemporaryDirectory() as scratch:
        for place, fault in enumerate([*arguments.faults, *[""] * arguments.repeats]):
            wanted = config(place + 1, arguments.begins + 2, arguments.rows)
            alarms, took, seconds = play(fault, wanted, arguments.begins, Path(scratch) / str(place))
            watched, trained = watched + took, trained + seconds
            told = [(line["stream"], line["part"], line["step"] - arguments.begins) for line in alarms]
            if fault:
                found[fault] = told
            else:
                healthy.append(told)
    harness.report(
        "drift_faults", harness.significant(watched / trained), "the time of the runs", seconds=round(trained, 1),
        alarms=found, alarms_of_healthy_runs=healthy, missed=[f for f in found if FAULTS[f] not in
                                                              {stream for stream, _, _ in found[f]}],
    )  # fmt: skip


if __name__ == "__main__":
    main()
