"""The journal of a run: what is counted, measured and written down for people, and what they are told.

    metrics.jsonl, tensorboard/     figures of every generation     strength.csv, strength.png     of those measured
    NAME.png                        an agent's pictures             payoffs.json                   who beat whom

Nothing here changes what a run learns; a file that cannot be written is said so once and never stops it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from selfplay.agent import Agent
from selfplay.loop import folder as folders
from selfplay.loop import plots
from selfplay.loop.metrics import Metrics
from selfplay.types import SampleBatch, Status, Weights


class Telemetry:
    """Sums since the last generation, rates since the last publication, measurements since the run began."""

    def __init__(self, agent: Agent, folder: folders.Folder) -> None:
        self.agent, self.folder = agent, folder
        self.status = Status()
        self.metrics = Metrics(folder.path)
        self._sums: dict[str, float] = {}
        self._loss_sums: dict[str, Any] = {}
        self._loss_counts: dict[str, int] = {}
        self._since: tuple[float, dict[str, float]] | None = None  # when weights were published, and the sums then

    # -- counting --------------------------------------------------------------------------------------------

    def count(self, chunk: SampleBatch) -> None:
        """Adds what an actor did."""
        lag = self.status.generation - chunk.generation
        self.status.games += int(chunk.stats.get("games", 0))
        for key, value in [*chunk.stats.items(), ("lag", lag), ("chunks", 1), ("delivered", len(chunk.rows))]:
            self._sums[key] = self._sums.get(key, 0.0) + value

    def count_losses(self, report: Mapping[str, Any]) -> None:
        """Adds what an update reported."""
        for key, value in report.items():
            self._loss_sums[key] = self._loss_sums.get(key, 0.0) + value
            self._loss_counts[key] = self._loss_counts.get(key, 0) + 1

    @property
    def learned(self) -> bool:
        """Whether there were updates since the last generation."""
        return bool(self._loss_counts)

    def end_generation(self) -> None:
        """Losses become means: those of the generation that has just ended."""
        means = {key: float(total) / self._loss_counts[key] for key, total in self._loss_sums.items()}
        self.status.losses = means
        self._loss_sums, self._loss_counts, self._sums = {}, {}, {}

    def start_rates(self) -> None:
        """Rates count from now on."""
        self._since = (time.perf_counter(), dict(self._sums))

    def rates(self, reuse: float) -> None:
        """Figures per second since the weights in use were published, and ratios over the same time. reuse: how often a
        row was drawn, on average."""
        if self._since is None:
            return
        then, before = self._since
        seconds = time.perf_counter() - then
        done = {key: value - before.get(key, 0.0) for key, value in self._sums.items()}
        if seconds < 0.5 or not done.get("delivered"):
            return
        rates = {f"{key}/s": done.get(key, 0.0) / seconds for key in self.agent.per_second}
        for name, (part, whole) in self.agent.ratios.items():
            rates[name] = done.get(part, 0.0) / max(done.get(whole, 0.0), 1)
        rates["lag"] = done.get("lag", 0.0) / max(done.get("chunks", 0.0), 1)
        rates["reuse"] = reuse
        self.status.rates = rates

    # -- telling ---------------------------------------------------------------------------------------------

    def note(self, sentence: str) -> None:
        """Tells the user, once."""
        if sentence not in self.status.notes:
            self.status.notes.append(sentence)

    def measured(self) -> bool:
        """Whether this generation was."""
        return bool(self.status.history) and self.status.history[-1][0] == self.status.generation

    def measure(self, weights: Weights, first: Weights) -> None:
        """Measures this generation, and draws it. first: the weights that the run began with."""
        status, started = self.status, time.perf_counter()
        status.figures = self.agent.evaluate(weights, first)
        pictures = self.agent.pictures(weights)
        status.figures["seconds"] = time.perf_counter() - started
        status.history.append((status.generation, status.figures))
        title = f"strength by generation, after {status.seconds / 60:.0f} min and {status.steps:,} updates"
        try:
            self.folder.write_figures(status.history)
            shares = [
                (generation, {key: value for key, value in figures.items() if key != "seconds"})
                for generation, figures in status.history
            ]
            image = plots.curves(shares, title, self.folder.path / "strength.png")
            self.metrics.picture(status.generation, "strength", image)
        except OSError as error:
            self.note(f"strength.csv and strength.png were not written: {error.strerror or error}.")
        for name, picture in pictures.items():
            self._draw(name, picture)

    def _draw(self, name: str, picture: np.ndarray) -> None:
        self.metrics.picture(self.status.generation, name, picture)
        try:
            plots.save(picture, self.folder.path / f"{name}.png")
        except OSError as error:
            self.note(f"{name}.png was not written: {error.strerror or error}.")

    def write(self, learning_rate: float, more: Mapping[str, float]) -> dict[str, float]:
        """Writes and returns one line of metrics for this generation. more: further figures, by name."""
        status = self.status
        figures = {"seconds": status.seconds, "games": status.games, "rows": status.rows, "steps": status.steps,
                   "window": status.window, "learning_rate": learning_rate}  # fmt: skip
        figures |= {f"loss/{key}": value for key, value in status.losses.items()}
        figures |= {f"rate/{key}": value for key, value in status.rates.items()}
        figures |= more
        if self.measured():
            figures |= {f"strength/{key}": value for key, value in status.figures.items()}
        self.metrics.write(status.generation, figures)
        if self.metrics.failure:
            self.note(self.metrics.failure)
        return figures

    def ask_for_alarms(self) -> None:
        """What the agent has to say of how the run stands."""
        for sentence in self.agent.alarms(self.status):
            self.note(sentence)

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        status = self.status
        return {
            "generation": status.generation,
            "games": status.games,
            "seconds": status.seconds,
            "losses": status.losses,
            "history": status.history,
            "sums": self._sums,
            "loss_sums": {key: float(value) for key, value in self._loss_sums.items()},
            "loss_counts": self._loss_counts,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        status = self.status
        status.generation, status.games, status.seconds = state["generation"], state["games"], state["seconds"]
        status.losses = state["losses"]
        status.history = [(generation, figures) for generation, figures in state["history"]]
        status.figures = status.history[-1][1] if status.history else {}
        self._sums, self._loss_sums = state["sums"], state["loss_sums"]
        # Runs of earlier versions counted updates, each of which had all losses.
        of_old = dict.fromkeys(self._loss_sums, state.get("loss_count", 0))
        self._loss_counts = state.get("loss_counts", of_old)
        self.metrics.history(before=status.generation + 1)
        self.start_rates()

    def forget(self, generation: int) -> None:
        """Takes back what was written of this generation and later ones."""
        self.metrics.history(before=generation)

    def close(self) -> None:
        self.metrics.close()
