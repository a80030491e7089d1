"""What the driver raises for a lock that was not had: who has it, how long, and what to do."""

import logging
import os
import pathlib

from hardlite.errors import LockedByOtherError
from hardlite.lock_holders import LockHolders, look_at
from hardlite.log_events import log_event
from hardlite.turns.figures import figures_for
from hardlite.turns.gate import TurnTimeoutError
from hardlite.turns.holder import Holder

__all__ = [
    "FOREIGN_HINT",
    "STALE_HINT",
    "foreign_lock",
    "no_turn",
    "stale_snapshot",
    "turn_holder",
    "warn_of_foreign_lock",
]

_log = logging.getLogger("hardlite.connection")

STALE_HINT = (
    "Start the transaction again from its first read, for example with run_in_transaction; or "
    "take the turn before reading, with Session.writer() or SELECT ... FOR UPDATE. If a result of "
    "an earlier SELECT is still open on this connection, fetch it whole before writing."
)
FOREIGN_HINT = (
    "A program that does not use hardlite, or a checkpoint or backup, holds the lock: see "
    "`hardlite who` on the database file. Let it commit, or give the writer a longer timeout."
)


def turn_holder(file: str) -> Holder | None:
    """Say who of another process has the turn on a file."""
    seen = _look(file)
    return None if seen is None else seen.turn


def no_turn(
    database: str, cause: TurnTimeoutError, kind: type[LockedByOtherError] = LockedByOtherError
) -> LockedByOtherError:
    """Describe a turn that was not granted in time."""
    figures_for(database).refuses("turn")
    seen = _look(database)
    holder, who = cause.holder, "the turn is held by"
    following = None if seen is None else seen.next_in_line
    if holder is None and following is not None and following.pid != os.getpid():
        # The turn is free, and whose it is next does not take it: it may be stopped.
        holder, who = following, "the turn is free, and it is offered to"
    told = f"{who} {holder}" if holder else "the turn was passed on at that moment"
    return kind(
        f"database is locked: waited {cause.waited:.3f} s for a turn on {database}, "
        f"with {_ahead(seen, cause.ahead)} ahead in the queue; {told}",
        hint=(
            "Shorten the transaction named above (no network, files or user input between its "
            "first write and its commit), split long imports with batched_unit_of_work, or give "
            "this writer a longer timeout."
        ),
        waited=cause.waited,
        holder=holder,
    )


def foreign_lock(
    database: str, waited: float, kind: type[LockedByOtherError] = LockedByOtherError
) -> LockedByOtherError:
    """Describe a lock of SQLite that somebody outside of the gate holds."""
    figures_for(database).refuses("foreign_lock")
    holder = _foreign_holder(database)
    return kind(
        f"database is locked: it was this writer's turn on {database}, but for the {waited:.3f} s "
        f"it waited SQLite's lock was held by {holder or 'somebody'}, outside of hardlite",
        hint=FOREIGN_HINT,
        waited=waited,
        holder=holder,
    )


def warn_of_foreign_lock(database: str, waited: float) -> None:
    """Log who holds SQLite's lock without having the turn."""
    holder = str(_foreign_holder(database) or "somebody")
    _log.warning(
        "waiting for SQLite's lock on %s since %.1f s, in turn; it is held by %s, outside of "
        "hardlite",
        database,
        waited,
        holder,
        extra=log_event("lock.waits", database=database, waited=waited, holder=holder),
    )


def stale_snapshot(
    database: str, kind: type[LockedByOtherError] = LockedByOtherError
) -> LockedByOtherError:
    """Describe a snapshot that is too old to be written on."""
    figures_for(database).refuses("stale_snapshot")
    return kind(
        f"database is locked: this transaction has read {database} as it was before another "
        "commit, and cannot write on what is out of date",
        hint=STALE_HINT,
        stale=True,
    )


def _look(file: str) -> LockHolders | None:
    return look_at(file, probe=False) if pathlib.Path(file).is_absolute() else None


def _foreign_holder(file: str) -> Holder | None:
    seen = _look(file)
    return None if seen is None else seen.writer


def _ahead(seen: LockHolders | None, threads: int) -> str:
    """Tell who comes first: threads of this process, and the processes that wait too."""
    others = [] if seen is None else [seen.next_in_line, *seen.queue]
    mine = os.getpid()
    processes = sorted({str(one.pid) for one in others if one is not None and one.pid != mine})
    if not processes:
        return f"{threads} writers"
    return f"{threads} writers of this process and processes {', '.join(processes)}"
