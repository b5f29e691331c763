"""The actor of the GAN family: contents of its rows, the producer of its fakes, and exact resumption."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tiny

from selfplay.datasets import mixtures
from selfplay.datasets import stream as streams
from selfplay.datasets.config import StreamConfig
from selfplay.gan import actor

RING = mixtures.ring()
SCALE = 0.5


def asked(past: Any) -> actor.Fakes:
    """Fakes that say whose they are and for which label."""

    def fakes(labels: np.ndarray | None, n: int, rng: np.random.Generator) -> np.ndarray:
        x = np.empty((n, 2), np.float32)
        x[:, 0] = past
        x[:, 1] = -1 if labels is None else labels
        return x

    return fakes


def make(with_fakes: bool, seed: int = 1, index: int = 0) -> actor.GanActor:
    return actor.GanActor(RING, SCALE, with_fakes, asked, seed, index)


def test_rows_are_reals_of_the_data_in_the_networks_scale() -> None:
    rows, stats = make(with_fakes=False).generate(500)
    assert rows.dtype == actor.row_dtype((2,), with_fakes=False) and rows.dtype.names == ("real", "label")
    distance = np.linalg.norm(rows["real"] * SCALE - RING.centres[rows["label"]], axis=1)
    assert distance.max() < 5 * RING.sigma and set(rows["label"]) == set(range(8))
    assert stats == {"games": 500.0, "fakes": 0.0}


def test_rows_follow_from_seed_and_index() -> None:
    a, same, other_index, other_seed = (make(False, *of).generate(50)[0] for of in ((1, 0), (1, 0), (1, 1), (2, 0)))
    assert tiny.same_bits(a, same)
    assert not any(tiny.same_bits(a, other) for other in (other_index, other_seed))


def test_fakes_are_of_the_past_self_last_given_and_of_nobody_without_one() -> None:
    playing = make(with_fakes=True)
    playing.set_weights("newest", 0, None)
    rows, stats = playing.generate(20)
    assert (rows["producer"] == actor.NOBODY).all() and (rows["fake"] == 0).all() and stats["fakes"] == 0
    playing.set_weights("newest", 3, 7.0)
    rows, stats = playing.generate(20)
    assert (rows["producer"] != actor.NOBODY).all() and (rows["fake"][:, 0] == 7).all() and stats["fakes"] == 20
    playing.set_weights("newest", 4, None)
    assert (playing.generate(20)[0]["producer"] == actor.NOBODY).all()


def test_fakes_are_asked_for_the_labels_of_reals_in_another_order() -> None:
    playing = make(with_fakes=True)
    playing.set_weights("newest", 1, 7.0)
    rows, _ = playing.generate(400)
    np.testing.assert_array_equal(rows["fake"][:, 1], rows["fake_label"])
    np.testing.assert_array_equal(np.bincount(rows["fake_label"]), np.bincount(rows["label"]))
    assert (rows["fake_label"] != rows["label"]).mean() > 0.5


@pytest.mark.parametrize("with_fakes", [False, True])
def test_a_restored_actor_goes_on_bit_by_bit(with_fakes: bool) -> None:
    straight = make(with_fakes)
    straight.set_weights("newest", 1, 7.0)
    straight.generate(33)
    arrays, rest = straight.state()
    restored = make(with_fakes, seed=9)
    assert restored.load_state(arrays, rest)
    restored.set_weights("newest", 1, 7.0)
    for _ in range(2):
        assert tiny.same_bits(straight.generate(33)[0], restored.generate(33)[0])


# -- on a stream -------------------------------------------------------------------------------------------------------

TURNING = streams.make(RING, StreamConfig(kind="sudden", concepts=("same", "turn:22.5"), at=1.25))


def on_stream(generation_rows: int | None, index: int = 0) -> actor.GanActor:
    return actor.GanActor(TURNING, SCALE, False, asked, 1, index, generation_rows)  # type: ignore[arg-type]


def turned(rows: np.ndarray) -> np.ndarray:
    """[M] bool: which rows are of the second concept, whose modes lie halfway between those of the first."""
    x = rows["real"] * SCALE
    return np.linalg.norm(x[:, None] - RING.centres[None], axis=2).min(axis=1) > 0.2


def test_one_actor_draws_each_row_at_its_share_of_the_generation() -> None:
    playing = on_stream(400)
    playing.set_weights("newest", 0, None)
    assert not turned(playing.generate(400)[0]).any()
    playing.set_weights("newest", 1, None)
    of_generation = np.concatenate([turned(playing.generate(n)[0]) for n in (60, 140, 200)])
    np.testing.assert_array_equal(of_generation, np.arange(400) >= 100)
    playing.set_weights("newest", 2, None)
    assert turned(playing.generate(100)[0]).all()


def test_several_actors_agree_on_the_time() -> None:
    for index in range(3):
        playing = on_stream(None, index)
        for generation, wanted in ((1, False), (2, True)):
            playing.set_weights("newest", generation, None)
            assert (turned(playing.generate(70 * (index + 1))[0]) == wanted).all()


def test_an_actor_on_a_stream_goes_on_in_mid_generation_at_its_time() -> None:
    straight = on_stream(400)
    straight.set_weights("newest", 1, None)
    straight.generate(60)
    arrays, rest = straight.state()
    restored = on_stream(400, index=5)
    assert restored.load_state(arrays, json.loads(json.dumps(rest)))
    restored.set_weights("newest", 1, None)
    one, other = straight.generate(200)[0], restored.generate(200)[0]
    assert tiny.same_bits(one, other) and 0 < turned(one).sum() < 200
