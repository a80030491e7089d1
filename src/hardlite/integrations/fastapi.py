"""For programs with FastAPI: reader and writer sessions as dependencies, and a router for health.

The dependencies end with the endpoint, before the answer is sent (FastAPI, "Dependencies with
yield", section "Early exit and scope"): who gets an answer of 200 can rely on the COMMIT, and a COMMIT
that failed is answered as any other error. What a response streams, or a background task does,
comes after that and opens a session of its own.
"""

import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from hardlite.errors import MissingExtraError, UsageError
from hardlite.integrations.endpoint_sessions import endpoint_sessions
from hardlite.integrations.starlette import handle_locks, health_answerer, lifespan
from hardlite.sessions import get_sessionmaker, require_wait

if TYPE_CHECKING:
    from fastapi import APIRouter
    from fastapi.params import Depends
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
    from starlette.requests import HTTPConnection

__all__ = ["handle_locks", "health_router", "lifespan", "reader_session", "writer_session"]

_AS_A_WRITER: Final[dict[str, Any]] = {"expire_on_commit": False, "close_resets_only": False}
"""What `hardlite.sessions.HardenedSessionmaker.writer` does as well, for the same reasons."""


def reader_session(engine: "Engine | AsyncEngine") -> "Depends":
    """Return the dependency on a session that sees one snapshot and refuses to write.

    Args:
        engine: a hardened engine; with an async one, the session is an `AsyncSession`.

    Raises:
        MissingExtraError: FastAPI is not installed.
        ConfigurationError: the engine is not a hardened one.

    >>> from typing import Annotated
    >>> from hardlite import create_hardened_async_engine
    >>> from sqlalchemy.ext.asyncio import AsyncSession
    >>> engine = create_hardened_async_engine("sqlite+aiosqlite:///app.db")
    >>> Reader = Annotated[AsyncSession, reader_session(engine)]
    """
    depends = _depends()
    return depends(_reader(engine) if isinstance(engine, Engine) else _async_reader(engine))


def writer_session(engine: "Engine | AsyncEngine", *, timeout: float | None = None) -> "Depends":
    """Return the dependency on a session that is committed when its endpoint has returned.

    Its turn is taken at its first statement, whether that reads or writes; what an endpoint does
    before that keeps nobody waiting. If the endpoint raises, all of it is rolled back. Make one
    dependency for an engine, and use it everywhere: two in one request would wait for each other.

    Args:
        engine: a hardened engine; with an async one, the session is an `AsyncSession`.
        timeout: seconds to wait for the turn; the profile's if left out.

    Raises:
        MissingExtraError: FastAPI is not installed.
        ConfigurationError: the engine is not a hardened one, or ``timeout`` is not a number of
            seconds, 0 or more.

    >>> from typing import Annotated
    >>> from hardlite import create_hardened_engine
    >>> from sqlalchemy.orm import Session
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> Writer = Annotated[Session, writer_session(engine, timeout=10)]
    """
    require_wait(timeout)
    depends = _depends()
    options: dict[str, Any] = {"hardlite_transaction": "immediate"}
    if timeout is not None:
        options["hardlite_timeout"] = timeout
    if isinstance(engine, Engine):
        return depends(_writer(engine, options))
    return depends(_async_writer(engine, options))


def health_router(engine: "Engine | AsyncEngine", *, path: str = "/health/database") -> "APIRouter":
    """Return a router that answers whether the database can be written: 200, or 503 with the holder.

    It tells of processes and lines of code, so strangers should not get to it:
    ``app.include_router(health_router(engine), dependencies=[...])``.

    Args:
        engine: on a file; its database is what `hardlite.health` looks at.
        path: where.

    Raises:
        MissingExtraError: FastAPI is not installed.
        ConfigurationError: the engine's database is one in memory.

    >>> from fastapi import FastAPI
    >>> from hardlite import create_hardened_engine
    >>> app = FastAPI()
    >>> app.include_router(health_router(create_hardened_engine("sqlite:///app.db")))
    """
    try:
        from fastapi import APIRouter
        from fastapi.responses import JSONResponse
    except ModuleNotFoundError:
        raise _missing() from None
    answer = health_answerer(engine)

    async def database_health() -> JSONResponse:
        return await answer()

    router = APIRouter()
    router.add_api_route(path, database_health, response_model=None, tags=["health"])
    return router


def _depends() -> "Callable[[Callable[..., object]], Depends]":
    try:
        import fastapi
    except ModuleNotFoundError:
        raise _missing() from None
    return lambda function: cast("Depends", fastapi.Depends(function, scope="function"))


def _missing() -> MissingExtraError:
    return MissingExtraError("fastapi", "hardlite.integrations.fastapi")


def _reader(engine: Engine) -> Callable[..., AsyncIterator[Session]]:
    from starlette.requests import HTTPConnection

    maker, sessions = get_sessionmaker(engine), endpoint_sessions(engine)

    async def reader(connection: HTTPConnection) -> AsyncIterator[Session]:
        _refuse_async_endpoint(connection)
        async with sessions.lent(maker.reader()) as session:
            yield session

    return reader


def _writer(engine: Engine, options: dict[str, Any]) -> Callable[..., AsyncIterator[Session]]:
    from starlette.requests import HTTPConnection

    maker, sessions = get_sessionmaker(engine), endpoint_sessions(engine)
    bind = engine.execution_options(**options)

    @contextlib.contextmanager
    def begun() -> Iterator[Session]:
        # Not `maker.writer()`: that waits for the turn where it is opened, which is in the loop.
        with maker(bind=bind, **_AS_A_WRITER) as session, session.begin():
            yield session

    async def writer(connection: HTTPConnection) -> AsyncIterator[Session]:
        _refuse_async_endpoint(connection)
        async with sessions.lent(begun()) as session:
            yield session

    return writer


def _async_reader(engine: "AsyncEngine") -> "Callable[[], AsyncIterator[AsyncSession]]":
    from hardlite.aio.sessions import get_async_sessionmaker

    maker = get_async_sessionmaker(engine)

    async def reader() -> "AsyncIterator[Any]":
        async with maker.reader() as session:
            yield session

    return reader


def _async_writer(
    engine: "AsyncEngine", options: dict[str, Any]
) -> "Callable[[], AsyncIterator[AsyncSession]]":
    from hardlite.aio.sessions import get_async_sessionmaker

    maker = get_async_sessionmaker(engine)
    bind = engine.execution_options(**options)

    async def writer() -> "AsyncIterator[Any]":
        async with maker(bind=bind, **_AS_A_WRITER) as session, session.begin():
            yield session

    return writer


def _refuse_async_endpoint(connection: "HTTPConnection") -> None:
    """Refuse what would block the loop: whoever has the lock may need it to go on.

    Raises:
        UsageError: the endpoint is a coroutine function.
    """
    endpoint = connection.scope.get("endpoint")
    if inspect.iscoroutinefunction(endpoint):
        raise UsageError(
            f"{endpoint.__qualname__} is a coroutine function and was given a sync session, which "
            "would block the event loop",
            "Write it as a plain function, or take sessions of a create_hardened_async_engine.",
        )
