"""A session: this process trains a run in its folder until the budget is used, or Ctrl-C asks it to stop. Takes the
agent as it is made, and reports its status to a function; knows neither presets nor how a status is shown."""

from __future__ import annotations

import contextlib
from pathlib import Path

from selfplay import config as configs
from selfplay.agent import Agent
from selfplay.loop import folder as folders
from selfplay.loop import run as runs
from selfplay.loop import stop_signal
from selfplay.types import Status


def train(
    name: str, path: Path, agent: Agent, shown: contextlib.AbstractContextManager[runs.OnStatus],
    address: str | None = None, on_generation: runs.OnGeneration | None = None,
    during: contextlib.AbstractContextManager[object] | None = None,
) -> Status:  # fmt: skip
    """Starts the run called `name`, or goes on with what its folder holds; saves before it returns. The status at the
    end has the phase "finished" or "stopped".

    shown: gives the function that takes every status. address: of a Ray cluster. during: entered once the run is open
    and its config is written, and left before the run is closed. Raises UserError, and what callbacks raise."""
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stop_signal.StopSignal())
        report = stack.enter_context(shown)
        folder = stack.enter_context(folders.Folder(path))
        run = runs.Run(agent, folder, report, address, on_generation)
        stack.callback(run.close)
        folder.write_config(name, configs.to_values(agent.config))
        if during is not None:
            stack.enter_context(during)
        run.train(stop.asked)
        return run.status
