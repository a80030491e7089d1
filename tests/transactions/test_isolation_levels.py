"""What a program declares to the driver: an isolation level or autocommit of its own."""

import sqlite3
import sys
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, event, text

from hardlite.connections.connection import HardenedConnection
from hardlite.errors import ConfigurationError
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

WRITE = text("INSERT INTO notes (body) VALUES ('mine')")


@pytest.fixture
def driver(engine: Engine) -> Iterator[HardenedConnection]:
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    yield driver
    raw.close()


@pytest.mark.parametrize("level", ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
def test_a_level_of_the_driver_begins_as_hardlite_does(
    make_engine: EngineFactory,
    turn_taken: Callable[[], bool],
    bodies: Callable[[], list[str]],
    level: str,
) -> None:
    with make_engine(connect_args={"isolation_level": level}).connect() as connection:
        connection.execute(text("SELECT body FROM notes")).all()
        assert not turn_taken()
        connection.execute(WRITE)
        assert turn_taken()
        connection.rollback()
        assert bodies() == []
        assert connection.connection.driver_connection.isolation_level == level  # type: ignore[union-attr]


def test_a_level_may_be_declared_in_the_middle_of_a_transaction(
    driver: HardenedConnection, bodies: Callable[[], list[str]]
) -> None:
    driver.execute("INSERT INTO notes (body) VALUES ('open')")
    driver.isolation_level = "IMMEDIATE"
    assert bodies() == []
    driver.rollback()
    assert bodies() == []


@pytest.mark.parametrize("level", ["SERIALIZABLE", "READ UNCOMMITTED"])
def test_the_levels_of_sqlalchemy_are_accepted(
    engine: Engine, bodies: Callable[[], list[str]], level: str
) -> None:
    with engine.connect().execution_options(isolation_level=level) as connection:
        assert connection.get_isolation_level() == level
        connection.execute(WRITE)
    assert bodies() == []


def test_a_connection_with_a_transaction_always_open_is_refused(db_path: object) -> None:
    with pytest.raises(ConfigurationError, match="hardlite begins and ends transactions itself"):
        HardenedConnection(str(db_path), autocommit=False)


def test_a_transaction_always_open_is_refused_later_too(driver: HardenedConnection) -> None:
    with pytest.raises(ConfigurationError, match="autocommit=False"):
        driver.autocommit = False


def test_autocommit_of_the_driver_reads_as_the_legacy_control(driver: HardenedConnection) -> None:
    if sys.version_info >= (3, 12):
        assert driver.autocommit == sqlite3.LEGACY_TRANSACTION_CONTROL
    assert driver.autocommit == -1


def test_sqlalchemys_recipe_for_foreign_keys_leaves_transactions_as_they_are(
    make_engine: EngineFactory, bodies: Callable[[], list[str]]
) -> None:
    """SQLAlchemy, "Foreign Key Support": autocommit is True round the PRAGMA, then put back."""
    engine = make_engine(foreign_keys=False)

    @event.listens_for(engine, "connect")
    def set_sqlite_pragma(connection: sqlite3.Connection, _: object) -> None:
        before = connection.autocommit
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        connection.autocommit = before

    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        connection.execute(WRITE)
        connection.rollback()
        assert bodies() == []
        connection.execute(WRITE)
        connection.commit()
    assert bodies() == ["mine"]
