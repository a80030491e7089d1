"""Who waits for a turn: a thread, which sleeps meanwhile, or a task, whose loop goes on.

The gate tells the first in line that the turn is there. It does so from whichever thread ended the
turn before, with its lock in hand, and after an interrupt perhaps once more; so neither waits.
"""

import asyncio
import threading
from typing import Protocol

from hardlite.turns.holder import Holder
from hardlite.turns.turn import Turn

__all__ = ["TurnTimeoutError", "Waiter", "WaitingTask", "WaitingThread"]


class TurnTimeoutError(Exception):
    """The gate did not grant a turn in time; the connection turns this into a lock error."""

    def __init__(self, waited: float, holder: Holder | None, ahead: int) -> None:
        super().__init__(waited, holder, ahead)
        self.waited = waited
        self.holder = holder
        self.ahead = ahead


class Waiter(Protocol):
    """A place in the queue.

    Attributes:
        turn: what is waited for.
    """

    turn: Turn

    def __init__(self, turn: Turn) -> None: ...

    def tell(self) -> bool:
        """Tell that the turn is there; say no if nobody can hear it any more."""
        ...


class WaitingThread:
    """A thread that waits."""

    __slots__ = ("_told", "turn")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self._told = threading.Lock()
        self._told.acquire()

    def tell(self) -> bool:
        """Wake the thread."""
        if self._told.locked():
            self._told.release()
        return True

    def is_told(self, within: float) -> bool:
        """Wait for so many seconds at the most; say whether the turn is there."""
        return self._told.acquire(timeout=min(within, threading.TIMEOUT_MAX))


class WaitingTask:
    """A task that waits; it is made in the task's own loop."""

    __slots__ = ("_loop", "_told", "turn")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self._loop = asyncio.get_running_loop()
        self._told = self._loop.create_future()

    def tell(self) -> bool:
        """Wake the task, if its loop has not been closed under it."""
        try:
            self._loop.call_soon_threadsafe(self._hear)
        except RuntimeError:
            return False
        return True

    async def is_told(self, within: float) -> bool:
        """Await it for so many seconds at the most; say whether the turn is there."""
        await asyncio.wait([self._told], timeout=min(within, threading.TIMEOUT_MAX))
        return self._told.done()

    def _hear(self) -> None:
        if not self._told.done():
            self._told.set_result(None)
