"""The gate: one writer at a time into a database file, first come, first served.

A writer takes a `Turn` before BEGIN IMMEDIATE and ends it after COMMIT or ROLLBACK has returned.
SQLite's own lock stays the arbiter of correctness; the gate adds order, which SQLite's busy
handler does not have (sqlite.org, "Register A Callback To Handle SQLITE_BUSY Errors").

Threads queue here, and the first of them makes their process queue among the processes. While no
other process waits, the turn goes from thread to thread; else the process gives it up after each
transaction and queues again, so that many threads here get no more than one thread elsewhere.
"""

import collections
import functools
import logging
import math
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hardlite.call_sites import call_site
from hardlite.clock import Clock, system_clock
from hardlite.log_events import log_event
from hardlite.turns.claims import Alone, Claim
from hardlite.turns.figures import figures_for
from hardlite.turns.holder import Holder
from hardlite.turns.telling import holder_of, note_of, reentrant
from hardlite.turns.turn import Turn
from hardlite.turns.waiting import TurnTimeoutError, Waiter, WaitingTask, WaitingThread

__all__ = ["Gate", "TurnTimeoutError"]

_log = logging.getLogger("hardlite.gate")

W = TypeVar("W", bound=Waiter)
_Wait = tuple[float, Callable[[], None]]
Aside = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs what takes a moment beside the loop, and awaits it."""

_ON_ITS_WAY = 0.1
"""Seconds that a turn which nobody has any more may take to get here from another process."""


class Gate:
    """First come, first served among the threads of this process, and it among the processes.

    Args:
        name: what to call the database in messages.
        claim: this process's claim among others; left out where there can be none.
        elsewhere: says who of another process has the turn.
        clock: measures waits and holds.
    """

    def __init__(
        self,
        name: str,
        *,
        claim: Claim | None = None,
        elsewhere: Callable[[], Holder | None] = lambda: None,
        clock: Clock = system_clock,
    ) -> None:
        self.name = name
        self.clock = clock
        self.figures = figures_for(name)
        self._claim: Claim = Alone() if claim is None else claim
        self._elsewhere = elsewhere
        self._lock = threading.Lock()
        self._turn: Turn | None = None
        self._queue: collections.deque[Waiter] = collections.deque()
        # A turn may be released by the garbage collector while this very thread is inside the
        # lock; so a release only notes the turn here, and whoever has the lock settles it.
        self._ended: collections.deque[Turn] = collections.deque()

    def take(
        self,
        timeout: float,
        *,
        label: str = "",
        warn_wait: float = math.inf,
        warn_hold: float = math.inf,
        unordered: bool = False,
    ) -> Turn:
        """Wait for the turn.

        Args:
            timeout: longest wait, in seconds.
            label: what it is wanted for, for those who wait behind it.
            warn_wait: seconds of waiting after which a warning names the holder.
            warn_hold: seconds after which the turn has been held for too long.
            unordered: keep out the threads of this process only.

        Raises:
            TurnTimeoutError: the timeout passed first.
            ReentrantWriteError: this thread has the turn already, so it would wait for itself.
        """
        turn = self._new_turn(label, warn_hold, unordered=unordered)
        turn.use()
        try:
            waiter = self._enter(turn, WaitingThread)
            if waiter is not None:
                self._wait(waiter, timeout, warn_wait)
            return self._begin(turn)
        except BaseException:
            self._leave(turn)
            raise

    async def take_awaited(
        self,
        timeout: float,
        *,
        aside: Aside,
        label: str = "",
        warn_wait: float = math.inf,
        warn_hold: float = math.inf,
    ) -> Turn:
        """Await the turn in a task, which can be cancelled; its loop goes on meanwhile.

        It is `take` in all else; ``aside`` runs what looks at other processes, beside the loop.
        """
        turn = self._new_turn(label, warn_hold, awaited=True)
        turn.use_in_task()
        try:
            waiter = self._enter(turn, WaitingTask)
            if waiter is not None:
                await self._await(waiter, timeout, warn_wait, aside)
            return self._begin(turn)
        except BaseException:
            self._leave(turn)
            raise

    @property
    def turn(self) -> Turn | None:
        """The turn that this process has right now."""
        return self._turn

    @property
    def trouble(self) -> Exception | None:
        """Why this process does not take turns with others; None if it does."""
        return self._claim.trouble

    def holder(self) -> Holder | None:
        """Say who has the turn right now, of this process or another one."""
        return self.own_holder() or self._elsewhere()

    def own_holder(self) -> Holder | None:
        """Say which thread or task of this process has the turn."""
        turn = self._turn
        return None if turn is None else holder_of(turn, turn.held())

    def queue(self) -> tuple[Holder, ...]:
        """Say which threads and tasks of this process wait for a turn, in order."""
        now = self.clock.now()
        turns = [waiter.turn for waiter in list(self._queue)]
        return tuple(holder_of(turn, now - turn.asked) for turn in turns)

    def waiting(self) -> int:
        """Count the threads and tasks that wait for a turn."""
        return len(self._queue)

    def release(self, turn: Turn) -> None:
        """End ``turn``; ending a turn that is over already does nothing."""
        self._ended.append(turn)
        self._settle()

    def rest(self) -> None:
        """End what need not go on while nobody waits, before a fork."""
        self._claim.rest()

    def forget(self) -> None:
        """Let go of everything shared with the parent, in a child that a fork has made."""
        self._claim.forget()

    def _new_turn(self, label: str, warn_hold: float, **kind: bool) -> Turn:
        return Turn(
            clock=self.clock,
            end=self.release,
            site=call_site(),
            label=label,
            asked=self.clock.now(),
            warn_hold=warn_hold,
            **kind,
        )

    def _begin(self, turn: Turn) -> Turn:
        if self._claim.shared and not turn.unordered:
            self._claim.write_note(note_of(turn, self.clock.wall()))
        return turn

    def _leave(self, turn: Turn) -> None:
        """Leave no turn that nobody holds, nor a place that nobody wants, after an interrupt."""
        self._withdraw(turn)
        self.release(turn)

    def _enter(self, turn: Turn, kind: type[W]) -> W | None:
        """Take the free turn and return None, or join the queue."""
        try:
            with self._lock:
                current = self._turn
                if current is None and not self._queue:
                    if turn.unordered or self._claim.held or self._try_claim():
                        self._turn = turn
                        return None
                elif current and current.is_in_the_way(turn) and current not in self._ended:
                    raise reentrant(self.name, current, turn)
                waiter = kind(turn)
                self._queue.append(waiter)
                self._advance()
                return waiter
        finally:
            self._settle()

    def _wait(self, waiter: WaitingThread, timeout: float, warn_wait: float) -> None:
        for seconds, in_vain in self._waits(waiter, timeout, warn_wait):
            if waiter.is_told(seconds):
                return
            in_vain()

    async def _await(
        self, waiter: WaitingTask, timeout: float, warn_wait: float, aside: Aside
    ) -> None:
        for seconds, in_vain in self._waits(waiter, timeout, warn_wait):
            if await waiter.is_told(seconds):
                return
            await aside(in_vain)

    def _waits(self, waiter: Waiter, timeout: float, warn_wait: float) -> list[_Wait]:
        """Return how long to wait, time after time, each with what to do if that was in vain."""
        # No generator: an interrupt on its way out of one that is left early would be lost.
        warn = functools.partial(self._warn, waiter)
        warned = [] if warn_wait >= timeout else [(warn_wait, warn)]
        return [
            *warned,
            (timeout - warn_wait if warned else timeout, functools.partial(self._give_up, waiter)),
            (_ON_ITS_WAY, functools.partial(self._give_up, waiter, to_nobody=True)),
        ]

    def _warn(self, waiter: Waiter) -> None:
        waited = self.clock.now() - waiter.turn.asked
        holder = str(self.holder() or "nobody any more")
        _log.warning(
            "waiting for a turn on %s since %.1f s; it is held by %s",
            self.name,
            waited,
            holder,
            extra=log_event("turn.waits", database=self.name, waited=waited, holder=holder),
        )

    def _give_up(self, waiter: Waiter, *, to_nobody: bool = False) -> None:
        holder, ahead = self.holder(), self._ahead_of(waiter)
        if holder is None and not to_nobody:
            return
        if self._withdraw(waiter.turn):
            raise TurnTimeoutError(self.clock.now() - waiter.turn.asked, holder, ahead)

    def _withdraw(self, turn: Turn) -> bool:
        """Leave the queue; say no if the turn was granted in the meantime."""
        with self._lock:
            places = [waiter for waiter in self._queue if waiter.turn is turn]
            for waiter in places:
                self._queue.remove(waiter)
        self._settle()
        return bool(places)

    def _ahead_of(self, waiter: Waiter) -> int:
        queue = list(self._queue)
        return queue.index(waiter) if waiter in queue else 0

    # What follows runs with the lock in hand, but for _settle() and _claimed(). An interrupt may
    # end any of it at any point, and the next to come here finishes what was begun: each step
    # looks at how things are, a turn leaves the list of the ended ones last, and a waiter the queue.

    def _settle(self) -> None:
        # Never waits for a thread that waits for this one: whoever has a lock and is made by the
        # garbage collector to release a turn of another gate has seen that gate's lock free.
        # Looked at again after each unlock: what was noted meanwhile is not left over.
        while self._ended and not self._lock.locked():
            with self._lock:
                while self._ended:
                    if self._ended[0] is self._turn:
                        self._end_turn()
                    self._advance()
                    self._ended.popleft()

    def _claimed(self) -> None:
        with self._lock:
            self._claim.sought, self._claim.held = False, True
            self._advance()
        self._settle()

    def _end_turn(self) -> None:
        if self._queue and self._queue[0].turn is self._turn:
            self._queue.popleft()
        if self._queue and self._claim.held and self._claim.others_wait():
            self._claim.drop()
        self._turn = None

    def _advance(self) -> None:
        """Grant the turn to the first in line, or see to it that this process gets its turn."""
        if self._turn is None:
            if not self._queue:
                self._claim.drop()
                return
            first = self._queue[0]
            if not (first.turn.unordered or self._claim.held or self._try_claim()):
                if not self._claim.sought:
                    self._claim.seek(self._claimed)
                if not self._claim.held:
                    return
            now = self.clock.now()
            first.turn.since, first.turn.waited = now, now - first.turn.asked
            self._turn = first.turn
        if self._queue and self._queue[0].turn is self._turn:
            if not self._queue[0].tell():
                self._ended.append(self._queue[0].turn)
            self._queue.popleft()

    def _try_claim(self) -> bool:
        return not self._claim.sought and self._claim.try_now()
