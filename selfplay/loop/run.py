"""A run: the loop that plays, learns, saves and measures, for any family of agents, and the folder it lives in.

    actors ──rows──▶ replay ──batches──▶ learner ──weights, once a generation──▶ pool, actors, figures

A generation is a fixed number of new rows and the learner's updates on them, as many as `samples_per_insert` asks. The
folder holds everything; `train` on a folder that has a run goes on with it. With actors in this process that is exact
at the end of a generation: the same bits as if the run had never stopped. A run stopped in mid-generation keeps all
rows and updates, and starts anew only what an actor's state leaves out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from selfplay import device as devices
from selfplay.agent import Agent
from selfplay.errors import ActorPoolError, CheckpointError
from selfplay.league.league import League
from selfplay.league.pool import Pool
from selfplay.learning.learner import Learner
from selfplay.learning.mining import HardExampleMiner
from selfplay.learning.replay import Replay
from selfplay.loop import folder as folders
from selfplay.loop.actor_pool import ActorPool, InlineActorPool
from selfplay.loop.config import RunConfig
from selfplay.loop.telemetry import Telemetry
from selfplay.types import Status

OnStatus = Callable[[Status], None]
OnGeneration = Callable[[int, Mapping[str, float]], None]
"""Called with a generation's number and its line of metrics, once both are saved. What it raises ends the session, of
which nothing is lost."""


class Run:
    """One session of a run: owns its folder, replay, learner and actors from `__init__` to `close`."""

    def __init__(
        self, agent: Agent, folder: folders.Folder, report: OnStatus, address: str | None = None,
        on_generation: OnGeneration | None = None,
    ) -> None:  # fmt: skip
        """Resumes what the folder holds. Raises CheckpointError, ActorPoolError or FolderError."""
        self.agent, self.folder, self.report, self.on_generation = agent, folder, report, on_generation
        self.config: RunConfig = agent.config.run
        self.journal = Telemetry(agent, folder)
        self.status = self.journal.status
        self.pool = Pool(folder.path / "checkpoints", agent.config.pool)
        self.league = League(agent, self.pool, self.config.seed, self.journal.note)
        self.learner = Learner(agent.updates(), agent.config.learner)
        self.replay = Replay(agent.row_dtype, agent.config.replay)
        self.rounds = HardExampleMiner(agent.config.mining)
        self.rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=(2**31,)))
        self._generation_start = 0  # rows inserted when this generation began
        self._target_steps: int | None = None  # updates that end this generation, once it has its rows
        self._sessions = 0
        self._published = -1  # generation that the actors have
        self._clock: float | None = None  # when the run would have begun, had it never stopped
        state = folder.load_state(agent)
        if state:
            self._restore(state)
        else:  # whatever a run that was killed before its first state has left
            self.journal.forget(0)
            self.pool.save(0, self.learner.weights(), self._meta())
        self._tell("compiling kernels")
        agent.warm_up()
        self.fleet = self._make_fleet(address)
        if state:
            kept = state.actors is not None and self.fleet.load_state(*state.actors)
            games = "with the games in progress" if kept else "with new games"
            self.journal.note(
                f"Resumed at generation {self.status.generation}: {self.learner.steps:,} updates, {len(self.replay):,} "
                f"rows in the window, random streams, {games}."
            )

    def _make_fleet(self, address: str | None) -> ActorPool:
        config = self.config
        # Where games in progress are not kept, each session draws its games from streams of its own.
        seed = config.seed + 7919 * self._sessions
        if config.actors == 0:
            return InlineActorPool(self.agent, seed, config.rollout_rows)
        from selfplay.loop.ray_pool import RayActorPool

        self._tell(f"starting {config.actors} actors")
        gpus = config.actor_gpus
        if gpus is None:
            gpus = 0.5 / config.actors if devices.best().type == "cuda" else 0.0
        return RayActorPool(self.agent, seed, config.actors, config.rollout_rows, address, gpus)

    # -- the loop ------------------------------------------------------------------------------------------

    def train(self, should_stop: Callable[[], bool]) -> None:
        """Runs until the budget is used, the game is solved, or `should_stop`; saves before it returns, and when actors
        fail. Other errors may have come in mid-update: then the state saved last stands."""
        self._clock = time.perf_counter() - self.status.seconds
        if not self.status.history:
            self._measure()  # where learning starts from
        try:
            while not (self._used_up() or should_stop()):
                if self._published != self.status.generation:
                    self._publish()
                self._turn()
                if self._generation_is_over():
                    self._end_generation()
        except ActorPoolError:
            self._save()
            raise
        if self._used_up() and self.journal.learned:
            self._end_generation()  # what was learned since the last one
        elif self._used_up() and not self.journal.measured():  # the budget ended with a generation, or was cut since
            self._measure()
            self.journal.forget(self.status.generation)
            self._write_metrics()
        self._tell("saving")
        self._save()
        stopped = should_stop() and not self._used_up()
        if not stopped:
            self.journal.note(self._ending())
        self._tell("stopped" if stopped else "finished")

    def _ending(self) -> str:
        """Why the run is over, as a sentence."""
        if self._solved():
            return f"Nothing is left to learn at generation {self.status.generation}: no mistake was found."
        if self.config.generations and self.status.generation >= self.config.generations:
            return f"The budget of {self.config.generations} generations is used up."
        return f"The budget of {self.config.minutes:g} minutes is used up."

    def _turn(self) -> None:
        """Collects what the actors have, and learns as much as that calls for."""
        owed = self._updates_owed()
        lag = owed * self.agent.config.learner.batch_size / self.agent.config.replay.samples_per_insert
        self.fleet.pause(lag > self.config.generation_rows)
        self._tell("learning" if owed else "playing")
        for chunk in self.fleet.collect(wait=not owed):
            self.replay.insert(chunk.rows)
            self.status.rows, self.status.window = self.replay.inserted, len(self.replay)
            self.journal.count(chunk)
        if not owed and self._updates_owed():
            self._tell("learning")
        started = time.perf_counter()
        while self._updates_owed() and time.perf_counter() - started < (0.5 if self.fleet.size else float("inf")):
            self._learn()

    def _updates_owed(self) -> int:
        config = self.agent.config
        if self.replay.inserted < config.replay.learn_after:
            return 0
        wanted = self.replay.inserted * config.replay.samples_per_insert / config.learner.batch_size
        return max(0, int(wanted) - self.learner.steps)

    def _learn(self) -> None:
        size = self.agent.config.learner.batch_size
        rows = self.rounds.sample(self.replay, size, self.rng, self.agent.buckets)
        batch = self.agent.make_batch(rows, self.rng)
        self.journal.count_losses(self.learner.step(batch, self._schedule()))
        self.status.steps = self.learner.steps

    def _schedule(self) -> float:
        """Share of the budget used, in [0, 1], as schedules see it. Of a budget in generations it is the share of the
        updates that these call for, so that schedules are smooth and the same after a stop; of one in minutes, of the
        time; the larger of the two where there are both."""
        shares, config = [self._time_share()], self.agent.config
        if self.config.generations:
            rows = self.config.generations * self.config.generation_rows
            shares.append(self.learner.steps * config.learner.batch_size / (rows * config.replay.samples_per_insert))
        return min(1.0, max(shares))

    def _generation_is_over(self) -> bool:
        """Whether the generation has its rows, and the updates that were owed when it got them are done."""
        if self._target_steps is None and self.replay.inserted - self._generation_start >= self.config.generation_rows:
            self._target_steps = self.learner.steps + self._updates_owed()
        return self._target_steps is not None and self.learner.steps >= max(self._target_steps, 1)

    def _end_generation(self) -> None:
        """Saves the new generation, lets it meet others, and measures it when that is due; the last one always is."""
        self.status.generation += 1
        self._generation_start, self._target_steps = self.replay.inserted, None
        self._tell("saving")
        weights = self.learner.weights()
        self.pool.save(self.status.generation, weights, self._meta())
        self.rounds.end(self.agent, weights, self.replay)
        self.journal.end_generation()
        if self.league.by_results:
            self._tell("meeting")
            self.league.meet(self.status.generation, weights)
        if self.status.generation % self.config.evaluate_every == 0 or self._used_up():
            self._measure()
        figures = self._write_metrics()
        self.journal.ask_for_alarms()
        self._save()
        if self.on_generation is not None:
            self.on_generation(self.status.generation, figures)

    def _publish(self) -> None:
        newest = self._published = self.status.generation
        weights = self.pool.load(newest)[1]
        past = self.league.past(newest, weights)
        self.agent.set_past(past)
        self.fleet.publish(weights, newest, past)
        self.journal.start_rates()

    def _measure(self) -> None:
        self._tell("measuring")
        self.journal.measure(self.pool.load(self.status.generation)[1], self.league.first())

    def _write_metrics(self) -> dict[str, float]:
        """Writes this generation's line of metrics, and returns it."""
        generation = self.status.generation
        figures = {f"league/{name}": value for name, value in self.league.figures(generation).items()}
        figures |= {f"rounds/{name}": value for name, value in self.rounds.figures.items()}
        written = self.journal.write(self.learner.learning_rate(self._schedule()), figures)
        self.league.write(self.folder.path / "payoffs.json", generation)
        return written

    def _used_up(self) -> bool:
        self._tick()
        return self.status.progress >= 1.0 or self._solved()

    def _solved(self) -> bool:
        last = [figures for generation, figures in self.status.history[-2:] if generation > 0]
        wanted = self.config.stop_when_solved and self.journal.measured() and len(last) == 2
        return wanted and all(map(self.agent.is_solved, last))

    def _time_share(self) -> float:
        return self.status.seconds / 60 / self.config.minutes if self.config.minutes else 0.0

    def _tick(self) -> None:
        if self._clock is not None:
            self.status.seconds = time.perf_counter() - self._clock
        made = self.status.generation / self.config.generations if self.config.generations else 0.0
        self.status.progress = min(1.0, max(self._time_share(), made))
        rows = self.replay.inserted - self._generation_start
        self.status.generation_progress = min(1.0, rows / self.config.generation_rows)

    def _tell(self, phase: str) -> None:
        self.status.phase = phase
        self._tick()
        drawn = self.learner.steps * self.agent.config.learner.batch_size
        self.journal.rates(drawn / max(self.replay.inserted, 1))
        self.report(self.status)

    # -- saving and going on ---------------------------------------------------------------------------------

    def _meta(self) -> dict[str, Any]:
        status = self.status
        return (
            self.agent.identity()
            | self.agent.details()
            | {
                "steps": self.learner.steps,
                "rows": self.replay.inserted,
                "games": status.games,
                "seconds": round(status.seconds, 1),
                "seed": self.config.seed,
                "code": self.folder.code,
            }
        )

    def _save(self) -> None:
        tensors, rest = self.learner.state()
        rest |= self.journal.state()
        rest |= {
            "generation_start": self._generation_start,
            "target_steps": self._target_steps,
            "sessions": self._sessions + 1,
            "league": self.league.state(),
            "rounds": self.rounds.state(),
            "rng": _rng_state(self.rng),
            "identity": self.agent.identity(),
        }
        self.folder.save_state(self.replay, tensors, rest, self.fleet.state())
        self.pool.retain(self.folder.referred())

    def _restore(self, state: folders.State) -> None:
        try:
            self.learner.load_state(state.tensors, state.rest)
        except (RuntimeError, KeyError, IndexError, ValueError) as error:
            raise CheckpointError(
                f"the training state in '{self.folder.path}' does not fit its network ({type(error).__name__})."
            ) from None
        self.replay.restore(state.rows, state.inserted)
        rest, status = state.rest, self.status
        self.journal.load_state(rest)
        self.league.load_state(rest.get("league", []))  # runs of earlier versions have none
        self.rounds.load_state(rest.get("rounds", self.rounds.state()))  # nor this
        status.steps, status.rows, status.window = self.learner.steps, self.replay.inserted, len(self.replay)
        self._generation_start, self._target_steps = rest["generation_start"], rest["target_steps"]
        self._sessions = rest["sessions"]
        self.rng.bit_generator.state = _from_text(rest["rng"])
        for warning in state.warnings:
            self.journal.note(warning)
        self._clock = time.perf_counter() - status.seconds

    def close(self) -> None:
        """Stops the actors and releases the folder."""
        self.fleet.close()
        self.journal.close()


def _rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """JSON would lose nothing of Python's integers, but other readers would: 128-bit numbers go as text."""
    state: dict[str, Any] = dict(rng.bit_generator.state)
    return state | {"state": {key: str(value) for key, value in state["state"].items()}}


def _from_text(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"state": {key: int(value) for key, value in state["state"].items()}}
