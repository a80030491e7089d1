"""Processes that open a new file at the same moment, and how long one is patient with the others."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hardlite import DatabaseLockedError, Profile
from hardlite.clock import SystemClock
from hardlite.pragmas import Place, apply_pragmas
from tests.fixtures.databases import EngineFactory

PROCESSES = 16
ROUNDS = 6

# A program of its own, because forking is only safe where no other thread runs. The children are
# forked where that is possible: they have imported everything then, and none comes too late.
PROGRAM = """
import json, multiprocessing, sys
from hardlite import create_hardened_engine

def open_each(busy_timeout, paths, start, answers):
    for path in paths:
        start.wait()
        engine = create_hardened_engine("sqlite:///" + path, busy_timeout=float(busy_timeout))
        try:
            with engine.begin() as connection:
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS note (n)")
                connection.exec_driver_sql("INSERT INTO note VALUES (1)")
            answers.put(mode)
        except Exception as error:
            answers.put(repr(error))
        engine.dispose()

if __name__ == "__main__":
    busy_timeout, count, *paths = sys.argv[1:]
    forks = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if forks else "spawn")
    start, answers = context.Barrier(int(count)), context.Queue()
    processes = [
        context.Process(target=open_each, args=(busy_timeout, paths, start, answers))
        for _ in range(int(count))
    ]
    for process in processes:
        process.start()
    print(json.dumps([answers.get() for _ in range(int(count) * len(paths))]))
    for process in processes:
        process.join()
"""


@pytest.mark.parametrize("busy_timeout", ["5", "0"])
def test_processes_that_open_a_new_file_at_once_all_get_it_in_wal(
    tmp_path: Path, busy_timeout: str
) -> None:
    """Also where SQLite itself does not wait, as it does not for all it needs on the way to WAL."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    paths = [tmp_path / f"{number}.db" for number in range(ROUNDS)]

    run = subprocess.run(
        [sys.executable, str(program), busy_timeout, str(PROCESSES), *map(str, paths)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == ["wal"] * PROCESSES * ROUNDS
    for path in paths:
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
    with pytest.raises(DatabaseLockedError, match="database is locked"):
        make_engine(timeout=0, busy_timeout=0).connect()
    locked.close()
