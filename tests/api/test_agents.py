"""Agents in Python: loading, analysis, evaluation; and each mistake, which is answered by one sentence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny import weights_folder

import games
import selfplay
from games.base import Game
from games.notation import Notation
from selfplay.errors import UserError
from selfplay.storage import artifact


@pytest.fixture(scope="module")
def agent() -> selfplay.TrainedAgent:
    return selfplay.load("tic-tac-toe")


def after(game: Game, moves: str) -> np.ndarray:
    return games.facet(game, Notation).state_after(moves)


# Loading


def test_an_agent_is_found_by_game_run_and_generation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = weights_folder(tmp_path / "run")
    by_run = selfplay.load(run)
    assert by_run.game is games.make("connect-four")
    assert (by_run.generation, by_run.path) == (7, run / "checkpoints" / "000007")
    assert selfplay.load(str(by_run.path)).generation == 7
    packaged = selfplay.load("connect-four")
    assert packaged.path.parent.name == "agents" and packaged.name == "connect-four"
    monkeypatch.chdir(tmp_path)
    weights_folder(tmp_path / "connect-four")  # a folder of that name comes first
    assert selfplay.load("connect-four").path == Path("connect-four/checkpoints/000007")


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("runs/nothing", ValueError, "'runs/nothing' is no folder, and no game that has a packaged agent."),
        ("connect-for", ValueError, "Did you mean 'connect-four'?"),
        ("runs/conect-four", ValueError, "Did you mean 'runs/connect-four'?"),
        (7, TypeError, "the agent must be a path or a text, not 7."),
        (None, TypeError, "not None"),
    ],
)
def test_an_agent_that_is_not_there_is_named_with_the_nearest(
    source: object, kind: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "connect-four").mkdir(parents=True)
    (tmp_path / "runs" / "connect-four" / "config.json").write_text("{}")
    refused(lambda: selfplay.load(source), kind, said)  # type: ignore[arg-type]


def test_folders_that_hold_no_agent_of_a_board_game_are_refused(tmp_path: Path) -> None:
    refused(lambda: selfplay.load(tmp_path), UserError, "holds no checkpoint")
    folder = tmp_path / "gan" / "checkpoints" / "000001"
    artifact.write(folder, {"net.safetensors": b""}, {"kind": "weights", "family": "gan", "generation": 1})
    refused(lambda: selfplay.load(tmp_path / "gan"), UserError, "holds no player of a board game")


def test_a_game_without_a_packaged_agent_says_how_to_train_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(games, "available", lambda: ["hex"])
    refused(lambda: selfplay.load("hex"), UserError, "train one with selfplay.train('hex')")


# Analysis


def test_a_position_is_given_as_text_list_state_or_batch_and_means_the_same(agent: selfplay.TrainedAgent) -> None:
    game = agent.game
    states = after(game, "51")
    by_text = agent.analyze("51", simulations=50)
    assert by_text == agent.analyze(["5", "1"], simulations=50) == agent.analyze(("5", "1"), simulations=50)
    assert by_text == agent.analyze(states[0], simulations=50)
    assert agent.analyze(states, simulations=50) == [by_text]
    assert len(agent.analyze(np.repeat(states, 3), simulations=10)) == 3
    assert agent.analyze(states[:0]) == []


def test_an_analysis_finds_the_win_and_says_so(agent: selfplay.TrainedAgent) -> None:
    # X X .
    # O O .
    # . . .   X to move wins in cell 3.
    found = agent.analyze("1425", simulations=100)
    assert found.best == "3" and found.best_action == 2 and found.pv == ["3"]
    assert found.exact and found.value == 1 and found.wdl[0] == pytest.approx(1, abs=1e-5)
    assert found.policy["3"] == max(found.policy.values()) and sum(found.policy.values()) == pytest.approx(1)
    assert set(found.policy) == set(found.visits) == set(found.priors) == set(found.values) == {"3", "6", "7", "8", "9"}
    assert next(iter(found.policy)) == "3"
    assert "best='3', value=+1.000, proven" in repr(found) and repr(found).count("\n") == 0
    assert str(found).startswith(found.board) and "visits" in str(found)


def test_the_principal_variation_is_a_line_of_legal_moves(agent: selfplay.TrainedAgent) -> None:
    found = agent.analyze("", simulations=200)
    assert found.pv[0] == found.best and len(found.pv) > 1
    after(agent.game, "".join(found.pv))


def test_no_simulations_give_the_policy_of_the_network(agent: selfplay.TrainedAgent) -> None:
    found = agent.analyze("5", simulations=0)
    priors, wdl = agent.evaluate(after(agent.game, "5"))
    assert sum(found.visits.values()) == 0
    for move, share in found.policy.items():
        assert share == pytest.approx(float(priors[0, int(move) - 1]), abs=1e-4)
    assert found.wdl == pytest.approx(wdl[0], abs=1e-4)


def test_evaluation_is_over_all_actions_and_zero_where_illegal(agent: selfplay.TrainedAgent) -> None:
    states = np.concatenate([after(agent.game, "5"), agent.game.initial_states(1)])
    priors, wdl = agent.evaluate(states)
    assert priors.shape == (2, 9) and priors.dtype == np.float32 and wdl.shape == (2, 3)
    assert priors[0, 4] == 0 and np.allclose(priors.sum(axis=1), 1, atol=1e-3)
    assert np.allclose(wdl.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda a: a.analyze("55"), ValueError, "move 2: '5' is not a legal move here."),
        (lambda a: a.analyze(["5", "5"]), ValueError, "move 2: '5' is not a legal move here."),
        (lambda a: a.analyze([5, 1]), TypeError, "move 1 is 5, and must be a text such as '1'"),
        (lambda a: a.analyze(5), TypeError, "a position is given by its moves"),
        (lambda a: a.analyze("5", simulations=-5), ValueError, "simulations is -5, and must be a whole number from 0"),
        (lambda a: a.analyze("5", simulations="many"), TypeError, "simulations must be a whole number"),
        (lambda a: a.analyze("5", simulations=True), TypeError, "simulations must be a whole number"),
        (lambda a: a.analyze("5", simulations=10**9), ValueError, "to 1,000,000"),
        (lambda a: a.analyze("5", fen="x"), ValueError, "positions of tic-tac-toe have no FEN"),
        (lambda a: a.analyze("5", fen=5), TypeError, "fen must be a text, not 5"),
        (lambda a: a.analyze(a.game.initial_states(1), fen="x"), ValueError, "with states, leave it out"),
        (lambda a: a.analyze("14253"), ValueError, "the game is over in this position"),
        (lambda a: a.analyze(after(a.game, "14253")), ValueError, "the game is over in position 0 of 1"),
        (lambda a: a.analyze(games.make("connect-four").initial_states(1)), TypeError, "tic-tac-toe positions"),
        (lambda a: a.analyze(games.make("connect-four").initial_states(1)[0]), TypeError, "tic-tac-toe positions"),
        (lambda a: a.evaluate(np.zeros((4, 2, 3, 3), np.float32)), TypeError, "shape (4, 2, 3, 3) and dtype 'float32'"),
        (lambda a: a.evaluate("51"), TypeError, "states must be an array of tic-tac-toe positions"),
        (lambda a: a.player(-1), ValueError, "simulations is -1"),
    ],
)
def test_a_mistake_is_answered_by_one_sentence(
    agent: selfplay.TrainedAgent, call: Callable, kind: type[Exception], said: str
) -> None:
    refused(lambda: call(agent), kind, said)


def refused(call: Callable[[], object], kind: type[Exception], said: str) -> None:
    """One sentence for the user, which is also what Python raises for such a mistake."""
    with pytest.raises(UserError) as caught:
        call()
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert isinstance(caught.value, kind) or issubclass(kind, ValueError)


def test_an_agent_pickles_with_its_weights(agent: selfplay.TrainedAgent) -> None:
    thawed = pickle.loads(pickle.dumps(agent))
    assert thawed.analyze("5", simulations=20) == agent.analyze("5", simulations=20)
    assert repr(thawed) == repr(agent)
    assert selfplay.match(thawed, agent, games=2, simulations=2).games == 2
