"""ATTACH and DETACH work wherever they come, and BEGIN does not lock files that are only read."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite.connections.connection import HardenedConnection
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

MINE = text("INSERT INTO notes (body) VALUES ('mine')")
BY_THE_WAY = text("INSERT INTO other.notes (body) VALUES ('by the way')")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A second file with a table of the same name, and somebody who never waits there."""
    connection = sqlite3.connect(tmp_path / "other.db", timeout=0, isolation_level=None)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
    yield connection
    connection.close()


@pytest.fixture
def attach(tmp_path: Path) -> str:
    return f"ATTACH '{tmp_path / 'other.db'}' AS other"


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("mode", ["relaxed", "snapshot"])
def test_a_file_can_be_attached_and_detached_after_a_read(
    make_engine: EngineFactory, attach: str, mode: str
) -> None:
    with make_engine(transaction=mode).connect() as connection:
        connection.execute(text("SELECT body FROM notes")).all()
        connection.exec_driver_sql(attach)
        assert connection.execute(text("SELECT body FROM other.notes")).all() == []
        connection.exec_driver_sql("DETACH other")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.connection.cursor().execute("SELECT body FROM other.notes")


@pytest.mark.parametrize(("end", "kept"), [("commit", 1), ("rollback", 0)])
def test_one_transaction_spans_both_files(
    engine: Engine, other: sqlite3.Connection, attach: str, end: str, kept: int
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(attach)
        connection.execute(MINE)
        connection.execute(BY_THE_WAY)
        getattr(connection, end)()
        assert connection.scalar(text("SELECT count(*) FROM main.notes")) == kept
        connection.rollback()
        connection.exec_driver_sql("DETACH other")
    assert other.execute("SELECT count(*) FROM notes").fetchone() == (kept,)


def test_a_file_that_is_only_read_is_not_locked(
    engine: Engine, other: sqlite3.Connection, attach: str, turn_taken: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(attach)
        connection.execute(MINE)
        assert turn_taken()
        other.execute("INSERT INTO notes (body) VALUES ('theirs')")
        connection.commit()
        connection.exec_driver_sql("DETACH other")


def test_a_file_attached_to_itself_is_written_under_either_name(
    engine: Engine, db_path: Path, bodies: Callable[[], list[str]]
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ATTACH '{db_path}' AS other")
        connection.execute(MINE)
        connection.commit()
        connection.execute(BY_THE_WAY)
        connection.commit()
        connection.exec_driver_sql("DETACH other")
    assert bodies() == ["mine", "by the way"]


@pytest.fixture
def driver(engine: Engine) -> Iterator[HardenedConnection]:
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    yield driver
    raw.close()


@pytest.mark.usefixtures("other")
def test_sqlites_lock_is_taken_at_once_again_after_a_detach(
    driver: HardenedConnection, attach: str, write_locked: Callable[[], bool]
) -> None:
    driver.execute(attach)
    driver.begin_writing()
    assert not write_locked()
    driver.rollback()
    driver.execute("DETACH other")
    driver.begin_writing()
    assert write_locked()


@pytest.mark.usefixtures("other")
def test_a_script_may_attach(
    driver: HardenedConnection, attach: str, write_locked: Callable[[], bool]
) -> None:
    driver.executescript(f"{attach};")
    driver.begin_writing()
    assert not write_locked()
    driver.rollback()
    driver.execute("DETACH other")


def test_temporary_tables_are_not_an_attached_file(
    driver: HardenedConnection, write_locked: Callable[[], bool]
) -> None:
    driver.executescript("CREATE TEMP TABLE scratch (a);")
    driver.begin_writing()
    assert write_locked()
