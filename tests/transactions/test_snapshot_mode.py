"""Snapshot: one consistent state until the first write, which must not be based on an old one."""

import sqlite3
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from hardlite.errors import DatabaseLockedError, StaleSnapshotError
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

READ = text("SELECT body FROM notes ORDER BY id")
WRITE = text("INSERT INTO notes (body) VALUES ('mine')")
THEIRS = "INSERT INTO notes (body) VALUES ('theirs')"


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    return make_engine(transaction="snapshot", timeout=0, busy_timeout=0)


def test_every_read_of_a_transaction_sees_the_same_state(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    with engine.connect() as connection:
        assert connection.execute(READ).all() == []
        onlooker.execute(THEIRS)
        assert connection.execute(READ).all() == []
        connection.rollback()
        assert connection.execute(READ).all() == [("theirs",)]


def test_reading_takes_no_turn(engine: Engine, turn_taken: Callable[[], bool]) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        assert not turn_taken()


def test_the_first_write_takes_the_turn_and_keeps_what_was_read(
    engine: Engine, turn_taken: Callable[[], bool], bodies: Callable[[], list[str]]
) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        connection.execute(WRITE)
        assert turn_taken()
        assert bodies() == []
        connection.commit()
        assert not turn_taken()
    assert bodies() == ["mine"]


def test_a_write_needs_no_read_before_it(
    engine: Engine, bodies: Callable[[], list[str]], write_locked: Callable[[], bool]
) -> None:
    with engine.begin() as connection:
        connection.execute(WRITE)
        assert write_locked()
    assert bodies() == ["mine"]


def test_a_write_on_a_snapshot_that_is_out_of_date_is_refused(
    engine: Engine, onlooker: sqlite3.Connection, bodies: Callable[[], list[str]]
) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        onlooker.execute(THEIRS)
        with pytest.raises(StaleSnapshotError) as caught:
            connection.execute(WRITE)
        assert isinstance(caught.value, OperationalError)
        connection.rollback()
        assert connection.execute(READ).all() == [("theirs",)]
        connection.execute(WRITE)
        connection.commit()
    assert bodies() == ["theirs", "mine"]


def test_a_refused_write_hands_the_turn_on_before_the_rollback(
    engine: Engine,
    onlooker: sqlite3.Connection,
    turn_taken: Callable[[], bool],
    write_locked: Callable[[], bool],
) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        onlooker.execute(THEIRS)
        with pytest.raises(StaleSnapshotError):
            connection.execute(WRITE)
        assert not turn_taken()
        assert not write_locked()


def test_a_refused_write_leaves_the_snapshot_as_it_was(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("SELECT body FROM notes").fetchall()
    onlooker.execute(THEIRS)
    with pytest.raises(sqlite3.OperationalError) as caught:
        cursor.execute("INSERT INTO notes (body) VALUES ('mine')")
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT
    assert cursor.execute("SELECT body FROM notes").fetchall() == []
    # It is still a snapshot that hardlite began, and so may end.
    cursor.execute("PRAGMA synchronous = FULL")
    assert cursor.execute("SELECT body FROM notes").fetchall() == [("theirs",)]
    raw.close()


def test_a_writer_that_has_not_committed_is_no_reason_to_call_the_snapshot_stale(
    engine: Engine, onlooker: sqlite3.Connection, turn_taken: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError) as caught:
            connection.execute(WRITE)
        assert not isinstance(caught.value, StaleSnapshotError)
        assert not turn_taken()
        onlooker.execute("ROLLBACK")


@pytest.mark.parametrize("application_id", [0, 252006, -7])
def test_the_upgrade_changes_nothing_in_the_file(
    engine: Engine, onlooker: sqlite3.Connection, application_id: int
) -> None:
    onlooker.execute(f"PRAGMA application_id = {application_id}")
    with engine.begin() as connection:
        connection.execute(READ).all()
        connection.execute(WRITE)
    assert onlooker.execute("PRAGMA application_id").fetchone() == (application_id,)


def test_a_ping_begins_nothing(engine: Engine, onlooker: sqlite3.Connection) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        onlooker.execute(THEIRS)
        assert connection.execute(READ).all() == [("theirs",)]


@pytest.mark.parametrize(
    "statement",
    ["PRAGMA synchronous = FULL", "PRAGMA wal_checkpoint", "VACUUM", "BEGIN", "BEGIN IMMEDIATE"],
)
def test_what_needs_to_be_outside_of_a_transaction_ends_the_snapshot(
    engine: Engine, onlooker: sqlite3.Connection, statement: str
) -> None:
    with engine.connect() as connection:
        assert connection.execute(READ).all() == []
        onlooker.execute(THEIRS)
        connection.exec_driver_sql(statement).close()
        assert connection.execute(READ).all() == [("theirs",)]


def test_a_query_about_the_connection_leaves_the_snapshot_as_it_is(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        onlooker.execute(THEIRS)
        assert connection.exec_driver_sql("PRAGMA table_info(notes)").all()
        assert connection.execute(READ).all() == []


def test_a_connection_that_may_only_query_fails_as_it_does_without_hardlite(
    engine: Engine, turn_taken: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.execute(READ).all()
        with pytest.raises(OperationalError, match="readonly database") as caught:
            connection.execute(WRITE)
        assert not isinstance(caught.value, DatabaseLockedError)
        assert not turn_taken()
        connection.exec_driver_sql("PRAGMA query_only = OFF")
