"""How sync code of hardlite awaits: it runs in a greenlet, as SQLAlchemy's own does.

An import is the same code for threads and for tasks. What may wait in it (a turn, the driver, the
source, a function of the caller's, a pause) is awaited by the task, whose loop goes on.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from sqlalchemy.util.concurrency import await_only

from hardlite.clock import SystemClock

__all__ = ["AwaitedClock", "in_loop", "in_thread"]


class AwaitedClock(SystemClock):
    """The machine's clock, which pauses a task and not its thread."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass, for this task."""
        await_only(asyncio.sleep(seconds))


def in_loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` so that what it returns is awaited, if it is to be."""

    @functools.wraps(function, updated=())
    def call(*arguments: Any) -> Any:
        result = function(*arguments)
        return await_only(result) if inspect.isawaitable(result) else result

    return call


def in_thread(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``function`` so that it is called beside the loop, which may go on meanwhile."""

    def call(item: Any) -> Any:
        return await_only(asyncio.to_thread(function, item))

    return call
