"""A turn for an operation that is no transaction of its own connection."""

import contextlib
from collections.abc import Iterator

from hardlite.connections import locked
from hardlite.connections.drivers import Driver
from hardlite.profile import Profile
from hardlite.turns.gate import TurnTimeoutError
from hardlite.turns.gate_registry import gate_for

__all__ = ["own_turn"]


@contextlib.contextmanager
def own_turn(file: str, driver: Driver, *, timeout: float, label: str) -> Iterator[None]:
    """Have the turn on a database, as a writer has it.

    Args:
        file: the real path of the database.
        driver: whose error is raised.
        timeout: seconds to wait for it.
        label: what it is wanted for, for those who wait behind it.

    Raises:
        LockedByOtherError: it was not granted in time.
        ReentrantWriteError: this thread has it already.
    """
    gate = gate_for(file)
    try:
        turn = gate.take(timeout, label=label, warn_wait=Profile().warn_wait)
    except TurnTimeoutError as error:
        raise locked.no_turn(file, error, driver.locked_error) from None
    try:
        yield
    finally:
        turn.release()
