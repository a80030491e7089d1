"""Relaxed, the default: a read sees the newest commit, and the first write takes the turn."""

import logging
import sqlite3
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from hardlite.connections.commit_tally import commits_counted
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
        with pytest.raises(DatabaseLockedError, match=r"process \d+ .* outside of hardlite"):
            connection.execute(WRITE)
        assert not turn_taken()
        connection.rollback()
        onlooker.execute("ROLLBACK")
        connection.execute(WRITE)
        connection.commit()
        assert connection.execute(READ).scalars().all() == ["mine"]


def test_a_writer_that_comes_late_is_told_who_has_the_turn(
    make_engine: EngineFactory, bodies: Callable[[], list[str]]
) -> None:
    first, late = make_engine(), make_engine(timeout=0)
    caught: list[DatabaseLockedError] = []

    def come_late() -> None:
        with (
            late.connect() as connection,
            pytest.raises(DatabaseLockedError, match=r"waited .* for a turn") as error,
        ):
            connection.execute(WRITE)
        caught.append(error.value)

    with first.begin() as connection:
        connection.execute(WRITE)
        thread = threading.Thread(target=come_late)
        thread.start()
        thread.join()
    [error] = caught
    assert error.holder is not None
    assert threading.current_thread().name in error.holder.thread
    assert bodies() == ["mine"]


def test_a_writer_without_the_gate_is_waited_for_until_it_has_finished(
    make_engine: EngineFactory, onlooker: sqlite3.Connection, bodies: Callable[[], list[str]]
) -> None:
    raw = make_engine(busy_timeout=0).raw_connection()
    tries: list[str] = []

    def finish_before_the_second(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE":
            tries.append(statement)
            if len(tries) == 2:
                onlooker.execute("COMMIT")

    onlooker.execute("BEGIN IMMEDIATE")
    onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
    raw.driver_connection.set_trace_callback(finish_before_the_second)  # type: ignore[union-attr]
    raw.cursor().execute("INSERT INTO notes (body) VALUES ('mine')")
    raw.commit()
    raw.close()
    assert len(tries) == 2
    assert bodies() == ["theirs", "mine"]


@pytest.mark.parametrize(("warn_hold", "warned"), [(0, True), (3600, False)])
def test_a_turn_that_was_held_for_long_is_logged_with_where_it_began(
    make_engine: EngineFactory, caplog: pytest.LogCaptureFixture, warn_hold: int, *, warned: bool
) -> None:
    with make_engine(warn_hold=warn_hold).begin() as connection:
        connection.execute(WRITE)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    # While it lasts, by the thread that watches, or when it is over: whichever comes first.
    assert any("a turn on" in text and __file__ in text for text in said) is warned


def test_only_commits_of_what_was_written_are_counted(engine: Engine) -> None:
    with commits_counted() as tally, engine.connect() as connection:
        connection.execute(READ).all()
        connection.commit()
        connection.execute(WRITE)
        connection.rollback()
        assert tally.commits == 0
        connection.execute(WRITE)
        connection.commit()
        assert tally.commits == 1


def test_a_commit_counts_for_the_calls_around_it_and_for_no_other(engine: Engine) -> None:
    with commits_counted() as outer:
        with commits_counted() as inner, engine.begin() as connection:
            connection.execute(WRITE)
        with commits_counted() as later:
            pass

    assert (outer.commits, inner.commits, later.commits) == (1, 1, 0)
