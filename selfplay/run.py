"""A run: the loop that plays, learns, saves and measures, for any family of agents, and the folder it lives in.

    actors ──rows──▶ replay ──batches──▶ learner ──weights, once a generation──▶ pool, actors, figures

A generation is a fixed number of new rows and the learner's updates on them, as many as `samples_per_insert` asks. The
folder holds everything; `train` on a folder that has a run goes on with it. With actors in this process that is exact
at the end of a generation: the same bits as if the run had never stopped. A run stopped in mid-generation keeps all
rows and updates, and starts anew only the searches that were in progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from selfplay import device as devices
from selfplay import folder as folders
from selfplay import plots
from selfplay.agent import Agent
from selfplay.errors import CheckpointError, FleetError
from selfplay.fleet import Chunk, Fleet, InlineFleet
from selfplay.learner import Learner
from selfplay.metrics import Metrics
from selfplay.pool import Pool, Weights
from selfplay.replay import Replay
from selfplay.status import Status


@dataclass(frozen=True)
class RunConfig:
    """Length and rhythm of a run."""

    seed: Annotated[int, Meta(ge=0, le=2**62)] = 1
    """Everything random in the run follows from it."""

    minutes: Annotated[float, Meta(gt=0)] | None = None
    """Budget in minutes of wall time, over all sessions; None: not limited by time."""

    generations: Annotated[int, Meta(ge=1)] | None = None
    """Budget in generations; None: not limited by generations."""

    generation_rows: Annotated[int, Meta(ge=1)] = 20_000
    """New rows that make a generation."""

    chunk_rows: Annotated[int, Meta(ge=1)] = 1_000
    """Rows an actor gathers before it delivers."""

    evaluate_every: Annotated[int, Meta(ge=1)] = 5
    """Generations between two measurements of strength; the last one is always measured."""

    stop_when_solved: bool = False
    """End the run as soon as two measurements in a row say that nothing is left to learn."""

    actors: Annotated[int, Meta(ge=0, le=4096)] = 0
    """Processes that play (on Ray); 0: play in this process."""

    actor_gpus: Annotated[float, Meta(ge=0, le=16)] | None = None
    """Share of a GPU that each Ray actor asks for; 0: actors compute on the CPU; None: an equal share of what the
    learner leaves of this machine's GPU (half of it), where it has one."""


Report = Callable[[Status], None]


class Run:
    """One session of a run: owns its folder, replay, learner and actors from `__init__` to `close`."""

    def __init__(self, agent: Agent, folder: folders.Folder, report: Report, address: str | None = None) -> None:
        """Resumes what the folder holds. Raises CheckpointError, FleetError or FolderError."""
        self.agent, self.folder, self.report = agent, folder, report
        self.config: RunConfig = agent.config.run
        self.pool = Pool(folder.path / "checkpoints")
        self.metrics = Metrics(folder.path)
        self.status = Status()
        self.learner = Learner(agent.updates(), agent.config.learner)
        self.replay = Replay(agent.row_dtype, agent.config.replay)
        self.rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=(2**31,)))
        self._generation_start = 0  # rows inserted when this generation began
        self._target_steps: int | None = None  # updates that end this generation, once it has its rows
        self._sums: dict[str, float] = {}
        self._loss_sums: dict[str, Any] = {}
        self._loss_count = 0
        self._sessions = 0
        self._published = -1  # generation that the actors have
        state = folder.load_state(agent)
        if state:
            self._restore(state)
        else:  # whatever a run that was killed before its first state has left
            self.metrics.history(before=0)
            self.pool.save(0, self.learner.weights(), self._meta())
        self._tell("compiling kernels")
        agent.warm_up()
        self.fleet = self._make_fleet(address)
        if state:
            kept = state.actors is not None and self.fleet.load_state(*state.actors)
            games = "with the games in progress" if kept else "with new games"
            self.status.notes.append(
                f"Resumed at generation {self.status.generation}: {self.learner.steps:,} updates, {len(self.replay):,} "
                f"positions in the window, random streams, {games}."
            )

    def _make_fleet(self, address: str | None) -> Fleet:
        config = self.config
        # Where games in progress are not kept, each session draws its games from streams of its own.
        seed = config.seed + 7919 * self._sessions
        if config.actors == 0:
            return InlineFleet(self.agent, seed, config.chunk_rows)
        from selfplay.remote import RayFleet

        self._tell(f"starting {config.actors} actors")
        gpus = config.actor_gpus
        if gpus is None:
            gpus = 0.5 / config.actors if devices.best().type == "cuda" else 0.0
        return RayFleet(self.agent, seed, config.actors, config.chunk_rows, address, gpus)

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
        except FleetError:
            self._save()
            raise
        if self._used_up() and self._loss_count:
            self._end_generation()  # what was learned since the last one
        elif self._used_up() and not self._measured():  # the budget ended with a generation, or was cut since
            self._measure()
            self.metrics.history(before=self.status.generation)
            self._write_metrics()
        self._tell("saving")
        self._save()
        stopped = should_stop() and not self._used_up()
        self._tell("stopped" if stopped else "finished", None if stopped else self._ending())

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
            self._insert(chunk)
        if not owed and self._updates_owed():
            self._tell("learning")
        started = time.perf_counter()
        while self._updates_owed() and time.perf_counter() - started < (0.5 if self.fleet.size else float("inf")):
            self._learn()

    def _insert(self, chunk: Chunk) -> None:
        self.replay.insert(chunk.rows)
        self.status.rows = self.replay.inserted
        self.status.window = len(self.replay)
        self.status.games += int(chunk.stats.get("games", 0))
        for key, value in chunk.stats.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._sums["lag"] = self._sums.get("lag", 0.0) + (self.status.generation - chunk.generation)
        self._sums["chunks"] = self._sums.get("chunks", 0.0) + 1

    def _updates_owed(self) -> int:
        config = self.agent.config
        if self.replay.inserted < config.replay.learn_after:
            return 0
        wanted = self.replay.inserted * config.replay.samples_per_insert / config.learner.batch_size
        return max(0, int(wanted) - self.learner.steps)

    def _learn(self) -> None:
        batch = self.agent.make_batch(self.replay.sample(self.agent.config.learner.batch_size, self.rng), self.rng)
        for key, value in self.learner.step(batch, self.status.progress).items():
            self._loss_sums[key] = self._loss_sums.get(key, 0.0) + value
        self._loss_count += 1
        self.status.steps = self.learner.steps

    def _generation_is_over(self) -> bool:
        """Whether the generation has its rows, and the updates that were owed when it got them are done."""
        if self._target_steps is None and self.replay.inserted - self._generation_start >= self.config.generation_rows:
            self._target_steps = self.learner.steps + self._updates_owed()
        return self._target_steps is not None and self.learner.steps >= max(self._target_steps, 1)

    def _end_generation(self) -> None:
        """Saves the new generation, and measures it when that is due; the last one always is."""
        self.status.generation += 1
        self._generation_start, self._target_steps = self.replay.inserted, None
        self._tell("saving")
        self.status.losses = {key: float(total) / self._loss_count for key, total in self._loss_sums.items()}
        self.pool.save(self.status.generation, self.learner.weights(), self._meta())
        if self.status.generation % self.config.evaluate_every == 0 or self._used_up():
            self._measure()
        self._write_metrics()
        self._loss_sums, self._loss_count = {}, 0
        self._sums = {}
        self._save()

    def _publish(self) -> None:
        newest = self._published = self.status.generation
        past = None
        earlier = self.pool.opponent("history", newest, np.random.default_rng((self.config.seed, newest)))
        if earlier is not None:
            try:
                past = self.pool.load(earlier)[1]
            except CheckpointError as error:
                self.status.notes.append(f"No past self to play against this time: {error}")
        self.fleet.publish(self.pool.load(newest)[1], newest, past)
        self._since = (time.perf_counter(), dict(self._sums))

    def _measure(self) -> None:
        self._tell("measuring")
        started = time.perf_counter()
        weights = self.pool.load(self.status.generation)[1]
        self.status.figures = self.agent.evaluate(weights, self._first_weights())
        self.status.figures["seconds"] = time.perf_counter() - started
        self.status.history.append((self.status.generation, self.status.figures))
        title = f"strength by generation, after {self.status.seconds / 60:.0f} min and {self.status.games:,} games"
        try:
            self.folder.write_figures(self.status.history)
            shares = [
                (generation, {key: value for key, value in figures.items() if key != "seconds"})
                for generation, figures in self.status.history
            ]
            image = plots.curves(shares, title, self.folder.path / "strength.png")
        except OSError as error:  # pictures never stop a run
            self.status.notes.append(f"strength.csv and strength.png were not written: {error.strerror or error}.")
        else:
            self.metrics.picture(self.status.generation, "strength", image)

    def _first_weights(self) -> Weights:
        """Those of the first generation; of the first that can be read, where that one is damaged."""
        for generation in self.pool.generations():
            try:
                return self.pool.load(generation)[1]
            except CheckpointError as error:
                note = f"Strength is measured against a later generation than {generation}: {error}"
                if note not in self.status.notes:
                    self.status.notes.append(note)
        raise CheckpointError(f"no generation in '{self.pool.folder}' can be read.")

    def _measured(self) -> bool:
        return bool(self.status.history) and self.status.history[-1][0] == self.status.generation

    def _used_up(self) -> bool:
        self._tick()
        return self.status.progress >= 1.0 or self._solved()

    def _solved(self) -> bool:
        last = [figures for generation, figures in self.status.history[-2:] if generation > 0]
        wanted = self.config.stop_when_solved and self._measured() and len(last) == 2
        return wanted and all(map(self.agent.is_solved, last))

    def _tick(self) -> None:
        self.status.seconds = time.perf_counter() - self._clock
        shares = [0.0]
        if self.config.minutes:
            shares.append(self.status.seconds / 60 / self.config.minutes)
        if self.config.generations:
            shares.append(self.status.generation / self.config.generations)
        self.status.progress = min(1.0, max(shares))
        rows = self.replay.inserted - self._generation_start
        self.status.generation_progress = min(1.0, rows / self.config.generation_rows)

    # -- reporting -----------------------------------------------------------------------------------------

    def _tell(self, phase: str, note: str | None = None) -> None:
        self.status.phase = phase
        if note:
            self.status.notes.append(note)
        if hasattr(self, "_since"):
            self._tick()
            self._rates()
        self.report(self.status)

    def _rates(self) -> None:
        """Figures per second since the weights in use were published, and ratios over the same time."""
        then, before = self._since
        seconds = time.perf_counter() - then
        done = {key: value - before.get(key, 0.0) for key, value in self._sums.items()}
        if seconds < 0.5 or not done.get("positions"):
            return
        rates = {f"{key}/s": done.get(key, 0.0) / seconds for key in self.agent.per_second}
        for name, (part, whole) in self.agent.ratios.items():
            rates[name] = done.get(part, 0.0) / max(done.get(whole, 0.0), 1)
        rates["lag"] = done.get("lag", 0.0) / max(done.get("chunks", 0.0), 1)
        rates["reuse"] = self.learner.steps * self.agent.config.learner.batch_size / max(self.replay.inserted, 1)
        self.status.rates = rates

    def _write_metrics(self) -> None:
        status = self.status
        figures = {"seconds": status.seconds, "games": status.games, "rows": status.rows, "steps": status.steps,
                   "window": status.window, "learning_rate": self.learner.learning_rate(status.progress)}  # fmt: skip
        figures |= {f"loss/{key}": value for key, value in status.losses.items()}
        figures |= {f"rate/{key}": value for key, value in status.rates.items()}
        if self._measured():
            figures |= {f"strength/{key}": value for key, value in status.figures.items()}
        self.metrics.write(status.generation, figures)
        if self.metrics.failure and self.metrics.failure not in status.notes:
            status.notes.append(self.metrics.failure)

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
        rest |= {
            "generation": self.status.generation,
            "generation_start": self._generation_start,
            "target_steps": self._target_steps,
            "games": self.status.games,
            "seconds": self.status.seconds,
            "sessions": self._sessions + 1,
            "losses": self.status.losses,
            "history": self.status.history,
            "sums": self._sums,
            "loss_sums": {key: float(value) for key, value in self._loss_sums.items()},
            "loss_count": self._loss_count,
            "rng": _rng_state(self.rng),
            "identity": self.agent.identity(),
        }
        self.folder.save_state(self.replay, tensors, rest, self.fleet.state())

    def _restore(self, state: folders.State) -> None:
        try:
            self.learner.load_state(state.tensors, state.rest)
        except (RuntimeError, KeyError, IndexError, ValueError) as error:
            raise CheckpointError(
                f"the training state in '{self.folder.path}' does not fit its network ({type(error).__name__})."
            ) from None
        self.replay.restore(state.rows, state.inserted)
        rest, status = state.rest, self.status
        status.generation, status.games, status.seconds = rest["generation"], rest["games"], rest["seconds"]
        status.steps, status.rows, status.window = self.learner.steps, self.replay.inserted, len(self.replay)
        status.losses = rest["losses"]
        status.history = [(generation, figures) for generation, figures in rest["history"]]
        status.figures = status.history[-1][1] if status.history else {}
        self._generation_start, self._target_steps = rest["generation_start"], rest["target_steps"]
        self._sessions = rest["sessions"]
        self._sums, self._loss_sums, self._loss_count = rest["sums"], rest["loss_sums"], rest["loss_count"]
        self.rng.bit_generator.state = _from_text(rest["rng"])
        self.metrics.history(before=status.generation + 1)
        status.notes += state.warnings
        self._clock = time.perf_counter() - status.seconds
        self._since = (time.perf_counter(), dict(self._sums))

    def close(self) -> None:
        """Stops the actors and releases the folder."""
        self.fleet.close()
        self.metrics.close()


def _rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """JSON would lose nothing of Python's integers, but other readers would: 128-bit numbers go as text."""
    state: dict[str, Any] = dict(rng.bit_generator.state)
    return state | {"state": {key: str(value) for key, value in state["state"].items()}}


def _from_text(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"state": {key: int(value) for key, value in state["state"].items()}}
