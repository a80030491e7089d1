"""Relaxed, the default: a read sees the newest commit, and the first write takes the turn."""

import sqlite3
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from hardlite.errors import DatabaseLockedError
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

READ = text("SELECT body FROM notes ORDER BY id")
WRITE = text("INSERT INTO notes (body) VALUES ('mine')")


def test_each_read_sees_the_newest_commit(engine: Engine, onlooker: sqlite3.Connection) -> None:
    with Session(engine) as session:
        assert session.scalars(READ).all() == []
        onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        assert session.scalars(READ).all() == ["theirs"]


def test_a_read_that_has_been_fetched_pins_nothing(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    with Session(engine) as session:
        session.scalars(READ).all()
        onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        busy, frames, _ = onlooker.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, frames) == (0, 0)


def test_a_read_takes_no_turn(engine: Engine, turn_taken: Callable[[], bool]) -> None:
    with engine.connect() as connection:
        connection.execute(READ).all()
        assert not turn_taken()


def test_the_first_write_takes_the_turn_and_sqlites_lock(
    engine: Engine, turn_taken: Callable[[], bool], write_locked: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        assert not turn_taken()
        assert not write_locked()
        connection.execute(WRITE)
        assert turn_taken()
        assert write_locked()


@pytest.mark.parametrize(("end", "kept"), [("commit", ["mine"]), ("rollback", [])])
def test_others_see_a_write_once_it_is_committed_and_the_turn_is_over_then(
    engine: Engine,
    bodies: Callable[[], list[str]],
    turn_taken: Callable[[], bool],
    write_locked: Callable[[], bool],
    end: str,
    kept: list[str],
) -> None:
    with engine.connect() as connection:
        connection.execute(WRITE)
        assert connection.execute(READ).scalars().all() == ["mine"]
        assert bodies() == []
        getattr(connection, end)()
        assert bodies() == kept
        assert not turn_taken()
        assert not write_locked()


def test_a_write_after_a_read_that_is_out_of_date_is_no_error(
    engine: Engine, onlooker: sqlite3.Connection, bodies: Callable[[], list[str]]
) -> None:
    with engine.begin() as connection:
        connection.execute(READ).all()
        onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        connection.execute(WRITE)
    assert bodies() == ["theirs", "mine"]


def test_a_writing_transaction_reads_one_state(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    with engine.begin() as connection:
        connection.execute(WRITE)
        with pytest.raises(sqlite3.OperationalError) as caught:
            onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
        assert connection.execute(READ).scalars().all() == ["mine"]


def test_a_writer_without_the_gate_is_waited_for_and_then_named(
    make_engine: EngineFactory, onlooker: sqlite3.Connection, turn_taken: Callable[[], bool]
) -> None:
    engine = make_engine(timeout=0, busy_timeout=0)
    with engine.connect() as connection:
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError, match="somebody outside of hardlite"):
            connection.execute(WRITE)
        assert not turn_taken()
        connection.rollback()
        onlooker.execute("ROLLBACK")
        connection.execute(WRITE)
        connection.commit()
        assert connection.execute(READ).scalars().all() == ["mine"]
