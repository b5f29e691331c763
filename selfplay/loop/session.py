"""A session: this process trains a run in its folder until the budget is used, or Ctrl-C asks it to stop. Takes the
agent as it is made, and reports its status to a function; knows neither presets nor how a status is shown."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfplay import config as configs
from selfplay.agent import Agent
from selfplay.errors import ConfigError
from selfplay.loop import folder as folders
from selfplay.loop import ray_pool, stop_signal
from selfplay.loop import run as runs
from selfplay.loop.budget import Budget
from selfplay.types import Status


def train(
    name: str, path: Path, agent: Agent, shown: contextlib.AbstractContextManager[runs.OnStatus],
    address: str | None = None, on_generation: runs.OnGeneration | None = None,
    during: contextlib.AbstractContextManager[object] | None = None, stop: stop_signal.StopSignal | None = None,
) -> Status:  # fmt: skip
    """Starts the run called `name`, or goes on with what its folder holds; saves before it returns. The status at the
    end has the phase "finished", "stopped" or `run.ALARMED`. A display that can no longer be written to (its terminal
    or its reader is gone) stops the run as a signal would.

    shown: gives the function that takes every status. address: of a Ray cluster. during: entered once the run is open
    and its config is written, and left before the run is closed. stop: whose `with` block has been entered; None: one
    of its own. Raises UserError, and what callbacks raise."""
    wanted = agent.config.run
    if wanted.evaluations and not agent.counts_evaluations:
        raise ConfigError(
            f"run.evaluations={wanted.evaluations:,} cannot be the budget of '{name}', whose actors evaluate no "
            "positions: set run.minutes or run.generations."
        )
    if wanted.actors and address is None:
        ray_pool.check(wanted.actors, wanted.actor_gpus or 0.0)
    with contextlib.ExitStack() as stack:
        stop = stop or stack.enter_context(stop_signal.StopSignal())
        report = stack.enter_context(_Display(shown, stop))
        folder = stack.enter_context(folders.Folder(path))
        try:
            run = runs.Run(agent, folder, report, address, on_generation, stop)
        except stop_signal.Stopped:
            return Status(phase="stopped")
        stack.callback(run.close)
        _note_changes(run, folder.settings())
        folder.write_config(name, configs.to_values(agent.config))
        if during is not None:
            stack.enter_context(during)
        run.train(stop.asked)
        return run.status


def _note_changes(run: runs.Run, saved: Mapping[str, Any]) -> None:
    """Notes which settings are not those of the session before, and what another budget does to the learning rate.
    saved: settings by dotted key; none of a new run."""
    config = run.agent.config
    now = configs.flat(configs.to_values(config))
    changed = [key for key in now if key in saved and saved[key] != now[key]]
    if not changed:
        return
    told = ", ".join(f"{key} {configs.shown(saved[key])} → {configs.shown(now[key])}" for key in changed)
    run.telemetry.note(f"Goes on with changed settings: {told}.")
    lengths = {name: saved.get(f"run.{name}") for name in ("minutes", "generations", "evaluations")}
    before = Budget(dataclasses.replace(config, run=dataclasses.replace(config.run, **lengths)))
    old, new = (run.learner.learning_rate(b.schedule(run.status, run.training.share())) for b in (before, run.budget))
    if not 0.8 < new / old < 1.25:
        run.telemetry.note(
            f"The learning rate goes from {old:.2g} to {new:.2g} at once, since it follows the share of the budget "
            f"that is used; to keep it: --set learner.learning_rate={old:.2g} --set "
            f"learner.final_learning_rate={old:.2g}."
        )


class _Display:
    """A function that shows every status, and asks to stop where it cannot be written to."""

    def __init__(self, shown: contextlib.AbstractContextManager[runs.OnStatus], stop: stop_signal.StopSignal) -> None:
        self._shown, self._stop = shown, stop
        self._gone = False

    def __enter__(self) -> runs.OnStatus:
        self._show = self._shown.__enter__()
        return self

    def __call__(self, status: Status) -> None:
        if self._gone:
            return
        try:
            self._show(status)
        except OSError:
            self._gone = True
            self._stop.ask(signal.SIGTERM)

    def __exit__(self, *details: Any) -> None:
        with contextlib.suppress(*([OSError] if self._gone else [])):
            self._shown.__exit__(*details)
