"""What relays hand over, without Ray: rows of many calls travel together and come out as they were."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from selfplay.loop.nodes import relay, relays
from selfplay.loop.nodes.calls import Calls, Made, Member, Order

ROW = np.dtype([("n", "i4"), ("x", "f4", (3,))])


def rows(count: int, start: int = 0) -> np.ndarray:
    made = np.zeros(count, ROW)
    made["n"] = np.arange(start, start + count)
    made["x"] = made["n"][:, None] / 7
    return made


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("counts", [[], [1], [0, 5, 0], [3000, 1, 2000]])
def test_rows_come_out_as_they_went_in(compress: bool, counts: list[int]) -> None:
    made = [Made(n, 10 + n, rows(count, n), {"games": 1.0 * n}, 7, 3) for n, count in enumerate(counts)]
    packed, compressed = relay.pack([one.rows for one in made], compress)
    emptied = [one._replace(rows=relay.NO_ROWS) for one in made]
    found = relay.unpack(relay.Delivery(emptied, counts, packed, compressed, [], []), ROW)
    assert [one[:2] + one[3:] for one in found] == [one[:2] + one[3:] for one in made]
    for ours, theirs in zip(found, made, strict=True):
        assert ours.rows.dtype == ROW and np.array_equal(ours.rows, theirs.rows)
    assert compressed == (compress and sum(counts) > 1000)


class _Exceptions:
    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        cause = ValueError("broken")


class FakeRay:
    """Calls are numbers that are ready at once, but for those of actors that stand still."""

    exceptions = _Exceptions

    def __init__(self) -> None:
        self.results: dict[int, Any] = {}

    def wait(self, calls: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        done = [call for call in calls if call in self.results][:num_returns]
        return done, [call for call in calls if call not in done]

    def get(self, call: int) -> Any:
        result = self.results[call]
        if isinstance(result, Exception):
            raise result
        return result


class Handle:
    """An actor whose calls bring two rows, fail, or never end."""

    def __init__(self, ray: FakeRay, numbers: Any, kind: str) -> None:
        self.ray, self.numbers, self.kind, self.made = ray, numbers, kind, 0
        self.work = self

    def remote(self, generation: int, weights: Any, least: int) -> int:
        call: int = next(self.numbers)
        self.made += 1
        if self.kind == "plays":
            self.ray.results[call] = (rows(2, call), {}, generation, self.made)
        elif self.kind == "sends others":
            self.ray.results[call] = (np.zeros((1, 2), np.int64), {}, generation, self.made)
        elif self.kind == "dies":
            self.ray.results[call] = _Exceptions.RayError("lost with its node")
        return call


def test_each_actor_has_one_call_in_flight_and_a_lost_object_counts_as_its_death() -> None:
    ray, numbers = FakeRay(), itertools.count()
    members = [Member(n, n, "node", Handle(ray, numbers, kind)) for n, kind in enumerate(("plays", "dies", "hangs"))]
    calls = Calls(ray)
    calls.ask(members, Order(5, None, 2), paused=True)
    assert calls.busy() == set()
    calls.ask(members, Order(5, None, 2), paused=False)
    calls.ask(members, Order(5, None, 2), paused=False)
    assert calls.busy() == {0, 1, 2} and [member.handle.made for member in members] == [1, 1, 1]
    made, failed = calls.collect(0.0)
    assert [(one.actor, one.generation, one.number, len(one.rows)) for one in made] == [(0, 5, 1, 2)]
    assert [(one.actor, one.incarnation) for one in failed] == [(1, 1)] and "lost with its node" in failed[0].why
    assert calls.busy() == {2} and (calls.messages, calls.bytes) == (1, 2 * ROW.itemsize)
    calls.forget(2)
    assert calls.busy() == set()


def test_a_relay_forgets_the_call_of_an_actor_that_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "EVERY", 0.01)
    ray, numbers = FakeRay(), itertools.count()
    mine = relay.Relay.__new__(relay.Relay)
    mine._calls, mine._incarnations, mine._dtype = Calls(ray), {}, ROW
    old = Member(0, 0, "node", Handle(ray, numbers, "hangs"))
    assert mine.exchange([old], (1, [None], 2), False, False).busy == [0]
    new = Member(0, 1, "node", Handle(ray, numbers, "plays"))
    found = mine.exchange([new], (2, [None], 2), False, False)
    assert found.made and {(one.incarnation, one.generation) for one in found.made} == {(1, 2)}
    assert [one.number for one in found.made] == list(range(1, len(found.made) + 1))
    found = mine.exchange([new], (2, [None], 2), True, False)
    assert len(found.made) <= 1 and found.busy == [], "paused: only what was in flight"


class RelayRay(FakeRay):
    """A node "a" with relays whose exchanges end as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.started, self.killed = True, 0, 0
        self.calls = itertools.count()
        strategies = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: (node, soft))
        self.util = SimpleNamespace(scheduling_strategies=strategies)

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "here")

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "a", "Alive": self.alive}]

    def remote(self, **options: Any) -> Any:
        assert options["scheduling_strategy"] == ("a", False)

        def start(dtype: np.dtype) -> Any:
            self.started += 1
            return SimpleNamespace(exchange=SimpleNamespace(remote=lambda *_: next(self.calls)))

        return lambda _: SimpleNamespace(remote=start)

    def kill(self, relay: Any) -> None:
        self.killed += 1


MEMBERS = [Member(0, 4, "a", None), Member(1, 5, "a", None)]


def test_an_exchange_ends_before_the_next_begins_and_its_rows_are_counted() -> None:
    ray = RelayRay()
    mine = relays.Relays(ray, ROW)
    for _ in range(3):
        mine.ask(MEMBERS, Order(1, None, 2), paused=False)
    assert next(ray.calls) == 1 and mine.busy() == {0, 1} and mine.collect(0.0) == ([], [])
    made = Made(0, 4, relay.NO_ROWS, {}, 1, 1)
    ray.results[0] = relay.Delivery([made], [3], rows(3).tobytes(), False, [], [1])
    (found,), failed = mine.collect(0.0)
    assert np.array_equal(found.rows, rows(3)) and failed == [] and mine.busy() == {1}
    assert (mine.messages, mine.bytes) == (1, 3 * ROW.itemsize)


@pytest.mark.parametrize("alive", [True, False])
def test_a_relay_that_dies_is_replaced_and_a_node_that_is_gone_fails_all_its_actors(alive: bool) -> None:
    ray = RelayRay()
    mine = relays.Relays(ray, ROW)
    mine.ask(MEMBERS, Order(1, None, 2), paused=False)
    ray.results[0], ray.alive = _Exceptions.RayError("gone"), alive
    made, failed = mine.collect(0.0)
    assert made == [] and ray.killed == 1 and mine.busy() == set()
    assert [one[:2] for one in failed] == ([] if alive else [(0, 4), (1, 5)])
    mine.ask(MEMBERS if alive else [], Order(1, None, 2), paused=False)
    assert ray.started == (2 if alive else 1)


def test_a_relay_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = RelayRay()
    mine = relays.Relays(ray, ROW)
    mine.ask(MEMBERS, Order(1, None, 2), paused=False)
    mine.collect(0.0)
    assert ray.killed == 0
    monkeypatch.setattr(relays, "HUNG", -1.0)
    mine.collect(0.0)
    assert ray.killed == 1


def test_rows_of_another_layout_count_as_a_failure_of_their_actor_and_spoil_no_others() -> None:
    ray, numbers = FakeRay(), itertools.count()
    mine = relay.Relay.__new__(relay.Relay)
    mine._calls, mine._incarnations, mine._dtype = Calls(ray), {}, ROW
    members = [Member(n, 0, "node", Handle(ray, numbers, kind)) for n, kind in enumerate(("plays", "sends others"))]
    found = mine.exchange(members, (1, [None], 2), False, False)
    assert [(one.actor, one.why) for one in found.failed] == [(1, "it sent rows of another layout")]
    assert [len(one.rows) for one in relay.unpack(found, ROW)] == [2]
