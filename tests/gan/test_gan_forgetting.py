"""Forgetting: a critic forgets generators that it no longer sees, unless the pool of past generators shows them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def forgetting(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark, which is the experiment."""
    monkeypatch.setenv("PYTHONPATH", "")  # the harness sets it: put back afterwards
    monkeypatch.syspath_prepend(str(FOLDER))
    import forgetting as module  # type: ignore[import-not-found]

    return module


def test_a_critic_forgets_fakes_of_the_past_without_history_and_keeps_them_with_it(forgetting: ModuleType) -> None:
    off, on = (forgetting.curve(history, seed=0, modes=5) for history in (False, True))
    for found in (off, on):  # either way it recognises the fakes that it was just trained on
        assert min(visit[-1] for visit in found) > 0.9
        assert [len(visit) for visit in found] == [1, 2, 3, 4, 5]
    assert forgetting.left_behind(off) <= 0.6
    assert forgetting.left_behind(on) >= 0.8
    # The first position, from visit to visit: recognition declines, or lasts.
    assert [visit[0] for visit in off] == sorted((visit[0] for visit in off), reverse=True)
    assert min(visit[0] for visit in on) > 0.9
