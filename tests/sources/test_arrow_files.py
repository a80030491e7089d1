"""Parquet and Arrow files."""

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table

from hardlite.errors import MissingExtraError
from hardlite.sources import SourceError, UnfitRow, declare_table, find_table, open_source

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
ipc = pytest.importorskip("pyarrow.ipc")
parquet = pytest.importorskip("pyarrow.parquet")

Write = Callable[[str, str | bytes], str]
Read = Callable[..., list[Any]]
MakeTable = Callable[[str], Table]

PEOPLE = pa.table({"ID": [1, 2, 3], "name": ["Ann", None, "NA"]})


def as_parquet(table: pa.Table, **options: int) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def as_file(table: pa.Table, **options: int) -> bytes:
    file = io.BytesIO()
    with ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, **options)
    return file.getvalue()


def as_stream(table: pa.Table, **options: int) -> bytes:
    file = io.BytesIO()
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, **options)
    return file.getvalue()


def with_columns(schema: pa.Schema) -> bytes:
    """A file without rows."""
    file = io.BytesIO()
    ipc.new_file(file, schema).close()
    return file.getvalue()


def many(rows: int) -> pa.Table:
    """A table that does not become small when it is packed."""
    return pa.table({"id": range(rows), "name": [os.urandom(8).hex() for _ in range(rows)]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.parquet", as_parquet(PEOPLE)),
        ("t.pq", as_parquet(PEOPLE, row_group_size=1)),
        ("t.arrow", as_file(PEOPLE, max_chunksize=1)),
        ("t.feather", as_file(PEOPLE)),
        ("t.arrows", as_stream(PEOPLE, max_chunksize=2)),
        ("t.arrows.gz", gzip.compress(as_stream(PEOPLE))),
        ("t.csv", as_parquet(PEOPLE)),
        ("t", as_stream(PEOPLE)),
    ],
)
def test_a_file_is_known_by_its_first_bytes(
    write: Write, make_table: MakeTable, read: Read, name: str, content: bytes
) -> None:
    table = make_table("id INTEGER PRIMARY KEY, name TEXT")

    rows = read(write(name, content), table, nulls=["NA"])

    assert rows == [{"id": 1, "name": "Ann"}, {"id": 2, "name": None}, {"id": 3, "name": None}]


def test_a_row_that_does_not_fit_is_told_by_its_number(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    table = make_table("id INTEGER PRIMARY KEY, name TEXT NOT NULL")

    rows = read(write("t.parquet", as_parquet(PEOPLE)), table, block_rows=1)

    assert list(map(str, rows)) == [
        "{'id': 1, 'name': 'Ann'}",
        "row 2: column name takes no NULL",
        "{'id': 3, 'name': 'NA'}",
    ]
    assert [row.line for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (pa.int8(), "INTEGER"),
        (pa.uint64(), "INTEGER"),
        (pa.float16(), "REAL"),
        (pa.float64(), "REAL"),
        (pa.decimal128(10, 2), "NUMERIC(10, 2)"),
        (pa.decimal256(50, 3), "NUMERIC(50, 3)"),
        (pa.bool_(), "BOOLEAN"),
        (pa.date32(), "DATE"),
        (pa.date64(), "DATE"),
        (pa.timestamp("ns"), "DATETIME"),
        (pa.timestamp("s", "Europe/Berlin"), "DATETIME"),
        (pa.time32("ms"), "TIME"),
        (pa.string(), "TEXT"),
        (pa.large_string(), "TEXT"),
        (pa.null(), "TEXT"),
        (pa.binary(), "BLOB"),
        (pa.binary(4), "BLOB"),
        (pa.dictionary(pa.int8(), pa.date32()), "DATE"),
        (pa.run_end_encoded(pa.int32(), pa.int64()), "INTEGER"),
        (pa.uuid(), "BLOB"),
        (pa.list_(pa.int8()), "JSON"),
        (pa.struct([("x", pa.int8())]), "JSON"),
        (pa.map_(pa.string(), pa.int8()), "JSON"),
    ],
    ids=str,
)
def test_a_new_table_has_the_types_of_the_schema(
    write: Write, kind: pa.DataType, column: str
) -> None:
    schema = pa.schema([("c", kind)])

    with open_source(write("t.arrow", with_columns(schema))) as source:
        table = declare_table("t", source, frozenset())

    assert str(table.c.c.type) == column


@pytest.mark.parametrize(
    "kind",
    [
        pa.duration("s"),
        pa.month_day_nano_interval(),
        pa.sparse_union([pa.field("x", pa.int8())]),
        pa.list_(pa.duration("s")),
        pa.struct([("x", pa.map_(pa.string(), pa.duration("s")))]),
    ],
    ids=str,
)
def test_a_type_that_sqlite_has_no_place_for_is_refused_at_once(
    write: Write, kind: pa.DataType
) -> None:
    schema = pa.schema([("good", pa.int8()), ("bad", kind)])
    path = write("t.arrow", with_columns(schema))

    with pytest.raises(SourceError, match=r"no place for: bad \("), open_source(path):
        pass


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("t.parquet", b"", "t.parquet is empty"),
        ("t.parquet", b"id\n1\n", "t.parquet is not a Parquet file"),
        ("t.feather", b"id\n1\n", "t.feather is not a Feather file"),
        ("t.parquet", b"PARE", "t.parquet is an encrypted Parquet file"),
        ("t.feather", b"FEA1", "t.feather is a Feather file of version 1"),
        ("t.parquet", as_parquet(many(9))[:-9], "t.parquet is damaged or cut off"),
        ("t.arrow", as_file(many(9))[:-9], "t.arrow is damaged or cut off"),
        ("t.arrows", as_stream(many(9))[:9], "t.arrows is damaged or cut off"),
        ("t.parquet.gz", gzip.compress(as_parquet(PEOPLE)), "a Parquet file within an archive"),
        ("t.parquet", as_parquet(pa.table({})), "t.parquet has no columns"),
        ("t.parquet", as_parquet(pa.table({"": [1]})), "Column 1 of .*t.parquet has no name"),
        ("t.parquet", as_parquet(pa.table({"a": [1], "A": [1]})), "names a column twice: A, a"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    write: Write, name: str, content: bytes, complaint: str
) -> None:
    path = write(name, content)

    with pytest.raises(SourceError, match=complaint), open_source(path):
        pass


@pytest.mark.parametrize("as_format", [as_parquet, as_file, as_stream])
def test_what_comes_before_damage_is_read(write: Write, as_format: Callable[..., bytes]) -> None:
    options = {"row_group_size" if as_format is as_parquet else "max_chunksize": 10_000}
    content = bytearray(as_format(many(50_000), **options))
    half = len(content) // 2
    content[half : half + 2000] = b"\xff" * 2000
    path = write("t", bytes(content))
    numbers: list[int] = []

    with open_source(path) as source, pytest.raises(SourceError, match="t is damaged or cut off"):
        numbers.extend(number for block in source.blocks() for number in block.lines)

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 10_000


def test_a_file_without_rows_has_none(write: Write, make_table: MakeTable, read: Read) -> None:
    assert read(write("t.parquet", as_parquet(PEOPLE.slice(0, 0))), make_table("id, name")) == []


def test_the_position_is_the_share_of_the_rows(write: Write) -> None:
    path = write("t.parquet", as_parquet(many(40_000)))

    with open_source(path, block_rows=1000) as source:
        size = source.size or 0
        blocks = source.blocks()
        positions = [source.position() for _ in zip(range(10), blocks, strict=False)]
        list(blocks)

        assert positions == [size * thousand // 40 for thousand in range(1, 11)]
        assert source.position() == size == Path(path).stat().st_size


def test_a_stream_comes_through_a_pipe_and_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(as_stream(PEOPLE))), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)

    with open_source("-") as source:
        assert source.columns == ("ID", "name")
        assert sum(len(block.lines) for block in source.blocks()) == 3
    del source

    assert not stdin.buffer.closed


def test_a_parquet_file_in_a_pipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(as_parquet(PEOPLE))), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)

    with pytest.raises(SourceError, match="Name the file itself, unpacked"), open_source("-"):
        pass


def test_without_pyarrow_the_extra_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write("t.parquet", as_parquet(PEOPLE))

    with (
        pytest.raises(MissingExtraError, match=r"pip install 'hardlite\[parquet\]'"),
        open_source(path),
    ):
        pass


def test_values_that_python_or_the_column_cannot_hold_reject_their_row(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    table = make_table("n INTEGER, m DATETIME, d DATE, t TEXT, r REAL, j JSON")
    text = pa.Array.from_buffers(pa.string(), 6, pa.array([b"a"] * 4 + [b"\xff", b"b"]).buffers())
    columns = {
        "n": pa.array([2**64 - 1, 0, 0, 0, 0, 0], pa.uint64()),
        "m": pa.array([0, 1, 0, 0, 0, 0], pa.timestamp("ns")),
        "d": pa.array([0, 0, 2**30, 0, 0, 0], pa.date32()),
        "r": [0.0, 0.0, 0.0, float("inf"), 0.0, 0.0],
        "t": text,
        "j": [[0.0]] * 5 + [[float("inf")]],
    }

    rows = read(write("t.arrow", as_parquet(pa.table(columns))), table)

    assert [str(row) for row in rows if isinstance(row, UnfitRow)] == [
        "row 1: column n (INTEGER) cannot hold the value 18446744073709551615",
        "row 2: column m (DATETIME) cannot hold the value 1970-01-01 00:00:00.000000001",
        "row 3: column d (DATE) cannot hold the value 1073741824",
        "row 4: column r (REAL) cannot hold the value inf",
        "row 5: column t (TEXT) cannot hold the value b'\\xff'",
        "row 6: column j (JSON) cannot hold the value [inf]",
    ]


def test_a_column_that_the_table_lacks_is_told_at_once(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    table = make_table("id INTEGER, nmae TEXT")

    with pytest.raises(SourceError, match=r"lacks: name\. .* Did you mean nmae for name"):
        read(write("t.parquet", as_parquet(PEOPLE)), table)


def test_a_table_that_was_made_for_a_file_is_found_again(write: Write, engine: Engine) -> None:
    with open_source(write("t.parquet", as_parquet(pa.table({"c": [pa.scalar(1)]})))) as source:
        declare_table("t", source, frozenset()).create(engine)

    found = find_table(engine, "t")

    assert found is not None
    assert str(found.c.c.type) == "INTEGER"
