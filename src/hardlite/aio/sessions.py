"""One `async_sessionmaker` for each async engine, with reader and writer sessions."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from hardlite.errors import ConfigurationError
from hardlite.execution_options import READER
from hardlite.sessions import Attempts, begin_writing, kept_by, profile_behind, require_wait

__all__ = [
    "HardenedAsyncSessionmaker",
    "async_run_in_transaction",
    "async_sessionmaker_of",
    "get_async_sessionmaker",
]

T = TypeVar("T")


class HardenedAsyncSessionmaker(async_sessionmaker[AsyncSession]):
    """A `sqlalchemy.ext.asyncio.async_sessionmaker` that also makes reader and writer sessions.

    Use `get_async_sessionmaker` to have the one of an engine.
    """

    def __init__(self, engine: AsyncEngine, **settings: Any) -> None:
        self.profile = profile_behind(engine.sync_engine)
        super().__init__(bind=engine, **settings)
        self.engine = engine
        self._reader_engine = engine.execution_options(hardlite_transaction=READER)

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one consistent snapshot and refuses to write.

        Raises:
            ReadOnlySessionError: a statement could write; it has not reached the file.

        >>> import asyncio
        >>> from hardlite import create_hardened_async_engine, get_async_sessionmaker
        >>> from sqlalchemy import text
        >>> async def main() -> object:
        ...     engine = create_hardened_async_engine("sqlite+aiosqlite://")
        ...     Session = get_async_sessionmaker(engine)
        ...     async with Session.reader() as session:
        ...         found = await session.scalar(text("SELECT 1"))
        ...     await engine.dispose()
        ...     return found
        >>> asyncio.run(main())
        1
        """
        async with self(bind=self._reader_engine) as session:
            yield session

    @contextlib.asynccontextmanager
    async def writer(self, *, timeout: float | None = None) -> AsyncIterator[AsyncSession]:
        """Await the turn, open a session, and commit it at the end.

        What the session loaded can still be read after the commit, and the session itself is closed
        for good, as with `hardlite.sessions.HardenedSessionmaker.writer`.

        Args:
            timeout: seconds to wait for the turn; the profile's if left out.

        Raises:
            DatabaseLockedError: the turn could not be had in time.
            ReentrantWriteError: this task has the turn already.
            ConfigurationError: ``timeout`` is not a number of seconds, 0 or more.
        """
        require_wait(timeout)
        async with (
            self(bind=self.engine, expire_on_commit=False, close_resets_only=False) as session,
            session.begin(),
        ):
            await session.run_sync(lambda within: begin_writing(within.connection(), timeout))
            yield session


def get_async_sessionmaker(engine: AsyncEngine, **settings: object) -> HardenedAsyncSessionmaker:
    """Return the one sessionmaker of ``engine``: the same object on every call.

    Args:
        engine: a hardened async engine.
        settings: what `sqlalchemy.ext.asyncio.async_sessionmaker` takes, on the first call. Later
            calls may leave them out or repeat them.

    Raises:
        ConfigurationError: the engine is not a hardened one.
        SessionmakerConflictError: a later call gives other settings than the first.

    >>> from hardlite import create_hardened_async_engine
    >>> engine = create_hardened_async_engine("sqlite+aiosqlite://")
    >>> get_async_sessionmaker(engine) is get_async_sessionmaker(engine)
    True
    """
    return kept_by(
        engine.sync_engine,
        HardenedAsyncSessionmaker,
        lambda: HardenedAsyncSessionmaker(engine, **settings),
        settings,
    )


def async_sessionmaker_of(
    target: AsyncEngine | async_sessionmaker[Any],
) -> HardenedAsyncSessionmaker:
    """Return a hardened sessionmaker for an async engine or for any sessionmaker bound to one.

    Raises:
        ConfigurationError: there is no hardened async engine behind ``target``.
    """
    if isinstance(target, HardenedAsyncSessionmaker):
        return target
    if isinstance(target, AsyncEngine):
        return get_async_sessionmaker(target)
    settings = dict(getattr(target, "kw", {}))
    engine = settings.pop("bind", None)
    if not isinstance(engine, AsyncEngine):
        raise ConfigurationError(
            f"{target!r} is neither an async engine nor a sessionmaker bound to one",
            "Pass the hardened engine, or get_async_sessionmaker(engine).",
        )
    return HardenedAsyncSessionmaker(engine, class_=target.class_, **settings)


async def async_run_in_transaction(
    target: AsyncEngine | async_sessionmaker[Any],
    work: Callable[[AsyncSession], Awaitable[T]],
    *,
    timeout: float | None = None,
) -> T:
    """Await ``work(session)`` in a writer session, as a whole, again if a lock got in its way.

    The rules are those of `run_in_transaction`.

    Args:
        target: a hardened async engine or an `async_sessionmaker` bound to one.
        work: is given the session; it must not commit it.
        timeout: seconds for everything together; the profile's if left out.

    Returns:
        What ``work`` returned.

    Raises:
        DatabaseLockedError: the time was up.

    >>> import asyncio
    >>> from hardlite import create_hardened_async_engine
    >>> from sqlalchemy import text
    >>> async def main() -> object:
    ...     engine = create_hardened_async_engine("sqlite+aiosqlite://")
    ...     asked = await async_run_in_transaction(
    ...         engine, lambda session: session.scalar(text("SELECT 2"))
    ...     )
    ...     await engine.dispose()
    ...     return asked
    >>> asyncio.run(main())
    2
    """
    maker = async_sessionmaker_of(target)
    attempts = Attempts(maker.profile.timeout if timeout is None else timeout)
    while True:
        with attempts.next() as left:
            async with maker.writer(timeout=left) as session:
                return await work(session)
