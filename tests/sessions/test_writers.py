"""`Session.writer()`: the turn first, a commit at the end, a rollback on an error."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.orm import Session

from hardlite import get_sessionmaker
from hardlite.errors import ConfigurationError, DatabaseLockedError, ReentrantWriteError
from hardlite.sessions import HardenedSessionmaker
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.arrivals import PATIENCE, listening
from tests.fixtures.databases import EngineFactory
from tests.fixtures.library import Base, Country


@pytest.fixture
def maker(engine: Engine) -> HardenedSessionmaker:
    Base.metadata.create_all(engine)
    return get_sessionmaker(engine)


@pytest.fixture
def gate(maker: HardenedSessionmaker) -> Gate:
    return gate_for(str(maker.engine.url.database))


@pytest.fixture
def importing(maker: HardenedSessionmaker) -> Iterator[threading.Event]:
    """Another thread has the turn until the event is set."""
    begun, done = threading.Event(), threading.Event()

    def import_rows() -> None:
        with maker.writer() as session:
            session.add(Country(id=100))
            begun.set()
            assert done.wait(PATIENCE)

    with ThreadPoolExecutor(1, thread_name_prefix="nightly-import") as pool:
        importer = pool.submit(import_rows)
        assert begun.wait(PATIENCE)
        yield done
        done.set()
        importer.result(PATIENCE)


def ids(maker: HardenedSessionmaker) -> list[int]:
    with maker.reader() as session:
        return list(session.scalars(select(Country.id).order_by(Country.id)))


def test_a_writer_has_the_turn_before_its_first_statement(
    maker: HardenedSessionmaker, gate: Gate
) -> None:
    with maker.writer():
        holder = gate.holder()
        with maker() as other:
            assert other.scalar(text("SELECT 1")) == 1

    assert holder is not None
    assert holder.site is not None
    assert holder.site.function == "test_a_writer_has_the_turn_before_its_first_statement"
    assert gate.holder() is None


def test_what_a_writer_reads_is_the_newest_until_it_commits(
    maker: HardenedSessionmaker, make_engine: EngineFactory
) -> None:
    hasty = make_engine(timeout=0)
    with maker.writer() as session:
        session.scalars(select(Country)).all()
        with ThreadPoolExecutor(1) as pool:
            write = pool.submit(get_sessionmaker(hasty).writer().__enter__)
            assert isinstance(write.exception(PATIENCE), DatabaseLockedError)


def test_a_writer_commits_at_the_end(maker: HardenedSessionmaker) -> None:
    with maker.writer() as session:
        session.add(Country(id=1))

    assert ids(maker) == [1]


def test_a_writer_rolls_back_what_ended_in_an_error(
    maker: HardenedSessionmaker, gate: Gate
) -> None:
    def fail() -> None:
        with maker.writer() as session:
            session.add(Country(id=1))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert (ids(maker), gate.holder()) == ([], None)


def test_what_a_writer_made_can_be_read_afterwards_without_a_turn(
    maker: HardenedSessionmaker, gate: Gate
) -> None:
    with maker.writer() as session:
        country = Country(id=1)
        session.add(country)

    assert country.id == 1
    assert gate.holder() is None


def test_a_writer_that_waited_in_vain_learns_who_has_the_turn(
    maker: HardenedSessionmaker, importing: threading.Event
) -> None:
    with pytest.raises(DatabaseLockedError) as caught, maker.writer(timeout=0):
        pytest.fail("there was no turn to have")

    error = caught.value
    assert error.holder is not None
    assert error.holder.site is not None
    assert error.holder.thread.startswith("thread 'nightly-import")
    assert (error.holder.site.file, error.holder.site.function) == (__file__, "import_rows")
    assert str(error.holder) in str(error)
    assert error.statement == "BEGIN IMMEDIATE"
    importing.set()
    with maker.writer(timeout=PATIENCE) as session:
        session.add(Country(id=1))
    assert ids(maker) == [1, 100]


def test_a_writer_waits_for_its_turn(make_engine: EngineFactory) -> None:
    engine = make_engine(warn_wait=0.0)
    Base.metadata.create_all(engine)
    maker = get_sessionmaker(engine)

    def add(number: int) -> None:
        with maker.writer() as session:
            session.add(Country(id=number))

    with listening() as arrivals, ThreadPoolExecutor(1) as pool:
        with maker.writer() as session:
            second = pool.submit(add, 2)
            arrivals.meet()
            session.add(Country(id=1))
        second.result(PATIENCE)

    assert ids(maker) == [1, 2]


def test_the_timeout_of_one_writer_is_not_that_of_the_next(make_engine: EngineFactory) -> None:
    maker = get_sessionmaker(make_engine(timeout=7.0))

    with maker.writer(timeout=3) as session:
        driver = session.connection().connection.driver_connection

        assert driver is not None
        assert driver.timeout == 7.0


def test_a_writer_inside_a_writer_is_refused_at_once(maker: HardenedSessionmaker) -> None:
    with maker.writer() as session:
        session.add(Country(id=1))
        with pytest.raises(ReentrantWriteError), maker.writer():
            pytest.fail("this thread would wait for itself")
        session.add(Country(id=2))

    assert ids(maker) == [1, 2]


@pytest.mark.parametrize("timeout", [-1, -0.5, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(maker: HardenedSessionmaker, timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="0 or more"), maker.writer(timeout=timeout):
        pytest.fail("this would wait for ever, or not at all")


def test_a_file_that_is_no_database_any_more_is_sqlalchemys_error(
    make_engine: EngineFactory, db_path: Path
) -> None:
    maker = get_sessionmaker(make_engine(journal_mode="delete", mmap_size=0))
    with maker.writer() as session:
        session.execute(text("CREATE TABLE note (body)"))
    db_path.write_bytes(b"not a database at all" * 1000)

    with pytest.raises(sqlalchemy.exc.DatabaseError) as caught, maker.writer():
        pytest.fail("there was nothing to write to")

    assert isinstance(caught.value.orig, sqlite3.DatabaseError)
    assert caught.value.orig.sqlite_errorcode == sqlite3.SQLITE_NOTADB


def test_a_database_in_memory_has_writers_and_readers(make_engine: EngineFactory) -> None:
    maker = get_sessionmaker(make_engine("sqlite://"))

    with maker.writer() as session:
        Base.metadata.create_all(session.connection())
        session.add(Country(id=1))

    assert ids(maker) == [1]


def test_a_session_of_ones_own_class_reads_and_writes(engine: Engine) -> None:
    class AuditedSession(Session):
        pass

    Base.metadata.create_all(engine)
    maker = get_sessionmaker(engine, class_=AuditedSession)

    with maker.writer() as writer, maker.reader() as reader:
        assert isinstance(writer, AuditedSession)
        assert isinstance(reader, AuditedSession)


# A writer that is a connection


def test_a_writing_connection_has_the_turn_first_and_commits_at_the_end(
    maker: HardenedSessionmaker, gate: Gate
) -> None:
    with maker.writer_connection() as connection:
        assert gate.holder() is not None
        connection.execute(insert(Country).values(id=1))

    assert (ids(maker), gate.holder()) == ([1], None)


def test_a_writing_connection_rolls_back_what_ended_in_an_error(
    maker: HardenedSessionmaker, gate: Gate
) -> None:
    def fail() -> None:
        with maker.writer_connection() as connection:
            connection.execute(insert(Country).values(id=1))
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert (ids(maker), gate.holder()) == ([], None)


@pytest.mark.usefixtures("importing")
def test_a_writing_connection_gives_up_in_its_own_time(maker: HardenedSessionmaker) -> None:
    with (
        pytest.raises(DatabaseLockedError, match="nightly-import"),
        maker.writer_connection(timeout=0),
    ):
        pytest.fail("there was no turn to have")
    with pytest.raises(ConfigurationError), maker.writer_connection(timeout=-1):
        pytest.fail("this would wait for ever")
