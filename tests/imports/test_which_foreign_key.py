"""A row that breaks a foreign key is told which: SQLite itself does not say."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, MetaData, Table, event, text
from sqlalchemy.types import NullType

from hardlite import batched_unit_of_work

PARENTS = [
    "CREATE TABLE airlines (carrier TEXT PRIMARY KEY)",
    "INSERT INTO airlines VALUES ('AA'), ('UA')",
    "CREATE TABLE airports (code TEXT COLLATE NOCASE UNIQUE)",
    "INSERT INTO airports VALUES ('JFK'), ('EWR')",
    "CREATE TABLE hours (day INTEGER, hour INTEGER, PRIMARY KEY (hour, day))",
    "INSERT INTO hours VALUES (1, 5), (2, 6)",
    'CREATE TABLE "row" ("parent ""s" INTEGER PRIMARY KEY)',
    'INSERT INTO "row" VALUES (7)',
]
FLIGHTS = """CREATE TABLE flights (
    carrier TEXT REFERENCES airlines, Origin TEXT REFERENCES airports (code),
    day INTEGER, hour INTEGER, odd INTEGER REFERENCES "row",
    FOREIGN KEY (hour, day) REFERENCES hours
)"""
GOOD = {"carrier": "AA", "origin": "jfk", "day": 1, "hour": 5, "odd": 7}


def table(*columns: str, schema: str | None = None) -> Table:
    types = [Column(name, NullType()) for name in columns]
    return Table("flights", MetaData(), *types, schema=schema)


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def broken(engine: Engine, target: Table, *rows: dict[str, object]) -> list[str]:
    """The constraints of the rejected rows, as they are told, among good ones."""
    report = batched_unit_of_work(engine, [*rows, GOOD, GOOD], target, on_error="isolate")
    assert report.committed == 2
    return [str(rejection.constraint) for rejection in report.rejections]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"carrier": "XX"}, "FOREIGN KEY flights.carrier -> airlines"),
        ({"origin": "XXX"}, "FOREIGN KEY flights.Origin -> airports"),
        ({"day": 2}, "FOREIGN KEY flights (hour, day) -> hours"),
        ({"odd": 8}, "FOREIGN KEY flights.odd -> row"),
        ({"odd": "8"}, "FOREIGN KEY flights.odd -> row"),
    ],
    ids=str,
)
def test_the_key_whose_parent_is_missing_is_named(
    engine: Engine, change: dict[str, object], told: str
) -> None:
    run(engine, *PARENTS, FLIGHTS)

    assert broken(engine, table(*GOOD), GOOD | change) == [told]


def test_of_several_the_first_of_the_definition_is_named(engine: Engine) -> None:
    run(engine, *PARENTS, FLIGHTS)

    rows = [
        GOOD | {"hour": 9, "origin": "XXX"},
        GOOD | {"carrier": "XX", "origin": "XXX"},
        GOOD | {"carrier": None, "origin": None, "hour": None, "odd": 1},
    ]

    assert broken(engine, table(*GOOD), *rows) == [
        "FOREIGN KEY flights.Origin -> airports",
        "FOREIGN KEY flights.carrier -> airlines",
        "FOREIGN KEY flights.odd -> row",
    ]


def test_many_rows_are_each_told_their_own(engine: Engine) -> None:
    run(engine, *PARENTS, FLIGHTS)
    changes = [{"carrier": "XX"}, {"origin": "XXX"}, {"odd": 8}]
    rows = [GOOD | changes[number % 3] for number in range(200)]

    told = broken(engine, table(*GOOD), *rows)

    kinds = ["flights.carrier -> airlines", "flights.Origin -> airports", "flights.odd -> row"]
    assert told == [f"FOREIGN KEY {kinds[number % 3]}" for number in range(200)]


def test_a_key_that_is_not_among_the_columns_cannot_be_told(engine: Engine) -> None:
    """The database filled it in, and nobody knows with what."""
    run(
        engine,
        *PARENTS,
        "CREATE TABLE flights (day, carrier TEXT REFERENCES airlines DEFAULT 'XX')",
    )

    report = batched_unit_of_work(
        engine, [{"day": 1}, {"day": 2}], table("day", "carrier"), on_error="isolate"
    )

    assert [str(rejection.constraint) for rejection in report.rejections] == ["FOREIGN KEY"] * 2


def test_a_value_that_is_stored_as_another_one_cannot_be_told(engine: Engine) -> None:
    """The child makes 1 of '01', and the parent has the text."""
    run(
        engine,
        "CREATE TABLE codes (code TEXT PRIMARY KEY)",
        "INSERT INTO codes VALUES ('01')",
        "CREATE TABLE flights (code INTEGER REFERENCES codes)",
    )
    rows = [{"code": "01"}, {"code": "1"}]

    report = batched_unit_of_work(engine, rows, table("code"), on_error="isolate")

    assert [str(rejection.constraint) for rejection in report.rejections] == ["FOREIGN KEY"] * 2


def test_a_parent_in_an_attached_file_is_looked_for_there(engine: Engine, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.executescript(";".join([*PARENTS, FLIGHTS]))
    connection.close()
    run(engine, "CREATE TABLE airlines (carrier TEXT PRIMARY KEY)")

    @event.listens_for(engine, "connect")
    def attach(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("ATTACH ? AS other", (str(other),))

    engine.dispose()

    told = broken(engine, table(*GOOD, schema="other"), GOOD | {"odd": 3}, GOOD | {"carrier": ""})

    assert told == ["FOREIGN KEY flights.odd -> row", "FOREIGN KEY flights.carrier -> airlines"]


def test_an_insert_of_the_callers_own_is_not_guessed_at(engine: Engine) -> None:
    run(engine, *PARENTS, FLIGHTS)
    flights = table(*GOOD)

    report = batched_unit_of_work(
        engine, [GOOD | {"odd": 8}, GOOD], flights.insert(), on_error="isolate"
    )

    assert [str(rejection.constraint) for rejection in report.rejections] == ["FOREIGN KEY"]
