"""This process's claim to the turn among all processes that write to a database file."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Protocol

from hardlite.turns.turn_files import TurnFiles

__all__ = ["Alone", "Claim", "ProcessClaim"]

_let_others_run: Callable[[], None] = getattr(os, "sched_yield", lambda: None)

_IDLE = 1.0
"""Seconds after which the thread that waits for the turn ends if nobody needs it."""


class Claim(Protocol):
    """What a gate asks of it, always with the gate's lock in hand.

    Attributes:
        shared: there are other processes to leave word for.
        held: it is this process's turn.
        sought: a thread waits in the kernel for it to be.
    """

    shared: bool
    held: bool
    sought: bool

    @property
    def trouble(self) -> Exception | None:
        """Why processes could not be ordered, the last time that was tried."""
        ...

    def try_now(self) -> bool:
        """Claim the turn if no other process has it or is next; say whether that was so."""
        ...

    def seek(self, granted: Callable[[], None]) -> None:
        """Begin to wait for it; ``granted`` is then called, from a thread of its own.

        Where no thread can be started, the turn is held at once, without those of others.
        """
        ...

    def others_wait(self) -> bool:
        """Say whether another process is next."""
        ...

    def drop(self) -> None:
        """Give it back."""
        ...

    def write_note(self, note: bytes) -> None:
        """Leave word for other processes of who has the turn."""
        ...

    def rest(self) -> None:
        """End a thread that has nothing to do, before a fork: Python warns of forks with threads."""
        ...

    def forget(self) -> None:
        """Let go of what a fork copied from the parent, and leave the parent's claim alone."""
        ...


class Alone:
    """The claim to what only this process has, such as a database in memory."""

    shared = False
    held = True
    sought = False
    trouble = None

    def try_now(self) -> bool:
        """There is nobody else."""
        return True

    def seek(self, granted: Callable[[], None]) -> None:
        """It is held already."""

    def others_wait(self) -> bool:
        """There are no others."""
        return False

    def drop(self) -> None:
        """Nothing was taken."""

    def write_note(self, note: bytes) -> None:
        """Nobody would read it."""

    def rest(self) -> None:
        """There is no thread."""

    def forget(self) -> None:
        """Nothing was copied."""


class ProcessClaim:
    """The claim by the two lock files.

    Waiting for a file lock cannot be given a timeout, so a thread of its own does that, while
    those who want the turn wait for it with one. If they all give up, it waits on: the place in
    the queue is kept for whoever of this process comes next, and if nobody has come when the turn
    is granted, it is given back at once.
    """

    def __init__(self, files: TurnFiles) -> None:
        self.files = files
        self.shared = True
        self.held = False
        self.sought = False
        self._was_sought = False
        # Whom to tell when the turn is there; None just wakes the thread.
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        # The garbage collector may make a thread that has it release a turn, and so seek the next.
        self._lock = threading.RLock()

    @property
    def trouble(self) -> Exception | None:
        """Why processes could not be ordered, the last time that was tried."""
        return self.files.trouble

    def try_now(self) -> bool:
        """Claim the turn if no other process has it or is next; say whether that was so."""
        self.held = self.files.try_claim()
        self._was_sought = False
        return self.held

    def seek(self, granted: Callable[[], None]) -> None:
        """Begin to wait for it; ``granted`` is then called, from a thread of its own.

        Where no thread can be started, the turn is held at once, without those of others.
        """
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._serve, name="hardlite-gate", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    # There are too many already, or the interpreter is about to end.
                    self.files.go_without(error)
                    self.held = True
                    return
                self._thread = thread
            self._orders.put(granted)
        # Last, so that after an interrupt nobody takes for sought what no thread seeks.
        self.sought = True

    def others_wait(self) -> bool:
        """Say whether another process is next."""
        return self.files.others_wait()

    def drop(self) -> None:
        """Give it back; unlocks even if it is not held, as an interrupt may have come between."""
        if not self.sought:
            self.held = False
            self.files.release()
            if self._was_sought:
                # Who is next has been woken, and may have to run on this very processor: a process
                # that goes on here keeps everybody waiting for what it does after its turn.
                _let_others_run()

    def write_note(self, note: bytes) -> None:
        """Leave word for other processes of who has the turn."""
        self.files.write_note(note)

    def rest(self) -> None:
        """End a thread that has nothing to do, before a fork: Python warns of forks with threads."""
        with self._lock:
            thread = self._thread
            if thread is None or self.sought:
                return
            self._orders.put(None)
        # Not for ever: somebody may seek the turn just now, and so give it something to do.
        thread.join(_IDLE)

    def forget(self) -> None:
        """Let go of what a fork copied from the parent, and leave the parent's claim alone."""
        self.files.close()

    def _serve(self) -> None:
        while True:
            granted = None
            with contextlib.suppress(queue.Empty):
                granted = self._orders.get(timeout=_IDLE)
            if granted is not None:
                self.files.claim()
                self._was_sought = True
                granted()
                continue
            with self._lock:
                self._thread = None
                if self._orders.empty():
                    return
                self._thread = threading.current_thread()
