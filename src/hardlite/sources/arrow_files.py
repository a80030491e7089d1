"""Parquet and Arrow files, through pyarrow: record batches to blocks of columns."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy import types

from hardlite.errors import MissingExtraError
from hardlite.rows.arrow_values import ArrowBatch, arrow_columns, arrow_module, arrow_slices
from hardlite.sources.arrow_types import column_type, has_no_column
from hardlite.sources.blocks import Block, RowPlace
from hardlite.sources.faults import SourceError, require_names
from hardlite.sources.opening import ByteSource
from hardlite.sources.rejects import JsonLinesRejects

__all__ = ["ArrowReader", "arrow_format", "open_arrow"]

_BEGINNINGS: Final[Mapping[bytes, str]] = {
    b"PAR1": "a Parquet file",
    b"PARE": "an encrypted Parquet file",
    b"ARROW1": "an Arrow file",
    b"\xff\xff\xff\xff": "an Arrow stream",
    b"FEA1": "a Feather file of version 1",
}
_SUFFIXES: Final[Mapping[str, str]] = {
    ".parquet": "a Parquet file",
    ".pq": "a Parquet file",
    ".arrow": "an Arrow file",
    ".arrows": "an Arrow stream",
    ".feather": "a Feather file",
    ".ipc": "an Arrow file",
}
_READ_ROWS: Final = 10_000
_READ_BYTES: Final = 1024 * 1024
"""Of a column of a Parquet file at a time; without this, all that a row group has of it."""


class ArrowReader:
    """Rows of record batches, each with its number in the file, counted from 1.

    Args:
        title: what messages call the file.
        schema: the names and types of its columns.
        batches: its rows.

    Attributes:
        columns: the names in the schema.
        types: the type of column that each of them needs.
        read: how many rows have been handed out.

    Raises:
        SourceError: a column has no name, that of another one, or a type that SQLite lacks.
    """

    text_only = False
    row_place: RowPlace = "row"

    def __init__(
        self,
        title: str,
        schema: Any,  # noqa: ANN401 - pyarrow has no types
        batches: Iterator[ArrowBatch],
    ) -> None:
        self.columns: tuple[str, ...] = tuple(schema.names)
        require_names(title, self.columns)
        homeless = [f"{field.name} ({field.type})" for field in schema if has_no_column(field.type)]
        if homeless:
            raise SourceError(
                f"{title} has columns of types that SQLite has no place for: {', '.join(homeless)}",
                "Convert them before, a duration for example to a number of seconds.",
            )
        self.types: Mapping[str, types.TypeEngine[Any]] = {
            field.name: column_type(field.type) for field in schema
        }
        self.read = 0
        self._title = title
        self._batches = batches

    def rejects(self, passed_over: Collection[str]) -> JsonLinesRejects:
        """Return how rejected rows are written: as JSON Lines, to be mended in an editor."""
        return JsonLinesRejects(self.columns, passed_over)

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield the rows, up to ``rows`` at a time."""
        while True:
            with _readable(self._title):
                batch = next(self._batches, None)
            if batch is None:
                return
            for part in arrow_slices(batch, rows):
                first = self.read + 1
                self.read += part.num_rows
                numbers = range(first, first + part.num_rows)
                yield Block(columns=arrow_columns(part), lines=numbers, unfit=())


def arrow_format(opened: ByteSource) -> str | None:
    """Return what the first bytes of a source say that it is; None if they are text.

    Raises:
        SourceError: its suffix says that it is such a file, and it is none.
    """
    beginning = opened.stream.peek(max(map(len, _BEGINNINGS)))
    found = next((name for magic, name in _BEGINNINGS.items() if beginning.startswith(magic)), None)
    expected = _SUFFIXES.get(PurePath(opened.file_name).suffix.lower())
    if found is None and expected is not None:
        if not beginning:
            raise SourceError(f"{opened.title} is empty", "There is nothing to import.")
        raise SourceError(
            f"{opened.title} is not {expected}, as its first bytes say",
            "Give it the suffix of what it is, or fetch it again.",
        )
    return found


def open_arrow(opened: ByteSource, kind: str) -> tuple[ArrowReader, Callable[[], int]]:
    """Return what reads a source of the kind that `arrow_format` said, and how far it has read.

    Raises:
        SourceError: it is damaged, encrypted, packed, of a version that nobody writes any more, or
            has columns that cannot be used.
        MissingExtraError: pyarrow is not installed.
    """
    if kind not in _OPENERS:
        raise SourceError(f"{opened.title} is {kind}", "Write it again as a plain Parquet file.")
    try:
        arrow_module()
    except ModuleNotFoundError:
        raise MissingExtraError("parquet", f"Reading {opened.title}") from None
    if kind != "an Arrow stream" and not opened.direct:
        raise SourceError(
            f"{opened.title} is {kind} within an archive or a pipe, and it is read from its end",
            "Name the file itself, unpacked.",
        )
    with _readable(opened.title):
        return _OPENERS[kind](opened)


def _open_parquet(opened: ByteSource) -> tuple[ArrowReader, Callable[[], int]]:
    file = arrow_module("parquet").ParquetFile(opened.stream, buffer_size=_READ_BYTES)
    reader = ArrowReader(
        opened.title, file.schema_arrow, file.iter_batches(batch_size=_READ_ROWS, use_threads=False)
    )
    rows, size = max(file.metadata.num_rows, 1), opened.size or 0
    return reader, lambda: size * reader.read // rows


def _open_file(opened: ByteSource) -> tuple[ArrowReader, Callable[[], int]]:
    file = arrow_module("ipc").open_file(opened.stream)
    batches = map(file.get_batch, range(file.num_record_batches))
    return ArrowReader(opened.title, file.schema, map(_validated, batches)), opened.position


def _open_stream(opened: ByteSource) -> tuple[ArrowReader, Callable[[], int]]:
    batches = arrow_module("ipc").open_stream(opened.stream)
    return ArrowReader(opened.title, batches.schema, map(_validated, batches)), opened.position


_OPENERS: Final[Mapping[str, Callable[[ByteSource], tuple[ArrowReader, Callable[[], int]]]]] = {
    "a Parquet file": _open_parquet,
    "an Arrow file": _open_file,
    "an Arrow stream": _open_stream,
}


def _validated(batch: Any) -> ArrowBatch:  # noqa: ANN401 - pyarrow has no types
    """Return a batch of which no value lies outside of it; pyarrow itself does not look."""
    batch.validate(full=True)
    checked: ArrowBatch = batch
    return checked


@contextmanager
def _readable(title: str) -> Iterator[None]:
    try:
        yield
    except (arrow_module().ArrowException, OSError) as error:
        raise SourceError(
            f"{title} is damaged or cut off: {str(error).rstrip('.')}",
            "Write or fetch the file again.",
        ) from error
