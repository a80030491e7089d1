"""Reading a database without leaving a trace: which way to open it, and doing so.

An ordinary connection changes files by being opened and closed: it makes a -wal and a -shm, it
recovers what a crash left, and the last one to close copies the WAL into the database (sqlite.org,
"Write-Ahead Logging", sections "Read-Only Databases" and "Avoiding Excessively Large WAL Files").
"""

import contextlib
import dataclasses
import os
import pathlib
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

from hardlite.connections.drivers import Driver
from hardlite.connections.one_library import use_file
from hardlite.inspection.headers import Headers
from hardlite.inspection.sizes import size_of

__all__ = ["Unread", "Way", "read", "way_to_read"]

T = TypeVar("T")

_PATIENCE: Final = 1.0
"""Seconds to wait for somebody who keeps even readers out."""
_TRIES: Final = 5


class Unread(Exception):  # noqa: N818 - that somebody else is at work is no error
    """The content could not be read without changing something; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to open a file.

    Attributes:
        query: what follows the path in its URI (sqlite.org, "Uniform Resource Identifiers").
        locks: whether SQLite's locks keep others from changing what is being read.
    """

    query: str
    locks: bool


def way_to_read(file: str, headers: Headers | None) -> Way:
    """Say how to open a database so that it stays as it is.

    Args:
        file: its real path.
        headers: what its files begin with, if that is known.

    Raises:
        Unread: there is no such way.
    """
    wal, shm = size_of(f"{file}-wal"), size_of(f"{file}-shm")
    if headers is None:
        if wal is None and shm is None:
            raise Unread("what kind of journal it has could not be looked at")
        return Way(query="mode=ro&readonly_shm=1", locks=True)
    if not headers.in_wal_mode:
        return Way(query="mode=ro", locks=True)
    if wal is not None and shm is not None:
        return Way(query="mode=ro&readonly_shm=1", locks=True)
    if wal:
        raise Unread("its WAL has not been recovered, which only a connection that writes can do")
    # Nobody has it open, so there are no locks to be had, and none are needed unless one comes.
    return Way(query="immutable=1", locks=False)


def read(
    file: str,
    headers: Headers | None,
    driver: Driver,
    look: Callable[[sqlite3.Connection], T],
) -> T:
    """Open a database, look at it and close it; if somebody changed it meanwhile, look again.

    Args:
        file: its real path.
        headers: what its files begin with, if that is known.
        driver: the one that this process has it open with, if it has.
        look: reads what is wanted.

    Raises:
        Unread: it could not be read without changing something.
        ConfigurationError: this process has it open with another driver.
        sqlite3.Error: SQLite cannot read it.
    """
    for _ in range(_TRIES):
        way = way_to_read(file, headers)
        before = _state(file)
        try:
            found = _read_once(file, way, driver, look)
        except driver.module.DatabaseError:
            if way.locks or _state(file) == before:
                raise
        else:
            if way.locks or _state(file) == before:
                return found
    raise Unread("somebody kept changing it")


def _read_once(file: str, way: Way, driver: Driver, look: Callable[[sqlite3.Connection], T]) -> T:
    # Kept until it is closed: no other copy of SQLite may open the file in the meantime.
    use = use_file(file, driver)
    uri = f"{pathlib.Path(file).as_uri()}?{way.query}"
    with contextlib.closing(
        driver.module.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)
    ) as connection:
        found = look(connection)
    del use
    return found


def _state(file: str) -> tuple[object, ...]:
    found = os.stat(file)  # noqa: PTH116 - a look at it, and never more
    return found.st_ino, found.st_mtime_ns, found.st_size, size_of(f"{file}-wal")
