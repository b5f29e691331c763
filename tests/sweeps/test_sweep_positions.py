"""Positions that agents are measured on: exact, new, and the same for equal arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tiny

import games
from games.knowledge import EvalSet, Knowledge
from selfplay.sweeps import positions

GAME = games.make("connect-four")
CHEAP = (positions.Style("random", 0.0, 0.4), positions.Style("uct:2", 0.34, 0.4), positions.Style("uct:4", 0.0, 0.4))


class KnowsLittle(Knowledge):
    """Tic-tac-toe with an eval set of its first position only."""

    def exact_action_values(self, states: np.ndarray) -> np.ndarray | None:
        return games.facet(games.make("tic-tac-toe"), Knowledge).exact_action_values(states)

    def eval_set(self) -> EvalSet:
        states = self.game.initial_states(1)
        values = self.exact_action_values(states)
        assert values is not None
        return EvalSet(states, values, np.zeros(1, np.int8), ("all",))


def keys(game: games.base.Game, states: np.ndarray) -> list[int]:
    """The slow twin: the least key of every image, one position at a time."""

    def image(k: int, symmetry: int) -> int:
        return int(game.key(game.symmetric_states(states[k : k + 1], np.array([symmetry])))[0])

    return [min(image(k, symmetry) for symmetry in range(game.num_symmetries)) for k in range(len(states))]


def test_positions_are_new_exact_and_unlike_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "STYLES", CHEAP)
    game = type(games.make("tic-tac-toe"))()  # a game of its own, whose facet is ours
    game.__dict__["_facets"] = {Knowledge: KnowsLittle(game)}
    found = positions.make(game, 60, 3)
    assert found is not None and len(found.states) == 60
    seen = keys(game, found.states)
    assert len(set(seen)) == 60 and keys(game, game.initial_states(1))[0] not in seen
    assert not found.states["terminal"].any()
    exact = games.facet(games.make("tic-tac-toe"), Knowledge).exact_action_values(found.states)
    assert exact is not None and (found.values == exact).all()
    assert set(found.stage.tolist()) == {0, 1, 2} and 0.3 < positions.contested(found) <= 1
    stones = (game.observe(found.states)[:, :2].reshape(60, -1) > 0).sum(1)
    assert (found.stage == stones * 3 // 9).all()
    again = positions.make(game, 60, 3)
    assert again is not None and tiny.same_bits(again.states, found.states)
    other = positions.make(game, 60, 4)
    assert other is not None and not tiny.same_bits(other.states, found.states)


def test_every_style_is_asked_for_every_stage_until_that_has_its_third(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "STYLES", CHEAP)
    monkeypatch.setattr(Knowledge, "exact_action_values", lambda self, states: np.zeros((len(states), 7), np.int8))
    game = type(GAME)()
    game.__dict__["_facets"] = {Knowledge: Knowledge(game)}
    asked: list[tuple[str, set[int]]] = []
    one_a_game = positions._one_a_game

    def watched(*arguments: Any) -> Any:
        asked.append((arguments[2].player, set(arguments[3].tolist())))
        return one_a_game(*arguments)

    monkeypatch.setattr(positions, "_one_a_game", watched)
    found = positions.make(game, 90, 0)
    assert found is not None and asked[:3] == [(style.player, {0, 1, 2}) for style in CHEAP]
    # Random games seldom reach the end: the last batches are asked for that only.
    assert 2 in asked[-1][1] and {2} in [stages for _, stages in asked]
    assert np.bincount(found.stage).tolist() == [30, 30, 30]


def test_a_game_whose_eval_set_holds_every_position_has_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "STYLES", CHEAP)
    assert positions.make(games.make("tic-tac-toe"), 12, 3) is None


def test_a_position_is_of_the_stage_that_was_asked_for() -> None:
    player, wanted = positions.reference.make(GAME, "random"), np.repeat([0, 1, 2], 100)
    states, stages = positions._one_a_game(GAME, player, CHEAP[0], wanted, np.random.default_rng(0))
    assert (np.bitwise_count(states["mask"]) * 3 // 42 == stages).all()
    openings, middles, ends = np.bincount(stages).tolist()
    assert openings == 100 and 50 < middles < 100 and 0 < ends < middles  # many random games end before their end
    plies = np.bitwise_count(states["mask"][stages == 0])
    assert set(plies.tolist()) == set(range(14))
