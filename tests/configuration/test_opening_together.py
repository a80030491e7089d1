"""Processes that open a new file at the same moment, and how long one is patient with the others."""

import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import exc

from hardlite import Profile
from hardlite.clock import SystemClock
from hardlite.pragmas import Place, apply_pragmas
from tests.fixtures.databases import EngineFactory

PROCESSES = 16
ROUNDS = 4

# Reads the next path from its input as the signal to start, so that all of them start at once.
PROGRAM = """
import sys
from hardlite import create_hardened_engine

print("ready", flush=True)
for line in sys.stdin:
    engine = create_hardened_engine("sqlite:///" + line.strip())
    try:
        with engine.begin() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS note (n)")
            connection.exec_driver_sql("INSERT INTO note VALUES (1)")
        print(mode, flush=True)
    except Exception as error:
        print(repr(error), flush=True)
    engine.dispose()
"""


def test_processes_that_open_a_new_file_at_once_all_get_it_in_wal(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                    bufsize=1,
                )
            )
            for _ in range(PROCESSES)
        ]
        answers = [process.stdout.readline() for process in processes if process.stdout]
        assert answers == ["ready\n"] * PROCESSES
        for number in range(ROUNDS):
            path = tmp_path / f"{number}.db"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(f"{path}\n")
            answers = [process.stdout.readline() for process in processes if process.stdout]

            assert answers == ["wal\n"] * PROCESSES
            connection = sqlite3.connect(path)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("SELECT count(*) FROM note").fetchone() == (PROCESSES,)
            connection.close()


class SteppingClock(SystemClock):
    """A clock that goes on when somebody sleeps, and does something meanwhile."""

    def __init__(self) -> None:
        self.time = 0.0
        self.sleeps = 0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.sleeps += 1
        self.while_asleep()

    def while_asleep(self) -> None:
        """Nothing, unless a test says so."""


@pytest.fixture
def locked(db_path: Path) -> sqlite3.Connection:
    """A connection of another program that has the whole new file to itself."""
    connection = sqlite3.connect(db_path, isolation_level=None)
    connection.execute("CREATE TABLE note (n)")
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_a_new_connection_waits_for_another_that_has_the_file(
    db_path: Path, locked: sqlite3.Connection
) -> None:
    clock = SteppingClock()
    clock.while_asleep = locked.rollback  # type: ignore[method-assign]
    connection = sqlite3.connect(db_path, isolation_level=None)

    apply_pragmas(
        lambda sql: next(iter(connection.execute(sql).fetchone() or [None])),
        Profile(busy_timeout=0),
        Place(file=str(db_path), writable=True),
        clock=clock,
    )

    assert clock.sleeps == 1
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    locked.close()


def test_a_new_connection_gives_up_after_the_timeout_of_its_profile(
    db_path: Path, locked: sqlite3.Connection
) -> None:
    clock = SteppingClock()
    connection = sqlite3.connect(db_path, isolation_level=None)

    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        apply_pragmas(
            lambda sql: next(iter(connection.execute(sql).fetchone() or [None])),
            Profile(busy_timeout=0, timeout=1),
            Place(file=str(db_path), writable=True),
            clock=clock,
        )

    assert 1 <= clock.time < 1.1
    connection.close()
    locked.close()


def test_an_engine_that_gives_up_says_that_the_database_is_locked(
    make_engine: EngineFactory, locked: sqlite3.Connection
) -> None:
    with pytest.raises(exc.OperationalError, match="database is locked"):
        make_engine(timeout=0, busy_timeout=0).connect()
    locked.close()
