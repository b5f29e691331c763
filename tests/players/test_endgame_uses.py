"""What endgame tables are used for where they were built: what is certain in an analysis, and the ends of games."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import refused
from facets import knowledge_of, notation_of

import games
from games.endgames import store
from games.endgames.tables import Endgames, in_words
from selfplay.players import match, network_player, openings, pretrained, reference
from selfplay.serve import json_lines

CHESS, CHECKERS = games.make("chess"), games.make("checkers")
CONNECT_FOUR = games.make("connect-four")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with KQK, and with checkers of up to three pieces."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFPLAY_CACHE_DIR", str(place))
        for game, names in ((CHESS, ["KQK"]), (CHECKERS, ["1-piece", "2-piece", "3-piece"])):
            endgames = games.facet(game, Endgames)
            for name in names:
                store.save(endgames, name, endgames.build(name, store.available(endgames), lambda share: None))
    return place


@pytest.fixture
def built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFPLAY_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFPLAY_CACHE_DIR", str(tmp_path))


def test_moves_are_counted_as_the_winner_makes_them() -> None:
    assert [in_words(1, 1), in_words(1, 13), in_words(-1, 2), in_words(-1, 4)] == [
        "win in 1", "win in 7", "loss in 1", "loss in 2",
    ]  # fmt: skip
    assert [in_words(0), in_words(0, 0), in_words(1), in_words(-1)] == ["draw", "draw", "win", "loss"]


def test_nothing_is_certain_without_tables(nothing_built: None) -> None:
    assert knowledge_of(CHESS).exact(CHESS.initial_states(2)) is None
    assert knowledge_of(CHECKERS).exact(CHECKERS.initial_states(0)) is None


def test_tables_know_some_positions_and_the_solver_all(built: Path) -> None:
    queen = notation_of(CHESS).from_fen("8/8/8/5k2/8/8/1Q6/K7 w - - 0 1")
    found = knowledge_of(CHESS).exact(np.concatenate([CHESS.initial_states(1), queen]))
    assert found is not None and found.known.tolist() == [False, True] and found.result(1) == (1, 19)
    solved = knowledge_of(CONNECT_FOUR).exact(notation_of(CONNECT_FOUR).state_after("4453112233"))
    assert solved is not None and solved.known.all() and solved.distance is None
    assert not knowledge_of(CHESS).has_solver


def test_analyze_shows_how_far_a_win_is(selfplay: Any, built: Path) -> None:
    said = selfplay("analyze", "chess", "--fen", "8/8/8/5k2/8/8/1Q6/K7 w - - 0 1", "--simulations", "4")
    rows = {line.split("│")[1].split()[0]: line for line in said.out.splitlines() if line.startswith("│")}
    assert "win in 10" in rows["b2b3"] and "draw" in rows["b2e5"], "there the king takes the queen"
    assert "exact" not in selfplay("analyze", "chess", "--moves", "e2e4", "--simulations", "4").out


def test_json_answers_tell_what_is_certain_where_that_is_asked_for() -> None:
    player = network_player.load(pretrained.path("connect-four"))
    asked = ['{"moves": "4453112233"}', '{"moves": "4453112233", "exact": true}', '{"exact": 1}']
    plain, told, refused = json_lines.answers(player, [json_lines.Line(1, text, True) for text in asked], 4)
    assert "exact" not in plain
    assert set(told["exact"].values()) <= {"win", "draw", "loss"} and told["exact"].keys() == told["policy"].keys()
    assert refused["error"] == "exact must be true or false."


@pytest.mark.usefixtures("built")
def test_a_match_ends_where_a_table_knows_the_result() -> None:
    pair = [reference.make(CHESS, "random"), reference.make(CHESS, "random")]
    start = openings.Opening(notation_of(CHESS).from_fen("8/8/8/5k2/8/8/1Q6/K7 w - - 0 1"), ())
    for one in match.stream(CHESS, pair, match.pairs([start] * 3), 1, match.Adjudication(exact_after=1)):
        after = start.start
        for action in one.actions:
            after = CHESS.step(after, np.array([action])).states
        found = knowledge_of(CHESS).exact(after)
        assert one.adjudicated == "by an endgame table" and len(one.actions) == 1 and found is not None
        assert one.points == {-1: 1.0, 0: 0.5, 1: 0.0}[found.result(0)[0]], "black is to move"
    (one,) = match.stream(CHESS, pair, list(match.pairs([start]))[:1], 1)
    assert one.adjudicated == "", "off unless asked"


def test_ending_by_tables_that_are_not_there_is_refused(selfplay: Any, nothing_built: None) -> None:
    asked = ["match", "random", "greedy", "--games", "2", "--exact-after", "1", "--game"]
    refused(selfplay(*asked, "checkers"), "needs a solver or endgame tables", "endgames build checkers")
    assert selfplay(*asked, "tic-tac-toe").code == 0
