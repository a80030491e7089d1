"""Items on their way from the source through ``prepare``, one after the other or in threads."""

import collections
import contextvars
import dataclasses
import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Final, Protocol

__all__ = ["ItemTask", "Outcome", "OutcomeSource", "PreparedAhead", "PreparedOneByOne"]

_AHEAD: Final = 32
"""Items under way for each thread: as many as it prepares during a turn, and few in memory."""

Prepare = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What ``prepare`` made of an item: ``prepared``, or ``error`` in its place."""

    item: Any
    prepared: Any = None
    error: Exception | None = None


class OutcomeSource(Protocol):
    """Where the prepared items of an import come from, in the order of the source."""

    def outcomes(self, count: int) -> Iterator[Outcome]:
        """Yield the next ``count`` items, or as many as are left."""
        ...

    def close(self) -> None:
        """Begin nothing more."""
        ...


class PreparedOneByOne:
    """Prepares each item when it is asked for.

    Args:
        source: the items.
        prepare: makes of an item what is written.
    """

    def __init__(self, source: Iterator[Any], prepare: Prepare) -> None:
        self._source = source
        self._prepare = prepare

    def outcomes(self, count: int) -> Iterator[Outcome]:
        """Yield the next ``count`` items, or as many as are left."""
        for item in itertools.islice(self._source, count):
            try:
                prepared = self._prepare(item)
            except Exception as error:  # noqa: BLE001 - whatever it raises, it is about this item
                yield Outcome(item, error=error)
            else:
                yield Outcome(item, prepared)

    def close(self) -> None:
        """There is nothing under way."""


@dataclasses.dataclass(frozen=True, slots=True)
class ItemTask:
    """An item under way, with the context in which it is prepared and what comes of it."""

    item: Any
    context: contextvars.Context
    future: Future[Any]


class PreparedAhead:
    """Prepares items in threads, also while a batch waits for its turn and is written.

    The source is read by the thread that asks, never by two, and only while the item in front is
    not ready: a source that is slow itself holds nothing up that could be written already. Each
    call of ``prepare`` sees the context variables as they were when its item was read.

    The threads do not keep a program from ending: one may wait for a network that is gone.

    Args:
        source: the items.
        prepare: makes of an item what is written; several threads call it at once.
        workers: how many.
        wait: waits for an item that is asked for.
    """

    def __init__(
        self,
        source: Iterator[Any],
        prepare: Prepare,
        workers: int,
        wait: Callable[[Future[Any]], object] = Future.exception,
    ) -> None:
        self._source = source
        self._prepare = prepare
        self._workers = workers
        self._wait = wait
        self._threads = 0
        self._tasks: queue.SimpleQueue[ItemTask | None] = queue.SimpleQueue()
        self._under_way: collections.deque[ItemTask] = collections.deque()
        self._ended = False
        self._failure: Exception | None = None

    def outcomes(self, count: int) -> Iterator[Outcome]:
        """Yield the next ``count`` items, or as many as are left.

        Raises:
            Exception: what the source raised, when all items before that have been yielded.
        """
        for _ in range(count):
            self._read_ahead()
            if not self._under_way:
                if self._failure is not None:
                    raise self._failure
                return
            task = self._under_way.popleft()
            self._wait(task.future)
            error = task.future.exception()
            if error is None:
                yield Outcome(task.item, task.future.result())
            elif isinstance(error, Exception):
                yield Outcome(task.item, error=error)
            else:
                raise error

    def close(self) -> None:
        """Begin nothing more; what is being prepared right now goes on to its end unheard."""
        for task in self._under_way:
            task.future.cancel()
        for _ in range(self._threads):
            self._tasks.put(None)

    def _read_ahead(self) -> None:
        under_way = self._under_way
        most = _AHEAD * self._workers
        while not self._ended and len(under_way) < most:
            if under_way and under_way[0].future.done():
                return
            try:
                item = next(self._source)
            except StopIteration:
                self._ended = True
            except Exception as error:  # noqa: BLE001 - it is told when it is its turn
                self._ended, self._failure = True, error
            else:
                self._begin(ItemTask(item, contextvars.copy_context(), Future()))

    def _begin(self, task: ItemTask) -> None:
        self._under_way.append(task)
        self._tasks.put(task)
        if self._threads < min(self._workers, len(self._under_way)):
            self._threads += 1
            threading.Thread(
                target=_work,
                args=(self._tasks, self._prepare),
                name=f"hardlite-prepare-{self._threads}",
                daemon=True,
            ).start()


def _work(tasks: "queue.SimpleQueue[ItemTask | None]", prepare: Prepare) -> None:
    while (task := tasks.get()) is not None:
        if task.future.set_running_or_notify_cancel():
            try:
                prepared = task.context.run(prepare, task.item)
            except BaseException as error:  # noqa: BLE001 - it is told to who asks for the item
                task.future.set_exception(error)
            else:
                task.future.set_result(prepared)
                # Nothing of an item stays in a thread that waits for the next one.
                del prepared
        del task
