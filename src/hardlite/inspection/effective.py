"""What an engine's connections hold: which driver, and which pragmas, that no file tells."""

import os
from typing import Final

from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

from hardlite.connections.drivers import SQLITE3, Driver, driver_named
from hardlite.engine import profile_of

__all__ = ["driver_for", "effective_pragmas"]

_PRAGMAS: Final = (
    "journal_mode",
    "synchronous",
    "foreign_keys",
    "busy_timeout",
    "cache_size",
    "temp_store",
    "mmap_size",
    "wal_autocheckpoint",
    "journal_size_limit",
    "locking_mode",
)


def driver_for(target: Engine | str | os.PathLike[str]) -> Driver:
    """Return the driver that an engine uses; for a path, that of the standard library."""
    profile = profile_of(target) if isinstance(target, Engine) else None
    return SQLITE3 if profile is None else driver_named(profile.driver)


def effective_pragmas(engine: Engine, notes: list[str]) -> dict[str, int | str] | None:
    """Ask an idle connection of an engine what it holds, as SQLite says it.

    A new connection is not opened for it: that sets the journal mode, which stays in the file, and
    where all are in use it would wait for one.

    Args:
        engine: the engine.
        notes: gets a line where nobody could be asked.
    """
    pool = engine.pool
    if engine.dialect.is_async or not isinstance(pool, QueuePool) or not pool.checkedin():
        notes.append("pragmas of connections are not shown: none is idle in the engine's pool")
        return None
    with engine.connect().execution_options(hardlite_transaction="relaxed") as connection:
        return {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in _PRAGMAS
        }
