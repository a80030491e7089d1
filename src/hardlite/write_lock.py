"""SQLite's write lock, taken in one's turn: only writers without the gate are in the way."""

import sqlite3
from collections.abc import Callable

from hardlite import locked
from hardlite.clock import Clock, system_clock
from hardlite.result_codes import Fate, fate_of

__all__ = ["take_write_lock"]

Run = Callable[[str], object]

_PAUSE = 0.001
"""Seconds between two tries after SQLite's own waiting gave up."""


def take_write_lock(
    run: Run,
    sql: str,
    *,
    file: str,
    started: float,
    timeout: float,
    busy_timeout: float,
    clock: Clock = system_clock,
) -> None:
    """Run a statement that takes SQLite's write lock, waiting for writers without a gate.

    Args:
        run: runs one statement on the connection.
        sql: the statement.
        file: the database, for the error.
        started: when the waiting began, on ``clock``.
        timeout: seconds to wait since then.
        busy_timeout: seconds that SQLite itself waits, as the connection is set.
        clock: measures the wait and pauses in it.

    Raises:
        LockedByOtherError: the lock was not free in time, or the snapshot is stale.
    """
    deadline = started + timeout
    patience = max(0.0, deadline - clock.now())
    shortened = patience < busy_timeout
    if shortened:
        run(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
    try:
        while not _taken(run, sql, file):
            if clock.now() >= deadline:
                raise locked.foreign_lock(file, clock.now() - started)
            clock.sleep(_PAUSE)
    finally:
        if shortened:
            run(f"PRAGMA busy_timeout = {busy_timeout * 1000:.0f}")


def _taken(run: Run, sql: str, file: str) -> bool:
    try:
        run(sql)
    except sqlite3.OperationalError as error:
        fate = fate_of(error)
        if fate is Fate.RESTART:
            raise locked.stale_snapshot(file) from error
        if fate is not Fate.WAIT:
            raise
        return False
    return True
