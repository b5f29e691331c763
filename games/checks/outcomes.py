"""Checks of how games end: rewards, heuristics, exact values and random play must agree. Knows no game.

They belong to the list of `games.checks.contract`.
"""

from __future__ import annotations

import numpy as np

import games
from games import base
from games.checks import exhaustive
from games.checks.answers import require, require_kind
from games.checks.random_play import Sample, same
from games.knowledge import Knowledge
from games.notation import Notation
from games.text import records

DECIDED = 8  # games that must have a winner before they can show that a sign is wrong
PLAYOUTS = 32  # random games from a position, to see who is ahead
MIN_GAMES = 20  # for the comparison of a heuristic with outcomes
DEVIATIONS = 4  # standard errors that make a contradiction: less than one in 10,000 by chance


def known_results_come_out(game: base.Game, sample: Sample) -> None:
    """By the rewards of `step`. Without known results, a decided game must not always be lost by its last mover: that
    is what a wrong sign of the reward looks like in most games, and games that mean it can say so by a known result."""
    known, notation = games.facet(game, Knowledge).known_results, games.facet(game, Notation)
    for result in known:
        start = states = notation.from_fen(result.start) if result.start else game.initial_states(1)
        actions: list[int] = []
        for text in notation.split(result.moves):
            actions.append(notation.action_from_string(states[0], text))
            states = game.step(states, np.array(actions[-1:])).states
        points = records.score(game, start, actions)
        message = f"after {result.moves} seat 0 has {points} points by `step`, and {result.points} by known_results"
        require(points == result.points, game, states, message)
    last = np.array([played.reward[-1] for played in sample.games if len(played.reward)])
    decided = last[last != 0]
    assert known or len(decided) < DECIDED or (decided > 0).any(), (
        f"all {len(decided)} decided games were lost by the player who made the last move. `Step.reward` is what the"
        " player earns who just moved: is its sign wrong? If the rules mean it, name such a game in"
        " Knowledge.known_results."
    )


def unclaimed_draws_can_be_played_on(game: base.Game, sample: Sample) -> None:
    """`unclaimed` leaves games that go on as they are; what it takes up again was a draw, and has legal actions."""
    _, _, step = sample.moves()
    going = game.unclaimed(step.states.copy())
    require_kind("unclaimed", going, (len(step.states),), game.state_dtype)
    over, again = step.states["terminal"], step.states["terminal"] & ~going["terminal"]
    require(over | same(going, step.states), game, step.states, "unclaimed changes a game that goes on")
    require(~again | (step.reward == 0), game, step.states, "unclaimed takes up a game that was won")
    require(~again | (game.legal_actions(going)[1] > 0), game, going, "unclaimed goes on without a legal action")


def exact_values_follow_from_rewards(game: base.Game, sample: Sample) -> None:
    """If the game has a solver: the value of an action is its reward, or the value of what it leads to."""
    knowledge = games.facet(game, Knowledge)
    if not knowledge.has_solver:
        return
    near_the_end = [played.states[max(-len(played.states), -2 - i % 3)] for i, played in enumerate(sample.games)]
    states = np.array(near_the_end, dtype=game.state_dtype)
    states = states[~states["terminal"]]
    values = knowledge.exact_action_values(states.copy())
    assert values is not None
    require_kind("exact_action_values", values, (len(states), game.num_actions), np.int8)
    rows, actions, step = exhaustive.expand(game, states)
    found = np.full_like(values, base.ILLEGAL)
    found[rows, actions] = np.sign(step.reward)
    going_on = step.discount != 0
    if going_on.any():
        onwards = knowledge.exact_action_values(step.states[going_on])
        assert onwards is not None
        found[rows[going_on], actions[going_on]] = step.discount[going_on] * onwards.max(axis=1)
    require((values == found).all(axis=1), game, states, "exact values are not those of what the actions lead to")
    eval_set = knowledge.eval_set()
    if eval_set is not None:
        rows, actions, step = exhaustive.expand(game, eval_set.states)
        labels, over = eval_set.values[rows, actions], step.discount == 0
        agrees = np.where(over, labels == np.sign(step.reward), np.abs(labels) <= 1)
        require(agrees, game, eval_set.states[rows], "the eval set has another value for an action than the rules")
        legal = (eval_set.values != base.ILLEGAL).sum() == len(rows)
        require(legal, game, eval_set.states, "the eval set has values for actions that are not legal")


def heuristics_go_with_outcomes(game: base.Game, sample: Sample) -> None:
    """Whoever a heuristic sees far ahead must not lose significantly more random games from there than are won."""
    heuristic = games.facet(game, Knowledge).heuristic
    leading = []
    for played in (played for played in sample.games if len(played.actions)):
        going_on = played.states[:-1]
        leading.append(going_on[np.abs(heuristic(going_on)).argmax()])
    states = np.array(leading, dtype=game.state_dtype)
    lead = heuristic(states).astype(np.float64)
    if len(states) < MIN_GAMES or not lead.any():
        return
    seeds = np.arange(len(states) * PLAYOUTS, dtype=np.uint64)
    outcomes = game.playouts(np.repeat(states, PLAYOUTS), seeds).reshape(len(states), PLAYOUTS).mean(axis=1)
    agreement = lead * outcomes
    error = agreement.std(ddof=1) / np.sqrt(len(states))
    worst = agreement.argmin()
    message = (
        f"the heuristic says the opposite of how random games end: agreement {agreement.mean():.3f} ± {error:.3f}; the"
        f" worst is {lead[worst]:+.2f} for the player to move, who has {outcomes[worst]:+.2f} on average"
    )
    require(agreement.mean() >= -DEVIATIONS * error, game, states[worst : worst + 1], message)


def heuristics_stay_in_range(game: base.Game, sample: Sample) -> None:
    worth = games.facet(game, Knowledge).heuristic(sample.states)
    require_kind("heuristic", worth, (len(sample.states),), np.float32)
    require(np.abs(worth) <= 1, game, sample.states, "heuristic is outside [-1, 1]")


def playouts_are_the_games_of_the_contract(game: base.Game, sample: Sample) -> None:
    """By position and seed, whatever else is in the batch: draw for draw those that `Game.playouts` of `base` plays."""
    states = sample.some(len(sample.games))
    seeds, backwards = np.arange(len(states), dtype=np.uint64), slice(None, None, -1)
    kept, kept_seeds, plies = states.copy(), seeds.copy(), np.ones(len(states), dtype=np.int64)
    outcome = game.playouts(states, seeds, plies)
    require_kind("playouts", outcome, (len(states),), np.int8)
    require(same(states, kept) & (seeds == kept_seeds), game, kept, "playouts change their input")
    expected_plies = np.ones(len(states), dtype=np.int64)
    expected = base.Game.playouts(game, states, seeds, expected_plies)
    require(outcome == expected, game, states, "playouts have other outcomes than the contract's")
    require(plies == expected_plies, game, states, "playouts have other lengths than the contract's")
    require(~states["terminal"] | (plies == 1), game, states, "playouts go on where the game is over")
    again = game.playouts(states[backwards], seeds[backwards])
    require(again[backwards] == outcome, game, states, "playouts depend on what else is in the batch")
