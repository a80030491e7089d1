"""A first statement that failed leaves nothing behind; what a later one keeps is the caller's."""

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from hardlite.connections.connection import HardenedConnection

pytestmark = pytest.mark.usefixtures("notes")

TurnTaken = Callable[[], bool]
Bodies = Callable[[], list[str]]

FAILING = [
    "INSERT INTO notes (id) VALUES (1)",
    "INSERT OR ABORT INTO notes (id) VALUES (2), (1)",
    "INSERT INTO no_such_table VALUES (1)",
    "WITH c AS (SELECT 1) DELETE FROM no_such_table",
    "CREATE TABLE notes (a)",
    "ALTER TABLE notes DROP COLUMN id",
    "SELECT * FROM no_such_table /* hardlite: for update */",
    "SELEKT",
]


@pytest.fixture
def driver(engine: Engine, notes: sqlite3.Connection) -> Iterator[HardenedConnection]:
    notes.execute("INSERT INTO notes (id, body) VALUES (1, 'there')")
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    yield driver
    raw.close()


@pytest.mark.parametrize("statement", FAILING)
def test_a_first_statement_that_failed_leaves_no_transaction_and_no_turn(
    driver: HardenedConnection, turn_taken: TurnTaken, statement: str
) -> None:
    with pytest.raises(sqlite3.Error):
        driver.execute(statement)
    assert not driver.in_transaction
    assert not turn_taken()


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("INSERT INTO notes (id) VALUES (?)", [(1,)]),
        ("INSERT INTO no_such_table VALUES (?)", [(1,)]),
        ("INSERT INTO notes (id) VALUES (?)", [("too", "many")]),
    ],
)
def test_many_at_once_of_which_the_first_failed_leave_none_either(
    driver: HardenedConnection, turn_taken: TurnTaken, statement: str, rows: list[tuple[object]]
) -> None:
    with pytest.raises(sqlite3.Error):
        driver.executemany(statement, rows)
    assert not driver.in_transaction
    assert not turn_taken()


def test_many_at_once_of_which_a_later_one_failed_keep_the_transaction(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        driver.executemany("INSERT INTO notes VALUES (?, 'new')", [(7,), (1,), (8,)])
    assert turn_taken()
    driver.commit()
    assert not turn_taken()
    assert bodies() == ["there", "new"]


def test_a_read_that_failed_leaves_no_snapshot(driver: HardenedConnection) -> None:
    driver.set_mode("snapshot")
    with pytest.raises(sqlite3.OperationalError):
        driver.execute("SELECT * FROM no_such_table")
    assert not driver.in_transaction


def test_an_insert_or_fail_that_changed_rows_keeps_them_and_the_transaction(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        driver.execute("INSERT OR FAIL INTO notes VALUES (5, 'new'), (1, 'again')")
    assert driver.in_transaction
    assert turn_taken()
    assert bodies() == ["there"]
    driver.commit()
    assert bodies() == ["there", "new"]


def test_a_later_statement_that_failed_keeps_the_earlier_ones(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    driver.execute("INSERT INTO notes (body) VALUES ('new')")
    with pytest.raises(sqlite3.IntegrityError):
        driver.execute("INSERT INTO notes (id) VALUES (1)")
    assert turn_taken()
    driver.commit()
    assert bodies() == ["there", "new"]


def test_an_insert_or_rollback_that_failed_ends_the_turn_with_the_transaction(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    driver.execute("INSERT INTO notes (body) VALUES ('new')")
    with pytest.raises(sqlite3.IntegrityError):
        driver.execute("INSERT OR ROLLBACK INTO notes (id) VALUES (1)")
    assert not driver.in_transaction
    assert not turn_taken()
    assert bodies() == ["there"]


def test_a_second_statement_in_one_string_is_refused_before_it_runs(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    with pytest.raises(sqlite3.ProgrammingError, match="one statement at a time"):
        driver.execute("SELECT body FROM notes; DELETE FROM notes")
    assert not turn_taken()
    assert bodies() == ["there"]


@pytest.mark.usefixtures("driver")
def test_a_caught_error_of_sqlalchemy_does_not_keep_others_waiting(
    engine: Engine, turn_taken: TurnTaken
) -> None:
    with engine.connect() as connection:
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO notes (id) VALUES (1)"))
        assert not turn_taken()
        connection.execute(text("INSERT INTO notes (id, body) VALUES (2, 'new')"))
        connection.commit()
