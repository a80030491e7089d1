"""The pages of one state of a database, copied while others write on.

SQLite's own copy in steps begins anew whenever somebody else has written between two of them
(sqlite.org, "SQLite Backup API"). Here the source has a read transaction open throughout, so its state
does not change; with a WAL that keeps no writer waiting. See decision 13.
"""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Final

from hardlite.clock import Clock, system_clock
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.connections.drivers import Driver
from hardlite.operations.opening import opened

__all__ = ["Progress", "copy_database", "copy_pages", "make_file_like", "one_state", "synced"]

Progress = Callable[[int, int], object]
"""Is given the bytes that are done, and the bytes there are."""

_STEP: Final = 1 << 20
"""Bytes between two calls of the progress."""
_SYNCED: Final = 16 << 20
"""Bytes after which the disk is waited for: a long queue of writes would keep all others waiting."""
_PAUSE: Final = 0.001
"""Seconds that are left to others after each step."""

_sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


def copy_database(file: str, target: str, driver: Driver) -> None:
    """Copy what is committed in a database to a new file; nothing is checked.

    Args:
        file: the real path of the database.
        target: the path of the copy, where nothing is yet.
        driver: opens both; the one that this process has the database open with.
    """
    with opened(file, driver) as source, one_state(source):
        make_file_like(target, file)
        with opened(target, driver) as copy:
            copy_pages(source, copy, target)


def make_file_like(path: str | os.PathLike[str], file: str) -> None:
    """Make an empty file that, from the first byte on, nobody can read who cannot read ``file``."""
    rights = pathlib.Path(file).stat().st_mode & 0o666
    made = pathlib.Path(path)
    made.touch(mode=0o600, exist_ok=False)
    made.chmod(rights)


@contextlib.contextmanager
def one_state(connection: AnyHardenedConnection) -> Iterator[None]:
    """Let ``connection`` see one state of its database, whatever others write meanwhile."""
    connection.run("BEGIN")
    try:
        # BEGIN alone does not begin to read (sqlite.org, "Transaction").
        connection.run("SELECT count(*) FROM main.sqlite_schema").fetchall()
        yield
    finally:
        connection.rollback()


def copy_pages(
    source: AnyHardenedConnection,
    copy: AnyHardenedConnection,
    path: str,
    *,
    progress: Progress | None = None,
    clock: Clock = system_clock,
) -> None:
    """Copy all pages into a new file that nobody else knows.

    Args:
        source: within `one_state`.
        copy: a connection to the empty file.
        path: where that is.
        progress: is told how far it is.
        clock: lets others run.
    """
    (page_size,) = source.run("PRAGMA main.page_size").fetchone()
    # If the copy is cut short nobody wants what there is of it.
    copy.run("PRAGMA journal_mode = OFF")
    copy.run("PRAGMA synchronous = OFF")  # hardlite: ignore[1D] sync() waits for the disk
    copy.run("PRAGMA cache_size = -8000")
    with synced(path) as sync:
        waiting = 0

        def step(_: int, left: int, total: int) -> None:
            nonlocal waiting
            waiting += _STEP
            if waiting >= _SYNCED:
                waiting = 0
                sync()
            if progress is not None:
                progress((total - left) * page_size, total * page_size)
            clock.sleep(_PAUSE)

        source.backup(copy, pages=max(1, _STEP // page_size), progress=step)
        # The mode is a part of the file: with this one it can be read without being written to.
        copy.run("PRAGMA journal_mode = DELETE")
        copy.close()


@contextlib.contextmanager
def synced(path: str) -> Iterator[Callable[[], None]]:
    """Hand out what waits until a file is on the disk; the last wait is at the end.

    The file is open for all the time, as closing it would drop the locks of connections to it.
    """
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        yield lambda: _sync_data(descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
