"""The gate: one writer at a time into a database file, first come, first served.

A writer takes a `Turn` before BEGIN IMMEDIATE and ends it after COMMIT or ROLLBACK has returned.
SQLite's own lock stays the arbiter of correctness; the gate adds order, which SQLite's busy
handler does not have (sqlite.org, "Register A Callback To Handle SQLITE_BUSY Errors").
"""

import collections
import contextvars
import dataclasses
import logging
import math
import os
import threading
import weakref

from hardlite.call_sites import CallSite, call_site
from hardlite.clock import Clock, system_clock
from hardlite.errors import ReentrantWriteError

__all__ = ["Gate", "Holder", "Turn", "TurnTimeoutError"]

_log = logging.getLogger("hardlite.gate")

# The turns used on behalf of what runs now: this thread's work, this request, this task. The
# thread alone says too little: one of a pool takes up other work while its turn waits for another
# thread to commit it, as requests of FastAPI do.
_used_here: contextvars.ContextVar[tuple["weakref.ref[Turn]", ...]] = contextvars.ContextVar(
    "hardlite_turns_used_here", default=()
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has the turn.

    Attributes:
        pid: process id.
        thread: name of the thread, or what is known of one that has ended.
        held: seconds the turn has lasted so far.
        site: the line of code where the transaction began, if it is known.
    """

    pid: int
    thread: str
    held: float
    site: CallSite | None

    def __str__(self) -> str:
        place = f", begun at {self.site}" if self.site else ""
        return f"{self.thread} of process {self.pid} for {self.held:.3f} s{place}"


class TurnTimeoutError(Exception):
    """The gate did not grant a turn in time; the connection turns this into a lock error."""

    def __init__(self, waited: float, holder: Holder | None, ahead: int) -> None:
        super().__init__(waited, holder, ahead)
        self.waited = waited
        self.holder = holder
        self.ahead = ahead


class Turn:
    """The right to write, from `Gate.take` until `release`.

    Attributes:
        owner: identifier of the thread that used the turn last.
        site: where it was taken.
        since: the clock's reading when it was granted.
        waited: seconds spent waiting for it.
    """

    __slots__ = ("__weakref__", "_gate", "_mark", "owner", "since", "site", "waited")

    def __init__(self, gate: "Gate", owner: int, site: CallSite | None, since: float) -> None:
        self._gate = gate
        self._mark: weakref.ref[Turn] = weakref.ref(self)
        self.owner = owner
        self.site = site
        self.since = since
        self.waited = 0.0

    def held(self) -> float:
        """Seconds since the turn was granted."""
        return self._gate.clock.now() - self.since

    def use(self) -> None:
        """Note that this thread uses the turn, and on whose behalf."""
        self.owner = threading.get_ident()
        marks = _used_here.get()
        if self._mark not in marks:
            alive = tuple(mark for mark in marks if mark() is not None)
            _used_here.set((*alive, self._mark))

    def is_mine(self) -> bool:
        """Say whether whoever asks has this turn, and so would wait for itself."""
        return self.owner == threading.get_ident() and self._mark in _used_here.get()

    def release(self) -> None:
        """Hand the turn to the next in line; a second call does nothing."""
        self._gate.release(self)


class _Waiter:
    __slots__ = ("granted", "started", "turn")

    def __init__(self, turn: Turn, started: float) -> None:
        self.turn = turn
        self.started = started
        self.granted = threading.Lock()
        self.granted.acquire()


class Gate:
    """First come, first served among the threads of this process.

    Args:
        name: what to call the database in messages.
        clock: measures waits and holds.
    """

    def __init__(self, name: str, *, clock: Clock = system_clock) -> None:
        self.name = name
        self.clock = clock
        self._lock = threading.Lock()
        self._turn: Turn | None = None
        self._queue: collections.deque[_Waiter] = collections.deque()
        # A turn may be released by the garbage collector while this very thread is inside the
        # lock; so a release only notes the turn here, and whoever has the lock settles it.
        self._ended: collections.deque[Turn] = collections.deque()

    def take(self, timeout: float, *, warn_wait: float = math.inf) -> Turn:
        """Wait for the turn.

        Args:
            timeout: longest wait, in seconds.
            warn_wait: seconds of waiting after which a warning names the holder.

        Raises:
            TurnTimeoutError: the timeout passed first.
            ReentrantWriteError: this thread has the turn already, so it would wait for itself.
        """
        started = self.clock.now()
        turn = Turn(self, threading.get_ident(), call_site(), started)
        turn.use()
        try:
            waiter = self._enter(turn, started)
            if waiter is not None:
                self._wait(waiter, timeout, warn_wait)
            return turn
        except BaseException:
            # An interrupt must not leave a turn that nobody holds or a place that nobody wants.
            self._withdraw(turn)
            self.release(turn)
            raise

    def holder(self) -> Holder | None:
        """Say who has the turn right now."""
        turn = self._turn
        return None if turn is None else self._describe(turn)

    def waiting(self) -> int:
        """Count the threads that wait for a turn."""
        return len(self._queue)

    def release(self, turn: Turn) -> None:
        """End ``turn``; ending a turn that is over already does nothing."""
        self._ended.append(turn)
        self._settle()

    def _enter(self, turn: Turn, started: float) -> _Waiter | None:
        """Take the free turn and return None, or join the queue."""
        try:
            with self._lock:
                current = self._turn
                if current is None and not self._queue:
                    self._turn = turn
                    return None
                if current is not None and current.is_mine() and current not in self._ended:
                    raise self._reentrant(current, turn)
                waiter = _Waiter(turn, started)
                self._queue.append(waiter)
                return waiter
        finally:
            self._settle()

    def _wait(self, waiter: _Waiter, timeout: float, warn_wait: float) -> None:
        if self._granted_within(waiter, timeout, warn_wait):
            return
        holder, ahead = self.holder(), self._ahead_of(waiter)
        if self._withdraw(waiter.turn):
            raise TurnTimeoutError(self.clock.now() - waiter.started, holder, ahead)

    def _granted_within(self, waiter: _Waiter, timeout: float, warn_wait: float) -> bool:
        quiet = min(timeout, warn_wait, threading.TIMEOUT_MAX)
        if waiter.granted.acquire(timeout=quiet):
            return True
        if quiet == timeout:
            return False
        waited = self.clock.now() - waiter.started
        _log.warning(
            "waiting for a turn on %s since %.1f s; it is held by %s",
            self.name,
            waited,
            self.holder() or "nobody any more",
        )
        return waiter.granted.acquire(timeout=min(timeout - quiet, threading.TIMEOUT_MAX))

    def _withdraw(self, turn: Turn) -> bool:
        """Leave the queue; say no if the turn was granted in the meantime."""
        with self._lock:
            places = [waiter for waiter in self._queue if waiter.turn is turn]
            for waiter in places:
                self._queue.remove(waiter)
        self._settle()
        return bool(places)

    def _ahead_of(self, waiter: _Waiter) -> int:
        queue = list(self._queue)
        return queue.index(waiter) if waiter in queue else 0

    def _settle(self) -> None:
        # Never waits for a thread that waits for this one: whoever has a lock and is made by the
        # garbage collector to release a turn of another gate has seen that gate's lock free.
        # Looked at again after each unlock: what was noted meanwhile is not left over.
        while self._ended and not self._lock.locked():
            with self._lock:
                # A turn leaves the list last, and a waiter the queue: after an interrupt at any
                # point the next to come here finishes what was begun.
                while self._ended:
                    if self._ended[0] is self._turn:
                        self._hand_over(self._ended[0])
                    self._ended.popleft()

    def _hand_over(self, ended: Turn) -> None:
        now = self.clock.now()
        if self._queue and self._queue[0].turn is ended:
            self._queue.popleft()
        if not self._queue:
            self._turn = None
            return
        waiter = self._queue[0]
        waiter.turn.since = now
        waiter.turn.waited = now - waiter.started
        self._turn = waiter.turn
        waiter.granted.release()
        self._queue.popleft()

    def _describe(self, turn: Turn) -> Holder:
        names = {thread.ident: f"thread {thread.name!r}" for thread in threading.enumerate()}
        return Holder(
            pid=os.getpid(),
            thread=names.get(turn.owner, "a thread that has ended"),
            held=turn.held(),
            site=turn.site,
        )

    def _reentrant(self, current: Turn, asking: Turn) -> ReentrantWriteError:
        return ReentrantWriteError(
            f"This thread already has the turn on {self.name}, taken at {current.site}, "
            f"and asks for another one on a second connection at {asking.site}: "
            "it would wait for itself",
            "Use the first session or connection for both writes, or commit it before the second.",
        )
