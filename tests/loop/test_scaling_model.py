"""The simulation of many actors: what it says where the answer is known."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def model() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", "")  # the harness sets it: put back afterwards
        patch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
        import scaling_model as module  # type: ignore[import-not-found]
    return module


def test_a_few_actors_are_all_received_and_cost_what_their_parts_add_up_to(model: ModuleType) -> None:
    costs = model.Costs(2.0, 3.0, 1.0, 4.0, bytes_per_row=100, weights_megabytes=1.0, rate=500)
    found = model.simulate(costs, costs, model.LAYOUTS[1], 4, a_node=64)
    assert found["rows_per_second"] == pytest.approx(2_000, rel=0.02)
    # Two messages a second, 2,000 rows, four actors, and what there is once a second: 4 + 6 + 4 + 4 ms.
    assert found["driver_share_of_a_core"] == pytest.approx(0.018, rel=0.02)
    assert found["rows_megabytes_per_second"] == pytest.approx(0.2, rel=0.02)


def test_a_process_that_is_full_receives_what_it_has_time_for(model: ModuleType) -> None:
    costs = model.Costs(10.0, 0.0, 0.0, 0.0, bytes_per_row=100, weights_megabytes=1.0, rate=500)
    found = model.simulate(costs, costs, model.LAYOUTS[0], 1_000, a_node=64)
    assert found["messages_per_second"] == pytest.approx(100, rel=0.02)
    assert found["driver_share_of_a_core"] == pytest.approx(1.0, rel=0.02)


def test_relays_make_one_message_a_second_and_node(model: ModuleType) -> None:
    costs = model.Costs(0.0, 0.0, 0.0, 5.0, bytes_per_row=100, weights_megabytes=1.0, rate=500)
    found = model.simulate(costs, costs, model.LAYOUTS[2], 256, a_node=64)
    assert found["messages_per_second"] == pytest.approx(4, rel=0.05)
    assert found["rows_per_second"] == pytest.approx(128_000, rel=0.05)
    assert found["driver_share_of_a_core"] == pytest.approx(0.02, rel=0.05)
