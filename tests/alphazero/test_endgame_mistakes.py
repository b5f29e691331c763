"""Endgame tables in training: mistakes are measured where tables are, and nothing is learned from them unless asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from facets import knowledge_of

import games
from games.base import ILLEGAL
from games.endgames import store
from games.endgames.tables import Endgames
from selfplay.agent import unwatched
from selfplay.alphazero import actor, evaluation, presets
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import ActorConfig, EvaluationConfig
from selfplay.alphazero.display import DISPLAY
from selfplay.errors import ConfigError
from selfplay.networks import policy_value
from selfplay.players import player
from selfplay.search import evaluators
from selfplay.search.config import SearchConfig

CHECKERS = games.make("checkers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cache")
    endgames = games.facet(CHECKERS, Endgames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFPLAY_CACHE_DIR", str(place))
        for name in ("1-piece", "2-piece", "3-piece"):
            store.save(endgames, name, endgames.build(name, store.available(endgames), lambda share: None))
    return place


@pytest.fixture
def built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFPLAY_CACHE_DIR", str(folder))


@pytest.fixture
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFPLAY_CACHE_DIR", str(tmp_path))


def measured(endgames: bool = True) -> dict[str, float]:
    evaluate = evaluators.HashEvaluator(CHECKERS)
    settings = EvaluationConfig(num_simulations=4, endgames=endgames)
    return evaluation.measure(CHECKERS, evaluate, evaluate, SearchConfig(), settings, 1, unwatched)


@pytest.mark.usefixtures("built")
def test_the_positions_are_the_same_each_time_and_each_has_a_wrong_move() -> None:
    found, again = knowledge_of(CHECKERS).endgame_set(), knowledge_of(CHECKERS).endgame_set()
    assert found is not None and again is not None
    assert (found.states == again.states).all() and (found.values == again.values).all()
    assert found.stage_names == ("2-piece", "3-piece") and np.bincount(found.stage).tolist() == [100, 100]
    worst = np.where(found.values == ILLEGAL, 2, found.values).min(axis=1)
    assert (worst < found.values.max(axis=1)).all() and not found.states["terminal"].any()


@pytest.mark.usefixtures("built")
def test_mistakes_are_measured_by_table() -> None:
    found = measured()
    assert found["endgame_positions"] == 200 and found["simulations"] == 4
    by_table = [found["endgame_mistakes_2-piece"], found["endgame_mistakes_3-piece"]]
    assert found["endgame_mistakes"] == pytest.approx(np.mean(by_table)) and 0.02 < found["endgame_mistakes"] < 0.9
    said = DISPLAY.sentence(found)
    assert (
        said.startswith("endgame mistakes ") and "3-piece" in said and "in 200 positions that have a wrong move" in said
    )
    assert measured(endgames=False) == {}


@pytest.mark.usefixtures("nothing_built")
def test_without_tables_nothing_is_measured_or_built() -> None:
    assert measured() == {}
    assert not store.available(games.facet(CHECKERS, Endgames)) and not store.folder("checkers").exists()


def test_the_best_moves_make_no_mistakes_and_the_worst_only_mistakes(built: None) -> None:
    endings = knowledge_of(CHECKERS).endgame_set()
    assert endings is not None
    results = player.choices(CHECKERS, endings.states, evaluators.HashEvaluator(CHECKERS), SearchConfig(), 1)
    rows = np.arange(len(endings.states))[:, None]
    values = np.where(results.actions >= 0, endings.values[rows, results.actions], ILLEGAL)
    perfect = results._replace(play=values.argmax(axis=1))
    assert evaluation.endgame_mistakes(endings, perfect)["endgame_mistakes"] == 0
    hopeless = results._replace(play=np.where(values == ILLEGAL, 2, values).argmin(axis=1))
    assert evaluation.endgame_mistakes(endings, hopeless)["endgame_mistakes"] == 1


def rows_of(learn: bool) -> np.ndarray:
    """Rows of whole games of checkers, played without sense, so that few pieces are left in the end."""
    config = ActorConfig(
        concurrent_games=8, num_simulations=2, random_opening_plies=60, opponent_share=0.0,
        learn_from_endgame_tables=learn,
    )  # fmt: skip
    playing = actor.SelfPlayActor(CHECKERS, config, SearchConfig(solve=False), tiny.NETWORK, 1, 0, torch.device("cpu"))
    playing.set_weights({policy_value.PLAYER: tiny.random_weights(CHECKERS, 1)}, 0)
    playing._newest = evaluators.HashEvaluator(CHECKERS)  # type: ignore[assignment]
    return playing.generate(1_500)[0]


@pytest.mark.usefixtures("built")
def test_outcomes_are_the_tables_only_where_that_is_asked_for() -> None:
    wrong = {}
    for learn in (False, True):
        rows = rows_of(learn)
        found = knowledge_of(CHECKERS).exact(np.ascontiguousarray(rows["state"]))
        assert found is not None and found.known.sum() > 30
        truth = found.values[found.known].max(axis=1)
        wrong[learn] = int((rows["outcome"][found.known] != truth).sum())
    assert wrong[True] == 0 and wrong[False] > 0


def test_it_is_off_unless_asked() -> None:
    assert not ActorConfig().learn_from_endgame_tables
    assert not any(one.actor.learn_from_endgame_tables for one in (presets.CHECKERS, presets.CHESS))


@pytest.mark.usefixtures("nothing_built")
def test_learning_from_tables_that_are_not_there_is_refused() -> None:
    config = replace(presets.CHECKERS, actor=replace(presets.CHECKERS.actor, learn_from_endgame_tables=True))
    with pytest.raises(ConfigError, match="selfplay games endgames build checkers"):
        AlphaZero(config)
