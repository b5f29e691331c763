"""Streams of data: schedules by their statistics, concepts by what they change, and settings that make no sense."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import stats

from selfplay.datasets import concept as concepts
from selfplay.datasets import config as configs
from selfplay.datasets import image_sets, mixtures, packaged, schedule, stream, tables
from selfplay.datasets.clock import Clock
from selfplay.datasets.config import StreamConfig
from selfplay.errors import ConfigError

ROWS = 20_000
THREE = ("same", "turn:10", "turn:20")
SCHEDULES: dict[str, tuple[StreamConfig, dict[float, tuple[float, ...]]]] = {
    "constant": (StreamConfig("constant", ("turn:10",)), {0: (1,), 1e6: (1,)}),
    "sudden": (
        StreamConfig("sudden", THREE, at=4, period=3),
        {0: (1, 0, 0), 3.999: (1, 0, 0), 4: (0, 1, 0), 6.999: (0, 1, 0), 7: (0, 0, 1), 99: (0, 0, 1)},
    ),
    "gradual": (
        StreamConfig("gradual", THREE, at=4, over=2, period=3),
        {4: (1, 0, 0), 4.5: (0.75, 0.25, 0), 5: (0.5, 0.5, 0), 6.5: (0, 1, 0), 8: (0, 0.5, 0.5), 9: (0, 0, 1)},
    ),
    "recurrent": (
        StreamConfig("recurrent", THREE[:2], at=4, period=3),
        {0: (1, 0), 3.9: (1, 0), 4: (0, 1), 7: (1, 0), 9.9: (1, 0), 10: (0, 1), 13: (1, 0)},
    ),
    "seasonal": (
        StreamConfig("seasonal", THREE[:2], at=2, period=8),
        {0: (1, 0), 2: (1, 0), 4: (0.5, 0.5), 6: (0, 1), 8: (0.5, 0.5), 10: (1, 0), 5: (0.146447, 0.853553)},
    ),
    "anomalies": (
        StreamConfig("anomalies", THREE, at=4, over=1, period=3, share=0.2),
        {0: (1, 0, 0), 4: (0.8, 0.2, 0), 4.9: (0.8, 0.2, 0), 5: (1, 0, 0), 7: (0.8, 0, 0.2), 8: (1, 0, 0)},
    ),
    "mismatch": (
        StreamConfig("mismatch", ("same", "prior:0:0.9"), at=4, over=2),
        {4: (1, 0), 5: (0.5, 0.5), 6: (0, 1), 7: (0, 1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SCHEDULES)
def test_shares_of_concepts_are_those_of_the_schedule(kind: str) -> None:
    config, expected = SCHEDULES[kind]
    made = stream.make(mixtures.ring(), config)
    for t, shares in expected.items():
        assert made.shares(t) == pytest.approx(shares, abs=1e-6), t
        assert made.concept_at(t) == int(np.argmax(np.round(shares, 9)))
    times = np.random.default_rng(0).uniform(0, 40, 500)
    found = schedule.shares(times, len(made.concepts), config)
    assert (found >= 0).all() and found.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_rows_are_drawn_in_the_shares_of_the_schedule(kind: str) -> None:
    config, expected = SCHEDULES[kind]
    made = stream.make(mixtures.ring(), config)
    for t, shares in expected.items():
        drawn = made.sample(ROWS, float(t), np.random.default_rng(int(8 * t))).concepts
        counts = np.bincount(drawn, minlength=len(shares))
        there = np.array(shares) > 1e-12
        assert not counts[~there].any()
        if there.sum() > 1:
            assert stats.chisquare(counts[there], ROWS * np.array(shares)[there]).pvalue > 1e-3, t


def test_each_row_may_have_a_time_of_its_own() -> None:
    made = stream.make(mixtures.ring(), StreamConfig("gradual", ("same", "turn:22.5"), at=0, over=10))
    times = np.linspace(0, 10, ROWS)
    drawn = made.sample(ROWS, times, np.random.default_rng(1)).concepts
    assert not drawn[:20].any() and drawn[-20:].all()
    for part in range(4):
        quarter = slice(part * ROWS // 4, (part + 1) * ROWS // 4)
        hits = int(drawn[quarter].sum())
        assert stats.binomtest(hits, ROWS // 4, (2 * part + 1) / 8).pvalue > 1e-3


def test_the_same_generator_draws_the_same_rows_after_pickling() -> None:
    made = stream.make(image_sets_or_skip(), StreamConfig("seasonal", ("same", "invert/prior:0+1:0.8/swap:3+8")))
    again = pickle.loads(pickle.dumps(made))
    for t in (0.0, 12.5, 17.0):
        one, other = (s.sample(50, t, np.random.default_rng(3)) for s in (made, again))
        assert np.array_equal(one.x, other.x) and np.array_equal(one.concepts, other.concepts)
        assert one.labels is not None and other.labels is not None and np.array_equal(one.labels, other.labels)
    moment = made.at(15.0).sample(50, np.random.default_rng(3))
    assert np.array_equal(moment[0], made.sample(50, 15.0, np.random.default_rng(3)).x)


def image_sets_or_skip() -> image_sets.Images:
    pytest.importorskip("sklearn")
    return image_sets.digits()


def drawn(text: str, base: str = "digits", n: int = 8_000) -> tuple[np.ndarray, np.ndarray]:
    if base not in ("ring", "sea", "stagger"):
        pytest.importorskip("sklearn")
    x, labels = concepts.parse(text, packaged.make(base)).sample(n, np.random.default_rng(5))
    assert labels is not None
    return x, labels


@pytest.mark.parametrize("base", ["ring", "digits", "stacked-digits", "iris"])
def test_classes_come_as_often_as_a_prior_says_and_look_as_before(base: str) -> None:
    x, labels = drawn("prior:0+1:0.8", base)
    hits = int((labels <= 1).sum())
    assert stats.binomtest(hits, len(labels), 0.8).pvalue > 1e-3
    assert stats.binomtest(int((labels == 0).sum()), hits, 0.5).pvalue > 1e-3
    before, classes = drawn("same", base, 60_000 if base == "stacked-digits" else 8_000)
    for column in range(0, x[0].size, 7):
        mine, theirs = (a.reshape(len(a), -1)[:, column] for a in (x[labels == 0], before[classes == 0]))
        assert stats.ks_2samp(mine, theirs).pvalue > 1e-5, "p(x|y) has changed"


def test_classes_can_be_missing_or_alone() -> None:
    assert set(drawn("only:2+5")[1]) == {2, 5}
    assert set(drawn("without:0+9")[1]) == set(range(1, 9))
    assert set(drawn("only:2+5+7/without:5")[1]) == {2, 7}
    x, labels = drawn("only:3", "ring")
    assert np.linalg.norm(x - mixtures.ring().centres[3], axis=1).max() < 0.12 and set(labels) == {3}


def test_labels_change_their_names_and_nothing_else() -> None:
    x, labels = drawn("same")
    for text, names in {
        "relabel:1": (np.arange(10) + 1) % 10,
        "swap:3+8": np.array([0, 1, 2, 8, 4, 5, 6, 7, 3, 9]),
    }.items():
        changed, renamed = drawn(text)
        assert np.array_equal(changed, x) and np.array_equal(renamed, names[labels])
    assert np.array_equal(drawn("swap:3+8/swap:3+8")[1], labels)
    only = concepts.parse("only:0/relabel:4", packaged.make("digits"))
    assert only.frequencies is not None and np.flatnonzero(only.frequencies).tolist() == [4]
    assert set(only.sample(9, np.random.default_rng(0))[1]) == {4}  # type: ignore[arg-type]


def test_images_are_inverted_turned_and_blurred_by_noise_with_the_same_labels() -> None:
    x, labels = drawn("same")
    assert np.array_equal(drawn("invert")[0], -x) and np.array_equal(drawn("invert")[1], labels)
    assert np.array_equal(drawn("turn:90")[0], np.rot90(x, 1, axes=(2, 3)))
    assert np.array_equal(drawn("turn:-90")[0], np.rot90(x, 3, axes=(2, 3)))
    noisy = drawn("noise:0.3")[0]
    inner = np.abs(x) < 0.1
    assert (noisy - x)[inner].std() == pytest.approx(0.3, rel=0.1) and np.abs(noisy).max() <= 1
    stacked = drawn("invert/turn:180", "stacked-digits", 50)[0]
    assert np.array_equal(stacked, -drawn("same", "stacked-digits", 50)[0][..., ::-1, ::-1])


def test_a_turned_ring_has_its_modes_between_the_old_ones() -> None:
    turned = concepts.parse("turn:22.5", mixtures.ring()).base
    assert isinstance(turned, mixtures.Mixture)
    angles = np.sort(np.degrees(np.arctan2(turned.centres[:, 1], turned.centres[:, 0])) % 360)
    assert angles == pytest.approx(22.5 + 45 * np.arange(8))


def test_sea_and_stagger_follow_their_rules() -> None:
    for rule, threshold in enumerate((8, 9, 7, 9.5), start=1):
        x, labels = drawn(f"rule:{rule}", "sea")
        sums = (x[:, :2] * 2.9 + 5).sum(axis=1)
        clear = np.abs(sums - threshold) > 1e-4
        assert np.array_equal(labels[clear] == 1, (sums <= threshold)[clear])
    for rule, share in {1: 1 / 9, 2: 5 / 9, 3: 2 / 3}.items():
        x, labels = drawn(f"rule:{rule}", "stagger")
        assert stats.binomtest(int(labels.sum()), len(labels), share).pvalue > 1e-3
        assert (x.reshape(-1, 3, 3).sum(axis=2) == 1).all()


@pytest.mark.parametrize(
    ("name", "rows", "columns", "classes"),
    [("iris", 150, 4, 3), ("wine", 178, 13, 3), ("breast-cancer", 569, 30, 2)],
)
def test_packaged_tables_are_split_once_for_ever_and_standardised(
    name: tables.PackagedTable, rows: int, columns: int, classes: int
) -> None:
    pytest.importorskip("sklearn")
    train, held_out = tables.packaged(name), tables.packaged(name, held_out=True)
    assert len(train.x) + len(held_out.x) == rows and train.shape == (columns,) and train.num_classes == classes
    assert train.x.mean(axis=0) == pytest.approx(0, abs=1e-5) and train.x.std(axis=0) == pytest.approx(1, abs=1e-4)
    assert 2 < len(train.x) / len(held_out.x) < 2.3
    assert np.array_equal(concepts.parse("invert", train).base.x, -train.x)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("base", "settings", "said"),
    [
        ("ring", StreamConfig("sudden", ("same",)), "at least two concepts"),
        ("ring", StreamConfig("constant", ("same", "turn:5")), "set stream.kind"),
        ("ring", StreamConfig("gradual", ("same", "turn:5"), over=0), "makes a gradual change sudden"),
        ("ring", StreamConfig("gradual", ("same", "turn:5", "turn:9"), over=9, period=5), "longer than stream.period"),
        ("ring", StreamConfig("anomalies", ("same", "turn:5"), over=5, period=5), "how long an anomaly lasts"),
        ("ring", StreamConfig("mismatch", ("same", "only:1/turn:5")), "all that stream.kind=mismatch may change"),
        ("ring", StreamConfig("sudden", ("same", "trun:5")), "Did you mean 'turn'"),
        ("ring", StreamConfig("sudden", ("same", "turn:much")), "expected a number from -360 to 360"),
        ("ring", StreamConfig("sudden", ("same", "turn:nan")), "expected a number from -360 to 360"),
        ("ring", StreamConfig("sudden", ("same", "only:8")), "classes are 0 to 7"),
        ("ring", StreamConfig("sudden", ("same", "only:")), "'' is no class"),
        ("ring", StreamConfig("sudden", ("same", "without:0+1+2+3+4+5+6+7")), "leaves no class"),
        ("ring", StreamConfig("sudden", ("same", "prior:1:2")), "from 0 to 1"),
        ("ring", StreamConfig("sudden", ("same", "only:1/prior:2:0.5")), "no class is left"),
        ("ring", StreamConfig("sudden", ("same", "rule:2")), "no meaning for ring-8"),
        ("ring", StreamConfig("sudden", ("same", "relabel:x")), "whole number of steps"),
        ("ring", StreamConfig("sudden", ("same", "relabel:--5")), "whole number of steps"),
        ("ring", StreamConfig("sudden", ("same", "only:" + 5000 * "1")), "is no class of"),
        ("ring", StreamConfig("sudden", ("same", "swap:1")), "expected two classes"),
        ("digits", StreamConfig("sudden", ("same", "turn:45")), "turned by quarters"),
        ("sea", StreamConfig("sudden", ("same", "rule:5")), "rules of sea are 1 to 4"),
        ("sea", StreamConfig("sudden", ("same", "rule:1.5")), "rules of sea are 1 to 4"),
        ("sea", StreamConfig("sudden", ("same", "only:1")), "follow from its rule"),
    ],
)  # fmt: skip
def test_streams_that_make_no_sense_are_refused_in_a_sentence(base: str, settings: StreamConfig, said: str) -> None:
    if base == "digits":
        pytest.importorskip("sklearn")
    with pytest.raises(ConfigError) as refused:
        stream.make(packaged.make(base), settings)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_names_of_streams_say_what_they_are_made_of() -> None:
    assert configs.base_of("stream:ring") == "ring" and configs.base_of("ring") is None
    with pytest.raises(ConfigError, match="Did you mean 'digits'"):
        packaged.make("digit")


def test_rows_beyond_a_generations_are_of_its_end() -> None:
    clock = Clock(4)
    clock.begin(3)
    np.testing.assert_array_equal(clock.next(6), [3, 3.25, 3.5, 3.75, 3.75, 3.75])
