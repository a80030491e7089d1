"""Sync sessions for endpoints that run in a pool of threads, as plain functions of FastAPI do.

An endpoint needs a thread of that pool more than once: to run, and again to validate its answer. If
all the others wait in there, for its turn or for its connection, it never gets to give them back. So
no more sessions are lent at once than there are connections for, and for half of the threads; who
comes later waits in the loop. Sessions are closed in threads that are never waited for.
"""

import asyncio
import contextlib
import contextvars
import functools
import weakref
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from hardlite.inspection.pools import pool_status
from hardlite.sessions import kept_by

__all__ = ["EndpointSessions", "endpoint_sessions"]

_MOST: Final = 20
"""Half of the threads that endpoints have (Starlette, "Thread Pool")."""


class EndpointSessions:
    """Lends the sync sessions of an engine to endpoints.

    Args:
        engine: the engine.
    """

    def __init__(self, engine: Engine) -> None:
        pool = pool_status(engine)
        self._most = _MOST if pool is None or pool.limit is None else min(_MOST, pool.limit)
        # As many as are lent at a time: none of them has to wait for another's thread.
        self._threads = ThreadPoolExecutor(self._most, "hardlite-endpoint")
        self._rooms: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._rooms = weakref.WeakKeyDictionary()

    @contextlib.asynccontextmanager
    async def lent(self, opening: AbstractContextManager[Session]) -> AsyncIterator[Session]:
        """Lend a session until the block ends.

        Args:
            opening: opens it, which waits for nothing, and ends it, which may.
        """
        async with self._room():
            session = opening.__enter__()
            try:
                yield session
            except BaseException as error:
                await self._end(opening, type(error), error, error.__traceback__)
                raise
            else:
                await self._end(opening, None, None, None)

    def _room(self) -> asyncio.Semaphore:
        return self._rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._most))

    async def _end(
        self,
        opening: AbstractContextManager[Session],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # In this request's context, where it is known which turn it has.
        ending = functools.partial(opening.__exit__, kind, error, traceback)
        run = functools.partial(contextvars.copy_context().run, ending)
        # Shielded: a COMMIT that has begun is ended, whatever becomes of the request.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, run))


def endpoint_sessions(engine: Engine) -> EndpointSessions:
    """Return what lends the sessions of ``engine``: one for its readers and writers together."""
    return kept_by(engine, EndpointSessions, lambda: EndpointSessions(engine), {})
