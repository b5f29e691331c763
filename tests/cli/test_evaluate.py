"""`selfplay evaluate`: mistakes in a file of positions with scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games
from games.connect_four import knowledge, solver
from games.knowledge import EvalSet
from selfplay.alphazero import evaluation
from selfplay.players import network_player, player, pretrained


def written(folder: Path, rows: range) -> Path:
    """Positions of the eval set as such a file."""
    made, lines = solver.Solver(), []
    for moves in knowledge.load_eval_set()["moves"][rows.start : rows.stop]:
        lines.append(f"{moves} {made.score(*solver.position_from_moves(str(moves)))}\n")
    file = folder / "positions"
    file.write_text("".join(lines))
    return file


def test_mistakes_are_those_of_the_eval_sets_own_count(selfplay: Any, tmp_path: Path) -> None:
    rows = range(380, 440)  # of the middle and the end, whose scores are found at once
    file = written(tmp_path, rows)
    said = selfplay("evaluate", "connect-four", "--positions", file, "--simulations", "0,8", "--json")
    assert said.code == 0, said.err
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [row["simulations"] for row in found] == [0, 8]

    agent = network_player.load(pretrained.path("connect-four"))
    whole = games.facet(agent.game, games.knowledge.Knowledge).eval_set()
    part = EvalSet(whole.states[rows], whole.values[rows], whole.stage[rows], whole.stage_names)
    for row in found:
        chosen = player.choices(agent.game, part.states, agent.evaluate, agent.config, row["simulations"])
        mistakes = int((~evaluation.keeps_result(part, chosen)).sum())
        worst = np.where(part.values == solver.ILLEGAL, 2, part.values).min(axis=1)
        assert row["mistakes"] == mistakes and row["positions"] == 60 and row["rate"] == mistakes / 60
        assert row["contested"] == (worst < part.values.max(axis=1)).sum()
        assert row["low"] <= row["rate"] <= row["high"]
    assert found[0]["mistakes"] > 0  # the policy alone: this count can fail


def test_the_table_has_a_row_for_each_file_and_number_of_simulations(selfplay: Any, tmp_path: Path) -> None:
    file = tmp_path / "easy"
    file.write_text("121212 18\n")
    other = tmp_path / "other"
    other.write_text("343434 18\n121212 18\n")
    said = selfplay("evaluate", "connect-four", "--positions", file, other, "--simulations", "4,16")
    assert said.code == 0 and said.out.count("easy") == said.out.count("other") == 2
    assert said.out.count("0.00% (0.00–") == 4


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"4453\n", "line 1 is '4453'"),
        (b"121212 -18\n", "says lost, but the position is won"),
        (b"\xff\xfe\x00\n", "is not a text of positions"),
        (b"", "there is no position in it"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_a_sentence(
    content: bytes | None, expected: str, selfplay: Any, tmp_path: Path
) -> None:
    file = tmp_path / "given"
    if content is not None:
        file.write_bytes(content)
    said = selfplay("evaluate", "connect-four", "--positions", file)
    assert said.code == 2 and expected in said.err and len(said.err.splitlines()) == 1


def test_an_agent_of_a_game_without_a_solver_is_refused(selfplay: Any, tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_text("11-15 22-18 0\n")
    said = selfplay("evaluate", "checkers", "--positions", file)
    assert said.code == 2 and "checkers has no solver" in said.err
