"""What is told of a turn: who has it, who waits for it, and who may not ask for it."""

import os

from hardlite.errors import ReentrantWriteError
from hardlite.turns.gate_note import encode
from hardlite.turns.holder import Holder
from hardlite.turns.turn import Turn

__all__ = ["holder_of", "note_of", "reentrant"]


def holder_of(turn: Turn, seconds: float) -> Holder:
    """Describe who has a turn of this process, or waits for it.

    Args:
        turn: the turn.
        seconds: how long that has lasted.
    """
    return Holder(
        pid=os.getpid(),
        thread=turn.user(),
        held=seconds,
        site=turn.site,
        label=turn.label or None,
    )


def note_of(turn: Turn, now: float) -> bytes:
    """Return what other processes may read of a turn that is about to begin.

    Args:
        turn: the turn; to be asked by whoever takes it.
        now: seconds since 1970.
    """
    return encode(os.getpid(), now, turn.taker(), turn.site, turn.label)


def reentrant(database: str, current: Turn, asking: Turn) -> ReentrantWriteError:
    """Make the error for whoever has a turn and would wait for itself with another one."""
    return ReentrantWriteError(
        f"This {'task' if asking.awaited else 'thread'} already has the turn on {database}, "
        f"taken at {current.site}, and asks for another one on a second connection at "
        f"{asking.site}: it would wait for itself",
        "Use the first session or connection for both writes, or commit it before the second.",
    )
