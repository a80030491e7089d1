"""Rows of what pyarrow holds or reads: tables, batches, readers, Parquet files, data sets."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, cast

from hardlite.errors import ConfigurationError
from hardlite.rows.arrow_values import (
    ArrowBatch,
    arrow_columns,
    arrow_module,
    arrow_slices,
    is_made_of,
)
from hardlite.rows.plain_values import CHUNK_ROWS, require_columns, rows_of_columns

__all__ = ["arrow_rows"]


def arrow_rows(source: Any) -> tuple[Iterator[dict[str, object]], int | None]:
    """Return the rows of ``source``, and how many there are if it says so without being read.

    Args:
        source: a `pyarrow.Table`, ``RecordBatch``, ``RecordBatchReader``, ``parquet.ParquetFile``,
            ``dataset.Dataset`` or ``dataset.Scanner``.

    Raises:
        ConfigurationError: its columns cannot be told apart, or have no values for SQLite.
    """
    schema = _schema(source)
    require_columns(schema.names)
    for field in schema:
        if is_made_of(field.type, _has_no_values):
            raise ConfigurationError(
                f"The column {field.name!r} is of the Arrow type {field.type}, "
                "which stands for no Python value",
                "Convert the column, or leave it out.",
            )
    parts = chain.from_iterable(arrow_slices(batch, CHUNK_ROWS) for batch in _batches(source))
    rows = chain.from_iterable(
        rows_of_columns(arrow_columns(part), part.num_rows) for part in parts
    )
    return rows, _count(source)


def _schema(source: Any) -> Any:
    if hasattr(source, "schema_arrow"):
        return source.schema_arrow
    # What a scanner yields may be fewer columns than it reads.
    return source.projected_schema if hasattr(source, "projected_schema") else source.schema


def _batches(source: Any) -> Iterable[ArrowBatch]:
    if hasattr(source, "iter_batches"):
        return cast("Iterable[ArrowBatch]", source.iter_batches(batch_size=CHUNK_ROWS))
    if hasattr(source, "to_batches"):
        return cast("Iterable[ArrowBatch]", source.to_batches())
    return [source] if isinstance(source, arrow_module().RecordBatch) else source


def _count(source: Any) -> int | None:
    if hasattr(source, "iter_batches"):
        return int(source.metadata.num_rows)
    return getattr(source, "num_rows", None)


def _has_no_values(kind: object) -> bool:
    types = arrow_module("types")
    return bool(types.is_union(kind) or types.is_interval(kind))
