"""The observer of an AlphaZero run: gathers games, moves and weights of a generation, and gives readings of them.

Games that an actor's process delivers first are left out where positions and lengths are compared: they are those that
ended soonest.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from games.base import Game
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.display import POINTS
from selfplay.alphazero.monitors import games, moves, openings, streams, weights
from selfplay.drift.detectors import evalues
from selfplay.drift.monitor import Reading
from selfplay.networks.policy_value import PLAYER
from selfplay.types import SampleBatch, Weights

ROUNDS = 2  # of all games at once that are left out of a process's first ones
FEWEST = 16  # games on a side of a comparison
WRONG = 0.01  # share of sure searches that the outcome contradicts; healthy: none
SHARES = (0.03, 0.1, 0.3, 0.8)  # of them where labels are wrong
MARGIN = 0.1  # of an AUC around a half: actors whose games differ by less are alike
WORSE = 0.1  # by how much values must be worse than none
FALL = 0.2  # of points or accuracy, which is no accident however many games it is of
ANCHORS = ("accuracy",)
COMPARED = ("length", "error", "swing", "entropy")  # of games of different actors
WORDS = {"length": "game lengths", "error": "errors of the value", "swing": "changes of the value",
         "entropy": "entropies of the policy"}  # fmt: skip


class Level(NamedTuple):
    """What an evaluation has measured so far."""

    best: float = 0.0  # that two evaluations in a row have reached
    last: float | None = None
    generation: int | None = None  # of the last one; states of earlier versions have none


class SelfPlayObserver:
    """See `selfplay.drift.monitor.Observer`."""

    streams = streams.STREAMS

    def __init__(self, game: Game, config: AlphaZeroConfig) -> None:
        self.settings, self._game, self._config = config.drift, game, config
        self._openings = openings.Openings(game, config.actor)
        self._probe = weights.Probe(game, config.network)
        self._skip = ROUNDS * config.actor.concurrent_games
        self._delivered: dict[int, int] = {}  # games of the process that plays as an actor
        self._inserted = [[0.0, 0.0]]  # of each generation: sum of its rows' generations, and their number
        self._rows = 0  # in all
        self._generation = 0
        self._before = np.zeros(0, games.RECORD)  # the generation before
        self._levels: dict[str, Level] = {}  # by metric
        self._clear()

    def _clear(self) -> None:
        self._games: list[np.ndarray] = []
        self._early: list[np.ndarray] = []  # of those, which are a process's first ones
        self._ratios: dict[int, np.ndarray] = {}  # of each actor
        self._moves: dict[int, int] = {}
        self._batches: dict[int, int] = {}
        self._behind: dict[int, int] = {}
        self._ages: list[float] = []  # mean age of each batch drawn

    # -- what is seen ----------------------------------------------------------------------------------------

    def begin(self, weights: Weights, raw: Weights) -> None:
        self._probe.look(weights[PLAYER], raw[PLAYER])

    def take(self, batch: SampleBatch, generation: int) -> None:
        actor, _, number = batch.source
        # Rows of positions that were searched anew come after those of games, and are no games.
        played = batch.rows[: max(0, len(batch.rows) - int(batch.stats.get("reanalysed", 0)))]
        if len(played):
            self._take_games(played, actor, 0 if number == 1 else self._delivered.get(actor, 0))
        self._batches[actor] = self._batches.get(actor, 0) + 1
        if self._batches[actor] > 1 and batch.rows["generation"].max() < generation:
            self._behind[actor] = self._behind.get(actor, 0) + 1
        self._inserted[-1][0] += float(batch.rows["generation"].sum())
        self._inserted[-1][1] += len(batch.rows)
        self._rows += len(batch.rows)

    def _take_games(self, rows: np.ndarray, actor: int, before: int) -> None:
        """Rows [M ≥ 1] of whole games of an actor, whose process has delivered `before` games."""
        playing = self._config.actor
        found = games.records(self._game, games.once(rows) if playing.surprise_weight else rows, actor)
        self._delivered[actor] = before + len(found)
        self._games.append(found)
        self._early.append(before + np.arange(len(found)) < self._skip)
        # Moves by Gumbel follow from noise that rows do not tell; after a switch none is drawn; and policies that are
        # exact, or rows that are kept by what came next, are not those that moves were drawn from.
        told = not (playing.switch_plies or playing.exact_policy or playing.surprise_weight)
        if told and self._config.search.policy != "gumbel":
            logs, count = moves.log_ratios(self._game, rows, playing)
            self._ratios[actor] = self._ratios.get(actor, 0.0) + logs
            self._moves[actor] = self._moves.get(actor, 0) + count

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        self._generation = generation
        self._ages.append(generation - float(rows["generation"].mean()))

    # -- what is said of it ----------------------------------------------------------------------------------

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        change = self._probe.look(weights[PLAYER], raw[PLAYER])
        readings = self._of_weights(change)
        figures = {name: value for name, value in change.items() if not name.endswith("_change")}
        if self._ages:
            figures["age"] = float(np.mean(self._ages))
            readings += self._of_ages(figures["age"], self._generation)
        if self._games:
            found, early = np.concatenate(self._games), np.concatenate(self._early)
            settled = found[~early]
            figures |= self._figures(found)
            readings += self._of_moves() + self._of_labels(found) + self._of_values(found) + self._of_batches()
            readings += self._of_openings(settled) + self._of_actors(settled) + self._of_change(found)
            self._before = found
        self._clear()
        return figures, readings

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        """Of what is measured against opponents that stay the same, and on positions with known values. A level counts
        once two evaluations in a row have reached it, and is lost once two in a row have fallen short."""
        readings = []
        for name, now in metrics.items():
            if not (name.startswith(POINTS) or name in ANCHORS):
                continue
            number = metrics.get("games" if name.startswith(POINTS) else "positions", 0.0)
            best, last, before = self._levels.get(name, Level())
            if last is not None and number:
                chance = max(FALL, 4 * math.sqrt(0.5 / number))  # four standard deviations of a difference, at most
                fall = (best - max(now, last)) / chance
                seen = f"{name} was {best:.0%} or more twice and is {now:.0%} after {last:.0%}"
                readings.append(Reading("forgetting", fall, seen, int(number), name, since=before))
                best = max(best, min(now, last))
            self._levels[name] = Level(best, now, self._generation + 1)
        return readings

    def _of_weights(self, change: Mapping[str, float]) -> list[Reading]:
        if change.get("policy_change", 0.0) < 1e-6:
            return []  # nothing was learned
        ratio = change["value_change"] / change["policy_change"]
        found = [Reading("value_head", ratio, f"its weights moved {ratio:.2g} times as far as the policy's", 1)]
        if change["policy_churn"] > 1e-6:
            seen = f"it changed by {change['value_churn']:.2g} on {weights.PROBES} positions"
            found.append(Reading("value_churn", change["value_churn"], seen, weights.PROBES))
        return found

    def _of_moves(self) -> list[Reading]:
        found = []
        for actor, logs in sorted(self._ratios.items()):
            if count := self._moves[actor]:
                value, way = moves.e_value(logs)
                seen = f"{count:,} moves are not drawn as the settings say, but as if {way}"
                found.append(Reading("moves", value, seen, count, f"actor {actor}", len(self._ratios)))
        return found

    def _of_labels(self, found: np.ndarray) -> list[Reading]:
        readings = []
        actors = np.unique(found["actor"])
        for actor in actors.tolist():
            own = found[found["actor"] == actor]
            sure, wrong = int(own["sure"].sum()), int(own["wrong"].sum())
            if sure:
                value = evalues.of_count(wrong, sure, WRONG, SHARES)
                seen = f"the other side won {wrong:,} of {sure:,} games that the search was sure of"
                readings.append(Reading("labels", value, seen, sure, f"actor {actor}", len(actors)))
        return readings

    def _of_values(self, found: np.ndarray) -> list[Reading]:
        if len(found) < FEWEST:
            return []
        worse = (found["error"] - found["plain"]).astype(np.float64)
        spread = worse.std(ddof=1) / math.sqrt(len(worse))
        p = float(stats.t.sf((worse.mean() - WORSE) / max(spread, 1e-9), len(worse) - 1))
        error, plain = float(found["error"].mean()), float(found["plain"].mean())
        seen = f"their squared error is {error:.2f}, where saying 0 always makes {plain:.2f}"
        return [Reading("values", evalues.from_p_value(p), seen, len(found))]

    def _of_batches(self) -> list[Reading]:
        return [
            Reading("behind", float(self._behind.get(actor, 0)),
                    f"{self._behind.get(actor, 0)} of its {count} batches were played with older weights", count,
                    f"actor {actor}")
            for actor, count in sorted(self._batches.items())
            if count > 1
        ]  # fmt: skip

    def _of_ages(self, age: float, generation: int) -> list[Reading]:
        """Against the mean over the window; the generations that have left it are dropped."""
        replay = self._config.replay
        window = min(max(replay.window_min, int(self._rows * replay.window_fraction)), replay.capacity, self._rows)
        total, left = 0.0, float(window)
        for place, (of, count) in reversed(list(enumerate(self._inserted))):
            share = min(1.0, left / max(count, 1.0))
            total, left = total + share * of, left - share * count
            if left <= 0:
                del self._inserted[:place]
                break
        self._inserted.append([0.0, 0.0])
        even = max(generation - total / max(window, 1), 1.0)
        seen = f"rows drawn were {age:.1f} generations old, where even draws make {even:.1f}"
        return [Reading("age", age / even, seen, len(self._ages))]

    def _of_openings(self, found: np.ndarray) -> list[Reading]:
        whole = found[found["whole"]]
        if len(whole) < FEWEST or not self._openings.varied or self._config.actor.start_from_stored:
            return []
        counts = np.bincount(self._openings.groups(whole["start"]), minlength=self._openings.size)
        distinct = len(np.unique(whole["start"]))
        seen = f"{len(whole):,} games started from {distinct:,} positions, not as the settings make them"
        return [Reading("openings", evalues.from_p_value(self._openings.p_value(counts)), seen, len(whole))]

    def _of_actors(self, found: np.ndarray) -> list[Reading]:
        """Of each actor against all others; of two, only one comparison."""
        actors = np.unique(found["actor"]).tolist()
        compared = actors[:1] if len(actors) == 2 else actors if len(actors) > 2 else []
        readings = []
        for actor in compared:
            own, others = found[found["actor"] == actor], found[found["actor"] != actor]
            if min(len(own), len(others)) < FEWEST:
                continue
            p = {name: _unlike(own[name], others[name]) for name in COMPARED}
            value = evalues.log_mean([evalues.from_p_value(each) for each in p.values()])
            worst = min(p, key=p.__getitem__)
            name = f"actors {actors[0]} and {actors[1]}" if len(actors) == 2 else f"actor {actor}"
            means = f"{np.nanmean(own[worst]):.3g} against {np.nanmean(others[worst]):.3g}"
            seen = f"{WORDS[worst]} differ, on average {means}, over {len(own):,} and {len(others):,} games"
            readings.append(Reading("actors", value, seen, len(own), name, len(compared)))
        return readings

    def _of_change(self, found: np.ndarray) -> list[Reading]:
        """Against the generation before."""
        before, self._before = self._before, found
        if min(len(before), len(found)) < FEWEST:
            return []
        auc = _auc(found["length"], before["length"])
        then, now = float(before["length"].mean()), float(found["length"].mean())
        readings = [Reading("lengths", abs(auc - 0.5), f"from {then:.1f} to {now:.1f} plies on average", len(found))]
        shares = [_most_common(each["line"][each["line"] != 0]) for each in (before, found)]
        seen = f"from {shares[0]:.0%} to {shares[1]:.0%} of games"
        return [*readings, Reading("lines", shares[1] - shares[0], seen, len(found))]

    def _figures(self, found: np.ndarray) -> dict[str, float]:
        lines = found["line"][found["line"] != 0]
        with np.errstate(invalid="ignore"):
            stage = np.nanmean(found["stage_error"], axis=0)
        return {
            "games": float(len(found)),
            "length": float(found["length"].mean()),
            "opening_stability": self._stability(found),
            "value_error": float(found["error"].mean()),
            "value_error_first": float(stage[0]),
            "value_error_middle": float(stage[1]),
            "value_error_last": float(stage[2]),
            "value_skill": 1 - float(found["error"].mean()) / max(float(found["plain"].mean()), 1e-9),
            "swing": float(np.nanmean(found["swing"])) if np.isfinite(found["swing"]).any() else 0.0,
            "policy_entropy": float(found["entropy"].mean()),
            "wrong": float(found["wrong"].sum()) / max(float(found["sure"].sum()), 1.0),
            "sure": float(found["sure"].mean()),
            "opening_lines": len(np.unique(lines)) / max(len(lines), 1),
            "opening_most": _most_common(lines),
            "duplicates": 1 - len(np.unique(found["moves"])) / len(found),
        }

    def _stability(self, found: np.ndarray) -> float:
        whole = found[found["whole"]]
        counts = np.bincount(self._openings.groups(whole["start"]), minlength=self._openings.size)
        return self._openings.stability(counts) if len(whole) else math.nan

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        gathered = np.concatenate(self._games) if self._games else np.zeros(0, games.RECORD)
        early = np.concatenate(self._early) if self._early else np.zeros(0, bool)
        return {
            "games": _packed(gathered),
            "early": _packed(early),
            "before": _packed(self._before),
            "ratios": [[actor, logs.tolist()] for actor, logs in self._ratios.items()],
            "counts": [list(each.items()) for each in (self._delivered, self._moves, self._batches, self._behind)],
            "ages": self._ages,
            "inserted": self._inserted,
            "rows": self._rows,
            "levels": self._levels,
            "generation": self._generation,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        try:
            gathered, before = (_unpacked(state[name], games.RECORD) for name in ("games", "before"))
        except ValueError:
            return  # of a version that kept other figures of a game
        self._clear()
        self._before = before
        self._games, self._early = [gathered], [_unpacked(state["early"], np.dtype(bool))]
        self._ratios = {actor: np.array(logs) for actor, logs in state["ratios"]}
        self._delivered, self._moves, self._batches, self._behind = (
            {int(actor): int(count) for actor, count in each} for each in state["counts"]
        )
        self._ages, self._inserted = list(state["ages"]), [list(each) for each in state["inserted"]]
        self._levels = {name: Level(*level) for name, level in state["levels"].items()}
        self._rows, self._generation = state["rows"], state["generation"]


def _unlike(own: np.ndarray, others: np.ndarray) -> float:
    """p-value of the AUC between two samples being further than MARGIN from a half."""
    own, others = own[np.isfinite(own)], others[np.isfinite(others)]
    if min(len(own), len(others)) < FEWEST:
        return 1.0
    m, n = len(own), len(others)
    spread = math.sqrt((m + n + 1) / (12 * m * n))
    return min(1.0, 2 * float(stats.norm.sf((abs(_auc(own, others) - 0.5) - MARGIN) / spread)))


def _auc(own: np.ndarray, others: np.ndarray) -> float:
    """Probability that one of `own` is larger than one of `others`, ties counting a half."""
    ranks = stats.rankdata(np.concatenate([own, others]))
    m, n = len(own), len(others)
    return float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))


def _most_common(keys: np.ndarray) -> float:
    return float(np.unique(keys, return_counts=True)[1].max() / len(keys)) if len(keys) else 0.0


def _packed(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _unpacked(text: str, dtype: np.dtype) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype).copy()
