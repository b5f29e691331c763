"""`selfplay doctor`: what it finds on machines of all kinds, and that a broken part does not stop it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfplay.cli.checkup import machine, program, serving
from selfplay.cli.checkup.finding import Finding
from selfplay.networks import inference


def test_it_prints_a_line_for_each_thing_and_writes_nothing_here(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "PERFT", {"tic-tac-toe": (5, 15_120)})
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    said = selfplay("doctor", "--quick")
    lines = said.out.splitlines()
    assert said.code == 0, said.out
    for what in ("versions", "device", "cores", "memory", "threads", "shared memory", "disk of runs", "sockets",
                 "Ray's access", "kernel cache", "perft of tic-tac-toe"):  # fmt: skip
        assert any(re.match(rf"(ok  |warn)  {what}: .", line) for line in lines), (what, said.out)
    assert lines[-1].endswith(", 0 failed") and list(tmp_path.iterdir()) == []


def test_a_failure_has_a_remedy_and_exit_code_one_and_the_others_are_still_told(
    selfplay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr(program, "PERFT", {"tic-tac-toe": (2, 71)})

    def broken() -> list[Finding]:
        raise OSError("libcudart.so.13: cannot\nopen")

    monkeypatch.setattr(machine, "CHECKS", (broken, machine.ray_access))
    said = selfplay("doctor", "--quick", "--json")
    found = json.loads(said.out)
    assert said.code == 1 and found["ok"] is False
    status = {check["what"]: check["status"] for check in found["checks"]}
    assert status == {"broken": "fail", "Ray's access": "fail", "kernel cache": status["kernel cache"],
                      "perft of tic-tac-toe": "fail"}  # fmt: skip
    assert all(bool(check["remedy"]) == (check["status"] != "ok") for check in found["checks"])
    assert "OSError: libcudart.so.13: cannot open" in said.out and "71 are published" in said.out


def one(check: Callable[[], list[Finding]]) -> Finding:
    (found,) = check()
    return found


@pytest.mark.parametrize(
    ("files", "cores", "memory"),
    [
        ({}, None, None),
        ({"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ({"cpu.max": "150000 100000\n", "memory.max": "536870912\n"}, 1.5, 2**29),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n",
          "memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0.5, None),
    ],
    ids=["none", "version 2, open", "version 2", "version 1, open", "version 1"],
)  # fmt: skip
def test_limits_of_containers_are_read(
    tmp_path: Path, files: dict[str, str], cores: float | None, memory: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine.cpu_limit(tmp_path) == cores and machine.memory_limit(tmp_path) == memory


def test_fewer_cores_than_the_machine_has_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(machine, "usable_cores", lambda: 64)
    monkeypatch.setattr(machine, "cpu_limit", lambda: 2.5)
    found = one(machine.cores)
    assert found.status == "warn" and "limited to 2.5" in found.figure and "--actors" in found.remedy
    monkeypatch.setattr(machine, "cpu_limit", lambda: None)
    assert one(machine.cores).status == "ok"


def test_little_shared_memory_and_more_threads_than_cores_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda place: _Usage(free=64 * 2**20))
    if Path("/dev/shm").is_dir():
        assert one(machine.shared_memory).status == "warn"
    assert {finding.status for finding in machine.disks()} == {"fail"}, "64 MiB are not enough for a run"
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    assert one(machine.threads).status == "warn"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert one(machine.threads).status == "ok"


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_token_that_others_can_read_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    for bits, status in ((0o644, "warn"), (0o600, "ok")):
        token.chmod(bits)
        _, found = machine.ray_access()
        assert found.status == status and "secret" not in str(found)


@pytest.mark.slow
def test_an_inference_server_is_tried_and_answers_that_depend_on_their_batch_are_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = one(serving.shared_inference)
    assert found.status == "ok" and "a server started in" in found.figure
    call = inference.NetworkEvaluator.__call__

    def depends(self: Any, leaves: Any) -> Any:
        prior, wdl = call(self, leaves)
        return prior, np.nextafter(wdl, np.float32(1)) if len(wdl) > 16 else wdl

    monkeypatch.setattr(inference.NetworkEvaluator, "__call__", depends)
    found = one(serving.shared_inference)
    assert found.status == "warn" and "depend on what else is in a batch" in found.figure


@pytest.mark.chaos
def test_the_training_of_the_doctor_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert one(program.training).status == "ok"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(program, "SETTINGS", ("network.channels=0",))
    found = one(program.training)
    assert found.status == "fail" and "network.channels" in found.figure
