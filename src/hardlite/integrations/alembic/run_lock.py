"""One run of migrations at a time on a database file, across threads and processes.

The turn cannot be that lock: it ends with each transaction, and a migration that works in batches
has several, between which others may write but nobody else may migrate.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from hardlite.clock import Clock
from hardlite.errors import DatabaseLockedError, LockedByOtherError
from hardlite.integrations.alembic.happenings import Happening, Tell
from hardlite.lock_holders.claim_files import give_back, owner_of, take
from hardlite.log_events import log_event
from hardlite.turns.holder import Holder

__all__ = ["one_run_at_a_time", "run_lock_file"]

_log = logging.getLogger("hardlite.migrations")

_PAUSE: Final = 0.02
"""Seconds between two tries."""


def run_lock_file(database: str) -> str:
    """Return the path of the lock file."""
    return f"{database}-migration"


@contextlib.contextmanager
def one_run_at_a_time(
    database: str,
    *,
    timeout: float,
    clock: Clock,
    pause: Callable[[float], None],
    tell: Tell | None,
) -> Iterator[None]:
    """Wait until nobody else migrates, and have that for as long as the block lasts.

    Args:
        database: the path of the database; empty if it is in memory, where no other process is.
        timeout: seconds to wait.
        clock: measures the wait, and tells the others since when.
        pause: waits between two tries.
        tell: is told of the wait; None if nobody wants to know.

    Raises:
        DatabaseLockedError: somebody else still migrates after ``timeout`` seconds.
    """
    if not database:
        yield
        return
    path = run_lock_file(database)
    try:
        descriptor = _waited_for(path, timeout, clock, pause, tell)
    except OSError as error:
        # SQLite's write lock, under which the revision is read again, still keeps runs apart.
        _log.warning(
            "nobody is kept from migrating %s at the same time: %s",
            database,
            error,
            extra=log_event("migration.unclaimed", database=database, reason=str(error)),
        )
        yield
        return
    try:
        yield
    finally:
        give_back(path, descriptor)


def _waited_for(
    path: str,
    timeout: float,
    clock: Clock,
    pause: Callable[[float], None],
    tell: Tell | None,
) -> int:
    started = clock.now()
    told = False
    while True:
        descriptor = take(path, label="migrations", clock=clock)
        if descriptor is not None:
            return descriptor
        waited = clock.now() - started
        if waited >= timeout:
            raise _too_long(path, waited, owner_of(path, clock))
        if tell is not None and not told:
            told = True
            owner = owner_of(path, clock) or "a process that has not said who"
            tell(Happening(what="waiting", name=str(owner)))
        pause(_PAUSE)


def _too_long(path: str, waited: float, owner: Holder | None) -> DatabaseLockedError:
    cause = LockedByOtherError(
        f"waited {waited:.3f} s for another run of migrations to end, which holds {path}: "
        f"{owner or 'a process that has not told its name'}",
        hint="Let that run end, or end its process; or give run_migrations a longer timeout=.",
        waited=waited,
        holder=owner,
    )
    return DatabaseLockedError(None, None, cause, cause.hint, waited=waited, holder=owner)
