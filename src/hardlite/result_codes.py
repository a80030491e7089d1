"""What to do about an error of SQLite, judged by its result code and never by its text.

Codes and their meaning: sqlite.org, "Result and Error Codes" (rescode.html).
"""

import enum
import sqlite3

from sqlalchemy import exc

__all__ = ["Fate", "fate_of", "primary_code", "result_code"]


class Fate(enum.Enum):
    """What an error asks of the caller."""

    WAIT = "wait"
    """Somebody else has the lock: the same statement may succeed later."""

    RESTART = "restart"
    """The snapshot is too old to write: only a new transaction can succeed."""

    REJECT = "reject"
    """The data is at fault: the same data fails again, other data may not."""

    STOP = "stop"
    """The machine or the file is at fault: nothing succeeds until somebody mends it."""

    UNKNOWN = "unknown"
    """Not an error of SQLite, or one that says nothing about trying again."""


_WAIT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_REJECT = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
_STOP = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}


def result_code(error: BaseException) -> int | None:
    """Return SQLite's extended result code of ``error``, which SQLAlchemy may have wrapped."""
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig
    code = getattr(error, "sqlite_errorcode", None)
    return code if isinstance(code, int) else None


def primary_code(error: BaseException) -> int | None:
    """Return the low byte of the result code: SQLite's primary result code."""
    code = result_code(error)
    return None if code is None else code & 0xFF


def fate_of(error: BaseException) -> Fate:
    """Say what ``error`` asks of the caller.

    >>> connection = sqlite3.connect(":memory:")
    >>> try:
    ...     connection.execute("SELECT raise(ABORT, 'no')")
    ... except sqlite3.Error as error:
    ...     fate_of(error)
    <Fate.UNKNOWN: 'unknown'>
    >>> connection.close()
    """
    if result_code(error) == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return Fate.RESTART
    primary = primary_code(error)
    for fate, codes in ((Fate.WAIT, _WAIT), (Fate.REJECT, _REJECT), (Fate.STOP, _STOP)):
        if primary in codes:
            return fate
    return Fate.UNKNOWN
