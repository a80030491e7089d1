"""From the driver's errors to SQLAlchemy's, where hardlite has more to say than SQLite."""

from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError

from hardlite.connections.locked import FOREIGN_HINT, STALE_HINT
from hardlite.errors import (
    DatabaseLockedError,
    DatabaseReplacedError,
    FileReplacedError,
    LockedByOtherError,
    StaleSnapshotError,
)
from hardlite.result_codes import Fate, fate_of

__all__ = ["told", "translate"]


def told(
    error: BaseException,
    *,
    statement: str | None = None,
    parameters: object = None,
    hide_parameters: bool = False,
    ismulti: bool | None = None,
) -> DatabaseLockedError | DatabaseReplacedError | None:
    """Make SQLAlchemy's face of an error of the driver, or say None where its own will do."""
    if isinstance(error, FileReplacedError):
        return DatabaseReplacedError(
            statement,
            parameters,
            error,
            error.hint,
            hide_parameters=hide_parameters,
            ismulti=ismulti,
        )
    fate = fate_of(error)
    if fate not in {Fate.WAIT, Fate.RESTART}:
        return None
    stale = fate is Fate.RESTART
    hint, waited, holder = STALE_HINT if stale else FOREIGN_HINT, 0.0, None
    if isinstance(error, LockedByOtherError):
        hint, waited, holder = error.hint, error.waited, error.holder
    kind = StaleSnapshotError if stale else DatabaseLockedError
    return kind(
        statement,
        parameters,
        error,
        hint,
        waited=waited,
        holder=holder,
        hide_parameters=hide_parameters,
        ismulti=ismulti,
    )


def translate(context: ExceptionContext) -> DatabaseLockedError | DatabaseReplacedError | None:
    """Turn an error of the driver into hardlite's; leave every other error as it is.

    This is the engine's ``handle_error`` listener (SQLAlchemy, "Core Events").
    """
    error = context.original_exception
    if isinstance(error, DBAPIError):
        # It has been told already, where it came from.
        return None
    if isinstance(error, FileReplacedError):
        # Then no connection of the pool is of use any more, and SQLAlchemy closes them.
        context.is_disconnect = True
    engine = context.engine
    return told(
        error,
        statement=context.statement,
        parameters=context.parameters,
        hide_parameters=engine is not None and engine.hide_parameters,
        # With it SQLAlchemy shows the first and last of many parameter sets, not all of them.
        ismulti=getattr(context.sqlalchemy_exception, "ismulti", None),
    )
