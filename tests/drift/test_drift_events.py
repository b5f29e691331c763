"""drift.jsonl read back: events are told from damage, and a run that goes on leaves damaged lines where they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfplay.drift import events
from selfplay.drift.watching import Watching

WHOLE = {"step": 2, "stream": "moves", "statistic": 30.5, "threshold": None, "sentence": "moves: they are off."}
DAMAGED = [
    "", "[]", "{", '"step"', '{"step": "2"}', '{"step": 2.5}', '{"step": -1}', '{"step": true}', '{"step": 1e999}',
    '{"step": 1, "sentence": 3}', '{"step": 1, "statistic": "9"}', '{"step": 1, "statistic": NaN}', "[" * 100_000,
    '{"step": 1, "statistic": true}', '{"step": ' + "9" * 400 + "}",
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_line_that_is_no_event_is_left_out_and_named(tmp_path: Path, text: str) -> None:
    whole = json.dumps(WHOLE)
    (tmp_path / events.FILE).write_text(f"{whole}\n{text}\n{whole}\n")
    assert events.read(tmp_path) == [WHOLE, WHOLE]
    said = events.warning(tmp_path)
    assert said is not None and "drift.jsonl is damaged in line 2, " in said


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / events.FILE).write_bytes(b'{"step": 1, "part": "\xff\xfe"}\n')
    assert events.read(tmp_path) == [] and events.warning(tmp_path) is not None


def test_a_torn_last_line_is_no_damage_and_no_file_is_no_event(tmp_path: Path) -> None:
    assert events.read(tmp_path) == [] and events.warning(tmp_path) is None
    (tmp_path / events.FILE).write_text(json.dumps(WHOLE) + '\n{"step": 3, "str')
    assert events.read(tmp_path) == [WHOLE] and events.warning(tmp_path) is None


def test_a_run_that_goes_on_drops_what_is_torn_and_later_and_leaves_damage(tmp_path: Path) -> None:
    later = WHOLE | {"step": 4}
    (tmp_path / events.FILE).write_text(f'{json.dumps(WHOLE)}\nx\n{json.dumps(later)}\n{{"step": 3, "str')
    Watching(None, tmp_path).cut(before=4)
    assert (tmp_path / events.FILE).read_text() == f"{json.dumps(WHOLE)}\nx\n"
