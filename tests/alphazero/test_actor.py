"""The actor's rows: whole games, right signs, proven values, the same again from the same seed, and the opponent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny
import torch
import toy_games
from facets import knowledge_of

import games
from games.base import Game
from selfplay.alphazero import actor as actors
from selfplay.alphazero import loss
from selfplay.alphazero.config import ActorConfig
from selfplay.alphazero.playing import trajectory as trajectories
from selfplay.learning.config import ReplayConfig
from selfplay.learning.replay import Replay
from selfplay.networks import policy_value
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig
from selfplay.storage import artifact

CONFIG = ActorConfig(
    concurrent_games=8, num_simulations=8, random_opening_plies=3, opponent_share=0.0,
)  # fmt: skip
SEARCH = SearchConfig(solve=False)
TIC_TAC_TOE = games.make("tic-tac-toe")


def make(
    config: ActorConfig = CONFIG, searching: SearchConfig = SEARCH, game: Game = TIC_TAC_TOE,
    seed: int = 1, index: int = 0,
) -> actors.SelfPlayActor:  # fmt: skip
    return actors.SelfPlayActor(game, config, searching, tiny.NETWORK, seed, index, torch.device("cpu"))


def with_network(actor: actors.SelfPlayActor, opponent: bool = False) -> actors.SelfPlayActor:
    newest, other = ({policy_value.PLAYER: tiny.random_weights(actor.game, seed)} for seed in (1, 2))
    actor.set_weights(newest, 3, other if opponent else None)
    return actor


def with_hash(actor: actors.SelfPlayActor, opponent: bool = False) -> actors.SelfPlayActor:
    """Answers that do not depend on what else is in the batch."""
    with_network(actor, opponent)
    actor._newest = evaluators.HashEvaluator(actor.game)  # type: ignore[assignment]
    actor._opponent = evaluators.HashEvaluator(actor.game, seed=99)  # type: ignore[assignment]
    return actor


def games_of(rows: np.ndarray) -> list[np.ndarray]:
    """Rows of whole games, each from its first position on; an actor delivers them from their ends backwards."""
    starts = np.flatnonzero(rows["ply"] == 0)
    found = [part[::-1] for part in np.split(rows, starts + 1) if len(part)]
    assert starts[-1] == len(rows) - 1, "the rows end inside a game"
    return found


def spy(actor: actors.SelfPlayActor) -> list[list[tuple[Any, ...]]]:
    """Collects, for each finished game, (row, proven value, reward, discount) by move."""
    seen: list[list[tuple[Any, ...]]] = []
    finish: Callable[..., None] = actor._finish_game

    def note(group: Any, row: int, *rest: Any) -> None:
        finish(group, row, *rest)
        trajectory = group.trajectories[row]
        seen.append([
            (record.copy() if move["recorded"] else None, None if np.isnan(move["exact"]) else int(move["exact"]),
             float(move["reward"]), float(move["discount"]))
            for record, move in zip(trajectory.rows, trajectory.moves, strict=True)
        ])  # fmt: skip

    actor._finish_game = note  # type: ignore[method-assign]
    return seen


def is_step(game: Game, before: np.void, after: np.void) -> bool:
    actions, count = game.legal_actions(np.array([before], dtype=game.state_dtype))
    states = np.repeat(np.array([before], dtype=game.state_dtype), count[0])
    return after in game.step(states, actions[0, : count[0]]).states


def test_rows_are_whole_games_of_positions_that_follow_one_another() -> None:
    rows, stats = with_network(make()).generate(200)
    found = games_of(rows)
    assert len(rows) >= 200 and stats["games"] == len(found)
    assert stats["positions"] == len(rows) == stats["game_plies"]
    for game in found:
        assert game["ply"].tolist() == list(range(len(game)))
        for before, after in zip(game["state"], game["state"][1:], strict=False):
            assert is_step(TIC_TAC_TOE, before, after)
    assert (rows["generation"] == 3).all()
    assert not rows["state"]["terminal"].any()


def test_no_row_is_delivered_twice() -> None:
    actor = with_network(make())
    seen = spy(actor)
    delivered = np.concatenate([actor.generate(20)[0] for _ in range(10)])
    assert sorted(row.tobytes() for row in delivered) == sorted(row.tobytes() for game in seen for row, *_ in game)


def test_outcomes_have_the_sign_of_the_player_to_move() -> None:
    rows, _ = with_network(make()).generate(300)
    decided = 0
    for game in games_of(rows):
        # Players alternate, so signs do; and whoever moves last wins or draws by that move.
        assert (game["outcome"][1:] == -game["outcome"][:-1]).all()
        last = game[-1:]["state"].copy()
        actions, count = TIC_TAC_TOE.legal_actions(last)
        ends = TIC_TAC_TOE.step(np.repeat(last, count[0]), actions[0, : count[0]])
        assert game["outcome"][-1] in ends.reward[ends.states["terminal"]]
        decided += game["outcome"][-1] != 0
    assert decided > 5


def test_a_player_who_moves_again_keeps_the_sign() -> None:
    game = toy_games.Coins()
    config = replace(CONFIG, random_opening_plies=2)
    actor = with_hash(make(config, game=game))
    seen = spy(actor)
    rows, stats = actor.generate(300)
    firsts = []
    for moves in seen:
        _, _, reward, discount = moves[-1]
        last = moves[-1][0]
        assert discount == 0
        # What the game was worth to player 0, said by the rules alone.
        worth = reward * (1 if last["state"]["to_play"] == 0 else -1)
        firsts.append(worth)
        for row, _, _, _ in moves:
            assert row["outcome"] == worth * (1 if row["state"]["to_play"] == 0 else -1)
    assert {-1, 1} <= set(firsts)
    began = [1 if moves[0][0]["state"]["to_play"] == 0 else -1 for moves in seen]
    assert {-1, 1} == set(began)  # an odd number of random plies leaves the first move to the other player
    assert stats["first_wins"] == sum(worth * sign > 0 for worth, sign in zip(firsts, began, strict=True))
    assert stats["draws"] == sum(worth == 0 for worth in firsts)
    assert len(rows) == sum(map(len, seen))


def test_a_proven_value_replaces_what_the_game_happened_to_end_with() -> None:
    config = replace(CONFIG, num_simulations=60, temperature=8.0, final_temperature=8.0)
    actor = with_network(make(config, replace(SEARCH, solve=True)))
    seen = spy(actor)
    _, stats = actor.generate(200)
    proven = 0
    for moves in seen:
        wanted = 0.0
        for row, exact, reward, discount in reversed(moves):
            wanted = reward + discount * wanted
            if exact is not None:
                truth = (
                    knowledge_of(TIC_TAC_TOE)
                    .exact_action_values(np.array([row["state"]], dtype=TIC_TAC_TOE.state_dtype))
                    .max()
                )
                assert exact == truth
                proven, wanted = proven + 1, exact
            assert row["outcome"] == wanted
    assert proven == stats["exact"] > 20


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_a_game_that_goes_on_too_long_is_scored_by_the_heuristic_of_where_it_stands(limit: int) -> None:
    game = toy_games.Coins()  # where a player moves twice or three times in a row

    def heuristic(states: np.ndarray) -> np.ndarray:
        """Of the player to move: a number that depends on the position."""
        return ((states["own"].astype(np.float32) - states["other"]) / 256).astype(np.float32)

    def is_late(states: np.ndarray, played: int) -> np.ndarray:
        return (np.abs(heuristic(states)) < 0.4) & (played >= limit) | (played >= 2 * limit)

    knowledge_of(game).heuristic = heuristic  # type: ignore[method-assign]
    wanted = {"adjudicate_after": limit, "adjudicate_below": 0.4, "adjudication_scale": 0.5}
    config = replace(CONFIG, random_opening_plies=1, **wanted)
    actor = with_hash(make(config, game=game))
    seen = spy(actor)
    _, stats = actor.generate(100)
    scored = 0
    for moves in seen:
        last, _, reward, discount = moves[-1]
        assert discount == 0 and len(moves) <= 2 * limit
        for played, (row, *_) in enumerate(moves[1:], start=1):
            assert not is_late(np.array([row["state"]]), played).any(), "it should have been over before"
        actions = last["actions"][last["actions"] >= 0]
        steps = game.step(np.repeat(np.array([last["state"]]), len(actions)), actions)
        over = steps.discount == 0
        worth = (0.5 * steps.discount * heuristic(steps.states))[~over & is_late(steps.states, len(moves))]
        assert reward in {*worth.tolist(), *steps.reward[over].tolist()}
        scored += not over.any()
        mover = last["state"]["to_play"]
        for row, *_ in moves:
            assert row["outcome"] == pytest.approx(reward * (1 if row["state"]["to_play"] == mover else -1))
    assert stats["adjudicated"] == scored > 0


def test_a_blunder_after_a_proof_does_not_change_what_was_proven() -> None:
    unknown = np.nan
    # The second player had a proven win at ply 1, gave it away, and lost by the last move, which is not recorded.
    moves = np.zeros(5, trajectories.MOVE)
    moves["recorded"], moves["exact"] = [True, True, True, True, False], [unknown, 1, unknown, unknown, unknown]
    moves["reward"], moves["discount"] = [0, 0, 0, 0, 1], [-1, -1, -1, -1, 0]
    assert trajectories.outcomes(moves).tolist() == [-1, 1, 1, -1, 1]
    rows = np.zeros(5, dtype=loss.row_dtype(TIC_TAC_TOE))
    rows["ply"] = range(5)
    finished, played = trajectories.GrowingArray(rows.dtype), trajectories.Trajectory(rows.dtype)
    played.extend(rows, moves)
    played.finish(finished, 0.0, np.random.default_rng(0))
    assert finished.rows["ply"].tolist() == [3, 2, 1, 0]  # from the end backwards
    assert finished.rows["outcome"].tolist() == [-1, 1, 1, -1]


def test_rows_stay_as_they_are_when_their_array_grows_and_belong_to_the_caller_once_taken() -> None:
    array = trajectories.GrowingArray(np.dtype([("n", "i4")]), capacity=2)
    for number in range(5):
        array.append(np.array((number,), array.rows.dtype)[()])
    taken = array.take()
    array.append(np.array((9,), array.rows.dtype)[()])
    assert taken["n"].tolist() == [0, 1, 2, 3, 4] and array.rows["n"].tolist() == [9]


def test_bytes_between_the_fields_of_a_row_are_zero_so_that_files_are_reproducible() -> None:
    game = games.make("connect-four")
    actor = with_network(make(game=game))
    rows, _ = actor.generate(100)
    again = np.zeros(len(rows), rows.dtype)
    for name in rows.dtype.names or ():
        if rows.dtype[name].names is None:
            again[name] = rows[name]
        else:
            for inner in rows.dtype[name].names or ():
                again[name][inner] = rows[name][inner]
    assert rows.tobytes() == again.tobytes() and np.array_equal(rows["state"], again["state"])
    kept = Replay(rows.dtype, ReplayConfig(window_min=60))
    kept.insert(rows[:50])
    kept.insert(rows[50:])  # for which it grows
    for _ in range(20):
        assert kept.rows(0, len(rows)).tobytes() == again.tobytes()


@pytest.mark.parametrize("policy", ["puct", "gumbel"])
def test_policy_targets_are_distributions_over_the_legal_actions(policy: Any) -> None:
    rows, _ = with_network(make(searching=replace(SEARCH, policy=policy))).generate(150)
    actions, _ = TIC_TAC_TOE.legal_actions(rows["state"].copy())
    np.testing.assert_array_equal(rows["actions"], actions)
    assert (rows["policy"] >= 0).all() and (rows["policy"][actions < 0] == 0).all()
    np.testing.assert_allclose(rows["policy"].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(rows["search_wdl"].sum(1), 1, atol=1e-5)
    assert (rows["search_wdl"] >= 0).all()


def test_of_too_many_actions_the_likeliest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = with_hash(make()).generate(100)
    monkeypatch.setattr(loss, "MAX_POLICY_TARGETS", 3)
    cut, _ = with_hash(make()).generate(100)
    assert cut["policy"].shape[1] == 3
    for short, full in zip(cut, whole, strict=True):
        assert short["state"] == full["state"]
        kept = short["actions"][short["actions"] >= 0]
        assert (np.diff(kept) > 0).all()
        shares = dict(zip(full["actions"].tolist(), full["policy"].tolist(), strict=True))
        assert min(shares[a] for a in kept) >= sorted((shares[a] for a in shares if a >= 0), reverse=True)[:3][-1]
        assert abs(short["policy"].sum() - 1) < 1e-5


def test_the_same_seed_gives_the_same_rows_and_another_seed_or_actor_does_not() -> None:
    first, _ = with_network(make()).generate(150)
    again, _ = with_network(make()).generate(150)
    assert tiny.same_bits(first, again)
    for other in (make(seed=2), make(index=1)):
        assert not tiny.same_bits(first[:100], with_network(other).generate(150)[0][:100])


def test_games_do_not_depend_on_how_many_are_played_at_once() -> None:
    def played(at_once: int, rows: int) -> list[bytes]:
        actor = with_hash(make(replace(CONFIG, concurrent_games=at_once)))
        return [game.tobytes() for game in games_of(actor.generate(rows)[0])]

    alone, together = played(1, 100), played(7, 250)
    assert len(alone) > 10
    assert set(alone) <= set(together)  # games that take long finish later among many


def test_random_openings_have_between_none_and_the_given_number_of_plies() -> None:
    for most in (0, 1, 5):
        rows, _ = with_hash(make(replace(CONFIG, random_opening_plies=most))).generate(400)
        stones = [bin(game["state"]["mask"][0]).count("1") for game in games_of(rows)]
        assert set(stones) == set(range(most + 1))


def test_more_opening_plies_than_a_game_has_still_leave_something_to_play() -> None:
    rows, _ = with_hash(make(replace(CONFIG, random_opening_plies=10**9, concurrent_games=2))).generate(5)
    assert not rows["state"]["terminal"].any()


def test_against_the_past_self_only_the_newest_players_moves_are_recorded() -> None:
    actor = with_hash(make(replace(CONFIG, opponent_share=1.0)), opponent=True)
    seen = spy(actor)
    rows, _ = actor.generate(150)
    sides = []
    for moves in seen:
        recorded = [row["state"]["to_play"] for row, *_ in moves if row is not None]
        assert len(set(recorded)) <= 1
        assert abs(len(moves) - 2 * len(recorded)) <= 1
        sides.extend(recorded[:1])
    assert {0, 1} == {int(side) for side in sides}
    assert len(rows) == sum(row is not None for moves in seen for row, *_ in moves)
    for moves in seen:  # outcomes are right although half of the rows are missing
        reward, number = moves[-1][2], len(moves)
        for ply, (row, *_) in enumerate(moves):
            if row is not None:
                assert row["outcome"] == reward * (1 if (number - 1 - ply) % 2 == 0 else -1)


def test_each_player_searches_with_its_own_network() -> None:
    actor = with_hash(make(replace(CONFIG, opponent_share=1.0)), opponent=True)
    league = actor._groups[1]
    asked = []

    def listen(name: str, inner: Any) -> Any:
        def answer(leaves: search.Leaves) -> Any:
            to_move = league.states["to_play"][leaves.rows]
            asked.append((name, bool((to_move == league.side[leaves.rows]).all()), len(leaves.rows)))
            assert len(set(to_move == league.side[leaves.rows])) == 1
            return inner(leaves)

        return answer

    actor._newest, actor._opponent = listen("newest", actor._newest), listen("opponent", actor._opponent)
    actor.generate(60)
    assert {(name, own) for name, own, _ in asked} == {("newest", True), ("opponent", False)}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_the_past_self_gets_its_share_of_the_searching(share: float) -> None:
    actor = with_hash(make(replace(CONFIG, opponent_share=share)), opponent=True)
    actor.generate(400)
    turns = [group.turns for group in actor._groups]
    assert len(turns) == (2 if share else 1)
    assert abs(sum(turns[1:]) / sum(turns) - share) < 0.01


def test_without_a_past_self_every_game_is_among_the_newest() -> None:
    actor = with_hash(make(replace(CONFIG, opponent_share=0.5)))
    actor.generate(50)
    assert actor._groups[1].turns == 0


def test_an_actor_whose_searches_outlive_new_weights_plays_on() -> None:
    actor = with_network(make(replace(CONFIG, restart_search_on_update=False)))
    before = len(actor.generate(50)[0])
    with_network(actor)
    assert before >= 50 and len(actor.generate(50)[0]) >= 50


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_restored_actor_goes_on_exactly(share: float, sync: bool) -> None:
    config = replace(CONFIG, opponent_share=share, restart_search_on_update=sync)
    original = with_network(make(config), opponent=True)
    for _ in range(3):
        original.generate(40)
    arrays, rest = original.state()
    # As it goes through a folder.
    arrays = {key: artifact.unpack_array(artifact.pack_array(array), key) for key, array in arrays.items()}
    rest = json.loads(json.dumps(rest))
    if not sync:  # a restored actor starts its searches anew, so the original has to as well
        original.load_state(arrays, rest)
    restored = make(config, seed=5)
    assert restored.load_state(arrays, rest)
    for actor in (original, restored):
        with_network(actor, opponent=True)
    for _ in range(4):
        (rows, stats), (other, others) = original.generate(60), restored.generate(60)
        assert tiny.same_bits(rows, other)
        assert stats == others


def test_taking_the_state_changes_nothing() -> None:
    quiet, asked = with_network(make()), with_network(make())
    for actor in (quiet, asked):
        actor.generate(30)
    asked.state()
    assert tiny.same_bits(quiet.generate(60)[0], asked.generate(60)[0])


def test_a_state_of_another_number_of_games_is_declined_and_changes_nothing() -> None:
    arrays, rest = with_network(make(seed=7)).state()
    for config in (replace(CONFIG, concurrent_games=3), replace(CONFIG, opponent_share=0.5)):
        actor, fresh = make(config), make(config)
        assert not actor.load_state(arrays, rest)
        assert tiny.same_bits(with_network(actor).generate(40)[0], with_network(fresh).generate(40)[0])


def test_counts_of_evaluations_and_cache_hits_are_those_since_the_last_call() -> None:
    actor = with_network(make())
    for _ in range(3):
        _, stats = actor.generate(50)
        assert stats["evaluations"] == stats["cache_lookups"] - stats["cache_hits"] - stats["cache_merged"] > 0
        assert stats["moves"] >= stats["games"] > 0 and stats["batches"] > 0


def test_a_cache_plays_the_games_of_the_network_without_and_a_symmetric_one_evaluates_less() -> None:
    rows, evaluations = {}, {}
    for name, settings in {"none": {"cache_entries": 0}, "plain": {}, "symmetric": {"symmetric_cache": True}}.items():
        rows[name], stats = with_network(make(replace(CONFIG, **settings))).generate(200)
        evaluations[name] = stats["evaluations"] / stats["moves"]
    assert tiny.same_bits(rows["none"], rows["plain"])
    assert evaluations["symmetric"] < 0.8 * evaluations["plain"] < 0.8 * evaluations["none"]
    assert not tiny.same_bits(rows["plain"][:100], rows["symmetric"][:100])  # the network is not symmetric
    again = with_network(make(replace(CONFIG, symmetric_cache=True, cache_entries=2))).generate(200)[0]
    assert tiny.same_bits(rows["symmetric"], again)  # what is remembered decides nothing


def test_temperature_decides_between_one_first_move_and_many() -> None:
    def variety(temperature: float) -> int:
        config = replace(CONFIG, temperature=temperature, final_temperature=temperature, random_opening_plies=0)
        actor = with_hash(make(config, replace(SEARCH, dirichlet_fraction=0.0)))
        rows = actor.generate(300)[0]
        seconds = [int(game["state"]["mask"][1]) for game in games_of(rows) if len(game) > 1]
        return len(set(seconds))

    assert variety(0.0) == 1
    assert variety(100.0) > 2  # eight simulations don't visit every move
