"""A COMMIT that failed has not ended the transaction, so the turn is not over either."""

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from hardlite.connections.connection import HardenedConnection
from hardlite.errors import DatabaseLockedError
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

TurnTaken = Callable[[], bool]
Bodies = Callable[[], list[str]]
WRITE = "INSERT INTO notes (body) VALUES ('mine')"


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    """An engine without WAL, in which a reader is in the way of a COMMIT."""
    return make_engine(journal_mode="delete", busy_timeout=0)


@pytest.fixture
def driver(engine: Engine) -> Iterator[HardenedConnection]:
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    yield driver
    raw.close()


@pytest.fixture
def end_of_reading(notes: sqlite3.Connection) -> Callable[[], object]:
    """Ends the other program's reading transaction, which makes a COMMIT fail until then."""
    notes.execute("BEGIN")
    notes.execute("SELECT * FROM notes").fetchall()
    return lambda: notes.execute("COMMIT")


@pytest.mark.parametrize("commit", [lambda c: c.commit(), lambda c: c.execute("COMMIT")])
def test_a_reader_in_the_way_keeps_the_turn_and_a_second_try_commits(
    driver: HardenedConnection,
    end_of_reading: Callable[[], object],
    turn_taken: TurnTaken,
    bodies: Bodies,
    commit: Callable[[sqlite3.Connection], object],
) -> None:
    driver.execute(WRITE)
    with pytest.raises(sqlite3.OperationalError) as caught:
        commit(driver)
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    assert turn_taken()
    end_of_reading()
    commit(driver)
    assert not turn_taken()
    assert bodies() == ["mine"]


def test_a_rollback_after_it_ends_the_turn(
    driver: HardenedConnection,
    end_of_reading: Callable[[], object],
    turn_taken: TurnTaken,
    bodies: Bodies,
) -> None:
    driver.execute(WRITE)
    with pytest.raises(sqlite3.OperationalError):
        driver.commit()
    driver.rollback()
    assert not turn_taken()
    end_of_reading()
    assert bodies() == []


@pytest.mark.usefixtures("end_of_reading")
def test_sqlalchemy_raises_it_and_rolls_back(engine: Engine, turn_taken: TurnTaken) -> None:
    with pytest.raises(DatabaseLockedError), engine.begin() as connection:
        connection.execute(text(WRITE))
    assert not turn_taken()


@pytest.fixture
def child(notes: sqlite3.Connection) -> None:
    notes.execute("CREATE TABLE child (parent REFERENCES notes DEFERRABLE INITIALLY DEFERRED)")


@pytest.mark.usefixtures("child")
def test_a_reference_that_leads_nowhere_keeps_the_turn_until_it_is_mended(
    driver: HardenedConnection, turn_taken: TurnTaken, onlooker: sqlite3.Connection
) -> None:
    driver.execute("INSERT INTO child VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        driver.commit()
    assert turn_taken()
    driver.execute("INSERT INTO notes (id) VALUES (1)")
    driver.commit()
    assert not turn_taken()
    assert onlooker.execute("SELECT parent FROM child").fetchall() == [(1,)]


@pytest.mark.usefixtures("child")
def test_a_reference_that_leads_nowhere_is_rolled_back_by_sqlalchemy(
    engine: Engine, turn_taken: TurnTaken, onlooker: sqlite3.Connection
) -> None:
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("INSERT INTO child VALUES (1)"))
    assert not turn_taken()
    assert onlooker.execute("SELECT parent FROM child").fetchall() == []
