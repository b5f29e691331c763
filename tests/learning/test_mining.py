"""Weak buckets are drawn more often: means of few rows held back, weights in their range, draws in proportion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny

from selfplay.learning import mining
from selfplay.learning.config import MiningConfig, ReplayConfig
from selfplay.learning.mining import HardExampleMiner
from selfplay.learning.replay import Replay

ROW = np.dtype([("bucket", "i8"), ("number", "i8")])


def replay_of(buckets: list[int]) -> Replay:
    replay = Replay(ROW, ReplayConfig(window_min=len(buckets)))
    rows = np.zeros(len(buckets), dtype=ROW)
    rows["bucket"], rows["number"] = buckets, np.arange(len(buckets))
    replay.insert(rows)
    return replay


def bucket(rows: np.ndarray) -> np.ndarray:
    return rows["bucket"]


def on(**settings: float) -> HardExampleMiner:
    return HardExampleMiner(MiningConfig(enabled=True, **settings))  # type: ignore[arg-type]


# Shrinking


def test_means_are_trusted_as_the_textbook_says() -> None:
    # Two rows a bucket, means 1, 2, 6 about 3; σ² = (2 + 2 + 2)/3 = 2; Σ n(m − 3)² = 2(4 + 1 + 9) = 28; N − Σn²/N = 4:
    # τ² = (28 − 2·2)/4 = 6; trust = 2/(2 + 2/6) = 6/7.
    found = mining.shrink(np.array([5, 5, 7, 7, 9, 9]), np.array([0.0, 2.0, 1.0, 3.0, 5.0, 7.0]))
    assert found.names.tolist() == [5, 7, 9] and found.counts.tolist() == [2, 2, 2] and found.overall == 3
    assert found.trust == pytest.approx([6 / 7] * 3)
    assert found.shrunk == pytest.approx([3 - 2 * 6 / 7, 3 - 6 / 7, 3 + 3 * 6 / 7])


def test_buckets_that_differ_by_chance_only_are_all_the_same() -> None:
    # Between the means (1 and 1.2) lies less than the scatter within.
    found = mining.shrink(np.array([0, 0, 1, 1]), np.array([0.0, 2.0, 0.2, 2.2]))
    assert found.trust.tolist() == [0, 0] and found.shrunk == pytest.approx([1.1, 1.1])


def test_one_row_of_a_bucket_is_believed_less_than_many() -> None:
    rng = np.random.default_rng(0)
    buckets = np.repeat([0, 1, 2, 3], [500, 500, 500, 1])
    difficulty = np.abs(np.array([1.0, 2.0, 3.0, 8.0])[buckets] + 0.5 * rng.standard_normal(len(buckets)))
    found = mining.shrink(buckets, difficulty)
    assert found.trust[:3].min() > 0.99 and found.trust[3] < 0.9
    assert found.shrunk[3] < found.means[3]


def test_shrunk_means_are_nearer_to_the_truth_than_means() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(1, 3, size=100)
    buckets = np.concatenate([np.arange(100), rng.integers(100, size=500)])
    difficulty = truth[buckets] * rng.exponential(size=len(buckets))
    found = mining.shrink(buckets, difficulty)
    assert np.square(found.shrunk - truth).mean() < 0.5 * np.square(found.means - truth).mean()


def test_a_bucket_a_row_says_nothing_about_buckets() -> None:
    found = mining.shrink(np.arange(4), np.array([0.0, 1.0, 2.0, 9.0]))
    assert found.shrunk.tolist() == [3, 3, 3, 3]
    assert mining.shrink(np.zeros(4, dtype=np.int64), np.array([0.0, 1.0, 2.0, 9.0])).shrunk.tolist() == [3]


def test_exact_means_are_trusted_wholly() -> None:
    found = mining.shrink(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 3.0, 3.0]))
    assert found.shrunk.tolist() == [1, 3]


# Weights


EXACT = np.repeat([0, 1, 2], 10), np.repeat([0.1, 1.0, 9.0], 10)  # the mean is 3.3667


def test_the_weak_are_raised_within_floor_and_ceiling() -> None:
    weights = on(smoothing=0.0).measure(*EXACT)
    assert weights[0] == 0.5 and weights[1] == 0.5 and weights[2] == pytest.approx(9 / (10.1 / 3))
    assert on(smoothing=0.0, strength=2.0).measure(*EXACT)[2] == 4.0
    assert on(smoothing=0.0, strength=0.0).measure(*EXACT) == {}


def test_a_weight_moves_by_halves_and_goes_back_when_nothing_is_wrong() -> None:
    session = on(smoothing=0.5, strength=4.0)
    assert session.measure(*EXACT)[2] == pytest.approx(2.5)
    assert session.measure(*EXACT)[2] == pytest.approx(3.25)
    even = EXACT[0], np.ones(30)
    assert session.measure(*even)[2] == pytest.approx(1 + 2.25 / 2)
    absent = np.array([7, 7]), np.array([1.0, 1.0])
    assert session.measure(*absent)[2] == pytest.approx(1 + 2.25 / 4)
    for _ in range(20):
        session.measure(*absent)
    assert session.weights == {}


def test_nothing_difficult_raises_nothing() -> None:
    assert on().measure(np.array([0, 0, 1]), np.zeros(3)) == {}


def test_figures_tell_of_the_worst_bucket_and_of_what_the_weights_cost() -> None:
    session = on(smoothing=0.0, strength=4.0)
    session.measure(*EXACT)
    figures = session.metrics
    assert figures["worst"] == 9 and figures["worst_bucket"] == 2 and figures["worst_weight"] == 4
    # Weights ½, ½, 4, ten rows each: (Σw)² / (N Σw²) = 50² / (30 · 165).
    assert figures["effective"] == pytest.approx(2500 / 4950)
    assert figures["buckets"] == 3 and figures["trust"] == 1 and figures["difficulty"] == pytest.approx(10.1 / 3)


class Agent:
    """Says that a row is as difficult as its bucket's number."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        return bucket(rows)

    def difficulty(self, weights: object, rows: np.ndarray) -> np.ndarray:
        self.asked += rows["number"].tolist()
        return rows["bucket"].astype(np.float64)


def test_the_newest_rows_are_measured() -> None:
    agent, session = Agent(), on(rows=20, smoothing=0.0)
    session.end_generation(agent, {}, replay_of([0, 1] * 50))  # type: ignore[arg-type]
    assert agent.asked == list(range(80, 100)) and session.weights == {0: 0.5, 1: 2.0}


def test_nothing_is_measured_when_off_or_of_an_empty_replay() -> None:
    agent, off = Agent(), HardExampleMiner(MiningConfig())
    off.end_generation(agent, {}, replay_of([0, 1] * 50))  # type: ignore[arg-type]
    on().end_generation(agent, {}, Replay(ROW, ReplayConfig()))  # type: ignore[arg-type]
    assert agent.asked == [] and off.weights == {} and off.metrics == {}


# Draws


def test_rows_are_drawn_in_proportion_to_their_weights() -> None:
    replay, session, rng = replay_of([0] * 900 + [1] * 100), on(), np.random.default_rng(2)
    session.weights = {0: 0.5, 1: 4.0}
    drawn = np.concatenate([session.sample(replay, 256, rng, bucket) for _ in range(400)])
    # ½·0.9 to 4·0.1; by chance ± 0.003 or so, as candidates are even draws.
    assert np.mean(drawn["bucket"] == 1) == pytest.approx(0.4 / 0.85, abs=0.01)
    counts = np.bincount(drawn["number"], minlength=1000)
    assert counts.min() > 0 and counts[:900].max() < counts[900:].min() * 2


def test_within_a_bucket_all_rows_are_alike() -> None:
    replay, session, rng = replay_of([0] * 50 + [1] * 50), on(), np.random.default_rng(3)
    session.weights = {1: 3.0}
    drawn = np.concatenate([session.sample(replay, 64, rng, bucket)["number"] for _ in range(2000)])
    counts = np.bincount(drawn, minlength=100).astype(float)
    for part in (counts[:50], counts[50:]):
        assert np.square((part - part.mean()) / np.sqrt(part.mean())).mean() < 1.7  # χ² over its degrees of freedom


def test_disabled_it_is_the_even_draw_bit_for_bit() -> None:
    replay = replay_of([0, 1, 2, 3] * 25)
    session = HardExampleMiner(MiningConfig(enabled=False))
    session.load_state({"weights": [[0, 4.0]], "figures": {}})
    one, other = np.random.default_rng(4), np.random.default_rng(4)

    def never(rows: np.ndarray) -> np.ndarray:
        raise AssertionError("nobody asks for buckets")

    assert (session.sample(replay, 32, one, never) == replay.sample(32, other)).all()
    assert one.bit_generator.state == other.bit_generator.state


def test_before_the_first_round_it_is_the_even_draw_as_well() -> None:
    replay, session = replay_of([0, 1] * 50), on()
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    assert (session.sample(replay, 32, one, bucket) == replay.sample(32, other)).all()
    assert one.bit_generator.state == other.bit_generator.state


def test_places_are_taken_their_average_rounded_down_or_up() -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.4, 1.0, 2.0])
    taken = np.zeros(6)
    for seed in range(4000):
        counts = np.bincount(mining.resample(weights, 8, np.random.default_rng(seed)), minlength=6)
        assert (np.abs(counts - 8 * weights / 4) < 1).all() and counts.sum() == 8
        taken += counts
    assert taken / 4000 == pytest.approx(8 * weights / 4, abs=0.03)


def test_weights_below_the_number_of_candidates_repeat_no_draw() -> None:
    weights = np.where(np.arange(400) < 200, 0.5, 1.5)
    places = mining.resample(weights, 100, np.random.default_rng(6))
    assert len(set(places.tolist())) == 100


# State


def test_a_round_goes_on_from_its_state_as_json() -> None:
    session, other = on(), on()
    session.measure(*EXACT)
    other.load_state(json.loads(json.dumps(session.state())))
    assert other.weights == session.weights and other.metrics == session.metrics
    assert other.measure(*EXACT) == session.measure(*EXACT)


def test_feedback_evens_out_what_a_learner_neglects() -> None:
    """A learner whose error on a bucket is one over how often it sees it: rounds bring the errors together."""
    share = np.array([0.6, 0.3, 0.1])
    session, rng = on(), np.random.default_rng(7)
    error = 1 / share
    before = error.max() / error.min()
    for _ in range(10):
        buckets = rng.choice(3, size=4096, p=share)
        session.measure(buckets, error[buckets] * rng.exponential(size=4096))
        seen = share * session.weights_of(np.arange(3))
        error = seen.sum() / seen
    assert before == pytest.approx(6) and error.max() / error.min() < 4


# In a run


def weights_after(path: Path, generation: int) -> bytes:
    return (path / "checkpoints" / f"{generation:06d}" / "net.safetensors").read_bytes()


def test_a_run_with_rounds_writes_their_figures_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    wanted = tiny.config(mining={"enabled": True, "rows": 100, "strength": 2.0}, run={"generations": 2})
    whole, stopped, plain = tmp_path / "whole", tmp_path / "stopped", tmp_path / "plain"
    with tiny.Session(whole, wanted) as run:
        run.train(lambda: False)
        assert run.miner.weights and run.miner.metrics["buckets"] > 10
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2] and all(line["mining/buckets"] > 10 for line in lines[1:])
    tiny.train(stopped, wanted, until=1)
    tiny.train(stopped, wanted)
    tiny.train(plain, tiny.config(run={"generations": 2}))
    # The first round ends with the first generation: until then, off and on are the same.
    assert weights_after(whole, 1) == weights_after(plain, 1) and weights_after(whole, 2) != weights_after(plain, 2)
    assert weights_after(whole, 2) == weights_after(stopped, 2)
