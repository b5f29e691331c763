"""Evaluation of a network: its choices against exact knowledge, and games against fixed opponents.

Against exact knowledge: the share of positions in which the best win/draw/loss result is kept. A choice is a mistake
when its game-theoretic value is worse than that of the best action. Positions where every action is equally good cannot
show one; the share over the others is reported beside the share over all.
"""

from __future__ import annotations

import numpy as np

import games
from games.base import ILLEGAL, Game
from games.knowledge import EvalSet, Knowledge
from selfplay.alphazero.config import EvaluationConfig
from selfplay.alphazero.display import FIRST, POINTS
from selfplay.players import match, openings, player, reference
from selfplay.search import search
from selfplay.search.config import SearchConfig


def measure(
    game: Game, evaluate: search.Evaluate, first: search.Evaluate, config: SearchConfig,
    settings: EvaluationConfig, seed: int,
) -> dict[str, float]:  # fmt: skip
    """Metrics against the game's eval set, where it has one, and against the opponents asked for.

    accuracy and mistakes with search, raw_accuracy of the policy alone, contested_accuracy over positions that have a
    wrong move, accuracy by stage, value_accuracy (sign of the raw value where the game is not drawn), positions;
    score_OPPONENT, points a game in [0, 1], and games. first: the evaluator of the first generation.
    """
    found: dict[str, float] = {}
    eval_set = games.facet(game, Knowledge).eval_set()
    if eval_set is not None:
        raw = player.choices(game, eval_set.states, evaluate, config, 0)
        searched = player.choices(game, eval_set.states, evaluate, config, settings.num_simulations)
        found = exactness(eval_set, raw, searched)
    me = player.SearchPlayer("agent", game, evaluate, config, settings.num_simulations)
    for name in settings.opponents:
        opponent = (
            player.SearchPlayer(FIRST, game, first, config, settings.num_simulations)
            if name == FIRST else reference.make(game, name)
        )  # fmt: skip
        starts = _starts(game, settings.games // 2, settings, seed)
        summary = match.summary(match.play_pairs(game, me, opponent, starts, seed))
        found |= {f"{POINTS}{name}": summary.score, "games": float(summary.games)}
    return found | {"simulations": float(settings.num_simulations)} if found else {}


def play_match(
    game: Game, row: search.Evaluate, column: search.Evaluate, config: SearchConfig, settings: EvaluationConfig,
    seed: int,
) -> match.Summary:  # fmt: skip
    """A match of two evaluators, in pairs of games that swap seats; a function of its arguments."""
    one, other = (
        player.SearchPlayer(name, game, evaluate, config, settings.match_simulations)
        for name, evaluate in (("row", row), ("column", column))
    )
    starts = _starts(game, settings.match_games // 2, settings, seed)
    return match.summary(match.play_pairs(game, one, other, starts, seed))


def _starts(game: Game, number: int, settings: EvaluationConfig, seed: int) -> list[openings.Opening]:
    rng = np.random.default_rng(seed)
    starts = openings.customary(game, number, rng)
    return starts or openings.random(game, number, settings.random_opening_plies, rng)


def exactness(eval_set: EvalSet, raw: search.Results, searched: search.Results) -> dict[str, float]:
    """See `measure`."""
    best = eval_set.values.max(axis=1)
    worst = np.where(eval_set.values == ILLEGAL, 2, eval_set.values).min(axis=1)
    contested = worst < best
    kept = keeps_result(eval_set, searched)
    decided = best != 0
    found = {
        "accuracy": kept.mean(),
        "contested_accuracy": kept[contested].mean(),
        "raw_accuracy": keeps_result(eval_set, raw).mean(),
        "value_accuracy": (np.sign(raw.value[decided]) == best[decided]).mean(),
        "mistakes": float((~kept).sum()),
        "positions": float(len(kept)),
        "contested": float(contested.sum()),
    }
    if len(eval_set.stage_names) > 1:
        for index, name in enumerate(eval_set.stage_names):
            found[f"accuracy_{name}"] = kept[eval_set.stage == index].mean()
    return {name: float(value) for name, value in found.items()}


def keeps_result(eval_set: EvalSet, results: search.Results) -> np.ndarray:
    """[B] bool: the chosen action keeps the best result that the position offers."""
    rows = np.arange(len(results.play))
    chosen = results.actions[rows, results.play]
    kept: np.ndarray = eval_set.values[rows, chosen] == eval_set.values.max(axis=1)
    return kept
