"""What every client gets: two URLs, and a look at the connections that it really opens."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool


@pytest.fixture
def url(db_path: Path) -> Iterator[str]:
    """The hardened URL of the test's database: all that a client is told.

    The file that it leaves says whether hardlite was there: nobody else switches to WAL.
    """
    yield f"sqlite:///{db_path}?plugin=hardlite"
    with contextlib.closing(sqlite3.connect(db_path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.fixture
def plain_url(tmp_path: Path) -> str:
    """The URL of another file, not hardened, to compare with."""
    return f"sqlite:///{tmp_path / 'plain.db'}"


@pytest.fixture
def opened() -> Iterator[list[type[sqlite3.Connection]]]:
    """The class of each connection that any pool of this process opened during the test."""
    classes: list[type[sqlite3.Connection]] = []

    def note(connection: sqlite3.Connection, _: object) -> None:
        classes.append(type(connection))

    event.listen(Pool, "connect", note)
    yield classes
    event.remove(Pool, "connect", note)
