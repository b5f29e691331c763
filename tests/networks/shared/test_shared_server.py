"""Shared inference with the server in a thread: the same bits as at home, fair batches, and clients that misbehave."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from served import SHARED, Served, leaves, local, same

import games
from selfplay.errors import ActorPoolError, TrainingDiverged
from selfplay.networks import inference, priors
from selfplay.networks.shared import client, engine, messages, segment, server


@pytest.fixture(autouse=True)
def _servers_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINGER", 0.5)
    monkeypatch.setattr(server, "IDLE", 0.02)


@pytest.fixture
def served() -> Iterator[Served]:
    with Served() as made:
        yield made


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four", "chess"])
def test_a_shared_network_answers_with_the_bits_of_a_local_one_in_batches_of_any_size(name: str) -> None:
    with Served(name) as served:
        shared, own = served.evaluator(seed=1), local(served.game, seed=1)
        for size in (1, 2, 15, 17, 40, 64, 150):  # the last is more than a slot has room for
            asked = leaves(served.game, size, seed=size)
            assert same(shared(asked), own(asked))
        assert shared.evaluations == 289 and shared.batches == 7


def test_requests_that_are_gathered_into_one_batch_have_the_bits_they_would_have_alone() -> None:
    with Served(config=replace(SHARED, wait_ms=1000.0)) as served:
        first, second = served.evaluator(seed=1), served.evaluator(seed=1)
        few, more = leaves(served.game, 5, seed=1), leaves(served.game, 12, seed=2)
        answers = [first.submit(few), second.submit(more)]
        own = local(served.game, seed=1)
        assert same(answers[0](), own(few)) and same(answers[1](), own(more))
        assert first._client.counts["batch"] == second._client.counts["batch"] == 17


def test_batches_never_mix_two_sets_of_weights(served: Served) -> None:
    connection = served.client()
    newest, opponent = (client.SharedEvaluator(connection, name) for name in ("newest", "opponent"))
    for evaluator, seed in ((newest, 1), (opponent, 2)):
        evaluator.load(tiny.random_weights(served.game, seed))
    asked = leaves(served.game, 9)
    answers = [newest.submit(asked), opponent.submit(asked)]
    assert same(answers[1](), local(served.game, 2)(asked)) and same(answers[0](), local(served.game, 1)(asked))
    assert connection.counts["requests"] == 2 and connection.counts["batch"] == 18


def test_weights_come_to_a_server_once_whoever_uses_them(served: Served) -> None:
    evaluators = [served.evaluator(seed=1) for _ in range(3)] + [served.evaluator(seed=2)]
    for evaluator in evaluators:
        evaluator(leaves(served.game, 3))
    assert len(served.loads) == 2 and len(set(served.loads)) == 2


def test_new_weights_take_the_models_of_those_that_nobody_uses(served: Served) -> None:
    evaluator = served.evaluator(seed=0)
    asked, models = leaves(served.game, 3), set()
    for seed in range(6):
        evaluator.load(tiny.random_weights(served.game, seed))
        assert same(evaluator(asked), local(served.game, seed)(asked))
        models |= {id(model) for model in served.engine._models.values()}
    assert len(served.loads) == 6 and len(served.engine._models) == 1 and len(models) <= 2


def test_a_client_that_dies_is_forgotten_with_what_it_asked_for(served: Served) -> None:
    gone, stays = served.evaluator(seed=1), served.evaluator(seed=2)
    gone.submit(leaves(served.game, 7))
    gone._client.close()
    asked = leaves(served.game, 5)
    assert same(stays(asked), local(served.game, 2)(asked))
    assert wait_until(lambda: len(served.server._clients) == 1) and not served.server._queue
    stays.load(tiny.random_weights(served.game, 3))
    assert wait_until(lambda: len(served.engine._models) == 1)


def test_weights_that_one_client_does_not_send_are_asked_of_another(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SENDING", 0.1)
    evaluator = client.SharedEvaluator(served.client(), "newest")
    evaluator.load(tiny.random_weights(served.game, 1))
    with introduced(served) as silent:
        silent.send(messages.digests(messages.USE, [evaluator._digest]))
        assert silent.recv(messages.LONGEST) == messages.digests(messages.NEED, [evaluator._digest])
        asked = leaves(served.game, 5)
        assert same(evaluator(asked), local(served.game, 1)(asked))


def introduced(served: Served) -> socket.socket:
    """A bare connection of a client of one slot with 4 positions."""
    connection = served.named.connect()
    connection.settimeout(30)
    layout = segment.Layout(1, 4, served.game.max_legal_actions, served.game.state_dtype)
    descriptor = segment.sealed(layout.size)
    hello = messages.hello(1, 4, layout.width, layout.state.itemsize)
    socket.send_fds(connection, [hello], [descriptor])
    os.close(descriptor)
    assert messages.parse_welcome(connection.recv(messages.LONGEST)) == os.getpid()
    return connection


UNKNOWN = bytes(messages.DIGEST)


@pytest.mark.parametrize(
    ("nonsense", "why"),
    [
        (messages.request(messages.Request(1, 5, 1, UNKNOWN)), "memory does not hold"),
        (messages.request(messages.Request(1, 0, 5, UNKNOWN)), "memory does not hold"),
        (messages.request(messages.Request(1, 0, 4, UNKNOWN)), "has not got"),
        (messages.REQUEST + b"short", "unpack"),
        (b"?", "does not know"),
    ],
    ids=["slot", "rows", "weights", "length", "kind"],
)
def test_what_a_client_cannot_mean_ends_its_connection_and_no_other(served: Served, nonsense: bytes, why: str) -> None:
    evaluator = served.evaluator(seed=1)
    with introduced(served) as strange:
        strange.send(nonsense)
        said = strange.recv(messages.LONGEST)
        assert said.startswith(messages.REFUSAL) and why in said.decode()
        assert strange.recv(messages.LONGEST) == b""
        asked = leaves(served.game, 5)
        assert same(evaluator(asked), local(served.game, 1)(asked))


def test_actions_that_a_game_does_not_have_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = served.evaluator(seed=1)
    asked = leaves(served.game, 5)
    wrong = asked._replace(actions=np.full_like(asked.actions, served.game.num_actions))
    with pytest.raises(ActorPoolError, match=r"failed 5 times in a row.*actions that the game does not have"):
        evaluator(wrong)


def test_weights_of_another_network_are_refused_with_the_reason(served: Served) -> None:
    evaluator = served.evaluator(seed=1)
    with pytest.raises(ActorPoolError, match=r"failed 5 times in a row; the last time, .*size mismatch.*\.$"):
        evaluator.load(tiny.random_weights(served.game, 1, replace(tiny.NETWORK, channels=12)))


def test_answers_that_are_not_finite_are_an_error(served: Served) -> None:
    evaluator = served.evaluator(seed=1)
    weights = tiny.random_weights(served.game, 1)
    weights["value.bias"].fill_(float("nan"))
    evaluator.load(weights)
    with pytest.raises(TrainingDiverged, match="not finite"):
        evaluator(leaves(served.game, 5))


def test_a_server_that_refuses_says_so_and_what_was_asked_is_asked_again(served: Served) -> None:
    evaluator = served.evaluator(seed=1)
    asked = leaves(served.game, 6)
    answers = [evaluator.submit(asked), evaluator.submit(leaves(served.game, 3, seed=4))]
    assert evaluator._client._socket is not None
    evaluator._client._socket.shutdown(socket.SHUT_RDWR)  # as when the server has died
    own = local(served.game, 1)
    assert same(answers[0](), own(asked)) and same(answers[1](), own(leaves(served.game, 3, seed=4)))
    assert evaluator._client.counts["lost"] == 1
    assert evaluator._client.counts["requests"] in (2, 3)  # an answer may have come before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_under_way_on_a_gpu_are_those_of_a_network_there() -> None:
    game, device = games.make("connect-four"), torch.device("cuda")
    made = engine.Engine(game, tiny.NETWORK, device)
    asked = [leaves(game, size, seed=size) for size in (1, 3, 64, 200)]
    for seed in (1, 2):  # the second by copying into the graphs of the first
        weights = tiny.random_weights(game, seed)
        made.retain([])
        made.load(b"%d" % seed, weights)
        own = inference.NetworkEvaluator(game, tiny.NETWORK, device)
        own.load(weights)
        for one, other in itertools.pairwise(asked):
            fetches = [made.start(b"%d" % seed, some.states, some.actions) for some in (one, other)]
            for fetch, some in zip(fetches, (one, other), strict=True):
                logits, wdl = (array.copy() for array in fetch())
                prior, value = own(some)
                np.testing.assert_allclose(priors.softmax_in_place(logits, some.actions), prior, atol=1e-2)
                np.testing.assert_allclose(wdl, value, atol=1e-2)


def test_a_server_ends_when_its_last_client_has_gone() -> None:
    with Served() as served:
        served.evaluator(seed=1)(leaves(served.game, 2))
    # leaving the block has waited for its thread


def test_a_segment_of_another_size_is_not_mapped() -> None:
    layout = segment.Layout(2, 3, 7, np.dtype(np.int64))
    descriptor = segment.sealed(layout.size + 64)
    with pytest.raises(ValueError, match="were expected"):
        segment.Segment(layout, descriptor)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)  # a peer that shrinks it could make the other fault
    os.close(descriptor)


def wait_until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()
