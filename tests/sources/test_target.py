"""Which source fits which table, before a row is read."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, Table

from hardlite.sources import SourceError, find_table, match, open_source

Write = Callable[[str, str | bytes], str]
MakeTable = Callable[[str], Table]


@pytest.mark.parametrize(
    ("columns", "header", "complaint"),
    [
        ("id INTEGER, name TEXT", "id,nmae", r"columns that the table t lacks: nmae\. .* name for"),
        ("id INTEGER, name TEXT", "id,x", r"lacks: x\. Rename or drop them\. .* id, name"),
        ("id INTEGER, name TEXT NOT NULL", "id", "lacks columns that the table t must have: name"),
        ("a TEXT, b TEXT, PRIMARY KEY (a, b)", "a", "must have: b"),
        ("id INTEGER, twice AS (id * 2)", "id,twice", "values for generated columns: twice"),
    ],
)
def test_a_source_that_does_not_fit_is_refused_at_once(
    write: Write, make_table: MakeTable, columns: str, header: str, complaint: str
) -> None:
    table = make_table(columns)

    with (
        open_source(write("t.csv", f"{header}\n")) as source,
        pytest.raises(SourceError, match=complaint),
    ):
        match(source, table)


@pytest.mark.parametrize(
    "columns",
    [
        "id INTEGER PRIMARY KEY, name TEXT",
        "id INTEGER NOT NULL DEFAULT 5, Name TEXT",
        "id INTEGER, name TEXT, twice AS (id * 2)",
        "name TEXT PRIMARY KEY",
    ],
)
def test_columns_that_the_database_fills_may_be_missing(
    write: Write, make_table: MakeTable, columns: str
) -> None:
    table = make_table(columns)

    with open_source(write("t.csv", "NAME\n")) as source:
        target = match(source, table)

    assert target.column("nAmE") is not None


def test_a_table_is_found_in_any_case_and_without_those_it_refers_to(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE City (id INTEGER REFERENCES nowhere(id))")
        connection.exec_driver_sql("CREATE VIEW cities AS SELECT * FROM City")

    found = find_table(engine, "cITY")

    assert found is not None
    assert found.name == "City"
    assert find_table(engine, "town") is None
    with pytest.raises(SourceError, match="Cities is a view"):
        find_table(engine, "Cities")
