"""Matches and ratings from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import weights_folder

import games
import selfplay
from selfplay.errors import UserError
from selfplay.players.player import Choice, Turn, without_values
from selfplay.storage import artifact


class First:
    """Plays the first legal action."""

    name = "first"

    def choose(self, turn: Turn) -> Choice:
        return without_values(games.make("tic-tac-toe").legal_actions(turn.states)[0][:, 0])


def test_a_match_is_told_by_score_elo_and_intervals() -> None:
    found = selfplay.match("tic-tac-toe", "random", games=20, simulations=20)
    assert found.games == 20 == found.wins + found.draws + found.losses
    assert found.score == (found.wins + found.draws / 2) / 20 > 0.8
    assert found.interval[0] < found.elo <= found.interval[1] and found.interval[0] > 0
    assert found.score_interval[0] <= found.score <= found.score_interval[1]
    assert sum(found.pentanomial) == 10 and (found.first, found.second) == ("tic-tac-toe", "random")
    assert found.records.count("[Game ") == 20 and "records" not in repr(found)
    assert "tic-tac-toe against random, tic-tac-toe, 20 games: won" in str(found)


def test_equal_arguments_give_equal_games_and_another_seed_gives_others() -> None:
    def once(seed: int) -> str:
        return selfplay.match("random", "greedy", game="connect-four", games=8, seed=seed).records

    assert once(1) == once(1) != once(2)


def test_the_games_are_those_of_the_command(selfplay: Any, tmp_path: Path) -> None:
    import selfplay as api

    run = weights_folder(tmp_path / "run")
    told = selfplay("match", run, "uct:10", "--games", 10, "--simulations", 8, "--json", "--actors", 0, "--plain")
    command = json.loads(told.out)
    found = api.match(run, "uct:10", games=10, simulations=8)
    assert [found.wins, found.draws, found.losses] == [command["wins"], command["draws"], command["losses"]]
    assert list(found.pentanomial) == command["pentanomial"] and found.plies == command["plies"]


def test_players_are_agents_texts_and_objects_alike() -> None:
    agent = selfplay.load("tic-tac-toe")
    of_object = selfplay.match(First(), agent, games=4, simulations=5)
    assert (of_object.first, of_object.second, of_object.game) == ("first", "tic-tac-toe", "tic-tac-toe")
    assert selfplay.match(First(), First(), game="tic-tac-toe", games=2).first == "first (1)"
    one = selfplay.match(agent.player(40), "tic-tac-toe?simulations=3", games=4)
    assert one.second == "tic-tac-toe?simulations=3"


def refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        call()
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"second": "randm"}, "Did you mean 'random'?"),
        ({"second": "runs/nothing"}, "'runs/nothing' does not exist"),
        ({"second": Path("nothing")}, "'nothing' does not exist"),
        ({"second": 5}, "a player is a path, a text such as 'uct:1000', an agent from selfplay.load, or an object"),
        ({"second": "connect-four"}, "these players play different games: connect-four, tic-tac-toe"),
        ({"game": "chess"}, "these players play different games: chess, tic-tac-toe"),
        ({"game": "ches"}, "no game is called 'ches'. Did you mean 'chess'?"),
        ({"game": 3}, "game must be a name such as 'connect-four', not 3"),
        ({"games": 3}, "games is 3, and must be even"),
        ({"games": 0}, "games is 0, and must be a whole number from 2"),
        ({"games": 2.5}, "games must be a whole number"),
        ({"simulations": -5}, "simulations is -5"),
        ({"balance": 2}, "balance is 2, and must be a number from 0 to 1"),
        ({"seed": -1}, "seed is -1"),
        ({"random_plies": -1}, "random_plies is -1"),
        ({"book": "nothing.txt"}, "cannot read the book 'nothing.txt'"),
        ({"first": "random"}, "no player is a trained agent: say which game they play, as in game='chess'"),
    ],
)
def test_a_mistake_is_answered_by_one_sentence(arguments: dict[str, Any], said: str) -> None:
    given = {"first": "tic-tac-toe", "second": "random"} | arguments
    refused(lambda: selfplay.match(given.pop("first"), given.pop("second"), **given), said)


def test_a_generator_plays_no_games(tmp_path: Path) -> None:
    folder = tmp_path / "gan" / "checkpoints" / "000001"
    artifact.write(folder, {"net.safetensors": b""}, {"kind": "weights", "family": "gan", "generation": 1})
    refused(lambda: selfplay.match(tmp_path / "gan", "random"), "holds no player of a board game (family 'gan')")


# Ratings


def test_ratings_order_players_by_strength() -> None:
    found = selfplay.rate(["random", "tic-tac-toe", "greedy"], games=20, simulations=10, anchor="random")
    assert [player.name for player in found.players] == ["tic-tac-toe", "greedy", "random"]
    assert found.elo("random") == 0 < found.elo("greedy") < found.elo("tic-tac-toe")
    assert all(player.games == 40 for player in found.players)
    assert found.rows()[0]["name"] == "tic-tac-toe" and str(found).splitlines()[1].split()[0] == "tic-tac-toe"
    refused(lambda: found.elo("randm"), "Did you mean 'random'?")


def test_ratings_are_a_frame_where_pandas_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = selfplay.rate(["random", "greedy"], game="tic-tac-toe", games=4)
    pandas = pytest.importorskip("pandas")
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame) and frame["name"].tolist() == [p.name for p in found.players]
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    refused(found.to_frame, "needs pandas")


@pytest.mark.parametrize(
    ("players", "keywords", "said"),
    [
        ("random", {}, "players must be a list of players, not 'random'"),
        (["random"], {}, "the number of players is 1, and must be a whole number from 2"),
        (["random", "greedy"], {"anchor": "gredy", "game": "tic-tac-toe", "games": 2}, "Did you mean 'greedy'?"),
    ],
)
def test_a_mistake_in_a_tournament_is_answered_by_one_sentence(players: Any, keywords: Any, said: str) -> None:
    refused(lambda: selfplay.rate(players, **keywords), said)


def test_summaries_do_not_depend_on_numpy_types() -> None:
    found = selfplay.match("random", "greedy", game="tic-tac-toe", games=2)
    numbers = [found.games, found.wins, found.score, found.elo, *found.interval, found.plies]
    assert not any(isinstance(number, np.generic) for number in numbers)
