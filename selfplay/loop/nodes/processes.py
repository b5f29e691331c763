"""Processes of ours on Ray with one lifecycle: started together, watched, replaced when they die or hang, and stopped.

Each is a Ray actor with one core and one call in flight. What it does, `ray_pool` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfplay.errors import ActorPoolError
from selfplay.loop.nodes import connection
from selfplay.loop.nodes.calls import Member

START_TIMEOUT = 120.0  # seconds until the next process has started, or a started one has done its first piece of work
FEWER_AFTER = 20.0  # seconds after which fewer processes than wanted are enough to begin with
HANG_TIMEOUT = 20.0  # seconds of no progress after which a process counts as hung
BEAT_EVERY = 4.0  # seconds between two questions of how far a process is
AWAKE = 2.0  # seconds at most that pass between two looks: more, and this process was suspended or busy
IN_A_ROW = 5  # times that a process may fail in a row before the run gives up

BEAT = "beat"  # group of calls that are answered beside the one in flight
Start = Callable[[Any, int, int], Any]


@dataclass
class _Slot:
    """One of the processes, and its successors."""

    handle: Any
    starting: Any  # a call that its start ends; None: it has started
    incarnation: int  # how many processes there were before this one, in all slots
    node: str = ""  # that it has started on
    failures: int = 0  # in a row, without anything delivered in between
    working: bool = False
    progress: Any = None  # as it said last
    moved: bool = False  # whether it has made progress since its start
    quiet: float = 0.0  # seconds without progress
    beat: Any = None  # the question in flight


def remote(ray: Any, of: type, **options: Any) -> Any:
    """A class whose instances live in processes on Ray. Its `beat` is answered while it works."""
    return ray.remote(concurrency_groups={BEAT: 1}, **options)(of)


class Processes:
    """`size` processes from `__init__` to `close`."""

    def __init__(
        self, size: int, address: str | None, start: Start, owner: Path | None = None,
        note: Callable[[str], None] = lambda sentence: None, needs: dict[str, float] | None = None,
        sees_gpus: bool = True,
    ) -> None:  # fmt: skip
        """start: (ray, index, how many processes were started before) → a handle with `ready`, which answers when it
        has started with its node, and `beat`, how far it is. address, owner, sees_gpus: see `connection`. needs: what
        each asks for. note: takes sentences for the user. Raises ActorPoolError when Ray or the processes cannot be
        started."""
        self._connection = connection.Connection(size, address, owner, sees_gpus)
        self.ray = self._connection.ray
        self._start, self._note, self._needs = start, note, needs or {"CPU": 1}
        self.restarts = 0  # processes that were started in the place of others
        self._started = 0
        self._seen = self._asked = time.monotonic()
        try:
            self._slots = [self._new(index) for index in range(size)]
            self._wait()
        except BaseException:
            self.close()
            raise

    def _new(self, index: int, failures: int = 0) -> _Slot:
        handle = self._start(self.ray, index, self._started)
        slot = _Slot(handle, handle.ready.remote(), self._started, failures=failures)
        self._started += 1
        return slot

    # -- starting --------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until all have started; or some, where the others find no room: they start when there is."""
        ray, size, began = self.ray, len(self._slots), time.monotonic()
        short = self._short()
        if short:
            self._note(f"{short} Waiting for room.")
        while waiting := [slot for slot in self._slots if slot.starting is not None]:
            ready, _ = ray.wait([slot.starting for slot in waiting], num_returns=1, timeout=0.2)
            passed = time.monotonic() - began
            if ready:
                began = time.monotonic()
                slot = next(slot for slot in waiting if slot.starting == ready[0])
                self._has_started(slot)
            elif passed > START_TIMEOUT:
                raise ActorPoolError(
                    f"{len(waiting)} of {size} actors did not start within {START_TIMEOUT:.0f} s. {self._short()}"
                    "Ask for fewer with --actors, or add nodes to the cluster."
                )
            elif passed > FEWER_AFTER and self._connection.address and len(waiting) < size:
                self._note(
                    f"{size - len(waiting)} of {size} actors have started; the others will when the cluster has room."
                )
                return

    def _has_started(self, slot: _Slot) -> None:
        try:
            slot.node = self.ray.get(slot.starting)
        except self.ray.exceptions.RayError as error:
            raise ActorPoolError(f"an actor died while starting: {connection.sentence(error)}") from error
        slot.starting = None

    def _short(self) -> str:
        """What the cluster lacks for all of them, as a sentence; "" where it has it."""
        total, size = self.ray.cluster_resources(), len(self._slots)
        missing = {name: size * each for name, each in self._needs.items() if total.get(name, 0.0) < size * each}
        if not missing:
            return ""
        has = " and ".join(f"{total.get(name, 0.0):g} {name}s" for name in missing)
        want = " and ".join(f"{amount:g}" for amount in missing.values())
        return f"{size} actors need {want}, and Ray has {has} in all. "

    # -- working ---------------------------------------------------------------------------------------------

    def started(self) -> list[Member]:
        """The processes that have started."""
        return [
            Member(index, slot.incarnation, slot.node, slot.handle)
            for index, slot in enumerate(self._slots)
            if slot.starting is None
        ]

    def idle(self, busy: Collection[int]) -> list[tuple[int, Any]]:
        """(index, handle) of the processes that have started and are not busy."""
        return [(member.actor, member.handle) for member in self.started() if member.actor not in busy]

    def incarnation(self, index: int) -> int:
        return self._slots[index].incarnation

    def delivered(self, index: int) -> None:
        """Process `index` has done what it should: earlier failures are forgotten."""
        slot = self._slots[index]
        slot.failures, slot.moved, slot.quiet = 0, True, 0.0

    def replace(self, index: int, why: str) -> None:
        """Starts another process in the place of one that failed. Raises ActorPoolError after too many in a row."""
        slot = self._slots[index]
        self.ray.kill(slot.handle)
        self.restarts += 1
        if slot.failures + 1 >= IN_A_ROW:
            raise ActorPoolError(f"actor {index} failed {slot.failures + 1} times in a row; the last time, {why}.")
        self._slots[index] = self._new(index, slot.failures + 1)
        self._note(f"Actor {index} was started again: {why}.")

    def watch(self, busy: Collection[int]) -> list[tuple[int, str]]:
        """(index, why) of processes that are to be replaced, those that died while starting or that hang. Called often;
        busy: those that have been given work. Time counts only as far as this process is awake to see it pass."""
        now = time.monotonic()
        passed, self._seen = min(now - self._seen, AWAKE), now
        looks = [(index, self._look(index, index in busy, passed)) for index in range(len(self._slots))]
        if now - self._asked >= BEAT_EVERY:
            self._asked = now
            for index in busy:
                slot = self._slots[index]
                slot.beat = slot.beat or slot.handle.beat.options(concurrency_group=BEAT).remote()
        return [(index, why) for index, why in looks if why]

    def _look(self, index: int, busy: bool, passed: float) -> str:
        """Why process `index` has to be replaced; "" where it is well. passed: seconds since the last look."""
        ray, slot = self.ray, self._slots[index]
        waited = [ref for ref in (slot.starting, slot.beat) if ref is not None]
        done = ray.wait(waited, num_returns=len(waited), timeout=0)[0] if waited else []
        if slot.starting is not None and slot.starting in done:
            try:
                slot.node = ray.get(slot.starting)
            except ray.exceptions.RayError as error:
                return f"it died while starting: {connection.sentence(error)}"
            slot.starting, slot.quiet = None, 0.0
        if slot.beat is not None and slot.beat in done:
            beat, slot.beat = slot.beat, None
            try:
                progress = ray.get(beat)
            except ray.exceptions.RayError:
                return ""  # its work fails as well, and tells why
            if progress is None or progress != slot.progress:
                slot.moved = slot.moved or slot.progress is not None or progress is None
                slot.progress, slot.quiet = progress, 0.0
        slot.quiet = slot.quiet + passed if busy or slot.starting is not None else 0.0
        if slot.starting is not None:
            lost = slot.failures and not self._connection.address and slot.quiet > START_TIMEOUT
            return f"it did not start within {START_TIMEOUT:.0f} s" if lost else ""
        limit = HANG_TIMEOUT if slot.moved else START_TIMEOUT
        return f"it has not moved for {slot.quiet:.0f} s" if slot.quiet > limit else ""

    def close(self) -> None:
        self._connection.close()
