"""Who has a database open, and having it for oneself."""

import contextlib
import os
from collections.abc import Iterator

from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

from hardlite.connections.connection import AnyHardenedConnection
from hardlite.connections.drivers import Driver
from hardlite.errors import DatabaseInUseError
from hardlite.fair_pool import close_idle
from hardlite.lock_holders.observation import observe
from hardlite.lock_holders.processes import described, own_pid
from hardlite.operations.opening import opened
from hardlite.result_codes import Fate, fate_of

__all__ = ["close_idle_connections", "exclusively", "refuse_if_locked"]


def close_idle_connections(target: Engine | str | os.PathLike[str]) -> None:
    """Close the connections of an engine that nobody uses: they would keep their own file in use."""
    if isinstance(target, Engine) and isinstance(target.pool, QueuePool):
        close_idle(target.pool)


@contextlib.contextmanager
def exclusively(file: str, driver: Driver) -> Iterator[AnyHardenedConnection]:
    """Open a database so that nobody else can read or write it until it is closed.

    With a WAL every connection keeps a shared lock on the file for as long as it is open, so this
    finds idle ones too (sqlite.org, "PRAGMA Statements", locking_mode).

    Raises:
        DatabaseInUseError: somebody else has it open, or reads or writes it.
    """
    with opened(file, driver, busy_timeout=0) as connection:
        # Before the first look at the file: then even the index of the WAL is this connection's own.
        connection.run("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.run("BEGIN EXCLUSIVE")
        except driver.module.OperationalError as error:
            if fate_of(error) is not Fate.WAIT:
                raise
            raise _refusal(file) from error
        connection.commit()
        yield connection


def refuse_if_locked(file: str) -> None:
    """Raise if somebody is seen to have a lock on a database that SQLite cannot open.

    Raises:
        DatabaseInUseError: somebody has.
    """
    if _lockers(file):
        raise _refusal(file)


def _lockers(file: str) -> set[int | None]:
    seen = observe(file)
    return {lock.pid for lock in (*seen.database.locks, *seen.shm.locks) if lock.kind == "POSIX"}


def _refusal(file: str) -> DatabaseInUseError:
    others = sorted(pid for pid in _lockers(file) if pid is not None and pid != own_pid())
    users = ", ".join(str(described(pid)) for pid in others)
    return DatabaseInUseError(
        f"{file} is in use by {users or 'another connection of this process'}",
        "Stop the programs that have it open, close the connections of this one with "
        "engine.dispose(), and try again.",
    )
