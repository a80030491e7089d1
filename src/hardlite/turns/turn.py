"""A turn: the right to write, and on whose behalf it is used."""

import contextvars
import threading
import weakref
from collections.abc import Callable

from hardlite.call_sites import CallSite
from hardlite.clock import Clock

__all__ = ["Turn"]

# The turns used on behalf of what runs now: this thread's work, this request, this task. The
# thread alone says too little: one of a pool takes up other work while its turn waits for another
# thread to commit it, as requests of FastAPI do.
_used_here: contextvars.ContextVar[tuple["weakref.ref[Turn]", ...]] = contextvars.ContextVar(
    "hardlite_turns_used_here", default=()
)


class Turn:
    """The right to write, from `Gate.take` until `release`.

    Args:
        clock: measures how long it is held.
        end: hands it to the next in line.
        site: where it was taken.
        label: what it was taken for.
        since: the clock's reading now.
        warn_hold: seconds after which it has been held for too long.
        unordered: it is only kept from the threads of this process.

    Attributes:
        owner: identifier of the thread that used the turn last.
        site: where it was taken.
        label: what it was taken for.
        since: the clock's reading when it was granted.
        waited: seconds spent waiting for it.
        has_warned: somebody has warned of how long it is held.
    """

    __slots__ = (
        "__weakref__", "_clock", "_end", "_mark", "has_warned", "label", "owner", "since", "site",
        "unordered", "waited", "warn_hold",
    )  # fmt: skip

    def __init__(
        self,
        *,
        clock: Clock,
        end: Callable[["Turn"], None],
        site: CallSite | None,
        label: str,
        since: float,
        warn_hold: float,
        unordered: bool,
    ) -> None:
        self._clock = clock
        self._end = end
        self._mark: weakref.ref[Turn] = weakref.ref(self)
        self.owner = 0
        self.site = site
        self.label = label
        self.since = since
        self.waited = 0.0
        self.warn_hold = warn_hold
        self.unordered = unordered
        self.has_warned = False

    def held(self) -> float:
        """Seconds since the turn was granted."""
        return self._clock.now() - self.since

    def use(self) -> None:
        """Note that this thread uses the turn, and on whose behalf."""
        self.owner = threading.get_ident()
        marks = _used_here.get()
        if self._mark not in marks:
            alive = [mark for mark in marks if mark() is not None]
            _used_here.set((*alive, self._mark))

    def is_mine(self) -> bool:
        """Say whether whoever asks has this turn, and so would wait for itself."""
        return self.owner == threading.get_ident() and self._mark in _used_here.get()

    def release(self) -> None:
        """Hand the turn to the next in line; a second call does nothing."""
        self._end(self)
