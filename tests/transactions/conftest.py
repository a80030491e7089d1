"""What the tests of transactions look through: another program, and the gate of the file."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardlite.turns.gate_registry import gate_for


@pytest.fixture
def onlooker(db_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program on the test's file: plain sqlite3 that never waits for a lock."""
    connection = sqlite3.connect(db_path, timeout=0, isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def notes(onlooker: sqlite3.Connection) -> sqlite3.Connection:
    """The other program, after it made an empty table ``notes (id, body)`` in the test's file."""
    onlooker.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
    return onlooker


@pytest.fixture
def bodies(onlooker: sqlite3.Connection) -> Callable[[], list[str]]:
    """Asks the other program what is committed in ``notes``."""

    def ask() -> list[str]:
        return [body for (body,) in onlooker.execute("SELECT body FROM notes ORDER BY id")]

    return ask


@pytest.fixture
def turn_taken(db_path: Path) -> Callable[[], bool]:
    """Says whether somebody in this process has the turn on the test's file."""
    gate = gate_for(os.path.realpath(db_path))
    return lambda: gate.holder() is not None


@pytest.fixture
def write_locked(onlooker: sqlite3.Connection) -> Callable[[], bool]:
    """Says whether SQLite's write lock on the test's file is taken."""

    def ask() -> bool:
        try:
            onlooker.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            assert error.sqlite_errorcode == sqlite3.SQLITE_BUSY  # noqa: PT017 - a question, not a test
            return True
        onlooker.execute("ROLLBACK")
        return False

    return ask
