"""Rows without a parent are known before they are sent, and all ends as if they were not."""

import random
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Engine, MetaData, Table, event, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.types import NullType

from hardlite import ImportReport, batched_unit_of_work, create_hardened_engine
from hardlite.inserts import foreign_keys

PARENTS = """
CREATE TABLE planes (tail TEXT COLLATE NOCASE PRIMARY KEY);
INSERT INTO planes VALUES ('a'), ('b'), ('1');
CREATE TABLE days (day INTEGER PRIMARY KEY);
INSERT INTO days VALUES (0), (1), (2);
CREATE TABLE gates (number INTEGER, hall BLOB, PRIMARY KEY (hall, number));
INSERT INTO gates VALUES (1, 'a'), (2, 'b'), (1, 1);
"""
FLIGHTS = "CREATE TABLE flights (id INTEGER PRIMARY KEY, tail TEXT REFERENCES planes, day INTEGER REFERENCES days)"
BAD, GOOD = {"tail": "x", "day": 1}, {"tail": "a", "day": 1}
FORESEEN = "SAVEPOINT hardlite_foreseen"


def table(*columns: str) -> Table:
    return Table("flights", MetaData(), *(Column(name, NullType()) for name in columns))


ROWS = table("id", "tail", "day")


def numbered(*parts: tuple[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """So many rows of each kind, one after the other, each with the number of its place."""
    rows = [row for count, row in parts for _ in range(count)]
    return [{"id": number} | row for number, row in enumerate(rows)]


@pytest.fixture
def statements(engine: Engine) -> list[str]:
    """What SQLite is asked from now on, by connections that are opened now."""
    seen: list[str] = []

    @event.listens_for(engine, "connect")
    def trace(connection: sqlite3.Connection, _: object) -> None:
        connection.set_trace_callback(seen.append)

    engine.dispose()
    return seen


@pytest.fixture
def flights(engine: Engine, statements: list[str]) -> Engine:
    """A database with the parents and the flights."""
    create(engine, FLIGHTS)
    statements.clear()
    return engine


def create(engine: Engine, definition: str) -> None:
    with engine.begin() as connection:
        for statement in [*PARENTS.split(";")[:-1], definition]:
            connection.exec_driver_sql(statement)


def load(engine: Engine, rows: list[dict[str, Any]], **options: object) -> ImportReport:
    given: dict[str, Any] = {"batch_size": 100, "on_error": "isolate"} | options
    return batched_unit_of_work(engine, rows, ROWS, **given)


def ids(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM flights ORDER BY id")).scalars())


def told(report: ImportReport) -> dict[int, str]:
    return {
        each.position: f"{each.reason.partition(' ')[0]} {each.constraint}"
        for each in report.rejections
    }


PLANE = "IntegrityError: FOREIGN KEY flights.tail -> planes"
DAY = "IntegrityError: FOREIGN KEY flights.day -> days"


def test_many_rows_without_a_parent_are_refused_by_few_statements(
    flights: Engine, statements: list[str]
) -> None:
    """Of a hundred rows half are bad: the first batch learns it, the others have it from there."""
    rows = [{"id": n} | (BAD if n % 2 else GOOD) for n in range(400)]

    report = load(flights, rows)

    assert ids(flights) == list(range(0, 400, 2))
    assert told(report) == dict.fromkeys(range(1, 400, 2), PLANE)
    inserts = [each for each in statements if each.startswith("INSERT INTO flights")]
    assert statements.count(FORESEEN) == 3
    assert sum(each.count("(") > 40 for each in inserts[-6:]) == 6


def test_few_bad_rows_are_not_looked_for(flights: Engine, statements: list[str]) -> None:
    load(flights, numbered((1, BAD), (599, GOOD)), batch_size=300)

    assert statements.count(FORESEEN) == 0


def test_a_batch_without_a_bad_row_is_written_as_ever(
    flights: Engine, statements: list[str]
) -> None:
    report = load(flights, numbered((100, BAD), (200, GOOD), (100, BAD)))

    assert ids(flights) == list(range(100, 300))
    assert report.rejected == 200
    assert statements.count(FORESEEN) == 0


def test_a_batch_of_bad_rows_alone_is_told_like_any_other(flights: Engine) -> None:
    report = load(flights, numbered((250, BAD)))

    assert told(report) == dict.fromkeys(range(250), PLANE)
    assert ids(flights) == []


def test_a_row_is_told_what_it_would_have_been_told_in_its_turn(
    flights: Engine, statements: list[str]
) -> None:
    """A later row has the same key: seen from the end the row breaks that rule, and did not."""
    rows = [*numbered((100, BAD)), BAD | {"id": 7}, GOOD | {"id": 7}, BAD | {"id": 7}]

    report = load(flights, rows)

    assert {position: what for position, what in told(report).items() if position > 99} == {
        100: PLANE,
        102: "IntegrityError: PRIMARY KEY flights.id",
    }
    assert ids(flights) == [7]
    assert statements.count("ROLLBACK TO hardlite_foreseen") == 1


def test_after_a_wrong_forecast_the_next_one_is_longer_in_coming(
    flights: Engine, statements: list[str]
) -> None:
    pair = [BAD | {"id": 7}, GOOD | {"id": 7}]
    batch = [*[BAD | {"id": 8}] * 8, *pair]

    report = load(flights, batch * 8, batch_size=10)

    assert report.committed == 1
    # The second batch, after one batch the fourth, after two the seventh.
    assert statements.count(FORESEEN) == 3


def test_bad_rows_that_break_another_rule_are_told_that_one(engine: Engine) -> None:
    """What SQLite looks at before it looks at foreign keys; alone, and among many."""
    create(engine, FLIGHTS.replace("day INTEGER", "day INTEGER NOT NULL CHECK (day < 9)"))
    worse = [BAD | {"day": None}, BAD | {"day": 9}, BAD | {"tail": "a", "day": 5}]
    rows = [*numbered((100, BAD)), *([BAD] * 20 + worse) * 4, GOOD]
    rows = [row | {"id": number} for number, row in enumerate(rows)]

    report = load(engine, rows)

    kinds = [str(each.constraint) for each in report.rejections][120:123]
    assert kinds == ["NOT NULL flights.day", "CHECK day < 9", "FOREIGN KEY flights.day -> days"]
    assert report.rejected == 192
    assert ids(engine) == [192]


def between_batches(engine: Engine, statement: str) -> Callable[[object], None]:
    """Change the parents after the second batch, as another program may."""
    seen: list[object] = []

    def change(batch: object) -> None:
        seen.append(batch)
        if len(seen) == 2:
            with engine.begin() as connection:
                connection.execute(text(statement))

    return change


def test_a_parent_that_goes_meanwhile_is_missed(flights: Engine) -> None:
    """It was there for the batch before, and SQLite knows better."""
    bad, orphan = BAD | {"day": 2}, GOOD | {"day": 2}
    rows = numbered((100, BAD), (50, bad), (50, GOOD), (40, bad), (60, orphan))

    report = load(
        flights, rows, progress=between_batches(flights, "DELETE FROM days WHERE day = 2")
    )

    assert ids(flights) == list(range(150, 200))
    assert {told(report)[position] for position in range(200, 240)} == {PLANE}
    assert {told(report)[position] for position in range(240, 300)} == {DAY}


def test_of_two_missing_parents_the_first_of_the_definition_is_told(flights: Engine) -> None:
    """Also if that one has gone meanwhile."""
    bad = {"tail": "b", "day": 9}
    gone = "DELETE FROM planes WHERE tail = 'b'"

    report = load(flights, numbered((300, bad)), progress=between_batches(flights, gone))

    assert set(list(told(report).values())[:200]) == {DAY}
    assert set(list(told(report).values())[200:]) == {PLANE}


def test_a_parent_that_comes_meanwhile_is_found(flights: Engine) -> None:
    comes = between_batches(flights, "INSERT INTO planes VALUES ('x')")

    report = load(flights, numbered((300, BAD)), progress=comes)

    assert ids(flights) == list(range(200, 300))
    assert report.rejected == 200


def test_more_values_than_are_remembered_are_asked_for_again(
    flights: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_keys, "_MOST_REMEMBERED", 100)
    with flights.begin() as connection:
        many = [(f"t{number}",) for number in range(800)]
        connection.exec_driver_sql("INSERT INTO planes VALUES (?)", many)
    good = [{"id": n, "tail": f"t{n}", "day": 1} for n in range(800)]
    rows = [row | {"tail": "x"} if n % 40 == 0 else row for n, row in enumerate(good)]

    report = load(flights, rows, batch_size=200)

    assert report.rejected == 20
    assert set(told(report).values()) == {PLANE}


@pytest.mark.parametrize("value", [2**70, "\udcff", [1]], ids=["too large", "no text", "a list"])
def test_a_value_that_cannot_be_bound_spoils_no_other_row(flights: Engine, value: object) -> None:
    rows = numbered((100, BAD), (20, BAD), (1, {"tail": value, "day": 1}), (79, GOOD))

    report = load(flights, rows)

    assert ids(flights) == list(range(121, 200))
    causes = told(report)
    assert causes.pop(120).endswith("Error: None")
    assert causes == dict.fromkeys(range(120), PLANE)


def test_an_interrupted_search_ends_the_import_with_what_interrupted_it(engine: Engine) -> None:
    """That is no row's fault, and no row is told it is."""
    interrupting: list[object] = []

    @event.listens_for(engine, "connect")
    def interrupt(connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(lambda: bool(interrupting), 1000)

    engine.dispose()
    create(engine, FLIGHTS)

    rows = [{"id": number, "tail": f"x{number}", "day": 1} for number in range(200)]

    report = load(engine, rows, progress=interrupting.append)

    error = report.error
    assert isinstance(error, sqlite3.OperationalError)
    assert error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    assert report.rejected == 100


@pytest.mark.parametrize("bad", [60, 20], ids=["many to a statement", "one by one"])
def test_keys_that_were_put_off_until_commit_are_left_to_it(engine: Engine, bad: int) -> None:
    """SQLite takes the rows then: so all is undone, and done in order."""
    create(engine, FLIGHTS)
    maker, begun = sessionmaker(engine), list[Session]()

    @event.listens_for(maker, "after_begin")
    def put_off(session: Session, _: object, connection: Connection) -> None:
        begun.append(session)
        if len(begun) > 1:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")

    rows = numbered((64, BAD), (bad, BAD), (64 - bad, GOOD))

    report = batched_unit_of_work(maker, rows, ROWS, batch_size=64, on_error="isolate")

    assert ids(engine) == list(range(64 + bad, 128))
    assert report.rejected == 64 + bad


def test_of_a_key_that_waits_for_commit_nothing_is_foreseen(
    engine: Engine, statements: list[str]
) -> None:
    create(engine, FLIGHTS.replace("REFERENCES days", "REFERENCES days DEFERRABLE"))

    report = load(engine, numbered((150, BAD), (50, GOOD)))

    assert (report.rejected, ids(engine)) == (150, list(range(150, 200)))
    assert statements.count(FORESEEN) == 0


def test_rows_that_may_be_written_over_go_in_order(flights: Engine, statements: list[str]) -> None:
    """A row that has a parent no more may be there, and be changed in all but its key."""
    report = load(flights, numbered((150, BAD), (50, GOOD)), conflict="update")

    assert (report.rejected, ids(flights)) == (150, list(range(150, 200)))
    assert statements.count(FORESEEN) == 0


values = st.none() | st.integers(-1, 3) | st.sampled_from(["a", "A", "b", "x", "1", 1.0, True])
KEYS = ["", " REFERENCES planes", " REFERENCES days", " REFERENCES days DEFERRABLE"]
RULES = ["", " NOT NULL", " UNIQUE", " CHECK (tail <> 'b')"]
TABLES = ["", ", FOREIGN KEY (day, tail) REFERENCES gates (number, hall)", ", UNIQUE (tail, day)"]


@st.composite
def definitions(draw: st.DrawFn) -> str:
    tail = f"tail {draw(st.sampled_from(['TEXT', '', 'INTEGER']))}{draw(st.sampled_from(KEYS))}"
    day = f"day INTEGER{draw(st.sampled_from(KEYS))}{draw(st.sampled_from(RULES[:3]))}"
    key = draw(st.sampled_from(["id INTEGER PRIMARY KEY", "id INTEGER", "id INTEGER UNIQUE"]))
    rule, more = draw(st.sampled_from(RULES)), draw(st.sampled_from(TABLES))
    return f"CREATE TABLE flights ({key}, {tail}{rule}, {day}{more})"


def in_order(definition: str, rows: list[dict[str, Any]]) -> tuple[list[Any], dict[int, str]]:
    """What is in the table if the rows come one by one, and what SQLite says of the others."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(PARENTS + definition)
    refused: dict[int, str] = {}
    for position, row in enumerate(rows):
        try:
            connection.execute("INSERT INTO flights VALUES (:id, :tail, :day)", row)
        except sqlite3.Error as error:
            refused[position] = f"{type(error).__name__}: {error}"
    stored = connection.execute("SELECT rowid, * FROM flights ORDER BY rowid").fetchall()
    connection.close()
    return stored, refused


@given(
    definition=definitions(),
    kinds=st.lists(
        st.fixed_dictionaries(
            {"id": st.none() | st.integers(0, 300), "tail": values, "day": values}
        ),
        min_size=1,
        max_size=8,
    ),
    order=st.randoms(use_true_random=False),
    batch_size=st.sampled_from([20, 60, 110]),
)
@settings(max_examples=150, deadline=None)
def test_it_ends_as_if_all_rows_came_in_order(
    definition: str, kinds: list[dict[str, Any]], order: random.Random, batch_size: int
) -> None:
    """Batch after batch, with many rows of a few kinds."""
    rows = [dict(order.choice(kinds)) for _ in range(240)]
    for number, row in enumerate(rows):
        if row["id"] is not None and order.random() < 0.9:
            row["id"] = number
    expected, refused = in_order(definition, rows)

    engine = create_hardened_engine("sqlite://")
    create(engine, definition)
    report = load(engine, rows, batch_size=batch_size)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT rowid, * FROM flights ORDER BY rowid")
        assert [tuple(row) for row in found] == expected
    engine.dispose()
    assert report.error is None
    assert {each.position: each.reason for each in report.rejections} == refused
