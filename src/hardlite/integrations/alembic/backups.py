"""The backup before the first change: where it goes, and how long it stays.

It is one of `hardlite.backup`'s, checked and with a manifest. SQLite copies what is committed, also
while a writer has a transaction open (sqlite.org, "SQLite Backup API"). So it is made in the run's
own turn, and nobody can commit in between.
"""

import dataclasses
import os
import pathlib
from typing import Final

from hardlite.clock import Clock
from hardlite.connections.drivers import Driver
from hardlite.operations.backup import Order, back_up
from hardlite.operations.backup_files import require_keeping
from hardlite.operations.opening import opened

__all__ = ["Backups", "back_up_before_run", "has_content"]

_TIMEOUT: Final = 30.0
"""Seconds to wait for a program that keeps SQLite from reading."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Where the backups of a database go that migrations make, and how long they stay.

    The one of the run itself always stays. With both ``keep`` and ``keep_for``, one goes when
    neither keeps it.

    Attributes:
        folder: where they are; beside the database if left out.
        keep: how many of them, the newest, stay.
        keep_for: seconds for which each of them stays.

    Raises:
        ConfigurationError: a number is not one that can be meant.

    >>> Backups(keep=3)
    Backups(folder=None, keep=3, keep_for=None)
    """

    folder: str | os.PathLike[str] | None = None
    keep: int | None = 5
    keep_for: float | None = None

    def __post_init__(self) -> None:
        require_keeping(keep=self.keep, keep_for=self.keep_for)


def has_content(database: str, driver: Driver, version_table: str) -> bool:
    """Say whether a database has something to lose: a table is committed besides Alembic's own.

    Args:
        database: its real path.
        driver: opens it; the one that this process has it open with.
        version_table: the name of Alembic's table.
    """
    with opened(database, driver, busy_timeout=_TIMEOUT) as connection:
        found = connection.run("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
        return any(name != version_table for (name,) in found)


def back_up_before_run(database: str, backups: Backups, driver: Driver, clock: Clock) -> str:
    """Back a database up whose turn the caller has, and return the path of the backup.

    Args:
        database: its real path.
        backups: says where the backup goes, and which older ones stay.
        driver: opens it; the one that this process has it open with.
        clock: tells the time that is in the backup's name.

    Raises:
        OSError: there is no place for it.
        HardliteError: it could not be made or is not good, and nothing is left of it.
    """
    source = pathlib.Path(database)
    folder = source.parent if backups.folder is None else pathlib.Path(backups.folder)
    folder.mkdir(parents=True, exist_ok=True)
    order = Order(
        target=folder / f"{source.name}-before-migration-{{time}}",
        keep=backups.keep,
        keep_for=backups.keep_for,
        check="full",
        progress=None,
        timeout=_TIMEOUT,
    )
    return back_up(database, driver, order, clock, in_turn=True).path
