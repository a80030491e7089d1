"""A database in place written over with another one: through SQLite, as one transaction.

The file stays the same one, so nobody goes on working on another; a crash leaves either all of the old
state or all of the new one (sqlite.org, "SQLite Backup API", "Atomic Commit In SQLite").
"""

from typing import Final

from hardlite.clock import Clock
from hardlite.connections import locked
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.operations.copying import Progress

__all__ = ["leave_wal", "write_over"]

_STEP: Final = 1 << 20
_BUSY: Final = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED: as the state of a step, and so no error of the driver."""


def write_over(
    source: AnyHardenedConnection,
    target: AnyHardenedConnection,
    *,
    progress: Progress | None,
    timeout: float,
    clock: Clock,
) -> None:
    """Write all pages of one database over those of another.

    Args:
        source: a connection to what is to be there.
        target: a connection without a transaction, to what is written over.
        progress: is told how far it is.
        timeout: seconds to wait for locks of SQLite, all in all.
        clock: measures that.

    Raises:
        LockedByOtherError: a lock could not be had in time; nothing has changed.
    """
    (page_size,) = source.run("PRAGMA main.page_size").fetchone()
    started = clock.now()

    def step(state: int, left: int, total: int) -> None:
        if state in _BUSY and clock.now() - started >= timeout:
            waited = clock.now() - started
            raise locked.foreign_lock(target.file, waited, target.driver.locked_error)
        if state not in _BUSY and progress is not None:
            progress((total - left) * page_size, total * page_size)

    target.run("PRAGMA synchronous = FULL")
    source.backup(target, pages=max(1, _STEP // page_size), progress=step, sleep=0.01)


def leave_wal(connection: AnyHardenedConnection) -> bool:
    """Turn to a rollback journal, with all of the WAL in the file; say whether there was a WAL.

    The old pages then take the room that the new ones would take in the WAL, and pages may have
    another size than before.
    """
    (mode,) = connection.run("PRAGMA main.journal_mode").fetchone()
    if mode == "wal":
        connection.run("PRAGMA main.journal_mode = DELETE").fetchone()
    return str(mode) == "wal"
