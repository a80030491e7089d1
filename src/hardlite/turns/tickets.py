"""Tickets: the order in which processes come to the place next in line.

The kernel wakes the first of those who wait for a `flock`, but hands nothing over: until that
process has a processor, whoever asks finds the lock free and is in before all of them, who then
queue anew. With 32 processes on two processors one ask in ten gets in like that, and others wait
three times as long as first come, first served would let them.

So a process that has to wait draws a number, locks the byte of that number in the queue's file, and
waits for the bytes of all who drew before. Nobody else ever waits for those in its stead.

This is Linux's alone: elsewhere, and on network file systems, locks on bytes and `flock` are in
each other's way (flock(2)). There, and where bytes cannot be locked, `flock` has to do.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

__all__ = ["FIRST_TICKET", "anybody_came_before", "in_order_of_arrival"]

FIRST_TICKET: Final = 64
"""The byte of number 0."""

if sys.platform == "linux":
    import fcntl

    _DRAWING = 0
    """The byte that is locked while a number is drawn."""
    _COUNTER = 8
    """Where the number that was drawn last stands, in eight bytes."""
    _NUMBERS = 1 << 60

    @contextlib.contextmanager
    def in_order_of_arrival(descriptor: int) -> Iterator[None]:
        """Wait until all who came before have left, and keep others behind until the block ends.

        Args:
            descriptor: the queue's file.
        """
        number = None
        # OSError: the file may be somebody else's and open for reading only, or there are too many
        # locks. Or two processes wait for each other in the queues of two databases, by different
        # threads: POSIX locks are those of processes, so the kernel takes that for a deadlock.
        with contextlib.suppress(OSError):
            number = _draw(descriptor)
            _wait_for_those_before(descriptor, number)
        try:
            yield
        finally:
            if number is not None:
                with contextlib.suppress(OSError):
                    fcntl.lockf(descriptor, fcntl.LOCK_UN, 0, FIRST_TICKET)

    def anybody_came_before(descriptor: int) -> bool:
        """Say whether a process has drawn a number, and is not in yet.

        Args:
            descriptor: the queue's file.
        """
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 0, FIRST_TICKET)
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 0, FIRST_TICKET)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _draw(descriptor: int) -> int:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _DRAWING)
        try:
            drawn = int.from_bytes(os.pread(descriptor, 8, _COUNTER), "little")
            number = (drawn + 1) % _NUMBERS
            os.pwrite(descriptor, number.to_bytes(8, "little"), _COUNTER)
            fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, FIRST_TICKET + number)
            return number
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _DRAWING)

    def _wait_for_those_before(descriptor: int, number: int) -> None:
        if number:
            # The one before alone, so that only one process wakes up when a byte gets free.
            fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, FIRST_TICKET + number - 1)
            # And those whose successor was killed.
            fcntl.lockf(descriptor, fcntl.LOCK_EX, number, FIRST_TICKET)
            fcntl.lockf(descriptor, fcntl.LOCK_UN, number, FIRST_TICKET)

else:  # Not Linux

    @contextlib.contextmanager
    def in_order_of_arrival(descriptor: int) -> Iterator[None]:  # noqa: ARG001
        """Leave the order to `flock`.

        Args:
            descriptor: the queue's file.
        """
        yield

    def anybody_came_before(descriptor: int) -> bool:  # noqa: ARG001
        """Say that nobody has drawn a number."""
        return False
