"""The network's fast forms against the slow one, the evaluator's contract, batches and the loss."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from facets import notation_of

import games
from games.base import Game
from games.tic_tac_toe import TicTacToe
from selfplay import device as devices
from selfplay.alphazero import loss
from selfplay.learning.config import LearnerConfig
from selfplay.learning.learner import Learner, Update
from selfplay.networks import inference, policy_value, priors
from selfplay.networks.config import NetworkConfig
from selfplay.search import search

CPU = torch.device("cpu")
ODD_BOARDS = [(1, 1), (2, 2), (3, 7), (5, 5), (8, 8), (10, 4)]


def board_game(rows: int, columns: int, planes: int = 2) -> Game:
    class Board(TicTacToe):  # only its sizes are asked for
        observation_shape = (planes, rows, columns)
        num_actions = rows * columns + 1

    return Board()


def trained(game: Game, size: NetworkConfig = tiny.NETWORK, seed: int = 0) -> policy_value.PolicyValueNet:
    """A network in evaluation mode whose batch norms are not the identity."""
    net = policy_value.PolicyValueNet(game, size)
    net.load_state_dict(tiny.random_weights(game, seed, size))
    return net.eval()


def planes_of(game: Game, batch: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    made = torch.randint(0, 2, (batch, *game.observation_shape), generator=generator).float()
    return made.contiguous(memory_format=torch.channels_last)


@pytest.fixture(params=["fused", "plain"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "plain":
        monkeypatch.setattr(inference, "_fused_works", lambda: False)
    elif not inference._fused_works():
        pytest.skip("this torch has no fused operators")
    return str(request.param)


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "compute_dtype", lambda device_type: torch.float32)


@pytest.mark.usefixtures("in_float32")
def test_the_fast_form_equals_the_slow_network_at_every_batch_size(form: str) -> None:
    game = games.make("connect-four")
    net = trained(game)
    fast = inference.fast_forward(net, game.observation_shape[1:], CPU)
    assert type(fast).__name__ == ("_FusedForward" if form == "fused" else "_PlainForward")
    with torch.inference_mode():
        for batch in range(1, 71):
            planes = planes_of(game, batch, batch)
            for a, b in zip(fast(planes), net(planes), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("in_float32")
@pytest.mark.parametrize("name", ["checkers", "chess"])
def test_a_policy_over_the_board_gives_each_action_the_logit_of_its_place(form: str, name: str) -> None:
    game = games.make(name)
    net, planes, places = trained(game), planes_of(game, 5, 5), game.action_planes()
    with torch.inference_mode():
        policy, wdl = net(planes)
        board = net.policy(torch.relu(net.policy_foot(net.tower(torch.relu(net.stem(planes))))))
        _, rows, columns = game.observation_shape
        for action in range(0, game.num_actions, 7):
            plane, square = divmod(int(places[action]), rows * columns)
            torch.testing.assert_close(policy[:, action], board[:, plane, square // columns, square % columns])
        for ours, theirs in zip(inference.fast_forward(net, (rows, columns), CPU)(planes), (policy, wdl), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("in_float32")
@pytest.mark.parametrize("board", ODD_BOARDS)
def test_any_board_size_works(form: str, board: tuple[int, int]) -> None:
    game = board_game(*board, planes=3)
    size = replace(tiny.NETWORK, channels=12, blocks=2, head_channels=3)
    net = trained(game, size)
    fast = inference.fast_forward(net, board, CPU)
    with torch.inference_mode():
        for batch in (1, 2, 17):
            for a, b in zip(fast(planes_of(game, batch)), net(planes_of(game, batch)), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_the_fast_form_stays_near(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "compute_dtype", lambda device_type: torch.bfloat16)
    try:
        works = form == "plain" or inference._fused_works()
    except RuntimeError:
        works = False
    if not works:
        pytest.skip("this processor has no fused bfloat16 operators")
    game = games.make("connect-four")
    torch.manual_seed(0)
    net = policy_value.PolicyValueNet(game, tiny.NETWORK).eval()
    with torch.inference_mode():
        fast = inference.fast_forward(net, game.observation_shape[1:], CPU)
        for batch in (1, 5, 64, 70):
            planes = planes_of(game, batch)
            for a, b in zip(fast(planes.bfloat16()), net(planes), strict=True):
                assert a.dtype == torch.bfloat16
                torch.testing.assert_close(a.float(), b, rtol=0.05, atol=0.02)


@pytest.mark.usefixtures("in_float32")
def test_the_fast_form_keeps_the_weights_of_its_moment(form: str) -> None:
    game = games.make("tic-tac-toe")
    net = trained(game)
    fast = inference.fast_forward(net, (3, 3), CPU)
    with torch.inference_mode():
        before = [part.clone() for part in fast(planes_of(game, 4))]
    with torch.no_grad():
        for value in net.state_dict().values():
            value.zero_()
    with torch.inference_mode():
        for a, b in zip(fast(planes_of(game, 4)), before, strict=True):
            assert torch.equal(a, b)


@pytest.mark.usefixtures("in_float32")
def test_the_fast_form_leaves_its_input_alone(form: str) -> None:
    game = games.make("tic-tac-toe")
    fast = inference.fast_forward(trained(game), (3, 3), CPU)
    planes = planes_of(game, 4)
    before = planes.clone()
    with torch.inference_mode():
        fast(planes)
    assert torch.equal(planes, before)


def leaves_of(game: Game, states: np.ndarray) -> search.Leaves:
    rows = np.arange(len(states))
    return search.Leaves(rows, rows, states, *game.legal_actions(states))


def some_states(game: Game, count: int, seed: int = 0) -> np.ndarray:
    """`count` positions from random play, none of them terminal."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        states = game.initial_states(1)
        while not states["terminal"][0]:
            found.append(states[0])
            actions, number = game.legal_actions(states)
            states = game.step(states, actions[:, rng.integers(number[0])]).states
    return np.array(found[:count], dtype=game.state_dtype)


@pytest.mark.parametrize("name", games.available())
def test_the_evaluator_keeps_its_contract(name: str) -> None:
    game = games.make(name)
    evaluate = inference.NetworkEvaluator(game, tiny.NETWORK, CPU)
    evaluate.load(tiny.random_weights(game, 1))
    states = some_states(game, 90)
    leaves = leaves_of(game, states)
    prior, wdl = evaluate(leaves)
    assert prior.shape == leaves.actions.shape and wdl.shape == (90, 3)
    assert prior.dtype == wdl.dtype == np.float32
    assert (prior[leaves.actions < 0] == 0).all() and (prior >= 0).all() and (wdl >= 0).all()
    np.testing.assert_allclose(prior.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(wdl.sum(1), 1, atol=1e-5)
    assert (evaluate.evaluations, evaluate.batches) == (90, 1)


def test_loading_weights_changes_the_answers_and_wrong_ones_are_refused() -> None:
    game = games.make("tic-tac-toe")
    evaluate = inference.NetworkEvaluator(game, tiny.NETWORK, CPU)
    leaves = leaves_of(game, some_states(game, 5))
    evaluate.load(tiny.random_weights(game, 1))
    first = evaluate(leaves)
    evaluate.load(tiny.random_weights(game, 2))
    assert not np.allclose(first[1], evaluate(leaves)[1])
    evaluate.load(tiny.random_weights(game, 1))
    assert np.array_equal(first[0], evaluate(leaves)[0]) and np.array_equal(first[1], evaluate(leaves)[1])
    with pytest.raises(RuntimeError):
        evaluate.load(tiny.random_weights(game, 1, replace(tiny.NETWORK, channels=12)))


def slow_softmax(logits: list[float], actions: list[int]) -> list[float]:
    highest = max(logits[action] for action in actions if action >= 0)
    weights = [math.exp(logits[action] - highest) if action >= 0 else 0.0 for action in actions]
    return [weight / sum(weights) for weight in weights]


def test_legal_softmax_agrees_with_a_slow_twin_and_with_huge_logits() -> None:
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0, 30.0, 1e4):
        logits = (rng.normal(size=(40, 9)) * scale).astype(np.float32)
        actions = np.full((40, 9), -1, dtype=np.int32)
        for row in actions:
            legal = np.sort(rng.choice(9, rng.integers(1, 10), replace=False))
            row[: len(legal)] = legal
        before = logits.copy()
        found = priors.legal_softmax(logits, actions)
        wanted = [slow_softmax(a, b) for a, b in zip(logits.tolist(), actions.tolist(), strict=True)]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert np.array_equal(logits, before)


# Batches


def made_rows(game: Game, seed: int = 0, count: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, dtype=loss.row_dtype(game))
    rows["state"] = some_states(game, count, seed)
    actions, _ = game.legal_actions(np.ascontiguousarray(rows["state"]))
    policy = np.where(actions >= 0, rng.random(actions.shape) + 0.01, 0)
    rows["actions"] = actions
    rows["policy"] = policy / policy.sum(1, keepdims=True)
    wdl = rng.random((count, 3)) + 0.01
    rows["search_wdl"] = wdl / wdl.sum(1, keepdims=True)
    rows["outcome"] = rng.choice(np.array([-1, -0.5, 0, 0.25, 1], dtype=np.float32), count)
    return rows


class FixedSymmetry:
    """Stands in for the generator that draws symmetries."""

    def __init__(self, number: int) -> None:
        self.number = number

    def integers(self, low: int, high: int, size: int) -> np.ndarray:
        assert low <= self.number < high
        return np.full(size, self.number)


def batch_of(game: Game, rows: np.ndarray, fraction: float, symmetry: int = 0) -> dict[str, np.ndarray]:
    made = loss.make_batch(game, rows, fraction, FixedSymmetry(symmetry), CPU)  # type: ignore[arg-type]
    return {key: value.numpy() for key, value in made.items()}


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_a_batch_agrees_with_a_slow_twin(fraction: float) -> None:
    game = games.make("connect-four")
    rows = made_rows(game)
    batch = batch_of(game, rows, fraction)
    np.testing.assert_array_equal(batch["planes"], game.observe(rows["state"].copy()))
    for i, row in enumerate(rows):
        policy = [0.0] * game.num_actions
        for action, share in zip(row["actions"], row["policy"], strict=True):
            if action >= 0:
                policy[action] = share
        np.testing.assert_allclose(batch["policy"][i], policy, atol=1e-7)
        shares = {1: [1, 0, 0], 0.25: [0.25, 0.75, 0], 0: [0, 1, 0], -0.5: [0, 0.5, 0.5], -1: [0, 0, 1]}
        outcome = shares[float(row["outcome"])]
        wdl = [(1 - fraction) * a + fraction * b for a, b in zip(outcome, row["search_wdl"], strict=True)]
        np.testing.assert_allclose(batch["wdl"][i], wdl, atol=1e-6)
    np.testing.assert_allclose(batch["wdl"].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(batch["policy"].sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("name", games.available()[:2])
def test_a_symmetry_turns_planes_and_policy_alike(name: str) -> None:
    game = games.make(name)
    rows = made_rows(game)
    plain = batch_of(game, rows, 0.5)
    for symmetry in range(game.num_symmetries):
        turned = batch_of(game, rows, 0.5, symmetry)
        every = np.full(len(rows), symmetry)
        states = game.symmetric_states(rows["state"].copy(), every)
        np.testing.assert_array_equal(turned["planes"], game.observe(states))
        where = game.symmetric_actions(np.tile(np.arange(game.num_actions), (len(rows), 1)), every)
        np.testing.assert_array_equal(np.take_along_axis(turned["policy"], where.astype(int), 1), plain["policy"])
        # A turned target stays on the legal actions of the turned position.
        actions, _ = game.legal_actions(states)
        legal = np.zeros((len(rows), game.num_actions + 1), dtype=bool)
        np.put_along_axis(legal, actions.astype(int), True, axis=1)
        assert (turned["policy"][~legal[:, :-1]] == 0).all()


def test_a_mirrored_position_by_hand() -> None:
    game = games.make("tic-tac-toe")
    row = np.zeros(1, dtype=loss.row_dtype(game))
    row["state"] = notation_of(game).state_after("1")[0]  # X in the top left corner, O to move
    row["actions"] = [[1, 2, 3, 4, 5, 6, 7, 8, -1]]
    row["policy"] = [[0.5, 0, 0, 0.25, 0, 0, 0.25, 0, 0]]  # top middle, centre, bottom middle
    boards = set()
    for symmetry in range(8):
        batch = batch_of(game, row, 0.0, symmetry)
        corner = int(batch["planes"][0, 1].argmax())
        best = int(batch["policy"][0].argmax())
        #  X ½ .   the corner and the cell beside it stay neighbours, and the centre stays
        #  . ¼ .
        #  . ¼ .
        assert corner in (0, 2, 6, 8)
        assert abs(corner // 3 - best // 3) + abs(corner % 3 - best % 3) == 1
        assert batch["policy"][0, 4] == 0.25 and batch["policy"][0, 8 - best] == 0.25
        boards.add((corner, best))
    assert len(boards) == 8


def test_rows_may_lie_anywhere_in_memory() -> None:
    game = games.make("connect-four")
    rows = made_rows(game, count=20)
    buffer = np.zeros(rows.nbytes + 3, dtype=np.uint8)
    unaligned = np.frombuffer(buffer[3:], dtype=rows.dtype)
    unaligned[:] = rows
    strided = np.zeros((20, 3), dtype=rows.dtype)[:, 1]
    strided[:] = rows
    frozen = rows.copy()
    frozen.flags.writeable = False
    wanted = batch_of(game, rows, 0.5, 1)
    for other in (unaligned, strided, frozen):
        found = batch_of(game, other, 0.5, 1)
        assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


# The loss


def test_the_loss_is_the_cross_entropy_of_both_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "compute_dtype", lambda device_type: torch.float32)
    game = games.make("tic-tac-toe")
    net = trained(game)
    batch = loss.make_batch(game, made_rows(game), 0.5, np.random.default_rng(0), CPU)
    total, named = loss.policy_value_loss(3.0)(net, batch, 0.0)
    with torch.no_grad():
        policy, wdl = (out.log_softmax(1) for out in net(batch["planes"]))
    policy_loss = -(batch["policy"] * policy).sum(1).mean()
    value_loss = -(batch["wdl"] * wdl).sum(1).mean()
    torch.testing.assert_close(total.detach(), policy_loss + 3 * value_loss)
    torch.testing.assert_close(named["value_loss"].detach(), value_loss)
    kl = (batch["policy"] * (batch["policy"].clamp_min(1e-30).log() - policy)).sum(1).mean()
    torch.testing.assert_close(named["policy_kl"].detach(), kl, rtol=1e-4, atol=1e-5)


def test_a_small_network_learns_sixty_four_rows_by_heart() -> None:
    game = games.make("tic-tac-toe")
    rows = made_rows(game)
    # One target a position: its first legal action, and an outcome that follows from the position.
    rows = rows[np.unique(game.key(rows["state"].copy()), return_index=True)[1]]
    rows["policy"] = 0
    rows["policy"][:, 0] = 1
    rows["outcome"] = rows["state"]["mask"].astype(int) % 3 - 1
    torch.manual_seed(1)
    size = replace(tiny.NETWORK, channels=16, head_channels=8, value_hidden=16)
    net = policy_value.PolicyValueNet(game, size)
    update = Update("net", net, loss.policy_value_loss(1.0))
    learner = Learner((update,), LearnerConfig(learning_rate=1e-2))
    batch = batch_of(game, rows, 0.0)
    tensors = {key: torch.from_numpy(value) for key, value in batch.items()}
    for _ in range(150):
        report = learner.step(tensors, 0.0)
    assert float(report["net/policy_kl"]) < 0.1 and float(report["net/value_loss"]) < 0.1

    evaluate = inference.NetworkEvaluator(game, size, CPU)
    evaluate.load(net.state_dict())
    prior, wdl = evaluate(leaves_of(game, rows["state"].copy()))
    assert (prior.argmax(1) == 0).mean() > 0.9
    assert (1 - wdl.argmax(1) == rows["outcome"]).mean() > 0.9


@pytest.mark.parametrize("largest", [128, 600])
def test_few_batch_sizes_are_computed_for_any_number_of_positions(largest: int) -> None:
    sizes = [inference.padded(size) for size in range(1, largest + 1)]
    assert all(0 <= computed - size < inference.STEP for size, computed in enumerate(sizes, 1))
    assert sizes[0] == 1  # a single position, as in a game with a person, costs no more
    assert 8 * len({size for size in sizes if size <= 256}) < 1024  # layers of a network; what oneDNN keeps
