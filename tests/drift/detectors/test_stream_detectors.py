"""Stream detectors: alarms where river has them, the same after saving as without, and never too early."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfplay.drift.detectors.adwin import ADWIN
from selfplay.drift.detectors.ddm import DDM
from selfplay.drift.detectors.interface import StreamDetector
from selfplay.drift.detectors.kswin import KSWIN
from selfplay.drift.detectors.martingale import ConformalTestMartingale
from selfplay.drift.detectors.page_hinkley import PageHinkley

Maker = Callable[[], StreamDetector]
RIVER_PAGE_HINKLEY: Maker = lambda: PageHinkley(30, 0.005, 50.0, 1 - 0.0001, standardise=0)  # noqa: E731
DETECTORS: dict[str, Maker] = {
    "page-hinkley": lambda: PageHinkley(standardise=20, threshold=15),
    "adwin": ADWIN,
    "ddm": lambda: DDM(warm_start=60),
    "kswin": lambda: KSWIN(alpha=0.005, window_size=60, stat_size=20),
    "martingale": lambda: ConformalTestMartingale(exact=60),
}
FIRST_ALARM = {"page-hinkley": 49, "adwin": 31, "ddm": 60, "kswin": 59, "martingale": 3}  # index, at the earliest
few = settings(max_examples=15, deadline=None)
every_detector = pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS)


def alarms(detector: StreamDetector, values: Iterable[float]) -> list[int]:
    return [i for i, value in enumerate(values) if detector.update(value).drift]


def documented() -> list[float]:
    """The stream of river's documentation, which changes at index 1000."""
    rng = random.Random(12345)
    return [float(v) for v in rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)]


def errors(seed: int, *shares: float, rows: int = 400) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(v) for share in shares for v in rng.random(rows) < share]


@pytest.mark.parametrize(
    ("detector", "expected"),
    [(ADWIN(), [1023]), (RIVER_PAGE_HINKLEY(), [1006]), (KSWIN(alpha=0.005, seed=3), [1010, 1437])],
    ids=["adwin", "page-hinkley", "kswin"],
)
def test_the_alarms_of_river_0_26_on_the_stream_of_its_documentation(
    detector: StreamDetector, expected: list[int]
) -> None:
    assert alarms(detector, documented()) == expected


PAIRS: dict[str, tuple[Maker, Callable[[Any], Any]]] = {
    "page-hinkley": (RIVER_PAGE_HINKLEY, lambda river: river.PageHinkley()),
    "page-hinkley-up": (
        lambda: PageHinkley(10, 0.1, 20.0, 0.999, "up", standardise=0),
        lambda river: river.PageHinkley(10, 0.1, 20.0, 0.999, "up"),
    ),
    "adwin": (ADWIN, lambda river: river.ADWIN()),
    "adwin-every-value": (lambda: ADWIN(0.05, 1, 3, 8, 40), lambda river: river.ADWIN(0.05, 1, 3, 8, 40)),
    "kswin": (lambda: KSWIN(0.005, seed=4), lambda river: river.KSWIN(0.005, seed=4)),
    "ddm": (DDM, lambda river: river.binary.DDM()),
    "ddm-sooner": (lambda: DDM(10, 1.5, 2.5), lambda river: river.binary.DDM(10, 1.5, 2.5)),
}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
def test_alarms_and_warnings_come_where_river_has_them(
    ours: Maker, theirs: Callable[[Any], Any], request: pytest.FixtureRequest
) -> None:
    river = pytest.importorskip("river.drift")
    pytest.importorskip("river.drift.binary")
    for seed in (0, 2, 5):
        rng = np.random.default_rng(seed)
        if isinstance(ours(), DDM):
            values = errors(seed, 0.2, 0.3 + 0.1 * seed, 0.1)
        else:
            parts = [rng.normal(size=500), rng.normal(0.3 * seed, 1 + 0.2 * seed, 500), rng.normal(-0.8, 1, 300)]
            values = np.concatenate(parts).tolist()
        mine, reference, found = ours(), theirs(river), 0
        for i, value in enumerate(values):
            state = mine.update(value)
            reference.update(value)
            assert state.drift == reference.drift_detected, (seed, i)
            if isinstance(mine, DDM) and not state.drift:
                assert state.warning == reference.warning_detected, (seed, i)
            found += state.drift
        assert found or seed < 2


@every_detector
def test_a_large_change_is_found_soon_and_both_thresholds_agree_with_it(make: Maker) -> None:
    detector = make()
    for i, value in enumerate(errors(1, 0.1, 0.9, rows=200)):
        state = detector.update(value)
        assert not state.drift or state.warning
        if state.drift:
            assert 200 <= i < 264 and state.statistic >= state.threshold > 0
            return
    pytest.fail("no alarm")


@every_detector
@few
@given(st.integers(0, 2**32 - 1), st.integers(0, 300))
def test_a_restored_detector_goes_on_bit_for_bit(make: Maker, seed: int, stop: int) -> None:
    """Saved at any moment, through JSON; the stream changes twice, so that alarms lie on both sides."""
    values = errors(seed, 0.1, 0.8, 0.2, rows=110)
    detector = make()
    for value in values[:stop]:
        detector.update(value)
    restored = make()
    restored.restore(json.loads(json.dumps(detector.state())))
    assert restored.state() == detector.state()
    assert [restored.update(value) for value in values[stop:]] == [detector.update(value) for value in values[stop:]]


@every_detector
def test_what_state_returns_does_not_change_afterwards(make: Maker) -> None:
    detector = make()
    for value in errors(2, 0.3, rows=70):
        detector.update(value)
    saved = detector.state()
    text = json.dumps(saved)
    for value in errors(3, 0.9, rows=70):
        detector.update(value)
    assert json.dumps(saved) == text


@every_detector
@few
@given(st.integers(0, 2**32 - 1), st.integers(0, 200))
def test_reset_is_as_new(make: Maker, seed: int, length: int) -> None:
    used = make()
    for value in errors(seed, 0.1, 0.9, rows=length // 2):
        used.update(value)
    used.reset()
    new, values = make(), errors(seed + 1, 0.2, 0.7, rows=100)
    assert [used.update(value) for value in values] == [new.update(value) for value in values]


@pytest.mark.parametrize("name", DETECTORS)
@few
@given(st.data())
def test_no_alarm_comes_before_the_least_number_of_values(name: str, data: st.DataObject) -> None:
    """Neither at the beginning nor after an alarm, whatever the values are."""
    value = st.sampled_from([0.0, 1.0]) if name == "ddm" else st.floats(-1e6, 1e6)
    values = data.draw(st.lists(value, max_size=80)) * 3
    found = [-1, *alarms(DETECTORS[name](), values)]
    assert all(later - earlier > FIRST_ALARM[name] for earlier, later in pairwise(found))


@every_detector
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_number_is_refused_and_changes_nothing(make: Maker, value: float) -> None:
    detector = make()
    detector.update(1.0)
    before = detector.state()
    with pytest.raises(ValueError, match=f"takes finite numbers, not {value}"):
        detector.update(value)
    assert detector.state() == before


def test_state_of_another_detector_or_of_other_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="saved with detector 'ADWIN', not 'DDM'"):
        DDM().restore(ADWIN().state())
    with pytest.raises(ValueError, match=r"saved with delta 0.01, not 0.002; restore it into a detector made alike"):
        ADWIN().restore(ADWIN(delta=0.01).state())
    with pytest.raises(ValueError, match=r"saved with unit 'batch', not 'game'"):
        ADWIN().restore(ADWIN(unit="batch").state())


@every_detector
def test_a_state_that_is_none_is_refused_and_changes_nothing(make: Maker) -> None:
    detector = make()
    detector.update(1.0)
    before = detector.state()
    with pytest.raises(ValueError, match=r"has a detector, settings and memory, not \['memory'\]"):
        detector.restore({"memory": {}})
    with pytest.raises(ValueError, match=r"memory of .* is \['_alarmed', .*\], not \['count'\]"):
        detector.restore({**before, "memory": {"count": 3}})
    assert detector.state() == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PageHinkley(mode="sideways"), "'up', 'down' or 'both'"),  # type: ignore[arg-type]
        (lambda: PageHinkley(alpha=0), "share of the sum"),
        (lambda: PageHinkley(threshold=0), "threshold is above 0"),
        (lambda: ADWIN(delta=1), "delta is a probability"),
        (lambda: ADWIN(clock=0), "1 or more"),
        (lambda: DDM(warning_threshold=4), "no greater than"),
        (lambda: DDM().update(0.5), "1 for an error and 0 for none, not 0.5"),
        (lambda: KSWIN(alpha=0), "level of one test"),
        (lambda: KSWIN(stat_size=80), "2 to half of the window's 100 values"),
        (lambda: ConformalTestMartingale(alpha=0), "probability of a false alarm"),
        (lambda: ConformalTestMartingale(exact=1), "at least 2 values"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@few
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1.0, 50.0]), st.floats(-100, 100))
def test_page_hinkley_that_standardises_does_not_depend_on_the_unit(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(size=150), rng.normal(2, size=60)])
    found = [DETECTORS["page-hinkley"]() for _ in range(2)]
    for value in values:
        plain, moved = found[0].update(value), found[1].update(value * scale + shift)
        assert moved.statistic == pytest.approx(plain.statistic, rel=1e-6, abs=1e-6)


@few
@given(st.integers(0, 2**32 - 1))
def test_a_monotone_map_changes_nothing_for_detectors_that_take_ranks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(size=130), rng.normal(1.5, size=50)]).round(2)
    for make in (DETECTORS["kswin"], DETECTORS["martingale"]):
        plain, mapped = make(), make()
        for value in values:
            assert mapped.update(float(np.exp(value))) == plain.update(value)


def test_page_hinkley_sees_the_direction_that_it_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    rising = np.concatenate([rng.normal(size=300), rng.normal(2, size=100)])
    for mode, values in (("up", -rising), ("down", rising)):
        assert alarms(PageHinkley(mode=mode), values) == []  # type: ignore[arg-type]
        assert alarms(PageHinkley(mode=mode), -values) != []  # type: ignore[arg-type]


def test_adwin_remembers_as_many_buckets_as_the_logarithm_of_its_values() -> None:
    rng, detector = np.random.default_rng(0), ADWIN()
    for value in rng.random(20_000).tolist():
        detector.update(value)
    assert detector.width == 20_000
    assert sum(2**i * len(row) for i, row in enumerate(detector.rows)) == detector.width
    assert len(detector.rows) <= 14 and all(len(row) <= detector.max_buckets for row in detector.rows)
    assert sum(total for row in detector.rows for total, _ in row) == pytest.approx(detector.total)
