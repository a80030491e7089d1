"""A turn: the right to write, and on whose behalf it is used."""

import asyncio
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
        asked: the clock's reading now.
        warn_hold: seconds after which it has been held for too long.
        unordered: it is only kept from the threads of this process.
        awaited: a task awaits it, and uses it in other threads than its own.

    Attributes:
        owner: identifier of the thread that used the turn last.
        site: where it was taken.
        label: what it was taken for.
        asked: the clock's reading when it was asked for.
        since: the clock's reading when it was granted.
        waited: seconds spent waiting for it.
        has_warned: somebody has warned of how long it is held.
    """

    __slots__ = (
        "__weakref__", "_clock", "_end", "_mark", "_task", "asked", "awaited", "has_warned",
        "label", "owner", "since", "site", "unordered", "waited", "warn_hold",
    )  # fmt: skip

    def __init__(
        self,
        *,
        clock: Clock,
        end: Callable[["Turn"], None],
        site: CallSite | None,
        label: str,
        asked: float,
        warn_hold: float,
        unordered: bool = False,
        awaited: bool = False,
    ) -> None:
        self._clock = clock
        self._end = end
        self._mark: weakref.ref[Turn] = weakref.ref(self)
        self._task: weakref.ref[asyncio.Task[object]] | None = None
        self.owner = 0
        self.site = site
        self.label = label
        self.asked = self.since = asked
        self.waited = 0.0
        self.warn_hold = warn_hold
        self.unordered = unordered
        self.awaited = awaited
        self.has_warned = False

    @property
    def task(self) -> "asyncio.Task[object] | None":
        """The task that used the turn last; None if it was none, or has ended."""
        return None if self._task is None else self._task()

    def held(self) -> float:
        """Seconds since the turn was granted."""
        return self._clock.now() - self.since

    def use(self) -> None:
        """Note that this thread uses the turn, and on whose behalf."""
        if self.awaited:
            # This is a thread of its connection; for whom, `use_in_task` has noted.
            return
        self.owner = threading.get_ident()
        self._note_task()
        marks = _used_here.get()
        if self._mark not in marks:
            alive = [mark for mark in marks if mark() is not None]
            _used_here.set((*alive, self._mark))

    def use_in_task(self) -> None:
        """Note that this task uses the turn."""
        self.owner = threading.get_ident()
        self._note_task()

    def is_in_the_way(self, asking: "Turn") -> bool:
        """Say whether whoever asks for another turn, here and now, has this one.

        It would wait for itself.

        A task may wait while another one of the same thread goes on; so where one is awaited, it
        has to be the very same task.
        """
        if self.awaited or asking.awaited:
            task = _current_task()
            return task is not None and self.task is task
        return self.owner == threading.get_ident() and self._mark in _used_here.get()

    def taker(self) -> str:
        """Say which thread or task takes it; to be asked by that one itself."""
        if self.awaited and self.task is not None:
            return f"task {self.task.get_name()!r}"
        return f"thread {threading.current_thread().name!r}"

    def user(self) -> str:
        """Say which thread or task used it last."""
        if self.awaited:
            task = self.task
            return "a task that has ended" if task is None else f"task {task.get_name()!r}"
        for thread in threading.enumerate():
            if thread.ident == self.owner:
                return f"thread {thread.name!r}"
        return "a thread that has ended"

    def release(self) -> None:
        """Hand the turn to the next in line; a second call does nothing."""
        self._end(self)

    def _note_task(self) -> None:
        task = _current_task()
        if task is not None:
            self._task = weakref.ref(task)


def _current_task() -> "asyncio.Task[object] | None":
    # Asked before every write, and mostly where no loop runs: an exception would take too long.
    if asyncio._get_running_loop() is None:  # noqa: SLF001
        return None
    return asyncio.current_task()
