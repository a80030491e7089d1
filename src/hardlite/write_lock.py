"""SQLite's write lock, taken in one's turn: only writers without the gate are in the way.

SQLite's own waiting asks again after up to a tenth of a second, and whoever holds the lock with
short pauses has it again by then (sqlite.org, "Set A Busy Timeout"). The one writer that has the
turn can afford to ask a thousand times a second.
"""

import dataclasses
import sqlite3
from collections.abc import Callable

from hardlite import locked
from hardlite.clock import Clock, system_clock
from hardlite.result_codes import Fate, fate_of

__all__ = ["take_write_lock"]

Run = Callable[[str], object]

_PAUSE = 0.001
"""Seconds between two tries."""


def take_write_lock(
    run: Run,
    sql: str,
    *,
    file: str,
    started: float,
    timeout: float,
    busy_timeout: float,
    warn_wait: float,
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
        warn_wait: seconds of waiting since then after which a warning names the holder.
        clock: measures the wait and pauses in it.

    Raises:
        LockedByOtherError: the lock was not free in time, or the snapshot is stale.
    """
    run("PRAGMA busy_timeout = 0")
    try:
        if not _taken(run, sql, file):
            wait = _Wait(file=file, started=started, timeout=timeout, warn_wait=warn_wait)
            wait.until(lambda: _taken(run, sql, file), clock)
    finally:
        run(f"PRAGMA busy_timeout = {busy_timeout * 1000:.0f}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """A wait for writers without a gate."""

    file: str
    started: float
    timeout: float
    warn_wait: float

    def until(self, taken: Callable[[], bool], clock: Clock) -> None:
        has_warned = False
        while (waited := clock.now() - self.started) < self.timeout:
            if waited >= self.warn_wait and not has_warned:
                has_warned = True
                locked.warn_of_foreign_lock(self.file, waited)
            clock.sleep(_PAUSE)
            if taken():
                return
        raise locked.foreign_lock(self.file, waited)


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
