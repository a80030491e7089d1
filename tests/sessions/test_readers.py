"""`Session.reader()`: one consistent snapshot, and no write gets through."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.orm import Session

from hardlite import get_sessionmaker
from hardlite.errors import ReadOnlySessionError
from hardlite.sessions import HardenedSessionmaker
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.library import Base, Country


@pytest.fixture
def maker(engine: Engine) -> HardenedSessionmaker:
    """The sessionmaker of a database with one country."""
    Base.metadata.create_all(engine)
    maker = get_sessionmaker(engine)
    with maker.begin() as session:
        session.add(Country(id=1))
    return maker


@pytest.fixture
def reader(maker: HardenedSessionmaker) -> Iterator[Session]:
    with maker.reader() as session:
        yield session


def countries(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Country)).one()


def add_country(maker: HardenedSessionmaker) -> None:
    with maker.begin() as session:
        session.add(Country())


def test_a_reader_sees_one_state_while_others_commit(maker: HardenedSessionmaker) -> None:
    with maker.reader() as reader:
        before = countries(reader)
        add_country(maker)

        assert countries(reader) == before == 1
    with maker.reader() as reader:
        assert countries(reader) == 2


def test_a_reader_takes_no_turn(maker: HardenedSessionmaker, db_path: Path) -> None:
    with maker.reader() as reader:
        countries(reader)

        assert gate_for(str(db_path)).holder() is None


def insert_with_core(session: Session) -> None:
    session.execute(insert(Country).values(id=2))


def insert_with_text(session: Session) -> None:
    session.execute(text("INSERT INTO countries VALUES (2)"))


def insert_returning(session: Session) -> None:
    session.execute(
        text("WITH n(i) AS (SELECT 2) INSERT INTO countries SELECT i FROM n RETURNING id")
    )


def flush(session: Session) -> None:
    session.add(Country(id=2))
    session.flush()


def commit_objects(session: Session) -> None:
    session.add(Country(id=2))
    session.commit()


def change_a_loaded_object(session: Session) -> None:
    session.scalars(select(Country)).one().id = 2
    session.flush()


def lock_rows(session: Session) -> None:
    session.scalars(select(Country).with_for_update()).all()


def create_a_table(session: Session) -> None:
    session.execute(text("CREATE TABLE other (id)"))


def drop_a_table(session: Session) -> None:
    session.execute(text("DROP TABLE books"))


def vacuum(session: Session) -> None:
    session.connection().exec_driver_sql("VACUUM")


def begin_immediate(session: Session) -> None:
    session.connection().exec_driver_sql("BEGIN IMMEDIATE")


def write_many(session: Session) -> None:
    session.execute(insert(Country), [{"id": 2}, {"id": 3}])


def run_a_script(session: Session) -> None:
    driver = session.connection().connection.driver_connection
    assert driver is not None
    driver.executescript("INSERT INTO countries VALUES (2)")


WRITES = [
    insert_with_core,
    insert_with_text,
    insert_returning,
    flush,
    commit_objects,
    change_a_loaded_object,
    lock_rows,
    create_a_table,
    drop_a_table,
    vacuum,
    begin_immediate,
    write_many,
    run_a_script,
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_a_reader_refuses_before_anything_reaches_the_file(
    maker: HardenedSessionmaker, db_path: Path, write: Callable[[Session], None]
) -> None:
    with maker.reader() as other:
        version = other.scalar(text("PRAGMA data_version"))
        with maker.reader() as session, pytest.raises(ReadOnlySessionError, match=r"writer\(\)"):
            write(session)
        other.rollback()

        assert other.scalar(text("PRAGMA data_version")) == version
        assert countries(other) == 1
    assert gate_for(str(db_path)).holder() is None


def commit(session: Session) -> None:
    session.commit()


def rollback(session: Session) -> None:
    session.rollback()


@pytest.mark.parametrize("end", [commit, rollback])
def test_a_reader_stays_one_after_the_end_of_a_transaction(
    reader: Session, maker: HardenedSessionmaker, end: Callable[[Session], None]
) -> None:
    countries(reader)
    end(reader)
    add_country(maker)

    assert countries(reader) == 2
    with pytest.raises(ReadOnlySessionError):
        insert_with_core(reader)


def test_a_reader_may_use_savepoints(reader: Session, maker: HardenedSessionmaker) -> None:
    with reader.begin_nested():
        assert countries(reader) == 1
    add_country(maker)

    assert countries(reader) == 1


def test_a_refusal_leaves_the_snapshot_as_it_was(
    reader: Session, maker: HardenedSessionmaker
) -> None:
    countries(reader)
    with pytest.raises(ReadOnlySessionError):
        insert_with_core(reader)
    add_country(maker)

    assert countries(reader) == 1


def test_a_connection_that_a_reader_had_may_write_again(maker: HardenedSessionmaker) -> None:
    """The pool has one connection idle, which the reader used."""
    with maker.reader() as reader:
        used = reader.connection().connection.driver_connection
    with maker.begin() as session:
        assert session.connection().connection.driver_connection is used
        session.add(Country())

    with maker.reader() as reader:
        assert countries(reader) == 2
