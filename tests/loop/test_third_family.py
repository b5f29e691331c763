"""A family that the core has never heard of runs on it as it is; and what the five policies do to one that has cycles.

Rock–paper–scissors: each generation learns what the three actions make against the opponent it is given, and plays the
best of them. Everything is exact, so that statements are about dynamics and not about luck.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rock_paper_scissors import actor, loss, match, network
from test_run import damage, differences, lines_of, newest_state

from selfplay.agent import Agent, unwatched
from selfplay.cli.live import evaluation
from selfplay.errors import TrainingDiverged
from selfplay.league.pool import Pool
from selfplay.learning.learner import Update
from selfplay.loop import folder as folders
from selfplay.loop import run as runs
from selfplay.storage import artifact
from selfplay.types import Batch, MatchResult, Status, Watch, Weights

SELFPLAY = Path(__file__).resolve().parents[2] / "selfplay"
PACKAGES = ("loop", "learning", "storage", "league", "ratings")
CORE = sorted([*SELFPLAY.glob("*.py"), *(path for name in PACKAGES for path in (SELFPLAY / name).glob("*.py"))])
# Rows of eight generations, slow averages and a softer mixture: an agent that could remember, if it were reminded.
PATIENT = {"replay": {"window_min": 512}, "learner": {"learning_rate": 0.2, "ema_decay": 0.9}}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some two hundred generations are written here; that what is written lasts is shown elsewhere."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def config(generations: int, **sections: dict[str, Any]) -> match.Config:
    wanted = replace(match.Config(), **{k: replace(getattr(match.Config(), k), **v) for k, v in sections.items()})
    return replace(wanted, run=replace(wanted.run, generations=generations))


def train(
    path: Path, wanted: match.Config, until: int | None = None, agent: Callable[[match.Config], Any] = match.Thrower
) -> Status:
    with folders.Folder(path) as folder:
        run = runs.Run(agent(wanted), folder, lambda status: None)
        try:
            run.train(lambda: until is not None and run.status.generation >= until)
        finally:
            run.close()
    return run.status


def mixtures(path: Path) -> np.ndarray:
    """[G, 3] of all generations."""
    pool = Pool(path / "checkpoints")
    return np.array([network.mixture(pool.load(g)[1][actor.ROLE]["points"]) for g in pool.generations()])


def actions(path: Path) -> str:
    """Initials of the actions that all generations play."""
    assert (mixtures(path).max(axis=1) > 0.95).all(), "best responses are actions"
    return "".join("RPS"[best] for best in mixtures(path).argmax(axis=1))


# What the policies lead to


def test_latest_runs_in_circles_for_ever(tmp_path: Path) -> None:
    train(tmp_path, config(13, pool={"opponents": "latest"}))
    # The opponent is the generation before the one that goes on learning, so each answers the last but one: two
    # interleaved circles of period 3.
    assert actions(tmp_path) == "RPPSSRRPPSSRRP"
    assert match.exploitability(mixtures(tmp_path)[-1]) > 0.49


def test_playing_ones_averaged_weights_as_they_are_runs_in_circles_too(tmp_path: Path) -> None:
    train(tmp_path, config(10, pool={"opponents": "ema"}))  # which follow at once here: decay 0
    assert actions(tmp_path) == "RPSRPSRPSRP"


def test_history_keeps_no_circle_and_its_pool_comes_near_a_third_each(tmp_path: Path) -> None:
    train(tmp_path, config(30, pool={"opponents": "history"}))
    found = mixtures(tmp_path)
    assert "RPS" * 3 not in actions(tmp_path) and "RRPPSS" * 2 not in actions(tmp_path)
    # Of the pool, which is the time average; a generation by itself is one action, and as weak as ever.
    assert match.exploitability(found.mean(axis=0)) < 0.1
    assert min(map(match.exploitability, found)) > 0.48


def test_nash_draws_a_third_each_as_soon_as_all_three_are_known(tmp_path: Path) -> None:
    train(tmp_path, config(12, pool={"opponents": "nash", "matches": 100}))
    found, told = mixtures(tmp_path), json.loads((tmp_path / "payoffs.json").read_text())
    assert set(actions(tmp_path)) == set("RPS")
    drawn = sum(share * found[int(name)] for name, share in told["opponents"][actor.ROLE].items())
    np.testing.assert_allclose(drawn, 1 / 3, atol=1e-6)  # whatever number of each there is
    last = lines_of(tmp_path)[-1]
    assert last["league/mixture_exploitability"] < 1e-6 and last["league/cyclicity"] > 0.8
    assert last["league/exploitability"] == pytest.approx(1)  # of one action: 1 lost, 1 to be gained
    assert len(told["results"]) == 12 * 13 / 2
    assert {entry["variance"] for entry in told["results"]} == {0.0}


def test_forgetting_with_the_pool_off_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "TEMPERATURE", 0.1)
    worst = {}
    for policy in ("latest", "pfsp"):
        train(tmp_path / policy, config(28, pool={"opponents": policy, "matches": 8}, **PATIENT))
        found = mixtures(tmp_path / policy)
        points = [(found[g] @ network.POINTS @ found[:g].T).min() for g in range(16, 29)]
        worst[policy] = float(np.mean(points))  # against the ancestor that is hardest for each
    assert worst["latest"] < 0.15 and worst["pfsp"] > 0.25


# Runs as they are


@pytest.mark.parametrize("policy", ["latest", "history", "pfsp", "nash", "ema"])
def test_a_run_stopped_in_the_middle_goes_on_to_the_same_bits(tmp_path: Path, policy: str) -> None:
    wanted = config(6, pool={"opponents": policy, "matches": 3, "keep_newest": 3, "keep_log_spaced": 1})
    train(tmp_path / "whole", wanted)
    for generation in (3, 4, 6):
        train(tmp_path / "parts", wanted, until=generation)
    assert differences(tmp_path / "whole", tmp_path / "parts") == set()
    last = lines_of(tmp_path / "parts")[-1]
    assert ("league/exploitability" in last) == (policy in ("pfsp", "nash"))


def test_schedules_follow_the_updates_and_not_the_generations(tmp_path: Path) -> None:
    seen: list[float] = []

    class Watched(match.Thrower):
        def updates(self) -> tuple[Update, ...]:
            def watched(module: Any, batch: Batch, progress: float) -> Any:
                seen.append(progress)
                return loss.squared_error(module, batch, progress)

            return (Update(actor.ROLE, network.Worth(), watched),)

    wanted = config(4)
    train(tmp_path / "whole", wanted, agent=Watched)
    np.testing.assert_allclose(seen, np.arange(80) / 80)  # 64 rows · 20 / 64 updates a generation
    whole, seen[:] = list(seen), []
    for generation in (1, 3, 4):
        train(tmp_path / "parts", wanted, until=generation, agent=Watched)
    assert seen == whole


def test_pictures_alarms_and_results_are_told(tmp_path: Path) -> None:
    status = train(tmp_path, config(4, pool={"opponents": "pfsp"}))
    assert (tmp_path / "mixture.png").read_bytes().startswith(b"\x89PNG")
    assert status.notes.count("Generation 2: rock is not everything.") == 1
    assert set(status.metrics) == {"exploitability", "seconds"}
    assert status.games == status.rows == 4 * 64


def test_a_picture_that_cannot_be_written_does_not_stop_a_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"preset": "rock-paper-scissors"}')  # a run's folder: others are refused
    for name in ("mixture.png", "payoffs.json"):
        (tmp_path / name).mkdir()
    status = train(tmp_path, config(2, pool={"opponents": "nash"}))
    assert status.generation == 2
    for name in ("mixture.png", "payoffs.json"):
        assert sum(note.startswith(f"{name} was not written") for note in status.notes) == 1


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    class Doomed(match.Thrower):
        """Its loss is no number from step 50 on, in the middle of the third generation."""

        def updates(self) -> tuple[Update, ...]:
            steps = iter(range(1_000))

            def doomed(module: Any, batch: Batch, progress: float) -> Any:
                error, report = loss.squared_error(module, batch, progress)
                return (error * torch.nan if next(steps) >= 50 else error), report

            return (Update(actor.ROLE, network.Worth(), doomed),)

    with pytest.raises(TrainingDiverged) as told:
        train(tmp_path, config(4), agent=Doomed)
    assert str(told.value).count(".") >= 1 and "\n" not in str(told.value)
    artifact.read(newest_state(tmp_path))
    assert Pool(tmp_path / "checkpoints").generations() == [0, 1, 2]
    state = json.loads((newest_state(tmp_path) / "state.json").read_text())
    assert (state["generation"], state["steps"]) == (2, 40)
    train(tmp_path, config(4))  # once what was wrong is mended
    train(tmp_path.parent / "healthy", config(4))
    assert differences(tmp_path, tmp_path.parent / "healthy") == set()


# Retention


KEPT = {"opponents": "history", "keep_newest": 2, "keep_log_spaced": 0}


def test_dropped_generations_leave_the_disk_and_first_and_newest_stay(tmp_path: Path) -> None:
    train(tmp_path, config(9, pool=KEPT))
    # The two states go on from 9; what took part then is 9, 8 and, always, the first.
    assert Pool(tmp_path / "checkpoints").generations() == [0, 8, 9]
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"000000", "000008", "000009"}


def test_whoever_a_state_on_disk_needs_is_kept_so_that_a_damaged_one_can_be_passed_over(tmp_path: Path) -> None:
    train(tmp_path / "whole", config(7, pool=KEPT))
    path = tmp_path / "run"
    train(path, config(7, pool=KEPT), until=5)
    damage(newest_state(path) / "state.json")
    train(path, config(7, pool=KEPT))
    assert differences(tmp_path / "whole", path) == set()


# The contract


class Bare(Agent):
    """Nothing but what is required."""

    roles = (actor.ROLE,)
    row_dtype = loss.ROW

    def __init__(self, wanted: match.Config) -> None:
        self.config, self._like = wanted, match.Thrower(wanted)

    def identity(self) -> dict[str, Any]:
        return {"family": "bare"}

    def updates(self) -> tuple[Update, ...]:
        return self._like.updates()

    def make_actor(self, index: int, seed: int) -> actor.Actor:
        return self._like.make_actor(index, seed)

    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        return self._like.make_batch(rows, rng)

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        return self._like.evaluate(weights, first, watch)

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        return self._like.play_match(row, column, seed)


def test_a_family_of_nothing_but_what_is_required_trains_is_mined_and_is_shown(tmp_path: Path) -> None:
    required = {"identity", "updates", "make_actor", "make_batch", "evaluate", "play_match"}
    assert required == Agent.__abstractmethods__
    assert {"roles", "row_dtype", "config"} < Agent.__annotations__.keys()
    wanted = config(3, pool={"opponents": "nash"}, mining={"enabled": True}, run={"evaluate_every": 1})
    status = train(tmp_path, wanted, agent=Bare)
    assert status.generation == 3 and len(status.history) == 4 and status.games == 3 * 64
    assert lines_of(tmp_path)[-1]["mining/buckets"] == 1  # all rows are drawn alike
    assert evaluation.sentence(3, status.metrics, Bare.display).startswith("generation 3: exploitability")
    assert (tmp_path / "evaluation.png").exists()


# The core


WORDS = re.compile(
    r"\b(alpha.?zero|gans?|adversarial nets?|generators?|discriminators?|critics?|fakes?|boards?|chess|checkers|"
    r"draughts|connect.?four|tic.?tac.?toe|rock|the game of go)\b", re.IGNORECASE,
)  # fmt: skip
ALLOWED = re.compile(r"np\.random\.Generator|torch\.Generator|`Generator\.choice`")


def test_the_core_names_no_family_and_no_game() -> None:
    lines = [(path.name, line) for path in CORE for line in path.read_text("utf-8").splitlines()]
    assert len(CORE) > 25
    assert [(name, line) for name, line in lines if WORDS.search(ALLOWED.sub("", line))] == []


def test_the_family_is_four_small_files() -> None:
    files = {path.name: path for path in Path(network.__file__).parent.glob("*.py")}
    assert files.keys() == {"__init__.py", "network.py", "loss.py", "actor.py", "match.py"}
    assert all(len(file.read_text("utf-8").splitlines()) < 130 for file in files.values())


class Dated(match.Thrower):
    """Measures what the time is."""

    time = -1

    def at(self, generation: int) -> Dated:
        found = Dated(self.config)
        found.time = generation
        return found

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        return {"time": float(self.time)}

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        return MatchResult(self.time / 100, 1.0, 0.0)


def test_generations_are_measured_by_the_agent_of_their_time(tmp_path: Path) -> None:
    wanted = config(3, pool={"opponents": "nash"}, run={"evaluate_every": 1})
    status = train(tmp_path, wanted, agent=Dated)
    assert [metrics["time"] for _, metrics in status.history] == [0.0, 1.0, 2.0, 3.0]
    played = json.loads((tmp_path / "payoffs.json").read_text())["results"]
    assert {entry["score"] for entry in played if entry["row"] == "3"} == {0.03}
