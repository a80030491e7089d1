"""SQLite's write lock, taken in one's turn: only writers without the gate are in the way.

SQLite's own waiting asks again after up to a tenth of a second, and whoever holds the lock with
short pauses has it again by then (sqlite.org, "Set A Busy Timeout"). The one writer that has the
turn can afford to ask a thousand times a second.
"""

import dataclasses
from collections.abc import Callable

from hardlite.clock import Clock, system_clock
from hardlite.connections import locked
from hardlite.connections.drivers import SQLITE3, Driver
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
    is_given_up: Callable[[], bool] = lambda: False,
    driver: Driver = SQLITE3,
    has_read: bool = False,
    clock: Clock = system_clock,
) -> None:
    """Run a statement that takes SQLite's write lock, waiting for writers without a gate.

    SQLite itself does not wait meanwhile. It is told so within the turn, although others wait for
    its end: a fork waits for turns, and a mutex of SQLite that another thread holds at a fork is
    held in the child for ever.

    Args:
        run: runs one statement on the connection.
        sql: the statement.
        file: the database, for the error.
        started: when the waiting began, on ``clock``.
        timeout: seconds to wait since then.
        busy_timeout: seconds that SQLite itself waits, as the connection is set.
        warn_wait: seconds of waiting since then after which a warning names the holder.
        is_given_up: says whether nobody wants the lock any more.
        driver: what ``run`` runs it on.
        has_read: a transaction is open and has its snapshot, which may be out of date.
        clock: measures the wait and pauses in it.

    Raises:
        LockedByOtherError: the lock was not free in time, or the snapshot is stale.
    """
    run("PRAGMA busy_timeout = 0")
    try:
        if not _taken(run, sql, file, driver, has_read):
            wait = _Wait(
                file=file,
                started=started,
                timeout=timeout,
                warn_wait=warn_wait,
                is_given_up=is_given_up,
                driver=driver,
            )
            wait.until(lambda: _taken(run, sql, file, driver, has_read), clock)
    finally:
        run(f"PRAGMA busy_timeout = {busy_timeout * 1000:.0f}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """A wait for writers without a gate."""

    file: str
    started: float
    timeout: float
    warn_wait: float
    is_given_up: Callable[[], bool]
    driver: Driver

    def until(self, taken: Callable[[], bool], clock: Clock) -> None:
        has_warned = False
        while (waited := clock.now() - self.started) < self.timeout and not self.is_given_up():
            if waited >= self.warn_wait and not has_warned:
                has_warned = True
                locked.warn_of_foreign_lock(self.file, waited)
            clock.sleep(_PAUSE)
            if taken():
                return
        raise locked.foreign_lock(self.file, waited, self.driver.locked_error)


def _taken(run: Run, sql: str, file: str, driver: Driver, has_read: bool) -> bool:  # noqa: FBT001
    try:
        run(sql)
    except driver.module.OperationalError as error:
        fate = fate_of(error)
        # Where codes are cut short, a lock that is refused and free tells what they do not.
        guess = has_read and file and fate is Fate.WAIT and not driver.extended_codes
        if fate is Fate.RESTART or (guess and _is_free(file, driver)):
            raise locked.stale_snapshot(file, driver.locked_error) from error
        if fate is not Fate.WAIT:
            raise
        return False
    return True


def _is_free(file: str, driver: Driver) -> bool:
    """Ask for SQLite's write lock on a connection that has read nothing yet."""
    connection = driver.connection(file, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except driver.module.OperationalError:
        return False
    finally:
        connection.close()
    return True
