"""Rows that fit a table, and rows that do not."""

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, Table

from hardlite import batched_unit_of_work
from hardlite.sources import (
    Row,
    UnfitRow,
    UnfitRowError,
    checked,
    match,
    open_source,
    rows_for,
)

Write = Callable[[str, str | bytes], str]
Read = Callable[..., list[object]]
MakeTable = Callable[[str], Table]

TYPES = (
    "id INTEGER PRIMARY KEY, n INTEGER, r REAL, b BOOLEAN, d DATE, m DATETIME, j JSON, "
    "t TEXT, need TEXT NOT NULL, whole INTEGER NOT NULL"
)


def test_fields_become_values_of_their_columns(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    path = write(
        "t.csv",
        "n,r,b,d,m,j,t,need,whole\n"
        '1,2.5,yes,2013-01-01,2013-01-01T10:00:00Z,"[1]",x,y,5\n'
        ",,,,,,,,6\n",
    )

    assert read(path, make_table(TYPES)) == [
        {
            "n": 1,
            "r": 2.5,
            "b": True,
            "d": dt.date(2013, 1, 1),
            "m": dt.datetime.fromisoformat("2013-01-01 10:00"),
            "j": [1],
            "t": "x",
            "need": "y",
            "whole": 5,
        },
        dict.fromkeys(("n", "r", "b", "d", "m", "j", "t")) | {"need": "", "whole": 6},
    ]


def test_a_value_that_does_not_fit_names_line_column_type_and_value(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    path = write(
        "t.csv",
        "n,need,whole\none,x,1\n2,x,\n3,x,3\nfour,x,4.5\n" + f"{'9' * 99},x,6\n",
    )

    rows = read(path, make_table(TYPES))

    assert list(map(str, rows)) == [
        "line 2: column n (INTEGER) cannot hold the value 'one'",
        "line 3: column whole takes no NULL",
        "{'n': 3, 'need': 'x', 'whole': 3}",
        "line 5: column n (INTEGER) cannot hold the value 'four'",
        f"line 6: column n (INTEGER) cannot hold the value '{'9' * 59}...",
    ]


def test_other_texts_may_stand_for_no_value(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    table = make_table("n INTEGER, t TEXT, need TEXT NOT NULL")
    path = write("t.csv", "n,t,need\nNA,NA,x\n1,,\n1,y,NA\n")

    assert list(map(str, read(path, table, nulls=["NA"]))) == [
        "{'n': None, 't': None, 'need': 'x'}",
        "{'n': 1, 't': None, 'need': ''}",
        "line 4: column need takes no NULL",
    ]


def test_a_number_for_itself_may_be_left_open_but_another_key_may_not(
    write: Write, make_table: MakeTable, read: Read, engine: Engine
) -> None:
    counted = make_table("id INTEGER PRIMARY KEY, t TEXT")

    assert read(write("a.csv", "id,t\n,x\n"), counted) == [{"id": None, "t": "x"}]

    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE t")
    named = make_table("code TEXT PRIMARY KEY, t TEXT")

    assert list(map(str, read(write("b.csv", "code,t\n,x\nA,y\n"), named))) == [
        "{'code': '', 't': 'x'}",
        "{'code': 'A', 't': 'y'}",
    ]


def test_more_values_than_are_remembered_are_converted_all_the_same(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    table = make_table("n INTEGER")
    path = write("t.csv", "n\n" + "\n".join(map(str, range(12_000))))

    assert read(path, table) == [{"n": number} for number in range(12_000)]


def test_no_json_value_is_null_in_the_database(
    write: Write, make_table: MakeTable, engine: Engine
) -> None:
    table = make_table("id INTEGER, j JSON")

    with open_source(write("t.csv", 'id,j\n1,\n2,"[1]"\n')) as source:
        rows = rows_for(match(source, table), source, frozenset())
        assert batched_unit_of_work(engine, rows, table, prepare=checked).ok

    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT j FROM t ORDER BY id").all()
    assert stored == [(None,), ("[1]",)]


def test_a_row_that_does_not_fit_is_rejected_by_the_import_alone(
    write: Write, make_table: MakeTable, engine: Engine
) -> None:
    table = make_table("n INTEGER NOT NULL")

    with open_source(write("t.csv", "n\n1\nx\n3\n")) as source:
        rows = rows_for(match(source, table), source, frozenset())
        report = batched_unit_of_work(engine, rows, table, prepare=checked)

    assert report.committed == 2
    assert [rejection.reason for rejection in report.rejections] == [
        "UnfitRowError: line 3: column n (INTEGER) cannot hold the value 'x'"
    ]


def test_what_is_checked_is_a_row_or_an_error() -> None:
    row = Row(n=1)

    assert checked(row) is row
    with pytest.raises(UnfitRowError, match="line 3: too short"):
        checked(UnfitRow(line=3, reason="too short"))


@pytest.mark.parametrize("kind", ["NUMERIC", "DECIMAL(20, 2)"])
def test_a_number_of_many_digits_is_stored_with_all_of_them(
    write: Write, make_table: MakeTable, engine: Engine, kind: str
) -> None:
    """SQLAlchemy makes a float of each number of such a column."""
    table = make_table(f"n {kind}")

    with open_source(write("t.csv", "n\n9007199254740993\n0.1\n")) as source:
        rows = rows_for(match(source, table), source, frozenset())
        assert batched_unit_of_work(engine, rows, table, prepare=checked).ok

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT n FROM t").scalars().all() == [2**53 + 1, 0.1]


def test_values_that_fit_as_they_are_and_others_meet_in_a_column(
    write: Write, make_table: MakeTable, read: Read
) -> None:
    table = make_table("n INTEGER, r REAL, t TEXT, b BOOLEAN, need INTEGER NOT NULL")
    path = write(
        "t.jsonl",
        '{"n": 1, "r": 0.5, "t": "x", "b": true, "need": 1}\n'
        '{"n": null, "r": 1e999, "t": "NA", "b": null, "need": null}\n'
        '{"n": "2", "r": 2, "t": "\\ud800", "b": "no", "need": 2}\n'
        '{"n": 9223372036854775808, "r": null, "t": null, "b": 1, "need": 3}\n'
        '{"n": 3, "r": null, "t": "NA", "b": 1, "need": 3}\n',
    )

    assert list(map(str, read(path, table, nulls=["NA"]))) == [
        "{'n': 1, 'r': 0.5, 't': 'x', 'b': True, 'need': 1}",
        "line 2: column r (REAL) cannot hold the value inf",
        "line 3: column t (TEXT) cannot hold the value '\\ud800'",
        "line 4: column n (INTEGER) cannot hold the value 9223372036854775808",
        "{'n': 3, 'r': None, 't': None, 'b': True, 'need': 3}",
    ]


@pytest.mark.parametrize("block_rows", [1, 2, 3, 1000])
def test_rows_come_in_the_order_of_the_source_whatever_the_blocks(
    write: Write, make_table: MakeTable, block_rows: int
) -> None:
    """By their places an import is resumed, also one whose batches have another size by then."""
    table = make_table("n INTEGER, t TEXT")
    path = write("t.csv", "n,t\n1,a\n2\n3,c\nx,d\n5,e\n6\n7,g\n")

    with open_source(path, block_rows=block_rows) as source:
        lines = [item.line for item in rows_for(match(source, table), source, frozenset())]

    assert lines == [2, 3, 4, 5, 6, 7, 8]


def test_a_row_that_does_not_fit_is_the_same_with_and_without_its_text(
    write: Write, make_table: MakeTable
) -> None:
    """By its first rows a source is known again, also when somebody adds --rejects."""
    table = make_table("n INTEGER")
    path = write("t.csv", "n\nx\n")
    found = []
    for keep_text in (False, True):
        with open_source(path, keep_text=keep_text) as source:
            found += rows_for(match(source, table), source, frozenset())

    assert found[0] == found[1]
    assert found[0].text != found[1].text
