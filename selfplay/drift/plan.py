"""Which actions are due: alarms are gathered, and at the end of a generation each allowed action that fits one of them
is due once, unless it was taken a short while ago.

Knows names of streams and of actions, not what actions do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from selfplay.drift.config import Action, DriftConfig
from selfplay.drift.monitor import Event, Stream

ORDER: tuple[str, ...] = get_args(Action)


class Reaction(NamedTuple):
    """An action that is due, and why."""

    action: str
    stream: str  # whose alarm it is about; empty where it is due in every generation
    part: str
    since: int  # the first generation in whose rows the change is seen; of restore-generation, in whose weights
    reason: str  # a clause


class Plan:
    """The alarms that nothing was done about yet, and when each action was taken last."""

    def __init__(self, streams: Iterable[Stream], settings: DriftConfig) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._settings = settings
        self._pending: list[Reaction] = []
        self._taken: dict[str, int] = {}  # generation in which an action was due last

    def take(self, events: Iterable[Event]) -> None:
        """Remembers what fits these alarms."""
        if self._settings.react == "on-alarm":
            self._pending += [
                Reaction(action, event.stream, event.part, self._since(action, event), event.seen)
                for event in events
                for action in self._streams[event.stream].actions
                if action in self._settings.actions
            ]

    def _since(self, action: str, event: Event) -> int:
        return event.since - (self._streams[event.stream].lag if action == "restore-generation" else 0)

    def due(self, generation: int) -> list[Reaction]:
        """What is due at the end of this generation, each action once; alarms are then done with. Of several alarms
        that call for the same action, the one that goes back furthest counts."""
        allowed = [action for action in ORDER if action in self._settings.actions]
        if self._settings.react == "every-generation":
            return [Reaction(action, "", "", generation, "drift.react=every-generation") for action in allowed]
        pending, self._pending = self._pending, []
        found = []
        for action in allowed:
            calls = [reaction for reaction in pending if reaction.action == action]
            last = self._taken.get(action)
            if calls and (last is None or generation - last > self._settings.cool_down):
                found.append(min(calls, key=lambda reaction: reaction.since))
                self._taken[action] = generation
        return found

    def unused(self) -> list[str]:
        """Actions that are allowed and fit no stream that is watched."""
        if self._settings.react != "on-alarm":
            return []
        fitting = {action for stream in self._streams.values() for action in stream.actions}
        return [action for action in self._settings.actions if action not in fitting]

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        return {"pending": [list(reaction) for reaction in self._pending], "taken": self._taken}

    def load_state(self, state: Mapping[str, Any]) -> None:
        allowed = self._settings.actions if self._settings.react == "on-alarm" else ()
        pending = [Reaction(*each) for each in state["pending"]]
        self._pending = [reaction for reaction in pending if reaction.action in allowed]
        self._taken = {str(action): int(generation) for action, generation in state["taken"].items()}
