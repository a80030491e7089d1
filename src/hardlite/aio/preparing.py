"""Items on their way through an async ``prepare``, several at once, or through threads."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from sqlalchemy.util.concurrency import await_only

from hardlite.aio.awaiting import in_loop, in_thread
from hardlite.coroutines import is_coroutine_function
from hardlite.imports.arguments import ImportSettings
from hardlite.imports.preparing import ItemTask, OutcomeSource, PreparedAhead, PreparedOneByOne

__all__ = ["awaited_by"]


def awaited_by(settings: ImportSettings, source: Iterator[Any]) -> OutcomeSource | None:
    """Return what prepares the items of ``source``; None if that is not wanted."""
    prepare, workers = settings.prepare, settings.prepare_workers
    if prepare is None:
        return None
    if not is_coroutine_function(prepare):
        if workers:
            return PreparedAhead(source, prepare, workers, _awaited)
        return PreparedOneByOne(source, in_thread(prepare))
    if workers:
        return _PreparedInTasks(source, prepare, workers)
    return PreparedOneByOne(source, in_loop(prepare))


def _awaited(prepared: Future[Any]) -> None:
    if not prepared.done():
        await_only(asyncio.wait([asyncio.wrap_future(prepared)]))


class _PreparedInTasks(PreparedAhead):
    """Prepares items in tasks: `PreparedAhead`, with tasks for threads."""

    def __init__(self, source: Iterator[Any], prepare: Callable[[Any], Any], workers: int) -> None:
        super().__init__(source, prepare, workers, _awaited)
        self._at_once = asyncio.Semaphore(workers)
        self._running: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Cancel what is being prepared, and await its end."""
        for task in self._running:
            task.cancel()
        if self._running:
            await_only(asyncio.wait(self._running))

    def _begin(self, task: ItemTask) -> None:
        self._under_way.append(task)
        running = asyncio.get_running_loop().create_task(self._run(task), context=task.context)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _run(self, task: ItemTask) -> None:
        async with self._at_once:
            try:
                task.future.set_result(await self._prepare(task.item))
            except Exception as error:  # noqa: BLE001 - it is told to who asks for the item
                task.future.set_exception(error)
