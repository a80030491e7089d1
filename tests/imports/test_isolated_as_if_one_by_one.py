"""Isolation ends as inserting the rows one by one would, each in a transaction of its own."""

import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, MetaData, Table, text
from sqlalchemy.types import NullType

from hardlite import ImportReport, batched_unit_of_work, create_hardened_engine

PARENTS = """
CREATE TABLE whole (id INTEGER PRIMARY KEY);
INSERT INTO whole VALUES (0), (1), (2);
CREATE TABLE words (word TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID;
INSERT INTO words VALUES ('a'), ('1'), ('b');
CREATE TABLE pairs (x INTEGER, y TEXT, PRIMARY KEY (y, x));
INSERT INTO pairs VALUES (0, 'a'), (1, 'b'), (2, '1');
"""
CONFLICTS = ["", "", "", " ON CONFLICT FAIL", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE"]
A_RULES = [
    "INTEGER",
    "INTEGER NOT NULL",
    "INTEGER UNIQUE",
    "INTEGER REFERENCES whole",
    "INTEGER CHECK (a < 2)",
    "INTEGER PRIMARY KEY",
    "TEXT REFERENCES whole",
    "INTEGER PRIMARY KEY REFERENCES whole",
]
B_RULES = [
    "TEXT",
    "TEXT NOT NULL",
    "TEXT COLLATE NOCASE UNIQUE",
    "TEXT REFERENCES words",
    "REFERENCES words (word)",
    "TEXT NOT NULL REFERENCES words CHECK (b <> 'b')",
]
TABLE_RULES = [
    "",
    ", UNIQUE (a, b)",
    ", FOREIGN KEY (b, a) REFERENCES pairs",
    ", FOREIGN KEY (a, b) REFERENCES pairs (x, y)",
    ", FOREIGN KEY (c) REFERENCES child (a)",
]
values = st.none() | st.integers(-1, 3) | st.sampled_from(["a", "A", "b", "c", "1", "01", 1.0, 2.5])
rows_of_values = st.lists(
    st.fixed_dictionaries({"a": values, "b": values, "c": values}), min_size=1, max_size=12
)
CHILD = Table("child", MetaData(), *(Column(name, NullType()) for name in "abc"))


@st.composite
def definitions(draw: st.DrawFn) -> str:
    a, b = draw(st.sampled_from(A_RULES)), draw(st.sampled_from(B_RULES))
    conflict = draw(st.sampled_from(CONFLICTS)) if a.endswith(("NULL", "UNIQUE", "KEY")) else ""
    rules = draw(st.sampled_from(TABLE_RULES))
    if "child (a)" in rules and not a.startswith(("INTEGER PRIMARY", "INTEGER UNIQUE")):
        rules = ""
    return f"CREATE TABLE child (a {a}{conflict}, b {b}, c INTEGER CHECK (c <> 3){rules})"


def one_by_one(
    definition: str, rows: list[dict[str, Any]]
) -> tuple[list[tuple[Any, ...]], dict[int, str]]:
    """What is in the table then, and what SQLite said of the rows that are not."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(PARENTS)
    connection.execute(definition)
    refused: dict[int, str] = {}
    for position, row in enumerate(rows):
        try:
            connection.execute("INSERT INTO child (a, b, c) VALUES (:a, :b, :c)", row)
        except sqlite3.Error as error:
            refused[position] = f"{type(error).__name__}: {error}"
    stored = connection.execute("SELECT rowid, a, b, c FROM child ORDER BY rowid").fetchall()
    connection.close()
    return stored, refused


def isolated(
    definition: str, rows: list[dict[str, Any]], batch_size: int
) -> tuple[Engine, ImportReport]:
    engine = create_hardened_engine("sqlite://")
    with engine.begin() as connection:
        for statement in [*PARENTS.split(";")[:-1], definition]:
            connection.exec_driver_sql(statement)
    report = batched_unit_of_work(engine, rows, CHILD, batch_size=batch_size, on_error="isolate")
    return engine, report


@given(
    definition=definitions(),
    rows=rows_of_values,
    repeated=st.integers(1, 12),
    batch_size=st.sampled_from([1, 7, 50, 51, 150, 1000]),
)
@settings(max_examples=120, deadline=None)
def test_isolation_ends_as_inserting_one_by_one(
    definition: str, rows: list[dict[str, Any]], repeated: int, batch_size: int
) -> None:
    """For any table, any rows and any batches: the same rows in, the same errors for the others."""
    many = [row for row in rows for _ in range(repeated)]
    expected, refused = one_by_one(definition, many)

    engine, report = isolated(definition, many, batch_size)

    with engine.connect() as connection:
        found = connection.execute(text("SELECT rowid, a, b, c FROM child ORDER BY rowid"))
        assert [tuple(row) for row in found] == expected
    engine.dispose()
    assert report.error is None
    assert {rejection.position: rejection.reason for rejection in report.rejections} == refused


@given(definition=definitions(), rows=rows_of_values)
@settings(max_examples=120, deadline=None)
def test_a_foreign_key_is_named_only_if_its_parent_is_missing(
    definition: str, rows: list[dict[str, Any]]
) -> None:
    """Looked for as SQLite does: as the child would store it, and by the parent's rules."""
    engine, report = isolated(definition, [*rows, *rows], 1000)
    engine.dispose()

    for rejection in report.rejections:
        key = rejection.constraint
        if key is None or key.kind != "FOREIGN KEY" or key.parent in {None, "child"}:
            continue
        assert key.table == "child"
        assert not has_parent(definition, rejection.item, key.columns, str(key.parent))


def has_parent(definition: str, row: dict[str, Any], columns: tuple[str, ...], parent: str) -> bool:
    """Store the row where nothing is checked, and ask SQLite what joins it."""
    theirs = {"whole": ["id"], "words": ["word"], "pairs": ["x", "y"]}[parent]
    ours = sorted(columns) if parent == "pairs" else columns
    if parent == "pairs" and "(b, a) REFERENCES" in definition:
        # Without columns they are those of the primary key, in its order.
        theirs, ours = ["y", "x"], ["b", "a"]
    connection = sqlite3.connect(":memory:")
    connection.executescript(PARENTS)
    connection.execute(definition)
    connection.execute("INSERT INTO child (a, b, c) VALUES (:a, :b, :c)", row)
    same = " AND ".join(f"p.{p} = child.{c}" for p, c in zip(theirs, ours, strict=True))
    (found,) = connection.execute(
        f"SELECT count(*) FROM child JOIN {parent} p ON {same}"
    ).fetchone()
    connection.close()
    return bool(found)
