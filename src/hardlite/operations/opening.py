"""A connection for work on a whole database: it changes nothing by being opened.

An engine of somebody else sets its pragmas, the journal mode among them, which stays in the file.
"""

import contextlib
import os
import pathlib
import sqlite3
from collections.abc import Iterator

from hardlite.connections.connection import AnyHardenedConnection, connection_class
from hardlite.connections.drivers import Driver
from hardlite.connections.translation import told
from hardlite.errors import BackupError
from hardlite.result_codes import primary_code

__all__ = ["failing_as", "opened"]

_HINTS = {
    sqlite3.SQLITE_NOTADB: (
        "It is no SQLite database, or an encrypted one, or its beginning is damaged: check the "
        "path, and restore a backup if it is the right one."
    ),
    sqlite3.SQLITE_CORRUPT: (
        "Keep the file and its -wal as they are, look at them with hardlite verify, and restore "
        "the newest good backup."
    ),
    sqlite3.SQLITE_FULL: "Free some space on that disk, or name a place on another one.",
    sqlite3.SQLITE_CANTOPEN: (
        "Check that the file is there and that this user may write to its directory."
    ),
    sqlite3.SQLITE_READONLY: "Check who may write to the file and its directory.",
}
_HINT = "Look at the disk and at the messages of the system, then try again."


@contextlib.contextmanager
def opened(
    file: str, driver: Driver, *, busy_timeout: float = 5.0
) -> Iterator[AnyHardenedConnection]:
    """Open a database file, and close it in the end.

    No transaction is begun on it but by the caller, and no turn taken.

    Args:
        file: its absolute path.
        driver: what to open it with; the one that this process has it open with already.
        busy_timeout: seconds that SQLite waits for a lock.

    Raises:
        ConfigurationError: this process has it open with another driver.
    """
    mode = "rw" if os.access(file, os.W_OK) else "ro"
    connection = connection_class(driver)(
        f"{pathlib.Path(file).as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=busy_timeout,
        check_same_thread=False,
    )
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def failing_as(what: str, driver: Driver) -> Iterator[None]:
    """Turn what SQLite and the system raise into errors that say what to do.

    Args:
        what: what was being done, as the beginning of a sentence.
        driver: whose errors they are.

    Raises:
        DatabaseLockedError: somebody has a lock that was needed.
        BackupError: anything else went wrong.
    """
    try:
        yield
    except driver.module.Error as error:
        locked = told(error)
        if locked is not None:
            raise locked from error
        hint = _HINTS.get(primary_code(error) or 0, _HINT)
        raise BackupError(f"{what}: {error}", hint) from error
    except OSError as error:
        raise BackupError(
            f"{what}: {error.strerror or error}",
            "Check the space on that disk, and who may write to that directory.",
        ) from error
