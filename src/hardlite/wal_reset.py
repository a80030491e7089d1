"""The WAL-reset bug: which SQLite has it, and what is told of it.

A checkpoint that meets a writer at a certain moment can lose frames of the log, and the file is
damaged (sqlite.org, "Write-Ahead Logging", section "The WAL-Reset Bug").
"""

import logging

from hardlite.connections.drivers import Driver
from hardlite.log_events import log_event

__all__ = ["tell_of_wal_reset", "wal_reset_bug", "wal_reset_report"]

_log = logging.getLogger("hardlite.engine")
_told: set[tuple[str, tuple[int, int, int]]] = set()


def wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Say whether a SQLite of this version may have the WAL-reset bug.

    Fixed in 3.51.3 and in the backports 3.50.7 and 3.44.6; a distribution may have mended an older
    number.

    >>> wal_reset_bug((3, 51, 2)), wal_reset_bug((3, 51, 3))
    (True, False)
    """
    fixed = (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )
    return version >= (3, 7, 0) and not fixed


def wal_reset_report(driver: Driver) -> str | None:
    """Tell what the bug means for users of ``driver``, and what to do; None if it is mended there.

    >>> from hardlite.connections.drivers import driver_named
    >>> report = wal_reset_report(driver_named("sqlite3"))
    """
    if not wal_reset_bug(driver.version):
        return None
    version = ".".join(map(str, driver.version))
    newer = (
        "driver='pysqlite3' brings one" if driver.name == "sqlite3" else f"upgrade {driver.name}"
    )
    return (
        f"SQLite {version}, with which {driver.name} is linked, may have the WAL-reset bug: a "
        "checkpoint that meets a commit of another process can lose a part of it and damage the "
        "file. hardlite runs every checkpoint in a turn, so hardened programs do not do that to "
        "each other; a checkpoint by a program without hardlite still can. Use SQLite 3.51.3 or "
        f"newer ({newer}), and run no PRAGMA wal_checkpoint from programs without hardlite"
    )


def tell_of_wal_reset(driver: Driver) -> None:
    """Log the report, if there is one, once for each library of this process."""
    report = wal_reset_report(driver)
    library = (driver.name, driver.version)
    if report is not None and library not in _told:
        _told.add(library)
        version = ".".join(map(str, driver.version))
        _log.info(
            "%s", report, extra=log_event("wal_reset.possible", driver=driver.name, sqlite=version)
        )
