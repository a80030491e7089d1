"""The backup before the first change: made by SQLite itself, verified, and kept for a while.

SQLite's backup copies what is committed, also while a writer has a transaction open (sqlite.org,
"SQLite Backup API"). So it is made in the run's own turn, and nobody can commit in between.
"""

import contextlib
import dataclasses
import datetime as dt
import os
import pathlib
import re
from typing import Final

from hardlite.clock import Clock
from hardlite.connections.drivers import Driver
from hardlite.errors import ConfigurationError

__all__ = ["Backups", "copy_database", "make_backup", "prune_backups"]

_STAMP: Final = "%Y%m%dT%H%M%S%fZ"
_TEMPORARY: Final = ".part"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Where the backups of a database go that migrations make, and how long they stay.

    The one of the run itself always stays.

    Attributes:
        folder: where they are; beside the database if left out.
        keep: how many of them, the newest, stay; None for all.
        keep_for: seconds after which one goes; None for never.

    Raises:
        ConfigurationError: a number is not one that can be meant.

    >>> Backups(keep=3)
    Backups(folder=None, keep=3, keep_for=None)
    """

    folder: str | os.PathLike[str] | None = None
    keep: int | None = 5
    keep_for: float | None = None

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise ConfigurationError(
                f"Backups cannot keep {self.keep} of them",
                "keep= is 1 or more, or None for all; run_migrations(..., backups=None) makes none.",
            )
        if self.keep_for is not None and not self.keep_for >= 0:
            raise ConfigurationError(
                f"Backups cannot be kept for {self.keep_for} seconds", "Give a number of seconds."
            )


def make_backup(database: str, backups: Backups, driver: Driver, clock: Clock) -> str:
    """Copy a database, verify the copy, and return its path.

    Args:
        database: the path of the database.
        backups: says where the copy goes.
        driver: opens both; the one that this process has the database open with.
        clock: tells the time that is in the copy's name.

    Raises:
        OSError: there is no place for it, and nothing is left of it.
        sqlite3.Error: it could not be made or is not whole, and nothing is left of it. What another
            driver raises is its own error.
    """
    moment = dt.datetime.fromtimestamp(clock.wall(), tz=dt.UTC).strftime(_STAMP)
    source = pathlib.Path(database)
    folder = source.parent if backups.folder is None else pathlib.Path(backups.folder)
    target = folder / f"{source.name}-before-migration-{moment}"
    unfinished = f"{target}{_TEMPORARY}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copy_database(database, unfinished, driver)
        _require_whole(unfinished, driver)
        pathlib.Path(unfinished).rename(target)
    except BaseException:
        with contextlib.suppress(OSError):
            pathlib.Path(unfinished).unlink()
        raise
    return str(target)


def copy_database(database: str, target: str, driver: Driver) -> None:
    """Copy what is committed in a database to a new file, by SQLite's own backup."""
    with contextlib.closing(driver.connection(database)) as source:
        # As readable as the database, and for nobody else in the meantime.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(driver.connection(target)) as copy:
            source.backup(copy)
            # The copy is one file: it must not need a -wal of its own to be opened.
            copy.execute("PRAGMA journal_mode = DELETE")
    pathlib.Path(target).chmod(pathlib.Path(database).stat().st_mode & 0o777)


def prune_backups(database: str, backups: Backups, newest: str, clock: Clock) -> list[str]:
    """Delete the backups of a database that need not stay, and return their paths.

    Args:
        database: the path of the database.
        backups: says which ones stay.
        newest: the one that stays in any case.
        clock: tells how old they are.
    """
    name = re.compile(rf"{re.escape(pathlib.Path(database).name)}-before-migration-(\d+T\d+Z)")
    folder = pathlib.Path(newest).parent
    found = sorted((path for path in folder.iterdir() if name.fullmatch(path.name)), reverse=True)
    too_many = set(found[backups.keep :]) if backups.keep is not None else set()
    horizon = -1.0 if backups.keep_for is None else clock.wall() - backups.keep_for
    too_old = {path for path in found if path.stat().st_mtime < horizon}
    gone = []
    for path in sorted((too_many | too_old) - {pathlib.Path(newest)}):
        # Another run may be at it as well.
        with contextlib.suppress(OSError):
            path.unlink()
            gone.append(str(path))
    return gone


def _require_whole(path: str, driver: Driver) -> None:
    with contextlib.closing(driver.connection(path)) as copy:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise driver.module.DatabaseError(f"the copy is not whole: {'; '.join(map(str, found))}")
