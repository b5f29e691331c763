"""Self-play with a shared inference server plays the same games as without one, from the same seeds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from selfplay.alphazero import actor as actors
from selfplay.alphazero.config import ActorConfig
from selfplay.networks import policy_value
from selfplay.networks.shared import server
from selfplay.search import evaluators
from selfplay.search.config import SearchConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "networks" / "shared"))
from served import Served, leaves, same

CONFIG = ActorConfig(concurrent_games=9, num_simulations=8, random_opening_plies=4, opponent_share=0.2)
SUMS = ("games", "moves", "evaluations", "batches", "cache_hits", "game_plies", "draws")


@pytest.fixture(autouse=True)
def _servers_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINGER", 0.1)
    monkeypatch.setattr(server, "IDLE", 0.02)


def played(actor: actors.SelfPlayActor) -> list[tuple[bytes, list[float]]]:
    """Three generations, against an opponent from the second on."""
    found = []
    for generation in range(3):
        newest, other = ({policy_value.PLAYER: tiny.random_weights(actor.game, seed)} for seed in (generation, 50))
        actor.set_weights(newest, generation, other if generation else None)
        rows, sums = actor.generate(40)
        found.append((rows.tobytes(), [sums[name] for name in SUMS]))
    return found


@pytest.mark.parametrize(("groups", "policy", "again"), [(1, "puct", 0.0), (2, "gumbel", 0.3), (3, "puct", 0.0)])
def test_shared_and_local_inference_play_the_same_games(groups: int, policy: str, again: float) -> None:
    searching, config = SearchConfig(policy=policy), replace(CONFIG, reanalyse_share=again)  # type: ignore[arg-type]
    with Served() as served:
        made = [
            actors.SelfPlayActor(served.game, config, searching, tiny.NETWORK, 3, 1, torch.device("cpu"), groups, where)
            for where in (None, served.named)
        ]
        assert played(made[0]) == played(made[1])
        assert made[1]._client is not None
        assert [len(group.states) for group in made[1]._groups] == [-(-9 // groups)] * (groups + 1)
        made[1]._client.close()


def test_groups_have_searches_under_way_while_others_are_evaluated() -> None:
    with Served() as served:
        actor = actors.SelfPlayActor(
            served.game, CONFIG, SearchConfig(), tiny.NETWORK, 3, 1, torch.device("cpu"), 2, served.named
        )
        assert actor._client is not None
        outstanding = []
        take = actor._client.answer

        def note(number: int) -> tuple[np.ndarray, np.ndarray]:
            assert actor._client is not None
            outstanding.append(len(actor._client._asked))
            return take(number)

        actor._client.answer = note  # type: ignore[method-assign]
        actor.set_weights({policy_value.PLAYER: tiny.random_weights(served.game, 1)}, 0)
        actor.generate(60)
        assert max(outstanding) == 2 and outstanding.count(2) > len(outstanding) / 2
        assert not actor._client._asked and len(actor._client._slots) == 4
        actor._client.close()


def test_a_cache_remembers_answers_that_come_later() -> None:
    with Served() as served:
        asked = leaves(served.game, 12)
        cache = evaluators.CachedEvaluator(served.evaluator(seed=1), served.game, 1 << 12)
        first, second = cache.submit(asked), cache.submit(asked)  # neither knows of the other's answer
        assert cache.hits == 0
        found = first()
        assert same(second(), found)
        assert same(cache(asked), found) and cache.hits == 12
