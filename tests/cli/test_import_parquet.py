"""`hardlite import` of Parquet and Arrow files."""

import datetime as dt
import decimal
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
parquet = pytest.importorskip("pyarrow.parquet")

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

TABLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three thousand people; the second and the last but one are bad."""
    names = [f"name {number}" for number in range(3000)]
    names[1] = names[2998] = None
    path = tmp_path / "people.parquet"
    parquet.write_table(pa.table({"id": range(3000), "name": names}), path, row_group_size=1000)
    return path


def test_a_parquet_file_goes_into_the_table_of_its_name(
    hardlite: Command, people: Path, sql: Sql, db_path: Path, tmp_path: Path
) -> None:
    sql(TABLE)

    ran = hardlite("import", people, db_path, "--report", tmp_path / "r.json")

    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (ran.code, sql("SELECT count(*), max(id) FROM people")) == (1, [(2998, 2999)])
    assert "why                        rows" in ran.out
    assert "column name takes no NULL  2, 2999" in ran.out
    assert [each["line"] for each in report["imports"][0]["rejections"]] == [2, 2999]
    assert "people.parquet: 500 rows" in ran.err
    assert ", 17%, about" in ran.err


def test_a_new_table_has_the_types_of_the_file(
    hardlite: Command, sql: Sql, db_path: Path, tmp_path: Path
) -> None:
    columns = {
        "i": pa.array([1, None], pa.int16()),
        "n": pa.array([decimal.Decimal("1.50"), None]),
        "b": [True, None],
        "d": [dt.date(2020, 1, 1), None],
        "m": pa.array([0, None], pa.timestamp("ns", "Europe/Berlin")),
        "x": [b"abc", None],
        "l": [[{"k": 1}], None],
    }
    path = tmp_path / "t.feather"
    feather.write_feather(pa.table(columns), path)

    assert hardlite("import", path, db_path, "--create").code == 0
    assert sql("SELECT name, type FROM pragma_table_info('t')") == [
        ("i", "INTEGER"),
        ("n", "NUMERIC(3, 2)"),
        ("b", "BOOLEAN"),
        ("d", "DATE"),
        ("m", "DATETIME"),
        ("x", "BLOB"),
        ("l", "JSON"),
    ]
    assert sql("SELECT * FROM t") == [
        (1, 1.5, 1, "2020-01-01", "1970-01-01 00:00:00.000000", b"abc", '[{"k": 1}]'),
        (None,) * 7,
    ]


def test_files_of_several_formats_go_into_one_table(
    hardlite: Command, people: Path, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    csv = write("more.csv", "id,name\n5000,Ann\n5001\n")

    ran = hardlite("import", people, csv, db_path, "--table", "people", "--null", "name 3")

    assert (ran.code, sql("SELECT count(*) FROM people")) == (1, [(2998,)])
    assert "lines" in ran.out
    assert "rows or lines" in ran.out


def test_a_stream_comes_from_another_program(run_process: Command, sql: Sql, db_path: Path) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("n", pa.int64())])) as stream:
        stream.write_table(pa.table({"n": [1, 2]}))

    ran = run_process(
        "import", "-", db_path, "--table", "t", "--create", stdin=sink.getvalue().to_pybytes()
    )

    assert (ran.code, sql("SELECT n FROM t")) == (0, [(1,), (2,)])


def test_a_file_that_breaks_off_ends_the_import_in_order(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    sink = pa.BufferOutputStream()
    names = [os.urandom(8).hex() for _ in range(50_000)]
    parquet.write_table(pa.table({"id": range(50_000), "name": names}), sink, row_group_size=5000)
    content = bytearray(sink.getvalue().to_pybytes())
    half = len(content) // 2
    content[half : half + 500] = b"\xff" * 500

    ran = hardlite("import", write("people.parquet", bytes(content)), db_path)

    kept = sql("SELECT count(*) FROM people")[0][0]
    assert ran.code == 3
    assert 0 < kept < 50_000
    assert "people.parquet is damaged or cut off" in ran.err
    assert f"Rows committed before: {kept:,}; they stay." in ran.err


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"id": [1]}, "lacks columns that the table people must have: name"),
        ({"id": [1], "name": ["x"], "age": [1]}, "columns that the table people lacks: age"),
        ({"id": [1], "name": pa.array([1], pa.duration("s"))}, "no place for: name (duration[s])"),
    ],
)
def test_columns_that_do_not_fit_the_table_are_told_before_anything_is_written(
    hardlite: Command, sql: Sql, db_path: Path, columns: dict[str, object], complaint: str
) -> None:
    sql(TABLE)
    path = db_path.with_name("people.parquet")
    parquet.write_table(pa.table(columns), path)

    ran = hardlite("import", path, db_path)

    assert (ran.code, ran.out) == (2, "")
    assert complaint in " ".join(ran.err.split())


def test_without_pyarrow_the_command_names_the_extra(
    hardlite: Command, people: Path, sql: Sql, db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql(TABLE)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    ran = hardlite("import", people, db_path)

    assert (ran.code, ran.out) == (3, "")
    assert f"Reading {people} needs packages that are not installed" in ran.err
    assert "pip install 'hardlite[parquet]'" in ran.err
