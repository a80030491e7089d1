"""Connections that hardlite did not open itself, and pools that treat connections in ways of their own."""

import inspect
import sqlite3
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import NullPool, Pool, QueuePool, SingletonThreadPool, StaticPool

from hardlite import ConfigurationError, create_hardened_engine, get_sessionmaker
from hardlite.connections.connection import HardenedConnection
from hardlite.execution_options import hardened
from tests.fixtures.databases import EngineFactory


def plainly(path: Path) -> Callable[[], sqlite3.Connection]:
    return partial(sqlite3.connect, path, check_same_thread=False)


def hardly(path: Path) -> Callable[[], sqlite3.Connection]:
    return partial(sqlite3.connect, path, check_same_thread=False, factory=HardenedConnection)


class Wrapper:
    """A connection inside of another object, as tracing libraries make them."""

    def __init__(self, inner: sqlite3.Connection) -> None:
        self.wrapped = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.wrapped, name)


def write_and_count(engine: Engine) -> int:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS note (n)")
        connection.exec_driver_sql("INSERT INTO note VALUES (1)")
    with engine.connect() as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM note").scalar_one()
        return count


def test_a_creator_that_makes_hardened_connections_is_welcome(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine(creator=hardly(db_path), busy_timeout=2)

    with engine.connect() as connection:
        busy = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()

    assert busy == 2000
    assert write_and_count(engine) == 1


def test_a_creator_that_makes_plain_connections_is_refused_with_what_to_do(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine(creator=plainly(db_path))

    with pytest.raises(ConfigurationError, match="hardlite did not open, by creator=") as caught:
        engine.connect()

    assert "factory=hardlite.connections.connection.HardenedConnection" in caught.value.hint


def test_a_pool_with_plain_connections_is_refused(
    make_engine: EngineFactory, db_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="pool="):
        make_engine(pool=QueuePool(plainly(db_path))).connect()


def test_a_do_connect_listener_that_makes_plain_connections_is_refused(
    engine: Engine, db_path: Path
) -> None:
    event.listen(engine, "do_connect", lambda *_: plainly(db_path)())

    with pytest.raises(ConfigurationError, match="do_connect"):
        engine.connect()


def test_a_wrapped_connection_is_warned_of_and_works_unconfigured(
    make_engine: EngineFactory, db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(creator=lambda: Wrapper(plainly(db_path)()))

    assert write_and_count(engine) == 1
    (record,) = caplog.records
    assert "are wrapped in" in record.getMessage()
    assert "Wrapper" in record.getMessage()


def test_options_of_hardlite_are_refused_on_a_wrapped_connection(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine(creator=lambda: Wrapper(plainly(db_path)()))

    with pytest.raises(ConfigurationError, match="hardlite cannot reach it"):
        engine.execution_options(hardlite_timeout=1).connect()


def test_no_turn_can_be_taken_on_a_wrapped_connection(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine(creator=lambda: Wrapper(plainly(db_path)()))

    with (
        pytest.raises(ConfigurationError, match="no turn can be taken on them"),
        get_sessionmaker(engine).writer_connection(),
    ):
        pass


@pytest.mark.parametrize("pool", [NullPool, QueuePool, SingletonThreadPool, StaticPool])
def test_any_class_of_pool_will_do(make_engine: EngineFactory, pool: type[Pool]) -> None:
    engine = make_engine(poolclass=pool)

    assert type(engine.pool) is pool
    assert write_and_count(engine) == 1
    assert write_and_count(engine) == 2
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_ready_pool_with_hardened_connections_will_do(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine(pool=QueuePool(hardly(db_path)))

    assert write_and_count(engine) == 1


def leave_open(engine: Engine) -> None:
    """Give a connection back to the pool with a write on it that nobody ended."""
    connection = engine.raw_connection()
    connection.cursor().execute("INSERT INTO note VALUES (1)")
    connection.close()


NO_RESET = [
    pytest.param({"pool_reset_on_return": None}, id="None"),
    pytest.param({"pool_reset_on_return": False}, id="False"),
    pytest.param({"pool_reset_on_return": "none"}, id="none"),
]


@pytest.mark.parametrize("options", NO_RESET)
def test_a_pool_that_does_not_reset_gets_back_no_open_transaction(
    make_engine: EngineFactory, options: dict[str, object]
) -> None:
    """What was left is rolled back and the turn is free, so that other writers go on."""
    engine = make_engine(poolclass=QueuePool, timeout=0, **options)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")

    leave_open(engine)

    with get_sessionmaker(engine).writer():
        pass
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM note").scalar() == 0
        driver = hardened(connection.connection.dbapi_connection)
        assert driver is not None
        assert not driver.in_transaction


def test_a_ready_pool_that_does_not_reset_gets_back_no_open_transaction(
    make_engine: EngineFactory, db_path: Path
) -> None:
    pool = QueuePool(hardly(db_path), reset_on_return=None)
    engine = make_engine(pool=pool, timeout=0)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")

    leave_open(engine)

    assert write_and_count(engine) == 1


def test_an_invalidated_connection_goes_back_to_a_pool_that_does_not_reset(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine(poolclass=QueuePool, pool_reset_on_return=None)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.invalidate()

    assert write_and_count(engine) == 1


def test_a_pool_that_commits_on_return_keeps_what_was_left(make_engine: EngineFactory) -> None:
    engine = make_engine(poolclass=QueuePool, timeout=0, pool_reset_on_return="commit")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")

    leave_open(engine)

    assert write_and_count(engine) == 2


needs_the_argument = pytest.mark.skipif(
    "skip_autocommit_rollback" not in inspect.signature(DefaultDialect).parameters,
    reason="this SQLAlchemy has no skip_autocommit_rollback",
)


def test_skipping_the_rollback_is_refused_where_hardlite_makes_the_engine() -> None:
    with pytest.raises(ConfigurationError, match="skip_autocommit_rollback") as caught:
        create_hardened_engine("sqlite://", skip_autocommit_rollback=True)

    assert "Leave it out" in caught.value.hint


@needs_the_argument
def test_not_skipping_the_rollback_may_be_said(make_engine: EngineFactory) -> None:
    assert write_and_count(make_engine(skip_autocommit_rollback=False)) == 1


@needs_the_argument
def test_skipping_the_rollback_does_no_harm_where_only_the_url_was_changed(db_path: Path) -> None:
    engine = create_engine(
        f"sqlite:///{db_path}?plugin=hardlite&hardlite_timeout=0",
        skip_autocommit_rollback=True,
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("INSERT INTO note VALUES (1)")

    assert write_and_count(engine) == 1
    engine.dispose()


@pytest.mark.parametrize("autocommit", [True, False, sqlite3.SQLITE_OK - 1])
def test_the_drivers_own_autocommit_is_refused(autocommit: object) -> None:
    with pytest.raises(ConfigurationError, match="'autocommit'") as caught:
        create_hardened_engine("sqlite://", connect_args={"autocommit": autocommit})

    assert "isolation_level='AUTOCOMMIT'" in caught.value.hint


def test_another_connection_class_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'factory'"):
        create_hardened_engine("sqlite://", connect_args={"factory": sqlite3.Connection})


def test_a_module_with_connections_of_its_own_is_refused() -> None:
    driver = types.ModuleType("otherdriver")
    driver.Connection = type("Connection", (), {"__module__": "otherdriver"})  # type: ignore[attr-defined]

    with pytest.raises(ConfigurationError, match=r"otherdriver\.Connection") as caught:
        create_hardened_engine("sqlite://", module=driver)

    assert caught.value.hint.startswith("Leave module= out")


def test_the_standard_librarys_module_may_be_named(make_engine: EngineFactory) -> None:
    assert write_and_count(make_engine(module=sqlite3)) == 1


def test_other_connect_args_reach_the_driver(make_engine: EngineFactory) -> None:
    engine = make_engine(connect_args={"cached_statements": 7, "check_same_thread": False})

    assert write_and_count(engine) == 1
