"""From a lock that was not had to an error that says who, how long, and what to do."""

import sqlite3

from sqlalchemy.engine.interfaces import ExceptionContext

from hardlite.errors import DatabaseLockedError, LockedByOtherError, StaleSnapshotError
from hardlite.gate import TurnTimeoutError
from hardlite.result_codes import Fate, fate_of

__all__ = ["foreign_lock", "lock_error", "no_turn", "stale_snapshot", "translate"]

_STALE_HINT = (
    "Start the transaction again from its first read, for example with run_in_transaction; or "
    "take the turn before reading, with Session.writer() or SELECT ... FOR UPDATE. If a result of "
    "an earlier SELECT is still open on this connection, fetch it whole before writing."
)
_FOREIGN_HINT = (
    "A program that does not use hardlite, or a checkpoint or backup, holds the lock. Find it "
    "with lsof or fuser on the database file; let it commit, or give the writer a longer timeout."
)


def no_turn(database: str, cause: TurnTimeoutError) -> LockedByOtherError:
    """Describe a turn that was not granted in time."""
    holder = cause.holder
    who = f"the turn is held by {holder}" if holder else "the turn was passed on at that moment"
    return LockedByOtherError(
        f"database is locked: waited {cause.waited:.3f} s for a turn on {database}, "
        f"with {cause.ahead} writers ahead in the queue; {who}",
        hint=(
            "Shorten the transaction named above (no network, files or user input between its "
            "first write and its commit), split long imports with batched_unit_of_work, or give "
            "this writer a longer timeout."
        ),
        waited=cause.waited,
        holder=holder,
    )


def foreign_lock(database: str, waited: float) -> LockedByOtherError:
    """Describe a lock of SQLite that somebody outside of the gate holds."""
    return LockedByOtherError(
        f"database is locked: it was this writer's turn on {database}, but somebody outside of "
        f"hardlite held SQLite's write lock for the {waited:.3f} s it waited",
        hint=_FOREIGN_HINT,
        waited=waited,
    )


def stale_snapshot(database: str) -> LockedByOtherError:
    """Describe a snapshot that is too old to be written on."""
    return LockedByOtherError(
        f"database is locked: this transaction has read {database} as it was before another "
        "commit, and cannot write on what is out of date",
        hint=_STALE_HINT,
        stale=True,
    )


def lock_error(
    error: sqlite3.Error,
    *,
    statement: str | None = None,
    parameters: object = None,
    hide_parameters: bool = False,
    ismulti: bool | None = None,
) -> DatabaseLockedError:
    """Make SQLAlchemy's face of a lock error of the driver."""
    stale = fate_of(error) is Fate.RESTART
    hint, waited, holder = _STALE_HINT if stale else _FOREIGN_HINT, 0.0, None
    if isinstance(error, LockedByOtherError):
        hint, waited, holder = error.hint, error.waited, error.holder
    kind = StaleSnapshotError if stale else DatabaseLockedError
    return kind(statement, parameters, error, hint, waited, holder, hide_parameters, ismulti)


def translate(context: ExceptionContext) -> DatabaseLockedError | None:
    """Turn a lock error of the driver into hardlite's; leave every other error as it is.

    This is the engine's ``handle_error`` listener (SQLAlchemy, "Core Events").
    """
    error = context.original_exception
    if not isinstance(error, sqlite3.Error) or fate_of(error) not in {Fate.WAIT, Fate.RESTART}:
        return None
    engine = context.engine
    return lock_error(
        error,
        statement=context.statement,
        parameters=context.parameters,
        hide_parameters=engine is not None and engine.hide_parameters,
        # With it SQLAlchemy shows the first and last of many parameter sets, not all of them.
        ismulti=getattr(context.sqlalchemy_exception, "ismulti", None),
    )
