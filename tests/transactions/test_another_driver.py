"""Transactions over pysqlite3 are those over the default driver: the rules that matter, once more.

Whoever looks on is of the same driver: two copies of SQLite in a process spoil each other's locks.
"""

import os
import sqlite3
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, insert, text
from sqlalchemy.exc import IntegrityError

from hardlite import batched_unit_of_work, get_sessionmaker, run_in_transaction
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.errors import (
    ConfigurationError,
    DatabaseLockedError,
    DatabaseReplacedError,
    FileReplacedError,
    LockedByOtherError,
    ReadOnlySessionError,
    ReentrantWriteError,
    StaleSnapshotError,
)
from hardlite.sessions import HardenedSessionmaker
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.databases import EngineFactory

WRITE = "INSERT INTO notes (body) VALUES ('mine')"
NOTES = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("body", String, unique=True),
)


@pytest.fixture
def onlooker(pysqlite3: types.ModuleType, db_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program on the test's file, and the table ``notes``."""
    connection = pysqlite3.connect(db_path, timeout=0, isolation_level=None)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT UNIQUE)")
    yield connection
    connection.close()


@pytest.fixture
def engine(onlooker: object, make_engine: EngineFactory) -> Engine:  # noqa: ARG001 - it makes the table
    engine = make_engine(driver="pysqlite3", timeout=0.05)
    with engine.connect():
        return engine  # with WAL already there


@pytest.fixture
def maker(engine: Engine) -> HardenedSessionmaker:
    return get_sessionmaker(engine)


@pytest.fixture
def bodies(onlooker: sqlite3.Connection) -> Callable[[], list[str]]:
    return lambda: [body for (body,) in onlooker.execute("SELECT body FROM notes ORDER BY id")]


@pytest.fixture
def driver(engine: Engine) -> Iterator[AnyHardenedConnection]:
    raw = engine.raw_connection()
    connection = raw.driver_connection
    assert isinstance(connection, AnyHardenedConnection)
    yield connection
    raw.close()


Bodies = Callable[[], list[str]]
Taken = Callable[[], bool]


def test_a_write_has_the_turn_until_commit_returns(
    driver: AnyHardenedConnection, turn_taken: Taken, bodies: Bodies
) -> None:
    driver.execute("SELECT body FROM notes").fetchall()
    assert not turn_taken()
    driver.execute(WRITE)
    assert turn_taken()
    assert driver.in_transaction
    driver.commit()
    assert not turn_taken()
    assert bodies() == ["mine"]


def test_a_rollback_takes_back_tables_and_rows(engine: Engine, bodies: Bodies) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE more (n)"))
        connection.execute(text(WRITE))
        with connection.begin_nested() as savepoint:
            connection.execute(text("DELETE FROM notes"))
            savepoint.rollback()
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 1
        connection.rollback()
        tables = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        assert tables.all() == ["notes"]
    assert bodies() == []


def test_a_snapshot_sees_one_state(
    maker: HardenedSessionmaker, onlooker: sqlite3.Connection
) -> None:
    with maker.reader() as session:
        assert session.scalar(text("SELECT count(*) FROM notes")) == 0
        onlooker.execute(WRITE)
        assert session.scalar(text("SELECT count(*) FROM notes")) == 0
        with pytest.raises(ReadOnlySessionError):
            session.execute(text(WRITE))


def test_a_write_on_a_snapshot_that_is_out_of_date_is_refused_as_such(
    engine: Engine, onlooker: sqlite3.Connection, turn_taken: Taken
) -> None:
    """Without waiting for a lock that is free, also where SQLite's codes are cut short."""
    engine = engine.execution_options(hardlite_transaction="snapshot", hardlite_timeout=60)
    with engine.connect() as connection:
        connection.execute(text("SELECT body FROM notes")).all()
        onlooker.execute(WRITE)
        with pytest.raises(StaleSnapshotError):
            connection.execute(text("DELETE FROM notes"))
        assert not turn_taken()


def test_a_snapshot_that_meets_a_writer_waits_for_it(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    engine = engine.execution_options(hardlite_transaction="snapshot")
    with engine.connect() as connection:
        connection.execute(text("SELECT body FROM notes")).all()
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError) as caught:
            connection.execute(text(WRITE))
        onlooker.execute("ROLLBACK")
        assert type(caught.value) is DatabaseLockedError
        connection.execute(text(WRITE))
        connection.commit()


def test_a_lock_error_is_one_of_the_driver_and_of_hardlite(
    maker: HardenedSessionmaker, onlooker: sqlite3.Connection, pysqlite3: types.ModuleType
) -> None:
    onlooker.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseLockedError) as caught, maker.writer():
        pass

    assert isinstance(caught.value.orig, LockedByOtherError)
    assert isinstance(caught.value.orig, pysqlite3.OperationalError)
    assert "outside of hardlite" in str(caught.value)
    with pytest.raises(DatabaseLockedError), maker.engine.connect() as connection:
        connection.execute(text(WRITE))


def test_a_raw_connection_raises_the_drivers_errors(
    driver: AnyHardenedConnection, onlooker: sqlite3.Connection, pysqlite3: types.ModuleType
) -> None:
    onlooker.execute("BEGIN IMMEDIATE")
    with pytest.raises(pysqlite3.OperationalError, match="database is locked"):
        driver.execute(WRITE)


def test_a_turn_that_was_not_had_is_told_with_its_holder(
    engine: Engine, driver: AnyHardenedConnection, pysqlite3: types.ModuleType
) -> None:
    driver.execute(WRITE)
    errors: list[BaseException] = []

    def write() -> None:
        try:
            with engine.begin() as connection:
                connection.execute(text(WRITE))
        except DatabaseLockedError as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()

    (error,) = errors
    assert isinstance(error, DatabaseLockedError)
    assert isinstance(error.orig, pysqlite3.OperationalError)
    assert error.holder is not None


def test_a_second_write_of_a_thread_does_not_wait_for_itself(
    engine: Engine, driver: AnyHardenedConnection
) -> None:
    driver.execute(WRITE)
    with pytest.raises(ReentrantWriteError), engine.begin() as connection:
        connection.execute(text(WRITE))


def test_a_constraint_is_sqlalchemys_integrity_error(engine: Engine, turn_taken: Taken) -> None:
    with engine.connect() as connection:
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO notes (id, body) VALUES (1, 'a'), (1, 'b')"))
        assert not turn_taken()


def test_a_replaced_file_is_an_error_of_the_driver(
    engine: Engine, onlooker: sqlite3.Connection, db_path: Path, pysqlite3: types.ModuleType
) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT body FROM notes")).all()
        db_path.with_name("new.db").touch()
        db_path.with_name("new.db").replace(db_path)
        with pytest.raises(DatabaseReplacedError) as caught:
            connection.execute(text(WRITE))
    onlooker.close()

    assert isinstance(caught.value.orig, FileReplacedError)
    assert isinstance(caught.value.orig, pysqlite3.OperationalError)


def test_under_autocommit_each_write_has_its_turn(
    engine: Engine, turn_taken: Taken, bodies: Bodies
) -> None:
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        found = connection.execute(text(f"{WRITE} RETURNING body"))
        assert not turn_taken()
        assert found.all() == [("mine",)]
        assert bodies() == ["mine"]


def test_a_cursor_with_kept_rows_can_be_used_again(driver: AnyHardenedConnection) -> None:
    driver.isolation_level = None
    cursor = driver.execute(f"{WRITE} RETURNING body")
    assert cursor.fetchone() == ("mine",)
    assert cursor.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    driver.isolation_level = ""


def test_a_script_and_many_rows_take_turns(
    driver: AnyHardenedConnection, turn_taken: Taken, bodies: Bodies
) -> None:
    driver.executemany("INSERT INTO notes (body) VALUES (?)", [("a",), ("b",)])
    assert turn_taken()
    driver.executescript("INSERT INTO notes (body) VALUES ('c'); SELECT 1")
    assert not turn_taken()
    assert bodies() == ["a", "b", "c"]


def test_a_value_opened_as_a_file_takes_the_turn(
    driver: AnyHardenedConnection, onlooker: sqlite3.Connection, turn_taken: Taken
) -> None:
    """By the name that the driver has for it, and by the one that hardlite has."""
    driver.executescript("CREATE TABLE files (body TEXT); INSERT INTO files VALUES ('aaa')")
    for opener in (driver.blobopen, getattr(driver, driver.driver.blob_opener)):
        blob = opener("files", "body", 1)
        blob.write(b"bbb")
        blob.close()
        assert turn_taken()
        driver.rollback()
        assert onlooker.execute("SELECT body FROM files").fetchall() == [("aaa",)]


def test_a_rebuild_in_a_transaction_is_refused_where_foreign_keys_stay_on(engine: Engine) -> None:
    """Only Python's own sqlite3 can switch them off there."""
    with engine.connect() as connection:
        connection.execute(text(WRITE))
        with pytest.raises(ConfigurationError, match="hardlite_foreign_keys=off"):
            connection.execute(text("CREATE TABLE _alembic_tmp_notes (id)"))


def test_a_rebuild_at_the_start_of_a_transaction_works(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE _alembic_tmp_notes (id)"))
        assert connection.scalar(text("PRAGMA foreign_keys")) == 0
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_no_increment_of_many_threads_is_lost(
    make_engine: EngineFactory, onlooker: sqlite3.Connection
) -> None:
    engine = make_engine(driver="pysqlite3")
    onlooker.execute("CREATE TABLE counter (n)")
    onlooker.execute("INSERT INTO counter VALUES (0)")

    def count() -> None:
        for _ in range(25):
            run_in_transaction(
                engine, lambda session: session.execute(text("UPDATE counter SET n = n + 1"))
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert onlooker.execute("SELECT n FROM counter").fetchone() == (100,)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_an_import_says_what_became_of_each_row(
    engine: Engine, bodies: Bodies, batch_size: int
) -> None:
    rows = [{"body": body} for body in ("a", "b", "a", "c", "b")]

    skipping = batched_unit_of_work(
        engine, rows, NOTES, conflict="ignore", batch_size=batch_size, timeout=30
    )
    isolating = batched_unit_of_work(
        engine, rows, insert(NOTES), on_error="isolate", batch_size=batch_size, timeout=30
    )

    assert (skipping.committed, skipping.skipped) == (3, 2)
    assert (isolating.committed, isolating.rejected) == (0, 5)
    assert bodies() == ["a", "b", "c"]


def test_the_gate_is_that_of_the_file(driver: AnyHardenedConnection, db_path: Path) -> None:
    driver.execute(WRITE)
    assert gate_for(os.path.realpath(db_path)).holder() is not None
