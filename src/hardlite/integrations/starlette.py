"""For programs with Starlette or FastAPI: engines that end with the program, and honest answers.

A lock is answered with 503 and Retry-After, and ``/health/database`` says whether writers get in.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, cast

from sqlalchemy.engine import Engine

from hardlite.errors import DatabaseLockedError, MissingExtraError
from hardlite.integrations.web_answers import health_answer, locked_answer
from hardlite.lock_holders.target import file_named

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

__all__ = ["handle_locks", "health_answerer", "health_route", "lifespan"]

_TRY_AGAIN_LATER = 1013
"""What a WebSocket is closed with (IANA, "WebSocket Close Code Number Registry")."""


def lifespan(
    *engines: "Engine | AsyncEngine",
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """Return what opens a connection of each engine at the start, and closes all at the end.

    What is wrong with a file or a setting then stops the program at its start, and not its first
    request.

    Args:
        engines: sync ones and async ones.

    Returns:
        What ``Starlette(lifespan=...)`` and ``FastAPI(lifespan=...)`` take.

    >>> import asyncio
    >>> from hardlite import create_hardened_engine
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> async def serve() -> None:
    ...     async with lifespan(engine)(None):
    ...         pass  # the program
    >>> asyncio.run(serve())
    """

    @contextlib.asynccontextmanager
    async def lives(_: object) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for engine in engines:
                await stack.enter_async_context(_open(engine))
            yield

    return lives


def handle_locks(app: "Starlette", *, retry_after: int = 1) -> None:
    """Let a program answer a `DatabaseLockedError` with 503 and Retry-After.

    A WebSocket is closed with 1013, "try again later". Who has the lock is logged by
    ``hardlite.web``, and not told to the client.

    Args:
        app: of Starlette or FastAPI.
        retry_after: seconds that the client is asked to wait.

    Raises:
        MissingExtraError: Starlette is not installed.

    >>> from starlette.applications import Starlette
    >>> handle_locks(Starlette(), retry_after=2)
    """
    try:
        from starlette.responses import JSONResponse
        from starlette.websockets import WebSocket
    except ModuleNotFoundError:
        raise MissingExtraError("starlette", "hardlite.integrations.starlette") from None

    async def answer(connection: "HTTPConnection", error: Exception) -> "Response | None":
        locked = cast("DatabaseLockedError", error)
        told = locked_answer(locked, connection.url.path, retry_after)
        if isinstance(connection, WebSocket):
            await connection.close(_TRY_AGAIN_LATER)
            return None
        return JSONResponse(told.body, told.status, told.headers)

    # Starlette's types know one kind of connection for each handler.
    app.add_exception_handler(DatabaseLockedError, cast("Callable[..., Response]", answer))


def health_route(engine: "Engine | AsyncEngine", *, path: str = "/health/database") -> "Route":
    """Return a route that answers whether the database can be written: 200, or 503 with the holder.

    Args:
        engine: on a file; its database is what `hardlite.health` looks at.
        path: where.

    Raises:
        MissingExtraError: Starlette is not installed.
        ConfigurationError: the engine's database is one in memory.

    >>> from hardlite import create_hardened_engine
    >>> health_route(create_hardened_engine("sqlite:///app.db")).path
    '/health/database'
    """
    answer = health_answerer(engine)
    from starlette.routing import Route

    async def database_health(_: "Request") -> "JSONResponse":
        return await answer()

    return Route(path, database_health)


def health_answerer(engine: "Engine | AsyncEngine") -> Callable[[], Awaitable["JSONResponse"]]:
    """Return what answers a request for the health of a database.

    Raises:
        MissingExtraError: Starlette is not installed.
        ConfigurationError: the engine's database is one in memory.
    """
    try:
        from starlette.responses import JSONResponse
    except ModuleNotFoundError:
        raise MissingExtraError("starlette", "hardlite.integrations.starlette") from None
    sync_engine = engine if isinstance(engine, Engine) else engine.sync_engine
    file_named(sync_engine)

    async def answer() -> "JSONResponse":
        # Not in the threads of sync endpoints, which may all be waiting for the lock in question.
        told = await asyncio.to_thread(health_answer, sync_engine)
        return JSONResponse(told.body, told.status, told.headers)

    return answer


@contextlib.asynccontextmanager
async def _open(engine: "Engine | AsyncEngine") -> AsyncIterator[None]:
    try:
        if isinstance(engine, Engine):
            await asyncio.to_thread(lambda: engine.connect().close())
        else:
            await (await engine.connect()).close()
        yield
    finally:
        if isinstance(engine, Engine):
            await asyncio.to_thread(engine.dispose)
        else:
            await engine.dispose()
