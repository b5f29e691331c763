"""Sources on a stream: what is real at a time, and the judge of it, which must be exact for every concept."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from selfplay import config as configs
from selfplay.datasets import image_sets, mixtures
from selfplay.errors import ConfigError
from selfplay.gan import presets
from selfplay.gan.data import streams
from selfplay.gan.data.sources import DataSource
from selfplay.gan.metrics import modes


def source(name: str, concepts: str, *settings: str) -> DataSource:
    schedule = ["stream.kind=sudden", "stream.at=2", "stream.period=2"]
    wanted = configs.override(
        presets.RING, [f"data.name=stream:{name}", *schedule, f"stream.concepts={concepts}", *settings]
    )
    return streams.make(wanted.data, wanted.stream)


def judged(by: DataSource, drawn_from: Any) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return by.judge.metrics(lambda n: (drawn_from.sample(n, rng)[0], None), rng)


def test_samples_of_a_concept_are_perfect_by_its_judge_and_bad_by_that_of_the_one_before() -> None:
    first = source("ring", "same,turn:22.5")
    assert (first.concept, first.before) == ("same", None)
    second = first.at(2.0)
    assert second.concept == "turn:22.5" and second.before is first.at(1.9).judge
    found = judged(second, second.train)
    assert found["modes_found"] == 8 and found["high_quality"] == pytest.approx(modes.ceiling(), abs=0.005)
    others = judged(second, first.train)
    assert others["modes_found"] == 0 and others["high_quality"] < 1e-3
    assert judged(first, first.train)["modes_found"] == 8


def test_modes_that_are_missing_are_not_asked_for_and_rare_ones_may_be_rare() -> None:
    stream = source("ring", "same,without:0+3,prior:0:0.02,noise:0.02")
    missing, rare, wide = (stream.at(t) for t in (2.0, 4.0, 6.0))
    found = judged(missing, missing.train)
    assert (found["modes_found"], found["modes_there"]) == (6, 6) and found["kl"] < 0.003
    assert judged(missing, stream.train)["high_quality"] == pytest.approx(0.75 * modes.ceiling(), abs=0.02)
    found = judged(rare, rare.train)
    assert found["modes_found"] == 8 and found["kl"] < 0.003
    assert judged(rare, stream.train)["kl"] > 0.05
    found = judged(wide, wide.train)
    assert found["spread"] == pytest.approx(1, abs=0.02)
    assert found["high_quality"] == pytest.approx(modes.ceiling(), abs=0.005)
    assert judged(wide, stream.train)["spread"] == pytest.approx(2**-0.5, abs=0.02)


def test_digits_of_a_concept_are_each_listed_once_and_as_frequent_as_it_says() -> None:
    stream = source("digits", "same,prior:0+1:0.9", "network.conditional=true")
    flipped = stream.at(2.0)
    for part in (flipped.train, flipped.held_out):
        x, labels = part.everything()  # type: ignore[attr-defined]
        assert len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)
        shares = np.bincount(labels, minlength=10) / len(labels)
        np.testing.assert_allclose(shares, flipped.frequencies, atol=0.02)
    assert not {row.tobytes() for row in flipped.train.everything()[0]} & {  # type: ignore[attr-defined]
        row.tobytes()
        for row in flipped.held_out.everything()[0]  # type: ignore[attr-defined]
    }
    good, bad = judged(flipped, flipped.held_out), judged(flipped, stream.held_out)
    assert good["class_kl"] < 0.02 < 0.5 < bad["class_kl"]
    assert good["frechet_ratio"] < 2 < 5 < bad["frechet_ratio"]


def test_digits_that_are_shown_otherwise_are_measured_as_they_were() -> None:
    stream = source("digits", "same,invert/turn:90/relabel:1,turn:270")
    for t in (2.0, 4.0):
        one, other = stream.at(0.0), stream.at(t)
        np.testing.assert_allclose(
            one.judge.features(one.held_out.everything()[0]),  # type: ignore[attr-defined]
            other.judge.features(other.held_out.everything()[0]),  # type: ignore[attr-defined]
            atol=1e-5,
        )
    x, labels = stream.at(2.0).held_out.everything()  # type: ignore[attr-defined]
    asked = stream.at(2.0).judge.metrics(lambda n: (np.resize(x, (n, 1, 8, 8)), np.resize(labels, n)),
                                         np.random.default_rng(0))["as_asked"]  # fmt: skip
    assert asked > 0.93
    digits = image_sets.digits(held_out=True).everything()[1]
    np.testing.assert_array_equal(labels, (digits + 1) % 10)


def test_while_one_concept_fades_into_the_next_the_one_of_most_rows_is_in_force() -> None:
    stream = source("ring", "same,turn:22.5", "stream.kind=gradual", "stream.over=4")
    assert [stream.at(t).concept for t in (0.0, 3.9, 4.1, 9.0)] == ["same", "same", "turn:22.5", "turn:22.5"]
    returning = source("ring", "same,turn:22.5", "stream.kind=recurrent")
    assert [returning.at(t).concept for t in (1.0, 3.0, 5.0, 7.0)] == ["same", "turn:22.5", "same", "turn:22.5"]
    assert returning.at(5.0).before is returning.at(3.0).judge


def test_a_source_keeps_its_scale_and_goes_through_pickle() -> None:
    stream = source("ring", "same,turn:22.5")
    plain = streams.make(configs.override(presets.RING, []).data, presets.RING.stream)
    assert stream.scale == stream.at(5.0).scale == plain.scale and plain.at(5.0) is plain
    again = pickle.loads(pickle.dumps(stream)).at(3.0)
    assert again.concept == "turn:22.5" and isinstance(again.judge.mixture, mixtures.Mixture)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["stream.kind=sudden", "stream.concepts=same,turn:9"], "no stream: set it to stream:ring"),
        (["data.name=stream:ring", "stream.kind=sudden"], "needs at least two concepts"),
        (["data.name=stream:ring", "stream.kind=sudden", "stream.concepts=same,trun:9"], "Did you mean 'turn'"),
        (["data.name=stream:digits", "stream.kind=sudden", "stream.concepts=same,turn:9"], "quarters"),
    ],
    ids=["no stream", "one concept", "misspelt", "no quarter"],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: list[str], says: str) -> None:
    wanted = configs.override(presets.RING, settings)
    with pytest.raises(ConfigError, match=says):
        streams.make(wanted.data, wanted.stream)
