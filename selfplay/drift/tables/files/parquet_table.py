"""Reads Parquet in blocks of rows, by pyarrow, which the extra `drift` brings. Types are those that the file states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.drift.tables.files import blocks
from selfplay.drift.tables.files.blocks import Block, Cells, Kind, TableError

MICROSECONDS = 1e6


class ParquetTable:
    """See the module docstring."""

    def __init__(self, path: Path, name: str) -> None:
        """Reads the schema. Raises TableError where it is no Parquet file, ImportError without pyarrow."""
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise ImportError(
                f"'{name}' is a Parquet file, which pyarrow reads: `pip install 'selfplay[drift]'` installs it; "
                "CSV needs nothing more."
            ) from None
        self.name = name
        self._pa: Any = pa
        try:
            self._file = parquet.ParquetFile(path)
            self._schema = self._file.schema_arrow
            self._rows = self._file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from None
        self._read = 0
        self.columns = blocks.check_columns(name, list(self._schema.names))

    def kinds(self) -> dict[str, Kind]:
        return {name: self._kind(field.type) for name, field in zip(self.columns, self._schema, strict=True)}

    def blocks(self) -> Iterator[Block]:
        try:
            for batch in self._file.iter_batches(batch_size=blocks.ROWS):
                self._read += batch.num_rows
                if batch.num_rows:
                    yield Block([self._cells(column) for column in batch.columns], batch.num_rows)
        except (self._pa.ArrowException, OSError) as error:
            raise self._damaged(error) from None

    def share_read(self) -> float | None:
        return self._read / max(self._rows, 1)

    def _damaged(self, error: Exception) -> TableError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return TableError(f"'{self.name}' cannot be read as Parquet ({reason.rstrip('.')}).")

    def _kind(self, type_: Any) -> Kind:
        types = self._pa.types
        if types.is_dictionary(type_):
            return self._kind(type_.value_type)
        if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
            return "numeric"
        if types.is_boolean(type_):
            return "boolean"
        if types.is_timestamp(type_) or types.is_date(type_):
            return "time"
        if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
            return "categorical"
        return "ignore"

    def _cells(self, column: Any) -> Cells:
        pa = self._pa
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = self._kind(column.type)
        if kind == "categorical":
            return [text or "" for text in column.to_pylist()]
        if kind == "ignore":
            return np.full(len(column), np.nan)
        if kind == "time":
            counts = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False)
            return counts.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / MICROSECONDS
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
