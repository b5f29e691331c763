"""False alarms on a real run whose games are permuted over generations and actors: nothing can have changed then, and
no stream that tests this may alarm more often than it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import tiny
from scipy import stats

import games as table
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.monitors import games
from selfplay.alphazero.monitors.observer import SelfPlayObserver
from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Monitor
from selfplay.types import SampleBatch

pytestmark = pytest.mark.timeout(900)  # of which a busy machine may take most

GAME = table.make("connect-four")
WEIGHTS = {"net": tiny.random_weights(GAME, 0)}  # of every generation
SHUFFLES = 200
GENERATIONS, ACTORS = 4, 2
STARTS = 2  # games of an actor that are left out, as those that ended soonest
EXCHANGEABLE = ("actors", "openings", "moves", "labels", "values", "lines", "lengths")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[AlphaZeroConfig, np.ndarray, list[np.ndarray]]:
    """(settings, rows of a run of connect four, the places of each game's rows among them)."""
    base = tiny.config(
        actor={"num_simulations": 8, "random_opening_plies": 4, "opponent_share": 0.0, "cache_entries": 0},
        replay={"samples_per_insert": 2.0, "window_min": 100_000, "learn_after": 300},
        learner={"batch_size": 64},
        run={"generations": 4, "generation_rows": 1200, "rollout_rows": 300, "evaluate_every": 1000},
    )
    wanted = replace(base, game="connect-four")
    with tiny.Session(tmp_path_factory.mktemp("runs") / "played", wanted) as run:
        run.train(lambda: False)
        rows = run.replay.rows(run.replay.inserted - len(run.replay), run.replay.inserted)
    begin = games.firsts(rows)
    places = [np.arange(a, b) for a, b in zip(begin, [*begin[1:], len(rows)], strict=True)]
    settings = replace(wanted, actor=replace(wanted.actor, concurrent_games=STARTS // 2))
    return settings, rows, places


def divided(order: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """(generation, actor, its games) of games in some order."""
    for number, share in enumerate(np.array_split(order, GENERATIONS * ACTORS)):
        yield *divmod(number, ACTORS), share


def alarms(
    played: tuple[AlphaZeroConfig, np.ndarray, list[np.ndarray]], order: np.ndarray, alpha: float
) -> set[str]:  # fmt: skip
    """Streams that alarm where the games come in this order."""
    settings, rows, places = played
    observer = SelfPlayObserver(GAME, settings)
    monitor = Monitor(observer.streams, DriftConfig(alpha=alpha))
    found: set[str] = set()
    for generation, actor, share in divided(order):
        batch = rows[np.concatenate([places[game] for game in share])].copy()
        batch["generation"] = generation
        observer.take(SampleBatch(batch, {}, generation, (actor, 0, generation + 1)), generation)
        if actor == ACTORS - 1:
            readings = [
                reading for reading in observer.end_generation(WEIGHTS, WEIGHTS)[1] if reading.stream in EXCHANGEABLE
            ]
            found |= {event.stream for event in monitor.take(readings, generation + 1)[1]}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.01, 0.5])
def test_permuted_games_of_a_real_run_alarm_no_more_often_than_stated(
    played: tuple[AlphaZeroConfig, np.ndarray, list[np.ndarray]], alpha: float
) -> None:
    rng, counts = np.random.default_rng(0), Counter[str]()
    for _ in range(SHUFFLES):
        counts.update(alarms(played, rng.permutation(len(played[2])), alpha))
    tested = {stream.name for stream in SelfPlayObserver.streams if stream.limit is None}
    most = stats.binom.ppf(0.999, SHUFFLES, alpha / len(tested))
    assert {name: count for name, count in counts.items() if name in tested and count > most} == {}
    assert counts["lines"] == counts["lengths"] == 0, "which have limits that equal generations keep far from"
    print(f"alpha {alpha}: {dict(counts)} of {SHUFFLES} shuffles of {len(played[2])} games")


@pytest.mark.slow
def test_the_same_games_in_an_order_that_tells_actors_or_generations_apart_do_alarm(
    played: tuple[AlphaZeroConfig, np.ndarray, list[np.ndarray]],
) -> None:
    lengths = np.array([len(places) for places in played[2]])
    ascending = np.argsort(lengths, kind="stable")
    assert "lengths" in alarms(played, ascending, 0.01)
    halves = np.array_split(ascending, ACTORS)  # the short ones are one actor's
    parts = [np.array_split(np.random.default_rng(1).permutation(half), GENERATIONS) for half in halves]
    order = np.concatenate([parts[actor][generation] for generation in range(GENERATIONS) for actor in range(ACTORS)])
    assert "actors" in alarms(played, order, 0.01)
