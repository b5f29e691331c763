"""Agents that come with the package: whole, with their recipe, small, and better than chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import games
from selfplay import config as configs
from selfplay.alphazero import bundle, presets
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.errors import CheckpointError, ConfigError
from selfplay.league import pool
from selfplay.players import match, network_player, openings, pretrained, reference
from selfplay.storage import artifact

GAMES = ("checkers", "chess", "connect-four", "tic-tac-toe")
MEGABYTES = 2  # of one agent, at most


def test_every_game_has_an_agent() -> None:
    assert tuple(pretrained.available()) == GAMES
    assert set(presets.PRESETS) == set(GAMES)


@pytest.mark.parametrize("name", GAMES)
def test_a_bundle_is_whole_and_says_how_it_was_made(name: str) -> None:
    folder = pretrained.path(name)
    meta, files = artifact.read(folder)  # which checks every digest, the manifest's own included
    assert meta == pretrained.peek(folder) and meta["game"] == name and meta["kind"] == "weights"
    assert sum(map(len, files.values())) < MEGABYTES * 2**20
    recipe = pretrained.recipe(name)
    assert recipe["command"].startswith(f"selfplay train {recipe['preset']}")
    assert recipe["config"]["game"] == name and recipe["seed"] == meta["seed"]
    assert recipe["games"] > 0 and recipe["positions"] > 0 and recipe["minutes"] > 0
    assert recipe["strength"]["generation"] == meta["generation"]
    assert {"platform", "cores", "packages"} <= set(recipe["machine"]) and recipe["code"]


@pytest.mark.parametrize("name", GAMES)
def test_a_bundled_agent_beats_random_moves(name: str) -> None:
    agent = network_player.load(pretrained.path(name))
    game = agent.game
    book = [openings.Opening(game.initial_states(1), ())] * 5  # random moves make the games differ
    played = match.play_pairs(game, agent.at(8), reference.make(game, "random"), book, seed=1)
    summary = match.summary(played)
    assert summary.games == 10 and summary.score >= (0.8 if name == "tic-tac-toe" else 0.95), summary


@pytest.mark.parametrize("name", GAMES)
def test_a_recipe_of_an_earlier_version_has_todays_settings(name: str) -> None:
    recipe = pretrained.recipe(name)
    found = configs.from_values(AlphaZeroConfig, recipe["config"])
    assert found.actor.restart_search_on_update and found.run.rollout_rows == 1_000
    assert found.evaluation.num_simulations > 0 and found.game == name


def test_a_game_without_an_agent_is_told_what_to_do() -> None:
    with pytest.raises(ConfigError, match="no agent for hex comes with the package; train one"):
        pretrained.path("hex")


def test_a_folder_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        pretrained.peek(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match="is damaged"):
        pretrained.peek(tmp_path)


def test_a_run_is_bundled_with_its_recipe(tmp_path: Path) -> None:
    """From a run's folder as `train` leaves it: made here from a bundle's own parts."""
    meta, files = artifact.read(pretrained.path("tic-tac-toe"))
    recipe = meta.pop("recipe")
    run = tmp_path / "run"
    artifact.write(run / "checkpoints" / f"{meta['generation']:06d}", files, meta)
    (run / "config.json").write_text(json.dumps({"preset": recipe["preset"], **recipe["config"]}))
    (run / "run.json").write_text(json.dumps(recipe["machine"]))
    columns = recipe["strength"]
    (run / "strength.csv").write_text(",".join(columns) + "\n" + ",".join(f"{v:g}" for v in columns.values()) + "\n")
    today = pretrained.recipe("tic-tac-toe")
    assert bundle.bundle(run, tmp_path / "out") == today
    assert pool.load_weights(tmp_path / "out")[0]["recipe"] == today
    assert pretrained.peek(run) == meta, "the newest generation of a run speaks for it"
    assert games.make(meta["game"]).name == "tic-tac-toe"
