"""`optimize` and `vacuum`: what a database needs from time to time, each in a turn."""

import dataclasses
import os
from typing import Final, TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import system_clock
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.inspection.effective import driver_for
from hardlite.lock_holders.target import database_file
from hardlite.operations.opening import failing_as, opened
from hardlite.operations.own_turn import own_turn

__all__ = ["Upkeep", "UpkeepDict", "optimize", "vacuum"]

_ROWS_LOOKED_AT: Final = 400
"""Of each index: as SQLite's documentation of PRAGMA analysis_limit advises."""
_KNOWS_ALL_TABLES: Final = (3, 46, 0)
"""From there on PRAGMA optimize looks at tables that its connection has not used."""


class UpkeepDict(TypedDict):
    """An `Upkeep` as plain values."""

    path: str
    bytes_before: int
    bytes_after: int
    took: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What was done for a database.

    Attributes:
        path: the database.
        bytes_before: its size before, in pages of the newest state.
        bytes_after: its size after.
        took: seconds for which the turn was held.
    """

    path: str
    bytes_before: int
    bytes_after: int
    took: float

    def to_dict(self) -> UpkeepDict:
        """Return it as plain values."""
        return {
            "path": self.path,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "took": self.took,
        }


def optimize(target: Engine | str | os.PathLike[str], *, timeout: float = 5.0) -> Upkeep:
    """Let SQLite learn how many rows its indexes lead to, so that it chooses the right ones.

    It looks at a few hundred rows of each index (sqlite.org, "PRAGMA Statements", optimize and
    analysis_limit), in a turn of some milliseconds.

    Args:
        target: an engine on a file, a path or a URL.
        timeout: seconds to wait for the turn and for locks of SQLite.

    Raises:
        ConfigurationError: there is no such database.
        DatabaseLockedError: the turn, or SQLite's lock, could not be had in time.
        BackupError: the database is damaged, or the disk failed.

    >>> from hardlite import create_hardened_engine, optimize
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> done = optimize(engine)
    >>> engine.dispose()
    """
    driver = driver_for(target)
    statement = (
        "PRAGMA main.optimize(0x10002)" if driver.version >= _KNOWS_ALL_TABLES else "ANALYZE main"
    )
    return _run(target, statement, timeout)


def vacuum(target: Engine | str | os.PathLike[str], *, timeout: float = 30.0) -> Upkeep:
    """Write the database anew without its empty pages, and give those back to the disk.

    Writers wait for as long as that takes, which is seconds for each gigabyte; with a WAL readers do
    not. It needs as much room on the disk as the database twice (sqlite.org, "VACUUM").

    Args:
        target: an engine on a file, a path or a URL.
        timeout: seconds to wait for the turn and for locks of SQLite.

    Raises:
        ConfigurationError: there is no such database.
        DatabaseLockedError: the turn, or SQLite's lock, could not be had in time.
        BackupError: the database is damaged, or the disk is full or failed.

    >>> from hardlite import create_hardened_engine, vacuum
    >>> engine = create_hardened_engine("sqlite:///shop.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> done = vacuum(engine)
    >>> engine.dispose()
    """
    return _run(target, "VACUUM main", timeout)


def _run(target: Engine | str | os.PathLike[str], statement: str, timeout: float) -> Upkeep:
    file, driver = database_file(target), driver_for(target)
    with (
        failing_as(f"{statement} failed on {file}", driver),
        opened(file, driver, busy_timeout=timeout) as connection,
        own_turn(file, driver, timeout=timeout, label=statement),
    ):
        started = system_clock.now()
        before = _size(connection)
        connection.run(f"PRAGMA analysis_limit = {_ROWS_LOOKED_AT}").fetchall()
        connection.run(statement).fetchall()
        return Upkeep(
            path=file,
            bytes_before=before,
            bytes_after=_size(connection),
            took=system_clock.now() - started,
        )


def _size(connection: AnyHardenedConnection) -> int:
    (pages,) = connection.run("PRAGMA main.page_count").fetchone()
    (page_size,) = connection.run("PRAGMA main.page_size").fetchone()
    return int(pages * page_size)
