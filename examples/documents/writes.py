"""Many small writes in few commits: whoever writes awaits the commit that has its own write.

While one transaction is under way, the writes of this process gather, and the next one takes them all. So
fifty uploads at once are a few turns and not fifty, and nobody waits for more than two of them.

A transaction runs in a thread of its own from its first statement to its COMMIT. With an async session each
statement would go to a thread and back some times, and each time wait until the loop has a moment, while
all other processes wait for the turn.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from documents.database import Database
from documents.figures import Figures
from hardlite.clock import system_clock

T = TypeVar("T")

_MOST: Final = 100
"""Writes of one transaction: what keeps its turn short."""


class RefusedWriteError(Exception):
    """A write that finds out, before it has written anything, that it must not be."""


class _Write:
    def __init__(self, work: Callable[[Session], Any]) -> None:
        self.work = work
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def succeed(self, result: object) -> None:
        if not self.result.done():
            self.result.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)


class Writes:
    """What all tasks of a process write.

    Args:
        database: where to.
        figures: is told how long each write took, the wait for the others included.
    """

    def __init__(self, database: Database, figures: Figures) -> None:
        self._database = database
        self._figures = figures
        self._pending: list[_Write] = []
        self._wanted = asyncio.Event()
        self._ending = False
        self._thread = ThreadPoolExecutor(1, "writes")

    async def write(self, purpose: str, work: Callable[[Session], T]) -> T:
        """Call ``work`` with a session, and return its result when that is committed.

        Args:
            purpose: what it is for, as the figures call it.
            work: some statements, and nothing that waits for anything else.

        Raises:
            RefusedWriteError: ``work`` raised it; the writes of others are committed all the same.
        """
        asked = system_clock.now()
        one = _Write(work)
        self._pending.append(one)
        self._wanted.set()
        result = await one.result
        self._figures.note(purpose, system_clock.now() - asked)
        return cast("T", result)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Commit what is written until the block ends, and what is left then."""
        task = asyncio.create_task(self._run(), name="writes")
        try:
            yield
        finally:
            self._ending = True
            self._wanted.set()
            await task

    async def _run(self) -> None:
        while not self._ending:
            await self._wanted.wait()
            self._wanted.clear()
            while self._pending:
                batch, self._pending = self._pending[:_MOST], self._pending[_MOST:]
                await self._commit(batch)

    async def _commit(self, batch: Sequence[_Write]) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(self._thread, self._outcomes, batch)
        except IntegrityError as error:
            if len(batch) == 1:
                batch[0].fail(error)
                return
            # One of them is to blame, and the others are not: each by itself.
            for one in batch:
                await self._commit([one])
        except Exception as error:  # noqa: BLE001 - it is told to whoever awaits the write
            for one in batch:
                one.fail(error)
        else:
            for one, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, RefusedWriteError):
                    one.fail(outcome)
                else:
                    one.succeed(outcome)

    def _outcomes(self, batch: Sequence[_Write]) -> list[object]:
        with self._database.writer() as session:
            return [_outcome(session, one) for one in batch]


def _outcome(session: Session, one: _Write) -> object:
    try:
        result = one.work(session)
        session.flush()
    except RefusedWriteError as error:
        return error
    return result
