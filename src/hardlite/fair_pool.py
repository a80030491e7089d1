"""A connection pool that serves threads in the order in which they came.

SQLAlchemy's own pool wakes a waiting thread when a connection comes back, but the thread that gave
it back may take it again first. With more threads than connections some then write hundreds of
times as often as others, however fair the gate behind the pool is.
"""

import collections
import threading
from typing import Any, TypeVar

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util.queue import Empty, Queue, QueueCommon

__all__ = ["FairQueuePool", "close_idle"]

T = TypeVar("T", bound=Any)


class _Waiter:
    __slots__ = ("item", "ready")

    def __init__(self) -> None:
        self.item: Any = None
        self.ready = threading.Lock()
        self.ready.acquire()


class FairQueue(Queue[T]):
    """A queue that hands an item to the thread that has waited longest."""

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:  # noqa: FBT001, FBT002
        super().__init__(maxsize, use_lifo)
        self._waiting: collections.deque[_Waiter] = collections.deque()

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        """Hand ``item`` to the first thread that waits, or keep it."""
        with self.mutex:
            if self._waiting:
                self._hand_over(item)
            elif self._full():
                super().put(item, block, timeout)
            else:
                # Nobody waits for the conditions that the other put() would tell of this.
                self._put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> T:  # noqa: FBT001, FBT002
        """Take an item, or wait for one behind those who wait already.

        Raises:
            sqlalchemy.util.queue.Empty: there was none in time.
        """
        with self.mutex:
            if not self._waiting and not self._empty():
                return self._get()
            if not block:
                raise Empty
        waiter = _Waiter()
        try:
            with self.mutex:
                self._waiting.append(waiter)
                if self._waiting[0] is waiter and not self._empty():
                    # One came back since the first look, perhaps by this thread's collector.
                    self._waiting.popleft()
                    return self._get()
            waiter.ready.acquire(timeout=-1 if timeout is None else timeout)
        except BaseException:
            # An interrupt, at any point of this: leave no place that nobody wants, lose no item.
            if not self._leave(waiter) and waiter.item is not None:
                self._hand_over(waiter.item)
            raise
        if self._leave(waiter):
            raise Empty
        item: T = waiter.item
        return item

    def _hand_over(self, item: T) -> None:
        with self.mutex:
            if self._waiting:
                waiter = self._waiting.popleft()
                waiter.item = item
                waiter.ready.release()
            else:
                self._put(item)

    def _leave(self, waiter: _Waiter) -> bool:
        """Stop waiting; say no if the item has come in the meantime."""
        with self.mutex:
            if waiter not in self._waiting:
                return False
            self._waiting.remove(waiter)
            return True


class FairQueuePool(QueuePool):
    """`sqlalchemy.pool.QueuePool`, first come, first served."""

    _queue_class: type[QueueCommon[ConnectionPoolEntry]] = FairQueue


def close_idle(pool: QueuePool) -> None:
    """Close the connections of ``pool`` that nobody uses; those in use stay a part of it.

    `sqlalchemy.pool.QueuePool.dispose` would forget how many those are.
    """
    while True:
        try:
            entry = pool._pool.get(block=False)  # noqa: SLF001 - there is no public way in
        except Empty:
            return
        entry.close()
        pool._dec_overflow()  # noqa: SLF001
