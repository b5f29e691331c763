"""The measuring of trained agents: the same positions for all, once each, and what the numbers are."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import tiny

import games
from games.knowledge import EvalSet, Knowledge
from selfplay.errors import FolderError
from selfplay.players import network_player
from selfplay.players.player import Turn
from selfplay.sweeps import curve, folder, measuring, plan, positions
from selfplay.sweeps.plan import Budget, Measure, Trial

GAME = games.make("connect-four")
NUMBER = 45


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> folder.SweepFolder:
    """Two arms, trained as it seems: untrained weights and a file of metrics each."""

    def make(game: games.base.Game, number: int, seed: int) -> EvalSet:
        known = games.facet(game, Knowledge).eval_set()
        assert known is not None
        taken = np.linspace(0, len(known.states) - 1, number).astype(int)
        return EvalSet(known.states[taken], known.values[taken], known.stage[taken], positions.STAGES)

    monkeypatch.setattr(positions, "make", make)
    arms = [("base", ()), ("few", ("actor.num_simulations=8",))]
    made = plan.make("connect-four", None, [], arms, (1,), Budget("generations", 2.0),
                     Measure(positions=NUMBER, simulations=4))  # fmt: skip
    found = folder.SweepFolder(tmp_path / "sweep", made)
    for generation, trial in enumerate(made.trials(), start=5):
        run = tiny.weights_folder(found.run(trial), generation=generation)
        (run / "metrics.jsonl").write_text(
            '{"step": 0, "seconds": 0.0, "evaluation/accuracy": 0.5}\n'
            f'{{"step": {generation}, "seconds": 90.0, "games": 7, "evaluations": 99, "evaluation/accuracy": 0.75}}\n'
        )
        found.add_trained(trial, 1.0)
    return found


def test_mistakes_are_the_positions_whose_result_the_agent_gives_away(sweep: folder.SweepFolder) -> None:
    said: list[str] = []
    (about,) = measuring.measure(sweep, "exact", said.append, contextlib.nullcontext)
    assert about.startswith("45 positions of play by others") and "4 simulations" in about
    eval_set = positions.make(GAME, NUMBER, measuring.SEED)
    assert eval_set is not None
    for trial in sweep.plan.trials():
        agent = network_player.load(sweep.run(trial))
        wrong = {0: 0, 4: 0}
        ends = 0
        for simulations in wrong:
            for state, values, stage in zip(eval_set.states, eval_set.values, eval_set.stage, strict=True):
                one = np.array([state])
                (action,) = agent.at(simulations).choose(Turn(one, [], one, [[]])).actions
                missed = values[action] != values.max()
                wrong[simulations] += missed
                ends += missed and stage == 2 and simulations == 4
        result = sweep.results[trial.name]
        assert result["metrics"]["mistakes"] == pytest.approx(wrong[4] / NUMBER)
        assert result["metrics"]["mistakes_policy"] == pytest.approx(wrong[0] / NUMBER)
        assert result["metrics"]["mistakes_end"] == pytest.approx(ends / (eval_set.stage == 2).sum())
        assert (result["generation"], result["minutes"], result["games"], result["evaluations"]) in (
            (5, 1.5, 7, 99), (6, 1.5, 7, 99),
        )  # fmt: skip
    assert len(said) == 3  # the positions, and two agents
    measuring.measure(sweep, "exact", said.append, contextlib.nullcontext)
    assert len(said) == 3  # nothing is measured twice


def test_a_file_of_positions_that_is_damaged_or_anothers_is_refused(sweep: folder.SweepFolder) -> None:
    file = sweep.path / measuring.POSITIONS
    file.write_bytes(b"no positions")
    with pytest.raises(FolderError, match="is damaged"):
        measuring.measure(sweep, "exact", lambda _: None, contextlib.nullcontext)
    tic_tac_toe = games.make("tic-tac-toe").initial_states(2)
    with file.open("wb") as out:
        np.savez(out, states=tic_tac_toe, values=np.zeros((2, 9), np.int8), stage=np.zeros(2, np.int8))
    with pytest.raises(FolderError, match="positions of another game"):
        measuring.measure(sweep, "exact", lambda _: None, contextlib.nullcontext)


def test_what_training_measured_is_compared_in_any_family_and_drawn(sweep: folder.SweepFolder) -> None:
    measuring.measure(sweep, "evaluation", lambda _: None, contextlib.nullcontext)
    assert sweep.results["base-1"]["metrics"] == {"accuracy": 0.75}
    (metric,) = measuring.metrics("evaluation", sweep.plan, sweep.results)
    assert (metric.name, metric.kind, metric.better) == ("accuracy", "share", "higher")
    points = curve.points(sweep)
    assert [(p["arm"], p["generation"], p["minutes"], p["accuracy"]) for p in points[:2]] == [
        ("base", 0, 0.0, 0.5), ("base", 5, 1.5, 0.75),
    ]  # fmt: skip
    assert curve.table(points).splitlines()[0] == "arm,seed,generation,minutes,evaluations,accuracy"
    assert curve.draw(sweep, points) and (sweep.path / curve.PNG).read_bytes()[:4] == b"\x89PNG"
    assert not curve.draw(sweep, [])


def test_a_trained_run_without_metrics_is_named(sweep: folder.SweepFolder) -> None:
    (sweep.run(Trial("few", 1)) / "metrics.jsonl").unlink()
    with pytest.raises(FolderError, match=r"few-1' has no metrics"):
        measuring.measure(sweep, "evaluation", lambda _: None, contextlib.nullcontext)
