"""`async_batched_unit_of_work`: the import engine of hardlite, awaited by a task."""

import dataclasses
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import Insert, Table
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import greenlet_spawn

from hardlite.aio.awaiting import AwaitedClock, in_loop
from hardlite.aio.items import awaited_source
from hardlite.aio.preparing import awaited_by
from hardlite.aio.sessions import HardenedAsyncSessionmaker, async_sessionmaker_of
from hardlite.coroutines import is_coroutine_function
from hardlite.imports.arguments import ImportSettings, OnError, Watcher
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import run_import
from hardlite.inserts.fast_insert import Conflict
from hardlite.reports.batch_results import BatchResult
from hardlite.reports.rejections import Rejection
from hardlite.reports.report import ImportReport
from hardlite.retry_policy import RetryPolicy
from hardlite.rows.item_sources import RowSource
from hardlite.sessions import HardenedSessionmaker

__all__ = ["AsyncWork", "async_batched_unit_of_work"]

T = TypeVar("T")
AsyncWork = Work | Callable[[AsyncSession, Any], Awaitable[object]]
_RETRY = RetryPolicy()
_CLOCK = AwaitedClock()


async def async_batched_unit_of_work(
    target: AsyncEngine | async_sessionmaker[Any],
    items: AsyncIterable[T] | Iterable[T] | RowSource,
    work: AsyncWork,
    *,
    prepare: Callable[[T], Any] | None = None,
    prepare_workers: int = 0,
    describe: Callable[[T], object] | None = None,
    batch_size: int | Literal["auto"] = 500,
    max_hold: float = 0.25,
    on_error: OnError = "continue",
    conflict: Conflict = "error",
    resume_key: str | None = None,
    retry: RetryPolicy = _RETRY,
    on_rejection: Callable[[Rejection], object] | None = None,
    progress: bool | Watcher | Callable[[BatchResult], Awaitable[object]] | None = None,
    total: int | None = None,
    timeout: float = 30.0,
) -> ImportReport:
    """Import ``items`` in batches, awaited: `batched_unit_of_work` for tasks.

    The arguments are those of `batched_unit_of_work`; here is what is different. Turns, statements,
    the source and pauses are awaited, and the task can be cancelled: the batch that was under way
    is rolled back, those before it stay.

    Args:
        target: a hardened async engine, or an `async_sessionmaker` bound to one.
        items: an async iterable too, such as ``session.stream(...)``. A plain one is read in the
            loop's own thread, so it should not wait for anything.
        work: also ``async def work(session, item)``, which is given an `AsyncSession`; a plain
            function is given a `Session` and runs as in ``AsyncSession.run_sync``.
        prepare: a coroutine function is awaited; a plain function is called in a thread.
        prepare_workers: how many items are prepared at once, in as many tasks or threads.
        describe: as there.
        batch_size: as there.
        max_hold: as there.
        on_error: as there.
        conflict: as there.
        resume_key: as there; a sync import may go on with an async one, and the other way round.
        retry: as there.
        on_rejection: it may be a coroutine function.
        progress: it may be a coroutine function.
        total: as there.
        timeout: as there.

    Returns:
        The report.

    Raises:
        ConfigurationError: an argument makes no sense; nothing has been read or written.
        UsageError: ``work`` committed, this task has a turn already, or the engine has the
            isolation level AUTOCOMMIT.
        ResumeRefusedError: another import uses ``resume_key`` right now, or it belongs to another
            source or to other settings.

    >>> import asyncio
    >>> from hardlite import create_hardened_async_engine
    >>> from sqlalchemy import Column, Integer, MetaData, Table
    >>> numbers = Table("numbers", MetaData(), Column("n", Integer, primary_key=True))
    >>> async def counted():
    ...     for n in range(10):
    ...         yield {"n": n % 8}
    >>> async def main() -> tuple[int, int]:
    ...     engine = create_hardened_async_engine("sqlite+aiosqlite://")
    ...     async with engine.begin() as connection:
    ...         await connection.run_sync(numbers.create)
    ...     report = await async_batched_unit_of_work(
    ...         engine, counted(), numbers, on_error="isolate"
    ...     )
    ...     await engine.dispose()
    ...     return report.committed, report.rejected
    >>> asyncio.run(main())
    (8, 2)
    """
    settings = ImportSettings(
        # What it is called with is seen to below.
        work=cast("Work", work),
        prepare=prepare,
        prepare_workers=prepare_workers,
        describe=describe,
        batch_size=batch_size,
        max_hold=max_hold,
        on_error=on_error,
        conflict=conflict,
        resume_key=resume_key,
        retry=retry,
        on_rejection=on_rejection,
        progress=progress,
        total=total,
        timeout=timeout,
    )
    maker = _InGreenlet(async_sessionmaker_of(target))
    report: ImportReport = await greenlet_spawn(
        run_import,
        maker,
        items,
        awaited_source(items),
        dataclasses.replace(
            settings,
            work=maker.awaiting(work),
            on_rejection=None if on_rejection is None else in_loop(on_rejection),
            progress=in_loop(progress) if callable(progress) else progress,
        ),
        in_session=not isinstance(target, AsyncEngine),
        prepared=awaited_by,
        told=settings.told,
        clock=_CLOCK,
    )
    return report


class _InGreenlet(HardenedSessionmaker):
    """What makes the sessions of an async import: the sync side of `AsyncSession`s.

    Args:
        maker: makes those.
    """

    def __init__(self, maker: HardenedAsyncSessionmaker) -> None:
        super().__init__(maker.engine.sync_engine)
        self._maker = maker
        self._session: AsyncSession | None = None

    def __call__(self, **settings: Any) -> Session:
        """Make a session."""
        # Kept, since a sync session does not keep the other side of it.
        self._session = self._maker(**{**settings, "bind": self._maker.engine})
        return self._session.sync_session

    def awaiting(self, work: AsyncWork) -> Work:
        """Return ``work`` as the import engine calls it."""
        if isinstance(work, Table | Insert | type) or not callable(work):
            return work
        awaited = in_loop(work)
        if is_coroutine_function(work):
            return lambda _, item: awaited(self._session, item)
        return awaited
