"""Parquet in blocks: types as the file states them."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import made
import numpy as np
import pytest

from selfplay.drift.tables.files import sources
from selfplay.drift.tables.files.blocks import Options, TableError
from selfplay.drift.tables.settings import Settings
from selfplay.drift.tables.watch import Watch

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def written(path: Path, **columns: object) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_columns_of_every_type_are_read(tmp_path: Path) -> None:
    noon = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    path = written(
        tmp_path / "a.parquet",
        whole=pa.array([1, None, 3]), number=pa.array([0.5, float("nan"), None], pa.float32()),
        truth=pa.array([True, None, False]), text=["a", None, "b"],
        coded=pa.array(["x", "y", "x"]).dictionary_encode(), day=pa.array([noon.date(), None, noon.date()]),
        moment=pa.array([noon, None, noon], pa.timestamp("ns", "Europe/Rome")),
        money=pa.array([1, 2, None], pa.decimal128(9, 2)), many=[[1], [2], [3]],
    )  # fmt: skip
    with sources.opened(str(path), Options()) as table:
        assert list(table.kinds().values()) == [
            "numeric", "numeric", "boolean", "categorical", "categorical", "time", "time", "numeric", "ignore",
        ]  # fmt: skip
        found = dict(zip(table.columns, made.cells(table), strict=True))
        assert table.share_read() == 1
    assert found["text"] == ["a", "", "b"] and found["coded"] == ["x", "y", "x"]
    np.testing.assert_array_equal(found["whole"], [1, np.nan, 3])
    np.testing.assert_array_equal(found["number"], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(found["truth"], [1, np.nan, 0])
    np.testing.assert_array_equal(found["moment"], [noon.timestamp(), np.nan, noon.timestamp()])
    np.testing.assert_array_equal(found["day"], [noon.timestamp() - 43_200, np.nan, noon.timestamp() - 43_200])


def test_a_parquet_file_and_the_same_csv_file_give_the_same_report(tmp_path: Path) -> None:
    rows = made.rows(1500, np.random.default_rng(1))
    income = [float(text) if text else None for text in rows["income"]]
    path = written(
        tmp_path / "a.parquet",
        time=pa.array(rows["time"].astype("datetime64[us]")), age=rows["age"].astype(int), income=income,
        city=rows["city"].tolist(), active=rows["active"] == "true", visits=rows["visits"].astype(int),
        label=rows["label"].astype(int), guess=rows["guess"].astype(int), score=rows["score"].astype(float),
    )  # fmt: skip
    settings = Settings(window=500, label="label", prediction="guess", score="score")
    reference = made.csv_of(made.rows(800, np.random.default_rng(2)))
    one = list(Watch(made.table(reference), made.table(made.csv_of(rows)), settings).windows())
    with sources.opened(str(path), Options()) as table:
        two = list(Watch(made.table(reference), table, settings).windows())
    assert [(window.tests, window.descriptions, window.performance) for window in one] == [
        (window.tests, window.descriptions, window.performance) for window in two
    ]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", x=list(range(10_000)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TableError, match="cannot be read as Parquet"), sources.opened(str(path), Options()):
        pass


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", x=[1, 2])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError) as caught, sources.opened(str(path), Options()):
        pass
    assert "pip install 'selfplay[drift]'" in str(caught.value)
