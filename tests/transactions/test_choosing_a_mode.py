"""The mode comes from the profile, the URL, or an execution option on an engine or connection."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from hardlite import Profile, create_hardened_engine
from hardlite.errors import DatabaseLockedError, ReadOnlySessionError
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

READ = text("SELECT count(*) FROM notes")
WRITE = text("INSERT INTO notes (body) VALUES ('mine')")
TurnTaken = Callable[[], bool]


def test_by_profile(make_engine: EngineFactory, turn_taken: TurnTaken) -> None:
    with make_engine(profile=Profile(transaction="immediate")).connect() as connection:
        connection.execute(READ)
        assert turn_taken()


def test_by_url(db_path: Path, turn_taken: TurnTaken) -> None:
    engine = sa.create_engine(f"sqlite:///{db_path}?plugin=hardlite&hardlite_transaction=immediate")
    with engine.connect() as connection:
        connection.execute(READ)
        assert turn_taken()
    engine.dispose()


def test_by_execution_option_of_an_engine(engine: Engine, turn_taken: TurnTaken) -> None:
    eager = engine.execution_options(hardlite_transaction="immediate")
    with eager.connect() as connection:
        connection.execute(READ)
        assert turn_taken()
    with engine.connect() as connection:
        connection.execute(READ)
        assert not turn_taken()


def test_by_execution_option_of_a_connection(engine: Engine, turn_taken: TurnTaken) -> None:
    with engine.connect().execution_options(hardlite_transaction="immediate") as connection:
        connection.execute(READ)
        assert turn_taken()


def test_by_execution_option_of_a_session(engine: Engine, turn_taken: TurnTaken) -> None:
    with Session(engine) as session:
        session.connection(execution_options={"hardlite_transaction": "immediate"})
        session.execute(READ)
        assert turn_taken()


def test_by_execution_option_of_an_async_engine(db_path: Path, turn_taken: TurnTaken) -> None:
    pytest.importorskip("aiosqlite")
    from sqlalchemy.ext.asyncio import create_async_engine

    async def read() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{db_path}?plugin=hardlite")
        async with engine.connect() as connection:
            await connection.execution_options(hardlite_transaction="immediate")
            await connection.execute(READ)
            assert turn_taken()
            await connection.rollback()
            assert not turn_taken()
        await engine.dispose()

    asyncio.run(read())


def test_a_chosen_mode_is_put_back_when_the_connection_goes_back_to_its_pool(
    make_engine: EngineFactory, turn_taken: TurnTaken
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    with engine.connect().execution_options(hardlite_transaction="immediate") as connection:
        connection.execute(READ)
        assert turn_taken()
    with engine.connect() as connection:
        connection.execute(READ)
        assert not turn_taken()


def test_a_mode_cannot_be_chosen_inside_of_a_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(READ)
        with pytest.raises(InvalidRequestError, match="hardlite_transaction may not be altered"):
            connection.execution_options(hardlite_transaction="immediate")


def test_a_reader_sees_one_snapshot_and_does_not_write(
    engine: Engine, onlooker: sqlite3.Connection, turn_taken: TurnTaken
) -> None:
    with engine.connect().execution_options(hardlite_transaction="reader") as connection:
        assert connection.scalar(READ) == 0
        onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        with pytest.raises(ReadOnlySessionError):
            connection.execute(WRITE)
        assert connection.scalar(READ) == 0
        assert not turn_taken()


@pytest.mark.parametrize(
    "statement",
    [
        "WITH c AS (SELECT 1) INSERT INTO notes (body) SELECT * FROM c",
        "PRAGMA user_version = 1",
        "CREATE TABLE t (a)",
        "CREATE TABLE _alembic_tmp_notes (a)",
        "BEGIN IMMEDIATE",
        "VACUUM",
    ],
)
def test_a_reader_refuses_everything_that_could_write(engine: Engine, statement: str) -> None:
    with (
        engine.connect().execution_options(hardlite_transaction="reader") as connection,
        pytest.raises(ReadOnlySessionError),
    ):
        connection.exec_driver_sql(statement)


def test_a_readers_savepoint_begins_its_snapshot(
    engine: Engine, onlooker: sqlite3.Connection, turn_taken: TurnTaken
) -> None:
    with engine.connect().execution_options(hardlite_transaction="reader") as connection:
        with connection.begin_nested():
            assert connection.scalar(READ) == 0
        onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        assert connection.scalar(READ) == 0
        assert not turn_taken()


def test_a_longest_wait_is_chosen_the_same_way(
    make_engine: EngineFactory, onlooker: sqlite3.Connection
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, timeout=7)
    with engine.connect().execution_options(hardlite_timeout=0) as connection:
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError):
            connection.execute(WRITE)
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.timeout == 0.0
    assert driver.timeout == 7.0


def test_an_engine_in_memory_has_the_modes_too() -> None:
    engine = create_hardened_engine("sqlite://", transaction="immediate")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
        assert connection.scalar(text("SELECT count(*) FROM t")) == 0
    engine.dispose()
