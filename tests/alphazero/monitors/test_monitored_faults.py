"""Faults injected into real runs of connect four are told within two generations by the stream they belong to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
import drift_faults

ROWS = 1_200
BEGINS = 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", drift_faults.FAULTS, ids=[name.replace(" ", "-") for name in drift_faults.FAULTS])
def test_a_fault_is_told_within_two_generations_by_its_stream(fault: str, tmp_path: Path) -> None:
    alarms, _, _ = drift_faults.play(fault, drift_faults.config(3, BEGINS + 2, ROWS), BEGINS, tmp_path / "run")
    told = {line["stream"]: line["step"] for line in alarms}
    assert drift_faults.FAULTS[fault] in told, told
    assert min(told.values()) > BEGINS and told[drift_faults.FAULTS[fault]] <= BEGINS + 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 5])
def test_a_healthy_run_has_no_alarm(seed: int, tmp_path: Path) -> None:
    alarms, watched, trained = drift_faults.play("", drift_faults.config(seed, 3, ROWS), 99, tmp_path / "run")
    assert alarms == [] and watched < trained / 4
