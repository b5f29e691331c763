"""Every kind of player can be pickled, and plays the same afterwards."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

import games
from games.base import Game
from selfplay.players import match, network_player, openings, reference
from selfplay.players.external import engines
from selfplay.players.player import Player

BUGGY = Path(__file__).resolve().parents[1] / "buggy_engine.py"


def played(game: Game, player: Player) -> list[list[int]]:
    """The actions of eight games against random from random openings."""
    starts = openings.random(game, 4, 2, np.random.default_rng(3))
    found = match.play_pairs(game, player, reference.make(game, "random"), starts, seed=1)
    return [one.actions for one in found]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tic-tac-toe", "random"), ("tic-tac-toe", "greedy"), ("connect-four", "uct:20"), ("tic-tac-toe", "solver"),
        ("connect-four", "solver"), ("checkers", "alphabeta:2"),
    ],
)  # fmt: skip
def test_reference_players_play_the_same_after_pickling(name: str, text: str) -> None:
    game = games.make(name)
    player = reference.make(game, text)
    starts = openings.random(
        game, 1, 30 if text == "solver" and name == "connect-four" else 2, np.random.default_rng(0)
    )
    again = pickle.loads(pickle.dumps(player))
    one, two = (match.play_pairs(game, who, reference.make(game, "random"), starts, 1) for who in (player, again))
    assert [found.actions for found in one] == [found.actions for found in two]


def test_a_network_player_takes_its_weights_along(tmp_path: Path) -> None:
    folder = tiny.weights_folder(tmp_path, "tic-tac-toe")
    agent = network_player.load(folder)
    data = pickle.dumps(agent.at(8))
    states = agent.game.initial_states(1)
    expected = (played(agent.game, agent.at(8)), agent.analyze(states, 10))
    shutil.rmtree(folder)  # the other process may have no such folder
    again = pickle.loads(data)
    assert played(again.game, again) == expected[0]
    assert pickle.loads(pickle.dumps(agent)).analyze(states, 10) == expected[1]


def test_a_network_player_plays_in_another_process(tmp_path: Path) -> None:
    agent = network_player.load(tiny.weights_folder(tmp_path, "tic-tac-toe"))
    (tmp_path / "player").write_bytes(pickle.dumps(agent))
    code = (
        "import pickle, sys\n"
        f"agent = pickle.load(open({str(tmp_path / 'player')!r}, 'rb'))\n"
        "print(agent.analyze(agent.game.initial_states(1), 10)[0].best)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout.strip() == agent.analyze(agent.game.initial_states(1), 10)[0].best


def test_an_external_engine_is_started_anew_from_its_text() -> None:
    game = games.make("tic-tac-toe")
    text = f"uci:\"'{sys.executable}' -S -E '{BUGGY}' good\""
    player = engines.make(game, text)
    try:
        again = pickle.loads(pickle.dumps(player))
        try:
            assert again.name == player.name and again.clients[0].pid != player.clients[0].pid
            assert played(game, again) == played(game, player)
        finally:
            again.close()
    finally:
        player.close()
