"""executescript commits what is open and runs the script in one turn, if any of it writes."""

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from hardlite.connections.connection import HardenedConnection
from hardlite.errors import ReadOnlySessionError

pytestmark = pytest.mark.usefixtures("notes")

TurnTaken = Callable[[], bool]
Bodies = Callable[[], list[str]]


@pytest.fixture
def driver(engine: Engine) -> Iterator[HardenedConnection]:
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    yield driver
    raw.close()


@pytest.fixture
def looks(driver: HardenedConnection, turn_taken: TurnTaken) -> list[bool]:
    """What the SQL function ``look()`` has seen: whether the turn was taken."""
    seen: list[bool] = []
    driver.create_function("look", 0, lambda: seen.append(turn_taken()))
    return seen


def test_it_commits_first_what_is_open(driver: HardenedConnection, bodies: Bodies) -> None:
    driver.execute("INSERT INTO notes (body) VALUES ('open')")
    driver.executescript("SELECT body FROM notes;")
    assert bodies() == ["open"]


def test_it_runs_in_one_turn_which_ends_with_it(
    driver: HardenedConnection, looks: list[bool], turn_taken: TurnTaken, bodies: Bodies
) -> None:
    cursor = driver.executescript("""
        SELECT look();
        INSERT INTO notes (body) VALUES ('first');
        SELECT look();
        INSERT INTO notes (body) VALUES ('second');
        SELECT look();
    """)
    assert isinstance(cursor, sqlite3.Cursor)
    assert looks == [True, True, True]
    assert not turn_taken()
    assert bodies() == ["first", "second"]


def test_one_that_only_reads_takes_no_turn(driver: HardenedConnection, looks: list[bool]) -> None:
    driver.cursor().executescript("SELECT look(); -- INSERT INTO notes\n VALUES (look());")
    assert looks == [False, False]


def test_one_that_leaves_a_transaction_open_keeps_the_turn_until_it_ends(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    driver.executescript("BEGIN; INSERT INTO notes (body) VALUES ('open');")
    assert driver.in_transaction
    assert turn_taken()
    driver.execute("INSERT INTO notes (body) VALUES ('more')")
    assert bodies() == []
    driver.commit()
    assert not turn_taken()
    assert bodies() == ["open", "more"]


def test_one_that_only_begins_takes_no_turn_before_a_write_follows(
    driver: HardenedConnection, turn_taken: TurnTaken
) -> None:
    driver.executescript("BEGIN; SELECT body FROM notes;")
    assert driver.in_transaction
    assert not turn_taken()
    driver.execute("INSERT INTO notes (body) VALUES ('mine')")
    assert turn_taken()


def test_one_that_fails_keeps_what_it_committed_and_leaves_no_turn(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        driver.executescript("""
            INSERT INTO notes (body) VALUES ('kept');
            INSERT INTO no_such_table VALUES (1);
            INSERT INTO notes (body) VALUES ('not reached');
        """)
    assert bodies() == ["kept"]
    assert not turn_taken()


def test_one_that_fails_in_its_own_transaction_can_be_taken_back(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        driver.executescript("""
            BEGIN; INSERT INTO notes (body) VALUES ('open'); INSERT INTO no_such_table VALUES (1);
        """)
    assert turn_taken()
    driver.rollback()
    assert not turn_taken()
    assert bodies() == []


def test_one_with_a_trigger_works(driver: HardenedConnection, bodies: Bodies) -> None:
    driver.executescript("""
        CREATE TRIGGER echo AFTER INSERT ON notes WHEN new.body = 'call' BEGIN
            INSERT INTO notes (body) VALUES ('echo;');
        END;
        INSERT INTO notes (body) VALUES ('call');
    """)
    assert bodies() == ["call", "echo;"]


def test_a_reader_refuses_one_that_writes(driver: HardenedConnection, bodies: Bodies) -> None:
    driver.set_mode("snapshot", reader=True)
    with pytest.raises(ReadOnlySessionError):
        driver.executescript("SELECT 1; INSERT INTO notes (body) VALUES ('mine');")
    assert bodies() == []
    driver.executescript("SELECT 1;")
