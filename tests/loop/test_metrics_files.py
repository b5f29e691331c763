"""What shows a run's figures may fail, and costs the figures only: TensorBoard's events, pictures, lines of metrics."""

from __future__ import annotations

import errno
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import record_writer

from selfplay.loop import metrics, plots

CONFIG = tiny.config(run={"generations": 3, "generation_rows": 30, "rollout_rows": 30})


def notes(path: Path, word: str) -> list[str]:
    status = tiny.train(path, CONFIG)
    assert status.generation == 3 and [line["step"] for line in metrics.read(path)] == [0, 1, 2, 3]
    return [note for note in status.notes if word in note]


def test_events_that_a_full_disk_refuses_cost_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real, written = record_writer.RecordWriter.write, []

    def write(self: Any, data: bytes) -> None:
        written.append(len(data))
        if len(written) > 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, data)

    monkeypatch.setattr(record_writer.RecordWriter, "write", write)
    (said,) = notes(tmp_path / "run", "TensorBoard")
    assert said.endswith("No space left on device") and len(written) == 10
    assert "Traceback" not in capfd.readouterr().err


def test_a_tensorboard_that_cannot_be_imported_costs_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert len(notes(tmp_path / "run", "TensorBoard")) == 1


def test_a_plot_that_fails_costs_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(history: list[Any], *_: Any) -> None:
        raise ValueError(f"unwell after {len(history)}")

    monkeypatch.setattr(plots, "curves", fail)
    assert notes(tmp_path / "run", "evaluation.png") == ["evaluation.png was not written: ValueError: unwell after 1."]
    assert (tmp_path / "run" / "evaluation.csv").exists()


def test_tensorboard_reads_what_is_written_and_forgets_what_a_resumed_run_took_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is a day behind in the second session: files are read in the order of their names."""
    for first, last in ((1, 4), (3, 5)):
        writer = metrics.MetricsWriter(tmp_path)
        for step in range(first, last + 1):
            writer.write(step, {"x": step + first / 10})
        writer.close()
        monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("x")
    assert [(each.step, round(each.value, 1)) for each in events] == [(1, 1.1), (2, 2.1), (3, 3.3), (4, 4.3), (5, 5.3)]


def test_texts_are_shown_by_tensorboard(tmp_path: Path) -> None:
    writer = metrics.MetricsWriter(tmp_path)
    writer.text(3, "drift/events", "labels: they are *wrong*.")
    writer.close()
    assert writer.failures == {}
    (found,) = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Tensors("drift/events/text_summary")
    assert found.step == 3 and found.tensor_proto.string_val == [b"labels: they are *wrong*."]


DAMAGE = [b'{"step": 2, "ga\xb3es": ', b"[2]", b'{"games": 3}', b'{"step": "2"}', b'{"step": 2, "x": "y"}', b"[" * 9999]


@pytest.mark.parametrize("line", DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_line_in_the_middle_is_named_and_kept_by_later_sessions(tmp_path: Path, line: bytes) -> None:
    whole = [json.dumps({"step": step, "x": step / 2}).encode() for step in (1, 2, 3, 4)]
    path = tmp_path / metrics.FILE
    path.write_bytes(b"\n".join([whole[0], line, *whole[2:]]) + b'\n{"step": 5, "x')
    assert metrics.damaged(tmp_path) == [2] and [each["step"] for each in metrics.read(tmp_path)] == [1, 3, 4]
    writer = metrics.MetricsWriter(tmp_path)
    writer.cut(before=4)
    assert path.read_bytes() == b"\n".join([whole[0], line, whole[2]]) + b"\n"
    writer.write(4, {"x": 7.0})
    writer.close()
    assert metrics.damaged(tmp_path) == [2] and [each["step"] for each in metrics.read(tmp_path)] == [1, 3, 4]


def test_a_line_whose_end_alone_is_missing_does_not_become_the_beginning_of_the_next(tmp_path: Path) -> None:
    (tmp_path / metrics.FILE).write_bytes(b'{"step": 1, "x": 0.5}')
    writer = metrics.MetricsWriter(tmp_path)
    writer.cut(before=2)
    writer.write(2, {"x": 1.0})
    writer.close()
    assert [each["step"] for each in metrics.read(tmp_path)] == [1, 2]
