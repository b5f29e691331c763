"""Evaluation of a network: its choices against exact knowledge, and games against fixed opponents.

Against exact knowledge: the share of positions in which the best win/draw/loss result is kept. A choice is a mistake
when its game-theoretic value is worse than that of the best action. Positions where every action is equally good cannot
show one; the share over the others is reported beside the share over all.
"""

from __future__ import annotations

import contextlib

import numpy as np

import games
from games.base import ILLEGAL, Game
from games.knowledge import EvalSet, Knowledge
from selfplay.alphazero.config import EvaluationConfig
from selfplay.alphazero.display import FIRST, POINTS
from selfplay.players import match, openings, player, reference
from selfplay.search import search
from selfplay.search.config import SearchConfig
from selfplay.search.search import Leaves
from selfplay.types import Watch


def measure(
    game: Game, evaluate: search.Evaluate, first: search.Evaluate, config: SearchConfig,
    settings: EvaluationConfig, seed: int, watch: Watch,
) -> dict[str, float]:  # fmt: skip
    """Metrics against the game's eval set, where it has one, and against the opponents asked for. Where time runs out,
    those that are complete: the eval set as a whole, and all games against an opponent, since those that end first are
    not like the others.

    accuracy and mistakes with search, raw_accuracy of the policy alone, contested_accuracy over positions that have a
    wrong move, accuracy by stage, value_accuracy (sign of the raw value where the game is not drawn), positions;
    endgame_mistakes, the share of positions of endgame tables that have a wrong move in which it is played, by table
    too, and endgame_positions;
    score_OPPONENT, points a game in [0, 1], and games. first: the evaluator of the first generation.
    """
    found: dict[str, float] = {}
    eval_set = games.facet(game, Knowledge).eval_set()
    endings = games.facet(game, Knowledge).endgame_set() if settings.endgames else None
    course = _Course(watch, (eval_set is not None) + (endings is not None) + len(settings.opponents))
    watched = course.during(evaluate)
    with contextlib.suppress(_OutOfTime):
        if eval_set is not None:
            course.expect(-(-len(eval_set.states) // player.BATCH) * settings.num_simulations)
            raw = player.choices(game, eval_set.states, watched, config, 0)
            searched = player.choices(game, eval_set.states, watched, config, settings.num_simulations)
            found = exactness(eval_set, raw, searched)
        if endings is not None:
            course.expect(-(-len(endings.states) // player.BATCH) * settings.num_simulations)
            searched = player.choices(game, endings.states, watched, config, settings.num_simulations)
            found |= endgame_mistakes(endings, searched)
        me = player.SearchPlayer("agent", game, watched, config, settings.num_simulations)
        for name in settings.opponents:
            course.expect(game.max_game_length // 4 * settings.num_simulations)
            opponent = (
                player.SearchPlayer(FIRST, game, course.during(first), config, settings.num_simulations)
                if name == FIRST else reference.make(game, name)
            )  # fmt: skip
            starts = _starts(game, settings.games // 2, settings, seed)
            summary = match.summary(match.play_pairs(game, me, opponent, starts, seed))
            found |= {f"{POINTS}{name}": summary.score, "games": float(summary.games)}
    return found | {"simulations": float(settings.num_simulations)} if found else {}


class _OutOfTime(Exception):
    """An evaluation has used up the time that it may take."""


class _Course:
    """How far an evaluation of several parts is, told at each batch that the network evaluates."""

    def __init__(self, watch: Watch, parts: int) -> None:
        self._watch, self._parts = watch, max(parts, 1)
        self._part, self._batches, self._expected = -1, 0, 1

    def expect(self, batches: int) -> None:
        """Begins the next part, which takes about so many batches."""
        self._part, self._batches, self._expected = self._part + 1, 0, max(batches, 1)

    def during(self, evaluate: search.Evaluate) -> search.Evaluate:
        """`evaluate`, but it raises _OutOfTime once the time is up."""

        def watched(leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
            self._batches += 1
            # Games are of unknown length: never quite done before they are.
            share = (
                self._batches / self._expected
                if self._batches <= self._expected / 2
                else (1 - self._expected / (4 * self._batches))
            )
            if not self._watch((self._part + share) / self._parts):
                raise _OutOfTime
            return evaluate(leaves)

        return watched


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


def endgame_mistakes(endings: EvalSet, searched: search.Results) -> dict[str, float]:
    """See `measure`."""
    lost = ~keeps_result(endings, searched)
    found = {"endgame_mistakes": float(lost.mean()), "endgame_positions": float(len(lost))}
    for index, name in enumerate(endings.stage_names):
        found[f"endgame_mistakes_{name}"] = float(lost[endings.stage == index].mean())
    return found


def keeps_result(eval_set: EvalSet, results: search.Results) -> np.ndarray:
    """[B] bool: the chosen action keeps the best result that the position offers."""
    rows = np.arange(len(results.play))
    chosen = results.actions[rows, results.play]
    kept: np.ndarray = eval_set.values[rows, chosen] == eval_set.values.max(axis=1)
    return kept
