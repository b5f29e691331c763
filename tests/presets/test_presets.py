"""The registry of presets: names of families, packages and games, and which family settings belong to."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import toy_games

import games
from selfplay import config as configs
from selfplay.alphazero import presets
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.errors import ConfigError, FolderError
from selfplay.gan.config import GanConfig
from selfplay.presets import registry
from selfplay.supervised.config import SupervisedConfig

QUICK = presets.TIC_TAC_TOE
BROKEN = "no config"


def games_preset() -> AlphaZeroConfig:
    return AlphaZeroConfig(game="tic-tac-toe", game_options={})


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installed packages: one brings presets, the other a game."""
    made = [
        metadata.EntryPoint("quick", "test_presets:QUICK", "selfplay.presets"),
        metadata.EntryPoint("called", "test_presets:games_preset", "selfplay.presets"),
        metadata.EntryPoint("broken", "test_presets:BROKEN", "selfplay.presets"),
        metadata.EntryPoint("missing", "no_such_package:PRESET", "selfplay.presets"),
        metadata.EntryPoint("coins", "toy_games:Coins", "selfplay.games"),
    ]
    monkeypatch.setattr(
        metadata, "entry_points", lambda group, name=None: metadata.EntryPoints(made).select(group=group).select(
            **({"name": name} if name else {})
        ),
    )  # fmt: skip
    games.make.cache_clear()


def test_every_preset_of_a_family_is_known_by_its_name() -> None:
    assert {"tic-tac-toe", "chess", "gan-ring", "vae-digits"} <= set(registry.names())
    families = {AlphaZeroConfig: "alphazero", GanConfig: "gan", SupervisedConfig: "supervised"}
    for name in registry.names():
        config = registry.get(name)
        assert registry.family_of(config) == families[type(config)]
        assert registry.of_values(configs.to_values(config)) == config


@pytest.mark.parametrize("name", games.available())
def test_every_game_has_settings_by_its_name_and_derived_ones(name: str) -> None:
    assert registry.get(name).game == name
    derived = presets.for_game(name)
    assert configs.from_values(AlphaZeroConfig, configs.to_values(derived)) == derived, (
        "every value is within its range"
    )


def test_derived_settings_follow_the_formulas() -> None:
    small, large = presets.for_game("tic-tac-toe"), presets.for_game("chess", history_length=2)
    assert (small.network.blocks, large.network.blocks) == (2, 4)
    assert (small.search.dirichlet_alpha, large.search.dirichlet_alpha) == (1.5, 0.3)
    assert (small.search.edges_per_node, large.search.edges_per_node) == (9, 218)
    assert (small.actor.random_opening_plies, large.actor.random_opening_plies) == (5, 40)
    assert (small.actor.temperature_half_life, large.actor.temperature_half_life) == (2.0, 8.0)
    assert (small.replay.samples_per_insert, large.replay.samples_per_insert) == (8.0, 4.0)
    assert (small.run.minutes, large.run.minutes) == (5.0, 20.0)
    assert large.game_options == {"history_length": 2}


def test_a_game_without_an_eval_set_is_measured_against_reference_players_and_its_first_generation() -> None:
    assert presets.for_game("chess").evaluation.opponents == ("random", "greedy", "first")
    assert presets.for_game("connect-four").evaluation.opponents == ()


@pytest.mark.usefixtures("packages")
def test_presets_and_games_of_other_packages_are_found_by_name() -> None:
    assert {"quick", "called", "coins"} <= set(registry.names())
    assert registry.get("quick") is QUICK
    assert registry.get("called") == games_preset()
    found = registry.get("coins")
    assert found.game == "coins" and found.search.edges_per_node == toy_games.Coins.max_legal_actions


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tic-tac-to", "no preset or game is called 'tic-tac-to'. Did you mean 'tic-tac-toe'?"),
        ("broken", "the preset 'broken' (test_presets:BROKEN) is of type str: expected selfplay.alphazero.config"),
        ("missing", "the preset 'missing' (no_such_package:PRESET) cannot be loaded: No module named"),
    ],
)
def test_a_preset_that_cannot_be_used_is_refused_in_one_sentence(name: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.get(name)
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_a_config_of_no_family_is_refused() -> None:
    with pytest.raises(ConfigError, match="a config of type int belongs to no family: alphazero, gan"):
        registry.family_of(3)


@pytest.mark.parametrize("name", ["tic-tac-toe", "gan-ring"])
def test_a_saved_run_tells_its_preset_and_settings(name: str, tmp_path: Path) -> None:
    assert registry.read_saved(tmp_path) is None
    config = configs.override(registry.get(name), ["run.seed=7"])
    (tmp_path / "config.json").write_text(json.dumps({"preset": "my.toml", **configs.to_values(config)}))
    assert registry.read_saved(tmp_path) == ("my.toml", config)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(FolderError, match=r"config\.json is damaged"):
        registry.read_saved(tmp_path)


def test_names_are_listed_without_loading_anything_heavy() -> None:
    code = "from selfplay.presets import registry; registry.names(); registry.get('chess'); import sys\n"
    code += "print({'torch', 'numpy', 'numba', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
