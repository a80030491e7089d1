"""`checkpoint`: the WAL brought into the database, in a turn, and what keeps it from starting over."""

import dataclasses
import os
import pathlib
from typing import TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import system_clock
from hardlite.inspection.effective import driver_for
from hardlite.lock_holders.looking import look_at
from hardlite.lock_holders.target import database_file
from hardlite.operations.opening import failing_as, opened
from hardlite.operations.own_turn import own_turn
from hardlite.turns.holder import Holder, HolderDict

__all__ = ["Checkpoint", "CheckpointDict", "checkpoint"]


class CheckpointDict(TypedDict):
    """A `Checkpoint` as plain values."""

    path: str
    complete: bool
    pages: int
    copied: int
    wal_before: int
    wal_after: int
    readers: list[HolderDict]
    took: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint did.

    Attributes:
        path: the database.
        complete: the WAL is all in the database, and starts over.
        pages: pages that were in the WAL; 0 without a WAL.
        copied: how many of them are in the database now.
        wal_before: bytes of the WAL before.
        wal_after: bytes of the WAL after.
        readers: who reads a state that still needs the WAL.
        took: seconds for which the turn was held.
    """

    path: str
    complete: bool
    pages: int
    copied: int
    wal_before: int
    wal_after: int
    readers: tuple[Holder, ...]
    took: float

    def to_dict(self) -> CheckpointDict:
        """Return it as plain values."""
        return {
            "path": self.path,
            "complete": self.complete,
            "pages": self.pages,
            "copied": self.copied,
            "wal_before": self.wal_before,
            "wal_after": self.wal_after,
            "readers": [reader.to_dict() for reader in self.readers],
            "took": self.took,
        }


def checkpoint(
    target: Engine | str | os.PathLike[str], *, timeout: float = 5.0, patience: float = 0.1
) -> Checkpoint:
    """Bring the WAL into the database and let it start over, empty, if nobody reads from it.

    It runs in a turn, so no writer of hardlite meets it (sqlite.org, "Write-Ahead Logging", section
    "The WAL-Reset Bug"). What readers let it copy is copied first, without waiting for anybody.

    Args:
        target: an engine on a file, a path or a URL.
        timeout: seconds to wait for the turn.
        patience: seconds to wait for readers; writers wait as long.

    Raises:
        ConfigurationError: there is no such database.
        DatabaseLockedError: the turn, or SQLite's lock, could not be had in time.
        BackupError: the disk failed.

    >>> from hardlite import checkpoint, create_hardened_engine
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> done = checkpoint(engine)
    >>> done.complete, done.wal_after, done.readers
    (True, 0, ())
    >>> engine.dispose()
    """
    file, driver = database_file(target), driver_for(target)
    wal = pathlib.Path(f"{file}-wal")
    with (
        failing_as(f"the WAL of {file} could not be brought into it", driver),
        opened(file, driver, busy_timeout=patience) as connection,
        own_turn(file, driver, timeout=timeout, label="checkpoint"),
    ):
        started = system_clock.now()
        before = wal.stat().st_size if wal.exists() else 0
        (_, pages, copied) = connection.run("PRAGMA main.wal_checkpoint(PASSIVE)").fetchone()
        (busy, _, _) = connection.run("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()
        readers = look_at(file).readers if busy else ()
        return Checkpoint(
            path=file,
            complete=not busy,
            # Without a WAL SQLite says -1.
            pages=max(0, pages),
            copied=max(0, copied),
            wal_before=before,
            wal_after=wal.stat().st_size if wal.exists() else 0,
            readers=readers,
            took=system_clock.now() - started,
        )
