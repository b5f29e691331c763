"""A run: the loop that plays, learns, saves and evaluates, for any family of agents, in one folder.

    actors ──rows──▶ replay ──batches──▶ learner ──weights, once a generation──▶ pool, actors, evaluation

A generation is a fixed number of new rows and the learner's updates on them, as many as `samples_per_insert` asks. The
folder holds everything; `train` on a folder that has a run goes on with it. With actors in this process that is exact
at the end of a generation: the same bits as if the run had never stopped. A run stopped in mid-generation keeps all
rows and updates, and starts anew only what an actor's state leaves out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from selfplay import device as devices
from selfplay.agent import Agent
from selfplay.display import SECONDS
from selfplay.errors import ActorPoolError, TrainingDiverged
from selfplay.league.league import League
from selfplay.league.pool import Pool
from selfplay.learning.training import Training
from selfplay.loop import budget as budgets
from selfplay.loop import folder as folders
from selfplay.loop.actor_pool import ActorPool, InlineActorPool
from selfplay.loop.budget import Budget
from selfplay.loop.config import RunConfig
from selfplay.loop.intake import Intake
from selfplay.loop.nodes import node, sizing
from selfplay.loop.reactions.reactions import Reactions
from selfplay.loop.stop_signal import Stopped, StopSignal
from selfplay.loop.telemetry import Telemetry
from selfplay.types import SampleBatch, Status

ALARMED = "stopped by an alarm"  # the phase at the end of a session that drift.actions=stop has ended
OnStatus = Callable[[Status], None]
OnGeneration = Callable[[int, Mapping[str, float]], None]
"""Called with a generation's number and its line of metrics, once both are saved. What it raises ends the session, of
which nothing is lost."""


class Run:
    """One session of a run: owns its folder, training state and actors from `__init__` to `close`."""

    def __init__(
        self, agent: Agent, folder: folders.Folder, report: OnStatus, address: str | None = None,
        on_generation: OnGeneration | None = None, stop: StopSignal | None = None,
    ) -> None:  # fmt: skip
        """Resumes what the folder holds. stop: may cut short what takes long and changes nothing, this included.
        Raises CheckpointError, ActorPoolError or FolderError, and Stopped."""
        self.agent, self.folder, self.report, self.on_generation = agent, folder, report, on_generation
        self.config: RunConfig = agent.config.run
        self.budget = Budget(agent.config)
        self.telemetry = Telemetry(agent, folder)
        self.status = self.telemetry.status
        self.pool = Pool(folder.path / "checkpoints", agent.config.pool)
        self.league = League(agent, self.pool, self.config.seed, self.telemetry.note)
        self._rollout_rows, generation_rows = sizing.sizes(self.config)
        self.training = Training(agent, generation_rows, folder.path / "replay")
        self.learner, self.replay, self.miner = self.training.learner, self.training.replay, self.training.miner
        self.reactions = Reactions(agent, self.training, self.pool, self.telemetry, folder.path)
        self._sessions = 0
        self._unmade: list[str] = []  # what a stop cut short of the newest generation: mining, matches, evaluation
        self._published = -1  # generation that the actors have
        self._cuts = stop.cuts if stop else contextlib.nullcontext
        self._should_stop: Callable[[], bool] = stop.asked if stop else lambda: False
        self._intake = Intake(agent)
        state = folder.load_state(agent)
        if state:
            with folder.fitting():
                self._restore(state)
            self._weights = self.pool.load(self.status.generation)[1]  # of the newest generation
        else:  # whatever a run that was killed before its first state has left
            self.telemetry.forget(0)
            self._weights = self.learner.weights()
            self.pool.save(0, self._weights, self._meta())
        self.reactions.begin(self.status.generation)
        with self._cuts():
            self._show("compiling kernels")
            agent.warm_up()
            self.telemetry.watching.begin(self._weights, self.learner.newest_weights())
            self.actors = self._make_actors(address)
        if state:
            with folder.fitting():
                kept = state.actors is not None and self.actors.load_state(*state.actors)
            games = "with the games in progress" if kept else "with new games"
            self.telemetry.note(
                f"Resumed at generation {self.status.generation}: {self.learner.steps:,} updates, {len(self.replay):,} "
                f"rows in the window, random streams, {games}."
            )

    def _make_actors(self, address: str | None) -> ActorPool:
        config = self.config
        seed = config.seed + 7919 * self._sessions  # where games in progress are not kept: other games each session
        if left := node.end_leftovers(self.folder.path):
            self._tell(f"Ended {left} processes of Ray that a session which was killed had left running.")
        if config.actors == 0:
            return InlineActorPool(self.agent, seed, self._rollout_rows, self._cuts_rollout)
        from selfplay.loop.ray_pool import RayActorPool

        self._show(f"starting {config.actors} actors")
        if sized := sizing.sentence(config):
            self._tell(sized)
        gpus = 0.0 if self.agent.shares_inference and config.actor_gpus is None else config.actor_gpus
        return RayActorPool(
            self.agent, seed, config.actors, self._rollout_rows, address, gpus, self.folder.path, self._tell
        )

    def _cuts_rollout(self) -> bool:
        return self._should_stop() or self.budget.is_out_of_time(self.status)

    def _tell(self, sentence: str) -> None:
        """A note that is shown at once."""
        self.telemetry.note(sentence)
        self.report(self.status)

    # -- the loop ------------------------------------------------------------------------------------------

    def train(self, should_stop: Callable[[], bool]) -> None:
        """Runs until the budget is used, the game is solved, or `should_stop`; saves before it returns, and when actors
        fail. Other errors may have come in mid-update: then the state saved last stands."""
        self._should_stop = should_stop
        self.budget.start(self.status.seconds)
        self._reserve()
        if self._unmade:
            self._make_later()
        elif self._evaluation_is_due() and not self._used_up():  # of generation 0, or left out when its time was up
            self._evaluate_later()
        try:
            while not (self._used_up() or should_stop() or self.reactions.ended):
                if self._published != self.status.generation:
                    self._publish()
                self._turn()
                if self._generation_is_over():
                    self._end_generation()
        except ActorPoolError:
            self._save()
            raise
        if self._used_up() and self.telemetry.learned:
            self._end_generation()  # what was learned since the last one
        elif self._used_up() and not self.telemetry.evaluated():  # the budget ended with a generation, or was cut since
            self._evaluate_later()
        self._show("saving")
        self._save()
        stopped = should_stop() and not self._used_up()
        if not stopped:
            self.telemetry.note(self._ending())
        self._show("stopped" if stopped else ALARMED if self.reactions.ended else "finished")

    def _ending(self) -> str:
        """Why the session is over, as a sentence."""
        if self.reactions.ended:
            return self.reactions.ended
        if self._solved():
            return f"Nothing is left to learn at generation {self.status.generation}: no mistake was found."
        return self.actors.ended or self.budget.ending(self.status)

    def _publish(self) -> None:
        """Hands out the newest weights, and those of the opponent drawn for them: to the actors, which play with both,
        and to the learner, whose losses may play against the opponent."""
        newest = self._published = self.status.generation
        opponent_weights = self.league.opponent_weights(newest, self._weights)
        self.learner.set_opponent(opponent_weights)
        self.actors.publish(self._weights, newest, opponent_weights)
        self.telemetry.start_rates()

    def _turn(self) -> None:
        """Collects the actors' sample batches, and makes the updates that their rows call for."""
        owed = self.training.owed()
        # With the rows that they are making, actors would be a generation ahead: they wait for the learner.
        ahead = min(self.actors.size * self._rollout_rows, self.training.generation_rows / 2)
        ahead += self.training.rows_behind()
        self.actors.pause(ahead > self.training.generation_rows)
        self._show("learning" if owed else "playing")
        for batch in self.actors.collect(wait=not owed):
            self._take(batch)
        if not owed and self.training.owed():
            self._show("learning")
        started = time.perf_counter()
        limit = 0.5 if self.actors.size else float("inf")
        while self.training.owed() and time.perf_counter() - started < limit and not self._should_stop():
            self._learn()
            if self.actors.size and self._generation_is_over():  # what is still owed belongs to the next one
                break

    def _take(self, batch: SampleBatch) -> None:
        """Keeps what is sound of an actor's sample batch; a batch with other rows counts against its actor."""
        taken, wrong = self._intake.take(batch, self.status.generation)
        if taken is None:
            return
        self.replay.insert(taken.rows)
        self.status.rows, self.status.window = self.replay.inserted, len(self.replay)
        self.telemetry.count(taken)
        if wrong:
            self._tell(f"Generation {self.status.generation}: left out what cannot be learned from: {wrong}.")
            self.actors.reject(batch, wrong)
        else:
            self.actors.accepted(batch)

    def _learn(self) -> None:
        try:
            self.telemetry.count_losses(self.training.step(self._schedule(), self.telemetry.watch_drawn))
        except (MemoryError, RuntimeError) as error:
            if not devices.is_out_of_memory(error):
                raise
            saved = self.folder.load_learner if self.folder.has_state() else None
            self._tell(self.training.recover_memory(error, saved))
        except TrainingDiverged as error:
            self.reactions.diverged(error, self.status.generation)
            self.report(self.status)
        self.status.steps = self.learner.steps

    def _schedule(self) -> float:
        return self.budget.schedule(self.status, self.training.share())

    def _generation_is_over(self) -> bool:
        return self.training.generation_is_over(overlapping=self.actors.size > 0)

    def _end_generation(self) -> None:
        """Does what is to be done about drift, saves the new generation, lets it play matches, and evaluates it when
        that is due; the last one always is."""
        self.status.generation += 1
        self.training.end_generation(overlapping=self.actors.size > 0)
        self._show("saving")
        self.telemetry.rates(self.training.reuse(), at_end=True)
        self.telemetry.end_generation(self.learner.weights(), self.learner.newest_weights())
        self.reactions.end_generation(self.status.generation)
        self._weights = self.learner.weights()
        self.pool.save(self.status.generation, self._weights, self._meta())
        evaluated = self._evaluation_is_due() or self._used_up()
        self._unmade = ["mining", "matches", *(["evaluation"] if evaluated else [])]
        self._make()
        metrics = self._write_metrics()
        self.telemetry.ask_for_alarms()
        self._save()
        if self.on_generation is not None:
            self.on_generation(self.status.generation, metrics)

    def _make(self) -> None:
        """Makes what is not made of the newest generation. What a stop cuts short is made when the run goes on, so that
        it goes on as if it had not been stopped."""
        with contextlib.suppress(Stopped), self._cuts():
            if "mining" in self._unmade:
                self.miner.end_generation(self.agent, self._weights, self.replay)
                self._unmade.remove("mining")
            if "matches" in self._unmade:
                if self.league.by_results:
                    self._show("playing matches")
                    self.league.play_matches(self.status.generation, self._weights)
                self._unmade.remove("matches")
        if "evaluation" in self._unmade:
            self._evaluate()
            if self.telemetry.evaluated() or not self._should_stop():
                self._unmade.remove("evaluation")

    def _make_later(self) -> None:
        """Makes what a stop has cut short, and brings this generation's line of metrics up to date."""
        self._make()
        self.telemetry.add(self._figures())
        self.league.write(self.folder.path / "payoffs.json", self.status.generation)

    def _evaluation_is_due(self) -> bool:
        return self.status.generation % self.config.evaluate_every == 0 and not self.telemetry.evaluated()

    def _evaluate(self) -> None:
        """Evaluates the newest generation within the budget. Where the run is to stop the evaluation is left out, and
        made when the run goes on."""
        self._show("evaluating")
        minutes = self.config.minutes
        watch = budgets.Measuring(
            budgets.longest_evaluation(minutes, self.budget.left(self.status)),
            lambda done: self._show(f"evaluating, {done:.0%}"),
        )
        with contextlib.suppress(Stopped), self._cuts():
            self.telemetry.evaluate(self._weights, self.league.first(), watch)
            if said := watch.sentence(self.status.generation, minutes):
                self.telemetry.note(said)
        self._reserve()

    def _reserve(self) -> None:
        """Keeps time at the end of the budget for the last evaluation."""
        took = self.status.history[-1][1].get(SECONDS, 0.0) if self.status.history else 0.0
        self.budget.reserve = budgets.reserve(self.config.minutes, took)

    def _evaluate_later(self) -> None:
        """Evaluates generation 0, which has a line of metrics once it is evaluated, or one whose line is written."""
        self._evaluate()
        if self.telemetry.evaluated() and self.status.generation == 0:
            self.telemetry.forget(0)
            self.telemetry.write(self.learner.learning_rate(self._schedule()), {})
        elif self.telemetry.evaluated():
            self.telemetry.add({})

    def _write_metrics(self) -> dict[str, float]:
        """Writes this generation's line of metrics, and returns it."""
        metrics = self._figures()
        metrics |= {f"actors/{name}": value for name, value in self._intake.metrics().items()}
        metrics |= {f"actors/{name}": value for name, value in self.actors.metrics().items()}
        metrics["actors/restarts"] = float(self.actors.restarts)
        written = self.telemetry.write(self.learner.learning_rate(self._schedule()), metrics)
        self.league.write(self.folder.path / "payoffs.json", self.status.generation)
        return written

    def _figures(self) -> dict[str, float]:
        """Metrics of matches, mining and the replay."""
        metrics = {f"league/{name}": value for name, value in self.league.metrics(self.status.generation).items()}
        metrics |= {f"replay/{name}": value for name, value in self.replay.metrics().items()}
        return metrics | {f"mining/{name}": value for name, value in self.miner.metrics.items()}

    def _used_up(self) -> bool:
        self._tick()
        return self.status.progress >= 1.0 or self._solved() or bool(self.actors.ended)

    def _solved(self) -> bool:
        last = [metrics for generation, metrics in self.status.history[-2:] if generation > 0]
        wanted = self.config.stop_when_solved and self.telemetry.evaluated() and len(last) == 2
        return wanted and all(map(self.agent.is_solved, last))

    def _tick(self) -> None:
        self.budget.tick(self.status)
        self.status.generation_progress = self.training.share_of_rows()

    def _show(self, phase: str) -> None:
        self.status.phase = phase
        self._tick()
        self.telemetry.rates(self.training.reuse())
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
        tensors, rest = self.training.state()
        rest |= self.telemetry.state() | {"league": self.league.state()}
        rest |= {"unmade": self._unmade, "reactions": self.reactions.state()}
        rest |= {"sessions": self._sessions + 1, "identity": self.agent.identity()}
        self.folder.save_state(self.replay, tensors, rest, self.actors.state())
        self.pool.retain(self.folder.referred())
        self.reactions.saved(self.status.generation)
        self.training.saved()

    def _restore(self, state: folders.State) -> None:
        rest, status = state.rest, self.status
        self.training.load_state(state.tensors, rest, state.rows, state.inserted, self.folder.settings())
        self.telemetry.load_state(rest)
        self.reactions.load_state(rest.get("reactions"), status.generation)
        self.league.load_state(rest.get("league", []))  # runs of earlier versions have none
        status.steps, status.rows, status.window = self.learner.steps, self.replay.inserted, len(self.replay)
        self._sessions = int(rest["sessions"])
        self._unmade = list(rest.get("unmade", []))  # states of earlier versions have none
        for warning in state.warnings:
            self.telemetry.note(warning)
        self.budget.start(status.seconds)

    def close(self) -> None:
        """Stops the actors and releases the folder."""
        self.actors.close()
        self.telemetry.close()
