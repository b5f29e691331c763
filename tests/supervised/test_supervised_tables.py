"""Tables of the user's own as streams: every row once and in order, encoded by the first ones, to the last one."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sea_runs import SEA, lines_of, train

from selfplay.datasets.config import StreamConfig
from selfplay.drift.tables.files.blocks import TableError
from selfplay.loop import folder as folders
from selfplay.loop.run import Run
from selfplay.supervised.agent import Supervised
from selfplay.supervised.config import DataConfig, SupervisedConfig
from selfplay.supervised.tables.actor import TableActor


def settings(file: Path, **data: object) -> SupervisedConfig:
    chosen = DataConfig(**{"name": "file", "path": str(file), **data})  # type: ignore[arg-type]
    run = replace(SEA.run, generations=None, generation_rows=200, rollout_rows=100)
    return replace(SEA, data=chosen, stream=StreamConfig(), run=run)


def written(path: Path, rows: int, seed: int = 0, flipped_from: int = 10**9) -> np.ndarray:
    """A table of a row number, a number, a category, a truth value and a class, which follows from the number. Returns
    the numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(50, 10, rows).round(3)
    lines = ["id,size,colour,sold,kind"]
    for row, value in enumerate(values):
        kind = "large" if (value > 50) ^ (row >= flipped_from) else "small"
        lines.append(f"{row},{value},{['red', 'blue', 'green'][row % 3]},{'yes' if row % 2 else 'no'},{kind}")
    path.write_text("\n".join(lines) + "\n")
    return values


def test_rows_come_once_and_in_order_as_numbers(tmp_path: Path) -> None:
    values = written(tmp_path / "rows.csv", 1_234)
    agent = Supervised(settings(tmp_path / "rows.csv", ignore=("id",)))
    actor = agent.make_actor(0, 1)
    assert isinstance(actor, TableActor)
    parts = []
    while not actor.ended:
        parts.append(actor.generate(100)[0])
    rows = np.concatenate(parts)
    assert [len(part) for part in parts[:-1]] == [100] * 12 and len(rows) == 1_234
    assert rows["x"].shape == (1_234, 1 + 3 + 1)
    assert rows["x"][:, 0] == pytest.approx((values - values.mean()) / values.std(), abs=1e-5)
    assert (
        np.array_equal(rows["x"][:, 1:4].sum(axis=1), np.ones(1_234))
        and len(np.unique(rows["x"][:3, 1:4], axis=0)) == 3
    )
    assert np.array_equal(rows["x"][:, 4], np.where(np.arange(1_234) % 2, 1, -1))
    assert np.array_equal(rows["label"], values <= 50), "classes are numbered by the alphabet"
    assert "has ended after 1,234 rows" in actor.ended


def test_cells_that_are_missing_or_new_are_zero_and_rows_without_a_class_are_left_out(tmp_path: Path) -> None:
    first, then = tmp_path / "reference.csv", tmp_path / "rows.csv"
    written(first, 300)
    then.write_text(
        "kind,colour,size,sold,id,more\nlarge,violet,,,1,x\nhuge,red,50,yes,2,x\n,red,50,yes,3,x\nsmall,red,1e9,no,4,x\n"
    )
    agent = Supervised(settings(then, reference=str(first), label="kind", ignore=("id",)))
    actor = agent.make_actor(0, 1)
    rows, sums = actor.generate(100)
    assert sums == {"left_out": 2.0} and rows["label"].tolist() == [0, 1]
    assert rows["x"][0].tolist() == [0, 0, 0, 0, 0] and rows["x"][1, 0] == 10 and rows["x"][1, 4] == -1
    assert "4 rows; 2 had no class that is known" in actor.ended  # type: ignore[attr-defined]


def test_a_column_of_many_categories_is_hashed_alike_in_every_file(tmp_path: Path) -> None:
    for name, step in (("a.csv", 1), ("b.csv", -1)):
        lines = [f"u{row % 97},{['no', 'yes'][row % 2]}" for row in range(400)][::step]
        (tmp_path / name).write_text("user,kind\n" + "\n".join(lines) + "\n")
    one, other = (
        Supervised(settings(tmp_path / name, buckets=16)).make_actor(0, 1).generate(1_000)[0]
        for name in ("a.csv", "b.csv")
    )
    assert one["x"].shape == (400, 16) and np.array_equal(one["x"].sum(axis=1), np.ones(400))
    assert np.array_equal(one["x"], other["x"][::-1])


def test_a_run_ends_with_the_file_and_says_so_and_goes_on_when_it_has_grown(tmp_path: Path) -> None:
    file, reference = tmp_path / "rows.csv", tmp_path / "reference.csv"
    written(reference, 900)
    whole = reference.read_text().splitlines(keepends=True)
    file.write_text("".join(whole[:551]))
    agent = Supervised(settings(file, reference=str(reference), ignore=("id",)))
    status = train(tmp_path / "run", agent)
    assert (status.rows, status.generation) == (550, 3) and status.phase == "finished"
    assert status.notes[-1] == f"'{file}' has ended after 550 rows."
    assert train(tmp_path / "run", agent).rows == 550
    file.write_text("".join(whole))
    assert train(tmp_path / "run", agent).rows == 900
    assert lines_of(tmp_path / "run")[-1]["drift/accuracy"] > 0.8
    file.write_text("".join(whole[:700]))
    with pytest.raises(TableError, match=r"has 699 rows, of which 900 were read before"):
        train(tmp_path / "run", agent)
    others = settings(file, reference=str(reference), label="sold")
    with pytest.raises(Exception, match="holds a run whose data is"):
        train(tmp_path / "run", Supervised(others))
    written(reference, 900, seed=1)
    with pytest.raises(Exception, match="whose columns, classes or first rows were others"):
        train(tmp_path / "run", Supervised(agent.config))


@pytest.mark.slow
def test_a_run_stopped_in_the_middle_of_a_file_goes_on_with_the_next_row(tmp_path: Path) -> None:
    written(tmp_path / "rows.csv", 700, flipped_from=400)
    agent = Supervised(settings(tmp_path / "rows.csv", ignore=("id",)))
    train(tmp_path / "whole", agent)
    for rows in (200, 300):
        train(tmp_path / "stopped", agent, lambda run, rows=rows: run.replay.inserted == rows)  # type: ignore[misc]
    train(tmp_path / "stopped", agent)
    figures = [[line.get("drift/error_area") for line in lines_of(tmp_path / name)] for name in ("whole", "stopped")]
    assert figures[0] == figures[1]


def test_standard_input_is_learned_from_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "reference.csv", 500)
    data = (tmp_path / "reference.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    config = settings(tmp_path / "none", name="standard-input", path="", reference=str(tmp_path / "reference.csv"))
    status = train(tmp_path / "run", Supervised(config))
    assert status.rows == 500 and status.notes[-1] == "Standard input has ended after 500 rows."


@pytest.mark.parametrize(
    ("content", "data", "said"),
    [
        (None, {}, "does not exist"),
        (b"", {}, "is empty"),
        (b"a,kind\n", {}, "has a header and no rows"),
        (b"a,kind\n1,x\n2,y\n", {"label": "knd"}, "no column 'knd'.* Did you mean 'kind'"),
        (b"a,kind\n1,x\n2,y\n", {"ignore": ("b",)}, "no column 'b', which data.ignore names"),
        (b"a,kind\n1,x\n2,x\n", {}, "1 different values.* 2 to 1,000 classes"),
        (b"a,kind\n1,x\n2,y\n", {"ignore": ("a",)}, "no column .* is left"),
        (b"kind\nx\ny\n", {}, "no column .* is left"),
        (b"when,kind\n2026-01-01,x\n2026-01-02,y\n", {}, "no column left to learn from but times"),
        (b"a,kind\n1,x\n2\n", {}, "line 3: 1 field where the header names 2"),
        (b"\xff\xfea,kind", {}, "begins as UTF-16"),
        (b"PK\x03\x04xxxx", {}, "is a ZIP archive"),
        (b"a,kind\n1,\xe9\n", {}, "is not UTF-8"),
    ],
    ids=["missing", "empty", "no-rows", "label", "ignored", "one-class", "nothing", "label-only", "times", "ragged",
         "utf-16", "zip", "latin"],
)  # fmt: skip
def test_a_file_that_cannot_be_learned_from_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes | None, data: dict[str, object], said: str
) -> None:
    if content is not None:
        (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(TableError, match=said) as refused:
        Supervised(settings(tmp_path / "rows.csv", **data))
    assert "\n" not in str(refused.value)


def test_a_row_that_is_ragged_ends_the_run_with_its_line_and_keeps_what_was_saved(tmp_path: Path) -> None:
    written(tmp_path / "good.csv", 500)
    (tmp_path / "rows.csv").write_text((tmp_path / "good.csv").read_text() + "1,2\n")
    agent = Supervised(settings(tmp_path / "rows.csv", reference=str(tmp_path / "good.csv"), ignore=("id",)))
    with pytest.raises(TableError, match="line 502: 2 fields where the header names 5"):
        train(tmp_path / "run", agent)
    with folders.Folder(tmp_path / "run") as folder:
        run = Run(agent, folder, lambda status: None)
        assert run.status.generation == 2 and run.replay.inserted == 400
        run.close()
