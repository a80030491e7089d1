"""A turn whose holder is dropped, collected or dead is free at once, and what it wrote is gone."""

import gc
import sqlite3
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from hardlite.connections.connection import HardenedConnection
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

WRITE = "INSERT INTO notes (body) VALUES ('mine')"
TurnTaken = Callable[[], bool]


@pytest.fixture
def free(
    turn_taken: TurnTaken, write_locked: Callable[[], bool], bodies: Callable[[], list[str]]
) -> Callable[[], bool]:
    """Says whether the turn and SQLite's lock are free, and nothing was kept."""
    return lambda: not turn_taken() and not write_locked() and bodies() == []


def detached(engine: Engine) -> HardenedConnection:
    """Open a connection that no pool looks after."""
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    raw.detach()
    return driver


def in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_connection_that_is_closed(
    engine: Engine, turn_taken: TurnTaken, free: Callable[[], bool]
) -> None:
    driver = detached(engine)
    driver.execute(WRITE)
    assert turn_taken()
    driver.close()
    assert free()


def test_a_connection_that_is_collected(
    engine: Engine, turn_taken: TurnTaken, free: Callable[[], bool]
) -> None:
    driver = detached(engine)
    driver.execute(WRITE)
    assert turn_taken()
    with warnings.catch_warnings():
        # From Python 3.13 on the driver tells of it.
        warnings.simplefilter("ignore", ResourceWarning)
        del driver
        gc.collect()
    assert free()


def test_a_connection_that_is_collected_in_another_thread_than_its_own(
    make_engine: EngineFactory, turn_taken: TurnTaken, free: Callable[[], bool]
) -> None:
    engine = make_engine(connect_args={"check_same_thread": True}, poolclass=NullPool)
    kept: list[HardenedConnection] = []

    def write() -> None:
        kept.append(detached(engine))
        kept[0].execute(WRITE)

    in_a_thread(write)
    assert turn_taken()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        kept.clear()
        gc.collect()
    assert free()


def test_a_session_that_is_dropped(
    engine: Engine, turn_taken: TurnTaken, free: Callable[[], bool]
) -> None:
    session = Session(engine)
    session.execute(text(WRITE))
    assert turn_taken()
    del session
    gc.collect()
    assert free()


def test_a_connection_of_the_engine_that_is_dropped(
    engine: Engine, turn_taken: TurnTaken, free: Callable[[], bool]
) -> None:
    connection = engine.connect()
    connection.execute(text(WRITE))
    assert turn_taken()
    del connection
    gc.collect()
    assert free()


def test_a_thread_that_ends_with_its_session_open(
    engine: Engine, turn_taken: TurnTaken, free: Callable[[], bool]
) -> None:
    registry = scoped_session(sessionmaker(engine))
    seen: list[bool] = []

    def write() -> None:
        registry.execute(text(WRITE))
        seen.append(turn_taken())

    in_a_thread(write)
    gc.collect()
    assert seen == [True]
    assert free()


def test_a_database_that_could_not_be_opened_is_just_that(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect(tmp_path / "no such folder" / "app.db", factory=HardenedConnection)
    gc.collect()
