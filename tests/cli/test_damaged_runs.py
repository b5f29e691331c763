"""Files of a run that were damaged: whatever reads them answers in a sentence or a warning, never with a traceback."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

import selfplay as api
from selfplay.errors import UserError
from selfplay.loop import session

CONTENTS = {
    "run.json": [b"", b"[]", b"null", b"{", b'{"packages": 3}', b"\xff\xfe", b"[" * 100_000],
    "config.json": [b"", b"[]", b"{}", b'{"preset": 3}', b'{"preset": "tic-tac-toe", "data": [1], "game": {}}'],
    "metrics.jsonl": [
        b"", b"[]\n", b'{"step": 1, "seconds": "x"}\n', b'{"step": 1, "evaluation/accuracy": null}\n',
        b'{"step": 1, "rows": 5}\n', b'{"step": 1, "seconds": NaN, "games": NaN, "rows": null}\n',
        b'{"step": ' + b"9" * 6000 + b"}\n", b'{"step": 2, "seconds": true}\n', b'{"step": 1, "games": 1e999}\n',
    ],
    "evaluation.csv": [b"", b"a,b\n1\n", b"\xff\xfe\n"], "digests.json": [b"", b"[]", b"{}"],
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    config = tiny.config(run={"generations": 2, "generation_rows": 30, "rollout_rows": 30})
    session.train("tic-tac-toe", path, tiny.Agent(config), contextlib.nullcontext(lambda status: None))
    return path


def answers(run: Path, selfplay: Callable[..., Any]) -> None:
    for arguments in (["runs", "list", "--root", run.parent], ["runs", "show", run], ["verify", run]):
        said = selfplay(*arguments)
        assert said.code in (0, 1, 2) and "Traceback" not in said.err, said
        assert said.code != 2 or len(said.err.strip().splitlines()) == 1, said.err
    with warnings.catch_warnings(), contextlib.suppress(UserError):
        warnings.simplefilter("ignore")
        opened = api.TrainingRun(run)
        opened.metrics()
        opened.to_frame()
        assert opened.preset and opened.config


@pytest.mark.parametrize("name", CONTENTS)
def test_a_damaged_file_is_never_answered_with_a_traceback(
    trained: Path, tmp_path: Path, selfplay: Callable[..., Any], name: str
) -> None:
    run, rng = Path(shutil.copytree(trained, tmp_path / "run")), np.random.default_rng(14)
    whole = (run / name).read_bytes()
    contents = list(CONTENTS[name])
    for _ in range(6):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        contents += [bytes(data), whole[: rng.integers(len(whole))]]
    for content in contents:
        (run / name).write_bytes(content)
        answers(run, selfplay)
    (run / name).unlink()
    answers(run, selfplay)
    (run / name).mkdir()
    answers(run, selfplay)


def test_a_damaged_line_of_metrics_is_named(trained: Path, tmp_path: Path, selfplay: Callable[..., Any]) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    assert selfplay("runs", "show", run).err == ""
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(lines[0] + lines[1][:-9] + b"\n" + lines[2])
    said = selfplay("runs", "show", run)
    assert said.code == 0 and "warning" in said.err and "metrics.jsonl is damaged in line 2:" in said.err
    said = selfplay("verify", run)
    assert said.code == 1 and "damaged: line 2" in said.out
    with pytest.warns(UserWarning, match="damaged in line 2"):
        assert [line["step"] for line in api.TrainingRun(run).metrics()] == [0, 2]
