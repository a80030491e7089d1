"""Which constraint an item broke: told by SQLite's code, with its table and columns."""

import pickle
import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from hardlite import Constraint, batched_unit_of_work
from hardlite.reports.constraints import constraint_of
from tests.fixtures.library import AUTHORS, author

SCHEMA = """
CREATE TABLE plane (tailnum TEXT PRIMARY KEY);
CREATE TABLE flight (
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    number INT,
    tailnum TEXT REFERENCES plane,
    price INT CONSTRAINT positive_price CHECK (price > 0),
    seats INT CHECK (seats
        < 1000),
    "a.b, c" INT UNIQUE,
    UNIQUE (day, number)
);
CREATE UNIQUE INDEX folded ON flight (lower(day)) WHERE price = 99;
CREATE TABLE leg (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE loose (n);
CREATE TABLE typed (n INT) STRICT;
CREATE TABLE watched (n);
CREATE TRIGGER no_seven BEFORE INSERT ON watched WHEN new.n = 7
BEGIN SELECT raise(ABORT, 'UNIQUE constraint failed: not.really'); END;
INSERT INTO flight (id, day, number, price, "a.b, c") VALUES (1, 'mon', 1, 99, 1);
INSERT INTO leg VALUES (1, 1);
INSERT INTO loose (rowid, n) VALUES (1, 1);
"""


@pytest.fixture
def airport() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


def broken(connection: sqlite3.Connection, sql: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(sql)
    return caught.value


@pytest.mark.parametrize(
    ("sql", "told", "columns"),
    [
        ("INSERT INTO flight (day) VALUES (NULL)", "NOT NULL flight.day", ("day",)),
        (
            "INSERT INTO flight (day, number) VALUES ('mon', 1)",
            "UNIQUE flight (day, number)",
            ("day", "number"),
        ),
        (
            """INSERT INTO flight (day, "a.b, c") VALUES ('tue', 1)""",
            "UNIQUE flight.a.b, c",
            ("a.b, c",),
        ),
        ("INSERT INTO flight (day, price) VALUES ('MON', 99)", "UNIQUE folded", ()),
        ("INSERT INTO flight (id, day) VALUES (1, 'tue')", "PRIMARY KEY flight.id", ("id",)),
        ("INSERT INTO leg VALUES (1, 1)", "PRIMARY KEY leg (a, b)", ("a", "b")),
        ("INSERT INTO loose (rowid) VALUES (1)", "PRIMARY KEY loose.rowid", ("rowid",)),
        ("INSERT INTO flight (day, price) VALUES ('tue', 0)", "CHECK positive_price", ()),
        ("INSERT INTO flight (day, seats) VALUES ('tue', 1000)", "CHECK seats < 1000", ()),
        ("INSERT INTO flight (day, tailnum) VALUES ('tue', 'N1')", "FOREIGN KEY", ()),
        ("INSERT INTO typed VALUES ('one')", "DATATYPE typed.n", ("n",)),
        ("INSERT INTO flight (id, day) VALUES ('one', 'tue')", "DATATYPE", ()),
        ("INSERT INTO watched VALUES (7)", "TRIGGER", ()),
    ],
)
def test_the_constraint_is_told_with_what_sqlite_says_of_it(
    airport: sqlite3.Connection, sql: str, told: str, columns: tuple[str, ...]
) -> None:
    constraint = constraint_of(broken(airport, sql))

    assert constraint is not None
    assert (str(constraint), constraint.columns) == (told, columns)


def test_an_error_about_no_constraint_has_none(airport: sqlite3.Connection) -> None:
    assert constraint_of(broken(airport, "INSERT INTO nowhere VALUES (1)")) is None


def test_the_text_of_an_error_without_a_code_is_not_believed() -> None:
    assert constraint_of(ValueError("NOT NULL constraint failed: t.a")) is None
    assert constraint_of(sqlite3.IntegrityError("NOT NULL constraint failed: t.a")) is None


def test_a_kind_without_the_usual_words_is_still_told() -> None:
    error = sqlite3.IntegrityError("in other words")
    error.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_NOTNULL

    assert constraint_of(error) == Constraint(kind="NOT NULL")


def test_the_constraint_is_seen_through_the_error_of_sqlalchemy() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a NOT NULL)"))
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("INSERT INTO t VALUES (NULL)"))
    engine.dispose()

    assert constraint_of(caught.value) == Constraint(kind="NOT NULL", table="t", columns=("a",))


def test_what_is_known_of_a_foreign_key_is_told() -> None:
    key = Constraint(kind="FOREIGN KEY", table="flight", columns=("tailnum",), parent="plane")

    assert str(key) == "FOREIGN KEY flight.tailnum -> plane"
    assert str(Constraint(kind="CHECK", table="flight")) == "CHECK flight"
    assert key.to_dict() == {
        "kind": "FOREIGN KEY",
        "table": "flight",
        "columns": ["tailnum"],
        "name": None,
        "parent": "plane",
    }
    assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301 - it was made here


def test_a_rejection_carries_its_constraint_and_columns(library: Engine) -> None:
    items = [author(1), author(1), author(2, name=None), author(3, born=-1), author(4, surname="")]
    report = batched_unit_of_work(library, items, AUTHORS, on_error="isolate")

    told = [(str(each.constraint), each.columns) for each in report.rejections]
    assert told == [
        ("PRIMARY KEY authors.id", ("id",)),
        ("NOT NULL authors.name", ("name",)),
        ("CHECK born > 0", ()),
        ("None", ()),
    ]
    assert report.to_dict()["rejections"][0]["columns"] == ["id"]
