"""Who has a connection of a pool: which thread, since when, taken at which line of code.

A checkout that is noted takes more than half as long again, so it is done where it was asked for:
with ``track_checkouts`` in the profile.
"""

import dataclasses
import os
import threading
import weakref
from typing import TypedDict

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from hardlite.call_sites import CallSite, call_site
from hardlite.clock import Clock, system_clock

__all__ = ["Checkout", "CheckoutDict", "checkouts_of", "track_checkouts"]


class CheckoutDict(TypedDict):
    """A `Checkout` as plain values."""

    thread: str
    held: float
    site: str | None
    leaked: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A connection that somebody has.

    Attributes:
        thread: which thread took it.
        held: seconds since then.
        site: the line of code where it was taken.
        leaked: whether that thread has ended: nobody is left to give it back.
    """

    thread: str
    held: float
    site: CallSite | None
    leaked: bool

    def __str__(self) -> str:
        leak = "; LEAKED: that thread has ended" if self.leaked else ""
        return f"{self.thread} for {self.held:.3f} s, taken at {self.site}{leak}"

    def to_dict(self) -> CheckoutDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "thread": self.thread,
            "held": self.held,
            "site": None if self.site is None else str(self.site),
            "leaked": self.leaked,
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    pid: int
    thread: threading.Thread
    since: float
    site: CallSite | None


class _Tracker:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[int, _Taken] = {}

    def checkout(
        self, _: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection
    ) -> None:
        self._taken[id(entry)] = _Taken(
            pid=os.getpid(),
            thread=threading.current_thread(),
            since=self._clock.now(),
            site=call_site(),
        )

    def give_back(self, _: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        self._taken.pop(id(entry), None)

    def checkouts(self) -> tuple[Checkout, ...]:
        now, pid = self._clock.now(), os.getpid()
        return tuple(
            Checkout(
                thread=f"thread {taken.thread.name!r}",
                held=now - taken.since,
                site=taken.site,
                leaked=not taken.thread.is_alive(),
            )
            # A copy made in one step: other threads go on. What a fork copied is the parent's.
            for taken in sorted(self._taken.copy().values(), key=lambda taken: taken.since)
            if taken.pid == pid
        )


_trackers: "weakref.WeakKeyDictionary[Dialect, _Tracker]" = weakref.WeakKeyDictionary()


def track_checkouts(engine: Engine, *, clock: Clock = system_clock) -> None:
    """Note from now on who takes connections of an engine, and where."""
    tracker = _Tracker(clock)
    event.listen(engine, "checkout", tracker.checkout)
    event.listen(engine, "checkin", tracker.give_back)
    event.listen(engine, "detach", tracker.give_back)
    _trackers[engine.dialect] = tracker


def checkouts_of(engine: Engine) -> tuple[Checkout, ...] | None:
    """Return who has connections of an engine, the longest first; None if that is not noted."""
    tracker = _trackers.get(engine.dialect)
    return None if tracker is None else tracker.checkouts()
