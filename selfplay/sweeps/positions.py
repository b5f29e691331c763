"""Positions with exact values, to measure agents on: made anew for a sweep, so that none is in the eval set that runs
are measured against while they train.

A third each from uniformly random play, from careless play (a search of few random games, and every third move at
random) and from careful play (a search of more, after a random beginning); one position a game, from opening, middle
and end in turn. Games with a solver only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import games
from games.base import ILLEGAL, Game
from games.knowledge import EvalSet, Knowledge
from selfplay.players import reference
from selfplay.players.player import Player, Turn

STAGES = ("opening", "middle", "end")  # thirds of the longest game
ATTEMPTS = 4  # batches of games in a row without a new position of a stage, after which it has no others
FEWEST_GAMES, MOST_GAMES = 30, 1_000  # in a batch, of each style


class Style(NamedTuple):
    """A way to play games from which positions are taken."""

    player: str  # a reference player
    share: float  # of its moves that are random instead
    beginning: float  # random plies that a game begins with, at most, as a share of the longest game


STYLES = (Style("random", 0.0, 0.0), Style("uct:16", 0.34, 0.1), Style("uct:100", 0.0, 0.2))


def make(game: Game, number: int, seed: int) -> EvalSet | None:
    """Up to `number` positions, fewer where play meets no others; a function of its arguments. None where all that are
    met are in the game's eval set. The game has a solver. No two are equal or images of each other."""
    knowledge = games.facet(game, Knowledge)
    eval_set = knowledge.eval_set()
    met = set() if eval_set is None else set(_canonical_keys(game, eval_set.states).tolist())
    players = [reference.make(game, style.player) for style in STYLES]
    rng = np.random.default_rng(seed)
    states: list[np.void] = []
    stages: list[int] = []
    in_vain = np.zeros(len(STAGES), int)  # batches in a row without a new position of this stage
    while len(states) < number:
        counts = np.bincount(stages, minlength=len(STAGES))
        others = in_vain < ATTEMPTS
        most = -(-number // len(STAGES))
        asked = np.flatnonzero(others & (counts < most))
        if not len(asked):  # a stage that has no more leaves its part to the others
            asked, most = np.flatnonzero(others), number
        if not len(asked):
            break
        wanted = np.resize(asked, int(np.clip((number - len(states)) // len(STYLES), FEWEST_GAMES, MOST_GAMES)))
        for player, style in zip(players, STYLES, strict=True):
            found, own = _one_a_game(game, player, style, wanted, rng)
            for state, key, stage in zip(found, _canonical_keys(game, found).tolist(), own.tolist(), strict=True):
                if key not in met and len(states) < number and stages.count(stage) < most:
                    met.add(key)
                    states.append(state)
                    stages.append(stage)
        rose = np.bincount(stages, minlength=len(STAGES)) > counts
        in_vain[asked] = np.where(rose[asked], 0, in_vain[asked] + 1)
    if not states:
        return None
    taken = np.array(states, dtype=game.state_dtype)
    values = knowledge.exact_action_values(taken)
    assert values is not None
    return EvalSet(taken, values, np.array(stages, np.int8), STAGES)


def contested(eval_set: EvalSet) -> float:
    """Share of the positions that have a wrong move, in [0, 1]."""
    worst = np.where(eval_set.values == ILLEGAL, 2, eval_set.values).min(axis=1)
    return float((worst < eval_set.values.max(axis=1)).mean())


def _one_a_game(
    game: Game, player: Player, style: Style, wanted: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(states [n], stages [n]): of each of N games a position of the stage that is wanted [N], each of that stage as
    likely as another; none of the games that ended before."""
    number = len(wanted)
    states, starts = game.initial_states(number), game.initial_states(number)
    rngs = list(rng.spawn(number))
    met = np.zeros(number, np.int64)  # positions of the stage that is wanted
    beginnings = rng.integers(0, 1 + int(style.beginning * game.max_game_length), size=number)
    actions: list[list[int]] = [[] for _ in range(number)]
    kept = states.copy()
    going = np.arange(number)
    for ply in range(game.max_game_length):
        here = going[wanted[going] == _stage(game, ply)]
        met[here] += 1
        drawn = here[rng.random(len(here)) < 1 / met[here]]
        kept[drawn] = states[drawn]
        at_random = (rng.random(len(going)) < style.share) | (ply < beginnings[going])
        chosen = _random_actions(game, states[going], rng)
        if (asked := going[~at_random]).size:
            turn = Turn(states[asked], [rngs[k] for k in asked], starts[asked], [actions[k] for k in asked])
            chosen[~at_random] = player.choose(turn).actions
        for k, action in zip(going.tolist(), chosen.tolist(), strict=True):
            actions[k].append(action)
        states[going] = game.step(states[going], chosen).states
        going = going[~states["terminal"][going]]
        if not len(going):
            break
    return kept[met > 0], wanted[met > 0]


def _stage(game: Game, plies: int) -> int:
    return min(len(STAGES) * plies // game.max_game_length, len(STAGES) - 1)


def _random_actions(game: Game, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[B] int64: a legal action in each of states [B]."""
    actions, count = game.legal_actions(states)
    return actions[np.arange(len(states)), rng.integers(0, count)].astype(np.int64)


def _canonical_keys(game: Game, states: np.ndarray) -> np.ndarray:
    """[B] uint64: keys that are equal for equal positions and their images."""
    images = [game.symmetric_states(states, np.full(len(states), number)) for number in range(game.num_symmetries)]
    found: np.ndarray = np.min([game.key(image) for image in images], axis=0)
    return found
