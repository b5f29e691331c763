"""Telemetry of a run: sums, rates, evaluations and alarms, written to the folder's metrics and shown as notes.

    metrics.jsonl, tensorboard/   metrics of every generation   evaluation.csv, evaluation.png   of those evaluated
    drift.jsonl                   alarms and actions            streams.json                     what is watched
    NAME.png                      an agent's pictures           payoffs.json                     results of matches

Nothing here changes what a run learns; a file that cannot be written is reported once and never stops the run.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.agent import Agent
from selfplay.display import SECONDS
from selfplay.drift.plan import Reaction
from selfplay.drift.watching import Watching
from selfplay.errors import shorten
from selfplay.loop import folder as folders
from selfplay.loop import plots
from selfplay.loop.metrics import MetricsWriter
from selfplay.storage import json_text
from selfplay.types import SampleBatch, Status, Watch, Weights

EVENTS = "drift/events"  # alarms and actions as texts in TensorBoard


class Telemetry:
    """Sums since the last generation, rates since the last publication, evaluations since the run began."""

    def __init__(self, agent: Agent, folder: folders.Folder) -> None:
        self.agent, self.folder = agent, folder
        self.status = Status()
        self.metrics = MetricsWriter(folder.path)
        self.watching = Watching(agent.observer(), folder.path)
        self._drift: dict[str, float] = {}  # metrics of the generation that has ended last
        self._alarms: set[str] = set()  # names of those shown in this session
        self._told: set[str] = set()  # names of files that could not be written in this session
        self._sums: dict[str, float] = {}
        self._loss_sums: dict[str, Any] = {}
        self._loss_counts: dict[str, int] = {}
        self._since: tuple[float, dict[str, float]] | None = None  # when weights were published, and the sums then

    # -- counting --------------------------------------------------------------------------------------------

    def count(self, batch: SampleBatch) -> None:
        """Adds the sums of an actor's sample batch, and shows it to what watches for drift."""
        self.watching.take(batch, self.status.generation)
        lag = self.status.generation - batch.generation
        self.status.games += int(batch.stats.get("games", 0))
        self.status.evaluations += int(batch.stats.get("evaluations", 0))
        for key, value in [*batch.stats.items(), ("lag", lag), ("deliveries", 1), ("delivered", len(batch.rows))]:
            self._sums[key] = self._sums.get(key, 0.0) + value

    def watch_drawn(self, rows: np.ndarray) -> None:
        """Shows rows that are about to be learned from to what watches for drift."""
        self.watching.drawn(rows, self.status.generation)

    def count_losses(self, report: Mapping[str, Any]) -> None:
        """Adds what one learner step reported."""
        for key, value in report.items():
            self._loss_sums[key] = self._loss_sums.get(key, 0.0) + value
            self._loss_counts[key] = self._loss_counts.get(key, 0) + 1

    @property
    def learned(self) -> bool:
        """Whether there were updates since the last generation."""
        return bool(self._loss_counts)

    def end_generation(self, weights: Weights, raw: Weights) -> None:
        """Takes the mean of each loss over the generation that has just ended with these weights (raw: before
        averaging), asks what watched it, and clears all sums."""
        means = {key: float(total) / self._loss_counts[key] for key, total in self._loss_sums.items()}
        self.status.losses = means
        self._loss_sums, self._loss_counts, self._sums = {}, {}, {}
        self._drift, alarms = self.watching.end_generation(self.status.generation, weights, raw)
        self._note_alarms(alarms)

    def _note_alarms(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self.note(f"Generation {self.status.generation}: {sentence}")
            self.metrics.text(self.status.generation, EVENTS, sentence)
        self._show_drift()
        if self.watching.failure:
            self.note(self.watching.failure)

    def acted(self, reaction: Reaction, what: str) -> None:
        """Says that an action was taken at the end of the present generation. what: was done, as a clause."""
        self._note_alarms([self.watching.acted(self.status.generation, reaction, what)])

    def _show_drift(self) -> None:
        """Puts into the status what is watched and what was said of it."""
        status, watching = self.status, self.watching
        status.watched, status.alarms, status.drifted = watching.streams, watching.alarms, watching.last

    def start_rates(self) -> None:
        """Starts the interval over which rates are measured."""
        self._since = (time.perf_counter(), dict(self._sums))

    def rates(self, reuse: float, at_end: bool = False) -> None:
        """Sums per second since the weights in use were published, and ratios over the same time. reuse: how often a
        row was drawn, on average. at_end: of the generation, whose rates these are however short it was; in between,
        the ones before are kept until there is half a second to tell from."""
        if at_end:
            self.status.rates = {}
        if self._since is None:
            return
        then, before = self._since
        seconds = max(time.perf_counter() - then, 1e-6)
        done = {key: value - before.get(key, 0.0) for key, value in self._sums.items()}
        if (seconds < 0.5 and not at_end) or not done.get("delivered"):
            return
        rates = {}
        for spec in self.agent.display.rates:
            if spec.optional and (spec.part or spec.name) not in done:
                continue
            amount, over = done.get(spec.part or spec.name, 0.0), max(done.get(spec.of, 0.0), 1) if spec.of else seconds
            rates[spec.key] = amount / over
        rates["lag"] = done.get("lag", 0.0) / max(done.get("deliveries", 0.0), 1)
        rates["reuse"] = reuse
        self.status.rates = rates

    # -- notes -----------------------------------------------------------------------------------------------

    def note(self, sentence: str) -> None:
        """Adds a sentence to the notes that the user is shown, unless it is there."""
        if sentence not in self.status.notes:
            self.status.notes.append(sentence)

    def evaluated(self) -> bool:
        """Whether the present generation has been evaluated."""
        return bool(self.status.history) and self.status.history[-1][0] == self.status.generation

    def evaluate(self, weights: Weights, first: Weights, watch: Watch) -> None:
        """Evaluates this generation, and writes its plots and pictures. first: the weights that the run began with."""
        status, started = self.status, time.perf_counter()
        agent = self.agent.at(status.generation)
        metrics = agent.evaluate(weights, first, watch)
        if not metrics and not watch(1.0):
            return  # cut off before anything was measured
        status.metrics = metrics
        pictures = agent.pictures(weights)
        status.metrics[SECONDS] = time.perf_counter() - started
        status.history.append((status.generation, status.metrics))
        self._note_alarms(self.watching.evaluated(status.generation, metrics))
        drawn = [
            (generation, {key: value for key, value in metrics.items() if key != SECONDS})
            for generation, metrics in status.history
        ]
        title = f"evaluation by generation, after {status.seconds / 60:.0f} min and {status.steps:,} updates"
        try:
            self.folder.write_evaluation(status.history)
        except OSError as error:
            self._unwritten(folders.EVALUATION, error)
        self._draw("evaluation", lambda path: plots.curves(drawn, title, path, self.agent.display))
        for name, picture in pictures.items():
            self._draw(name, functools.partial(_saved, picture))

    def _draw(self, name: str, draw: Callable[[Path], np.ndarray]) -> None:
        """Draws a picture for the folder and for TensorBoard. draw: writes it to a file, and returns it. What a library
        for drawing raises cannot be listed, and nothing depends on the picture."""
        try:
            self.metrics.picture(self.status.generation, name, draw(self.folder.path / f"{name}.png"))
        except Exception as error:
            self._unwritten(f"{name}.png", error)

    def _unwritten(self, name: str, error: Exception) -> None:
        """Notes once a session that a file was not written."""
        if name not in self._told:
            self._told.add(name)
            told = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self.note(f"{name} was not written: {shorten(told, 200)}.")

    def write(self, learning_rate: float, more: Mapping[str, float]) -> dict[str, float]:
        """Writes and returns one line of metrics for this generation. more: further metrics, by name."""
        status = self.status
        line = {"seconds": status.seconds, "games": status.games, "rows": status.rows, "steps": status.steps,
                "window": status.window, "learning_rate": learning_rate}  # fmt: skip
        if self.agent.counts_evaluations:
            line["evaluations"] = status.evaluations
        line |= {f"loss/{key}": value for key, value in status.losses.items()}
        line |= {f"rate/{key}": value for key, value in status.rates.items()}
        line |= self._drift | self.watching.metrics
        line |= more
        if self.evaluated():
            line |= self._evaluation()
        self.metrics.write(status.generation, line)
        self._note_failures()
        return line

    def add(self, more: Mapping[str, float]) -> None:
        """Adds the evaluation, if there is one, and further metrics to this generation's line."""
        self.metrics.add(self.status.generation, {**more, **(self._evaluation() if self.evaluated() else {})})
        self._note_failures()

    def _note_failures(self) -> None:
        for sentence in self.metrics.failures.values():
            self.note(sentence)

    def _evaluation(self) -> dict[str, float]:
        return {f"evaluation/{key}": value for key, value in self.status.metrics.items()}

    def ask_for_alarms(self) -> None:
        """Notes what looks wrong to the agent, each alarm once a session."""
        for name, sentence in self.agent.alarms(self.status).items():
            if name not in self._alarms:
                self._alarms.add(name)
                self.watching.record(self.status.generation, name, sentence)
                self._note_alarms([sentence])

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        status = self.status
        return {
            "generation": status.generation,
            "games": status.games,
            "evaluations": status.evaluations,
            "seconds": status.seconds,
            "losses": status.losses,
            "history": status.history,
            "sums": self._sums,
            "loss_sums": {key: float(value) for key, value in self._loss_sums.items()},
            "loss_counts": self._loss_counts,
            "drift": self.watching.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        status = self.status
        status.generation, status.games, status.seconds = state["generation"], state["games"], state["seconds"]
        status.evaluations = state.get("evaluations", 0)  # runs of earlier versions did not count them
        status.losses = json_text.numbers(state["losses"])
        status.history = [(generation, json_text.numbers(metrics)) for generation, metrics in state["history"]]
        status.metrics = status.history[-1][1] if status.history else {}
        self._sums, self._loss_sums = state["sums"], state["loss_sums"]
        # Runs of earlier versions counted updates, each of which had all losses.
        of_old = dict.fromkeys(self._loss_sums, state.get("loss_count", 0))
        self._loss_counts = state.get("loss_counts", of_old)
        self.watching.load_state(state.get("drift", {}))  # runs of earlier versions have none
        self.forget(status.generation + 1)
        self.start_rates()

    def forget(self, generation: int) -> None:
        """Takes back what was written of this generation and later ones."""
        self.metrics.cut(before=generation)
        self.watching.cut(before=generation)
        self._show_drift()

    def close(self) -> None:
        self.metrics.close()


def _saved(picture: np.ndarray, path: Path) -> np.ndarray:
    plots.save(picture, path)
    return picture
