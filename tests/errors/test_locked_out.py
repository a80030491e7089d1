"""What a writer is told when somebody else has the lock, and that other errors stay as they are."""

import logging
import os
import pickle
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    exc,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from hardlite import (
    DatabaseLockedError,
    HardliteError,
    StaleSnapshotError,
    get_sessionmaker,
    run_in_transaction,
)
from hardlite.errors import LockedByOtherError
from hardlite.result_codes import Fate, fate_of
from tests.fixtures.databases import EngineFactory

PERSON = Table(
    "person",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
)
WAIT = 60
"""Seconds after which a test that waits for a thread is broken."""


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    """An engine whose writers wait for a hundredth of a second, on a file with a table."""
    engine = make_engine(timeout=0.01)
    PERSON.create(engine)
    return engine


@pytest.fixture
def foreign_writer(engine: Engine, db_path: Path) -> Iterator[sqlite3.Connection]:
    """A program that knows nothing of hardlite and is in the middle of a write."""
    engine.dispose()
    connection = sqlite3.connect(db_path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


@pytest.fixture
def writing_thread(engine: Engine) -> Iterator[threading.Thread]:
    """A thread of this process, named Importer, that has the turn."""
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(insert(PERSON).values(name="Other"))
            writing.set()
            done.wait(WAIT)

    thread = threading.Thread(target=write, name="Importer")
    thread.start()
    assert writing.wait(WAIT)
    yield thread
    done.set()
    thread.join(WAIT)


def write(engine: Engine, name: str = "Anna") -> None:
    with engine.begin() as connection:
        connection.execute(insert(PERSON).values(name=name))


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(PERSON.c.name)))


@pytest.mark.usefixtures("foreign_writer")
def test_a_foreign_writer_is_told_of_with_the_wait_and_what_to_do(
    engine: Engine, db_path: Path
) -> None:
    with pytest.raises(DatabaseLockedError) as caught:
        write(engine)
    error = caught.value

    assert "database is locked" in str(error)
    assert "outside of hardlite" in str(error)
    assert str(db_path) in str(error)
    assert error.waited >= 0.01
    assert error.holder is not None
    assert error.holder.pid == os.getpid()
    assert "hardlite who" in error.hint
    assert error.hint in str(error)
    assert str(error).endswith("[database-locked]")


@pytest.mark.usefixtures("foreign_writer")
@pytest.mark.parametrize("kind", [exc.OperationalError, exc.DBAPIError, HardliteError])
def test_code_that_handles_sqlalchemys_error_still_handles_it(
    engine: Engine, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match="database is locked") as caught:
        write(engine)

    assert type(caught.value) is DatabaseLockedError
    assert caught.value.statement == "INSERT INTO person (name) VALUES (?)"
    assert isinstance(caught.value.orig, sqlite3.OperationalError)
    assert caught.value.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY


def test_after_a_lock_error_the_same_engine_writes_again(
    engine: Engine, foreign_writer: sqlite3.Connection
) -> None:
    with pytest.raises(DatabaseLockedError):
        write(engine)
    foreign_writer.rollback()

    write(engine)

    assert names(engine) == ["Anna"]


@pytest.mark.usefixtures("foreign_writer")
def test_a_raw_connection_gets_the_drivers_error_with_the_same_facts(engine: Engine) -> None:
    connection = engine.raw_connection()

    with pytest.raises(sqlite3.OperationalError, match="database is locked") as caught:
        connection.cursor().execute("INSERT INTO person (name) VALUES ('Anna')")
    connection.close()
    error = caught.value

    assert error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    assert error.sqlite_errorname == "SQLITE_BUSY"
    assert isinstance(error, LockedByOtherError)
    assert error.waited >= 0.01
    assert "hardlite who" in error.hint


@pytest.mark.usefixtures("writing_thread")
def test_a_writer_of_this_process_is_named_with_the_place_where_it_began(engine: Engine) -> None:
    with pytest.raises(DatabaseLockedError) as caught:
        write(engine)
    holder = caught.value.holder

    assert holder is not None
    assert holder.pid == os.getpid()
    assert holder.thread == "thread 'Importer'"
    assert holder.site is not None
    assert Path(holder.site.file) == Path(__file__)
    assert holder.site.function == "write"
    assert f"the turn is held by {holder}" in str(caught.value)
    assert "0 writers ahead" in str(caught.value)
    assert "Shorten the transaction" in caught.value.hint
    assert caught.value.waited >= 0.01
    assert "(1," not in str(caught.value)


@pytest.mark.usefixtures("writing_thread")
def test_the_named_holder_survives_pickling(engine: Engine) -> None:
    with pytest.raises(DatabaseLockedError) as caught:
        write(engine)

    twin = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - pickled in the same line

    assert twin.holder == caught.value.holder
    assert str(twin) == str(caught.value)
    assert fate_of(twin) is Fate.WAIT


@pytest.mark.usefixtures("foreign_writer")
def test_a_writer_session_says_what_it_was_about_to_do(engine: Engine) -> None:
    writer = get_sessionmaker(engine).writer(timeout=0)
    with pytest.raises(DatabaseLockedError) as caught, writer:
        pytest.fail("the session began without the lock")

    assert caught.value.statement == "BEGIN IMMEDIATE"


@pytest.mark.usefixtures("foreign_writer")
def test_work_in_a_transaction_says_so_too(engine: Engine) -> None:
    with pytest.raises(DatabaseLockedError, match="database is locked"):
        run_in_transaction(engine, lambda session: session.execute(insert(PERSON)), timeout=0)


@pytest.mark.usefixtures("foreign_writer")
def test_parameters_are_shown_unless_they_are_hidden(
    engine: Engine, make_engine: EngineFactory
) -> None:
    with pytest.raises(DatabaseLockedError) as shown:
        write(engine, "Geheim")
    with pytest.raises(DatabaseLockedError) as hidden:
        write(make_engine(timeout=0, hide_parameters=True), "Geheim")

    assert "Geheim" in str(shown.value)
    assert "Geheim" not in str(hidden.value)
    assert "hide_parameters=True" in str(hidden.value)


@pytest.mark.usefixtures("foreign_writer")
def test_of_many_parameter_sets_only_the_first_and_last_are_shown(engine: Engine) -> None:
    rows = [{"name": f"person {number}"} for number in range(5000)]
    with pytest.raises(DatabaseLockedError) as caught, engine.begin() as connection:
        connection.execute(insert(PERSON), rows)

    assert "displaying 10 of 5000 total bound parameter sets" in str(caught.value)


def test_a_stale_snapshot_is_an_error_of_its_own(make_engine: EngineFactory) -> None:
    engine = make_engine(transaction="snapshot")
    PERSON.create(engine)
    with engine.connect() as connection:
        connection.execute(select(PERSON)).all()
        write(engine, "Ben")

        with pytest.raises(StaleSnapshotError) as caught:
            connection.execute(insert(PERSON).values(name="Anna"))
    error = caught.value

    assert isinstance(error, DatabaseLockedError)
    assert "database is locked" in str(error)
    assert "run_in_transaction" in error.hint
    assert str(error).endswith("[stale-snapshot]")
    assert error.orig is not None
    assert error.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT  # type: ignore[attr-defined]
    assert fate_of(error) is Fate.RESTART
    assert names(engine) == ["Ben"]


def test_a_lock_that_sqlite_itself_reports_has_a_hint_too(make_engine: EngineFactory) -> None:
    """A shared cache locks single tables, at once and past every busy timeout.

    sqlite.org, "SQLite Shared-Cache Mode".
    """
    url = "sqlite:///file:locked_out?mode=memory&cache=shared&uri=true"
    reader, writer = (make_engine(url, poolclass=QueuePool) for _ in range(2))
    PERSON.create(reader)
    with reader.connect() as first, writer.connect() as second:
        first.exec_driver_sql("BEGIN")
        first.execute(select(PERSON)).all()

        with pytest.raises(DatabaseLockedError, match="table is locked") as caught:
            second.execute(insert(PERSON).values(name="Anna"))
        first.rollback()

    assert caught.value.waited == 0.0
    assert caught.value.holder is None
    assert "hardlite who" in caught.value.hint


def test_a_stale_snapshot_of_an_unmanaged_transaction_is_known_by_its_code(
    make_engine: EngineFactory, foreign_writer: sqlite3.Connection
) -> None:
    """Where the caller wrote BEGIN itself, the code is SQLite's own."""
    engine = make_engine(timeout=0)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(select(PERSON)).all()
        foreign_writer.execute("INSERT INTO person (name) VALUES ('Ben')")
        foreign_writer.commit()

        with pytest.raises(StaleSnapshotError):
            connection.execute(insert(PERSON).values(name="Anna"))


def test_what_is_no_lock_stays_sqlalchemys_own_error(engine: Engine) -> None:
    write(engine)
    with pytest.raises(exc.IntegrityError) as integrity, engine.begin() as connection:
        connection.execute(insert(PERSON).values(id=1, name="Ben"))
    with pytest.raises(exc.OperationalError) as missing, engine.begin() as connection:
        connection.execute(text("SELECT * FROM missing"))
    with pytest.raises(exc.StatementError) as unbound, engine.begin() as connection:
        connection.execute(text("SELECT :one"), {})

    assert type(integrity.value) is exc.IntegrityError
    assert type(missing.value) is exc.OperationalError
    assert type(unbound.value) is exc.StatementError
    assert names(engine) == ["Anna"]


@pytest.mark.usefixtures("foreign_writer")
def test_a_lock_error_met_on_the_way_to_another_database_is_told_once(
    engine: Engine, make_engine: EngineFactory
) -> None:
    """A default that writes elsewhere: the error is that of the other database."""

    def number_from_elsewhere() -> int:
        write(engine)
        return 1

    bill = Table("bill", MetaData(), Column("number", Integer, default=number_from_elsewhere))
    memory = make_engine("sqlite://")
    bill.create(memory)

    with pytest.raises(exc.StatementError) as caught, memory.begin() as connection:
        connection.execute(insert(bill))

    error = caught.value  # SQLAlchemy 2.0 wraps it once more, 2.1 does not
    told = error if isinstance(error, DatabaseLockedError) else error.orig
    assert isinstance(told, DatabaseLockedError)
    assert isinstance(told.orig, LockedByOtherError)


def test_a_session_that_was_locked_out_can_be_rolled_back_and_used_again(
    engine: Engine, foreign_writer: sqlite3.Connection
) -> None:
    with Session(engine) as session:
        with pytest.raises(exc.OperationalError):
            session.execute(insert(PERSON).values(name="Anna"))
        session.rollback()
        foreign_writer.rollback()
        session.execute(insert(PERSON).values(name="Ben"))
        session.commit()

    assert names(engine) == ["Ben"]


@pytest.mark.usefixtures("foreign_writer")
def test_a_plain_engine_keeps_sqlalchemys_plain_error(db_path: Path) -> None:
    plain = create_engine(f"sqlite:///{db_path}", connect_args={"timeout": 0})
    with pytest.raises(exc.OperationalError) as caught:
        write(plain)
    plain.dispose()

    assert type(caught.value) is exc.OperationalError


@pytest.mark.usefixtures("writing_thread")
def test_a_long_wait_is_logged_with_the_holder(
    make_engine: EngineFactory, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(timeout=0.02, warn_wait=0.01)
    with pytest.raises(DatabaseLockedError):
        write(engine)

    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name.startswith("hardlite")
    assert "thread 'Importer'" in record.getMessage()
