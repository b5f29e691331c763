"""Games of self-play that end as soon as search has proven how they end."""

from __future__ import annotations

import numpy as np
import tiny
import torch
from facets import knowledge_of

import games
from selfplay.alphazero import actor as actors
from selfplay.alphazero.config import ActorConfig
from selfplay.networks import policy_value
from selfplay.search.config import SearchConfig

GAME = games.make("tic-tac-toe")


def played(share: float) -> tuple[np.ndarray, dict[str, float]]:
    config = ActorConfig(
        concurrent_games=16, num_simulations=40, random_opening_plies=3, opponent_share=0.0, end_proven=share
    )
    actor = actors.SelfPlayActor(GAME, config, SearchConfig(), tiny.NETWORK, 1, 0, torch.device("cpu"))
    actor.set_weights({policy_value.PLAYER: tiny.random_weights(GAME, 1)}, 0)
    return actor.generate(400)


def test_no_game_goes_on_after_a_proof_and_its_result_is_the_proven_one() -> None:
    rows, sums = played(1.0)
    truth = np.sign(knowledge_of(GAME).exact_action_values(rows["state"]).astype(int).max(axis=1))
    ends = np.flatnonzero(np.append(rows["ply"][:-1] == 0, True))  # rows of a game come with the last one first
    last = np.append(0, ends[:-1] + 1)
    assert len(last) == sums["games"] and sums["ended_proven"] > 0.5 * sums["games"]
    assert (rows["outcome"][last] == truth[last]).mean() > 0.95  # the few others were played to their end
    # A proof is the last thing that happens in a game.
    assert sums["exact"] <= sums["games"] + 16


def test_the_share_says_how_many_games_end_so() -> None:
    sums = {share: played(share)[1] for share in (0.0, 0.3, 1.0)}
    length = {share: found["game_plies"] / found["games"] for share, found in sums.items()}
    assert "ended_proven" not in sums[0.0]
    assert length[1.0] < length[0.3] < length[0.0]
    assert 0 < sums[0.3]["ended_proven"] < sums[0.3]["games"]
