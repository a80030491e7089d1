"""SELECT ... FOR UPDATE takes the turn before it reads, so that no update is lost."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hardlite import create_hardened_engine, get_sessionmaker
from hardlite.errors import ReadOnlySessionError
from tests.fixtures.databases import EngineFactory

PROCESSES = 4
INCREMENTS = 25


class Base(DeclarativeBase):
    pass


class Counter(Base):
    __tablename__ = "counters"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(default=0)


@pytest.fixture
def counter(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(Counter(id=1, value=0))


pytestmark = pytest.mark.usefixtures("counter")

LOCKED = select(Counter).with_for_update()


def increment(path: Path, everybody: Barrier) -> None:
    """Run in each process: read the counter, and write one more."""
    engine = create_hardened_engine(f"sqlite:///{path}")
    everybody.wait(60)
    for _ in range(INCREMENTS):
        with Session(engine) as session, session.begin():
            session.scalars(LOCKED).one().value += 1
    engine.dispose()


def test_no_increment_of_several_processes_is_lost(engine: Engine, db_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    arguments = (db_path, spawn.Barrier(PROCESSES))
    processes = [spawn.Process(target=increment, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    with Session(engine) as session:
        assert session.get_one(Counter, 1).value == PROCESSES * INCREMENTS


@pytest.mark.parametrize("mode", ["relaxed", "snapshot"])
def test_it_takes_the_turn_before_it_reads(
    make_engine: EngineFactory,
    turn_taken: Callable[[], bool],
    write_locked: Callable[[], bool],
    mode: str,
) -> None:
    with Session(make_engine(transaction=mode)) as session:
        session.scalars(LOCKED).one()
        assert turn_taken()
        assert write_locked()
        session.rollback()
        assert not turn_taken()


@pytest.mark.parametrize(
    "read",
    [
        lambda session: session.get(Counter, 1, with_for_update=True),
        lambda session: session.refresh(session.get(Counter, 1), with_for_update=True),
        lambda session: session.query(Counter).with_for_update(nowait=True).all(),
        lambda session: session.execute(select(select(Counter).with_for_update().subquery())).all(),
    ],
    ids=["get", "refresh", "query", "subquery"],
)
def test_every_way_to_ask_for_it_takes_the_turn(
    engine: Engine, turn_taken: Callable[[], bool], read: Callable[[Session], object]
) -> None:
    with Session(engine) as session:
        read(session)
        assert turn_taken()


def test_a_reader_refuses_it(engine: Engine) -> None:
    with get_sessionmaker(engine).reader() as session, pytest.raises(ReadOnlySessionError):
        session.scalars(LOCKED).all()


@pytest.mark.parametrize("option", ["mode=ro", "immutable=1"])
def test_it_only_reads_where_the_file_cannot_be_written(
    make_engine: EngineFactory,
    db_path: Path,
    onlooker: sqlite3.Connection,
    turn_taken: Callable[[], bool],
    option: str,
) -> None:
    onlooker.execute("PRAGMA wal_checkpoint")
    reading = make_engine(f"sqlite:///file:{db_path}?{option}&uri=true")
    with Session(reading) as session:
        assert session.scalars(LOCKED).one().value == 0
        assert not turn_taken()
        assert not session.connection().connection.driver_connection.in_transaction  # type: ignore[union-attr]
