"""Items on their way from the source through ``prepare``, one after the other or in threads."""

import collections
import contextvars
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

__all__ = ["Outcome", "OutcomeSource", "PreparedAhead", "PreparedOneByOne"]

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


class PreparedAhead:
    """Prepares items in threads, also while a batch waits for its turn and is written.

    The source is read by the thread that asks, never by two. Each call of ``prepare`` sees the
    context variables as they were when its item was read.

    Args:
        source: the items.
        prepare: makes of an item what is written; several threads call it at once.
        workers: how many.
    """

    def __init__(self, source: Iterator[Any], prepare: Prepare, workers: int) -> None:
        self._source = source
        self._prepare = prepare
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="hardlite-prepare")
        self._most = _AHEAD * workers
        self._under_way: collections.deque[tuple[Any, Future[Any]]] = collections.deque()
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
            item, future = self._under_way.popleft()
            error = future.exception()
            if error is None:
                yield Outcome(item, future.result())
            elif isinstance(error, Exception):
                yield Outcome(item, error=error)
            else:
                raise error
        self._read_ahead()

    def close(self) -> None:
        """Begin nothing more; what is being prepared right now goes on to its end unheard."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read_ahead(self) -> None:
        while not self._ended and len(self._under_way) < self._most:
            try:
                item = next(self._source)
            except StopIteration:
                self._ended = True
            except Exception as error:  # noqa: BLE001 - it is told when it is its turn
                self._ended, self._failure = True, error
            else:
                run = contextvars.copy_context().run
                self._under_way.append((item, self._pool.submit(run, self._prepare, item)))
