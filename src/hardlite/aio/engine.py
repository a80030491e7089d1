"""`create_hardened_async_engine`: a hardened engine for asyncio, by way of aiosqlite."""

import importlib.util

from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hardlite.engine import create_by
from hardlite.errors import MissingExtraError, UnsupportedDatabaseError
from hardlite.profile import Profile

__all__ = ["create_hardened_async_engine"]


def create_hardened_async_engine(
    url: str | URL, *, profile: Profile | None = None, **options: object
) -> AsyncEngine:
    """Make an engine for asyncio that does not say "database is locked".

    It is what `create_hardened_engine` makes, with SQLAlchemy's asyncio extension in front. A task
    awaits its turn: the loop goes on meanwhile, and the task can be cancelled.

    Args:
        url: a SQLite URL with the driver, ``sqlite+aiosqlite:///app.db``.
        profile: the settings; `Profile()` if left out.
        options: any field of `Profile` by its name, which goes before ``profile``, and everything
            that `sqlalchemy.ext.asyncio.create_async_engine` takes.

    Raises:
        ConfigurationError: a setting is unknown or cannot be combined with hardlite.
        MissingExtraError: the extra ``async`` is not installed (it brings aiosqlite and greenlet).
        UnsupportedDatabaseError: the URL is not one of SQLite with aiosqlite.

    >>> import asyncio
    >>> async def main() -> object:
    ...     engine = create_hardened_async_engine("sqlite+aiosqlite://", busy_timeout=10)
    ...     async with engine.connect() as connection:
    ...         asked = await connection.exec_driver_sql("PRAGMA busy_timeout")
    ...     await engine.dispose()
    ...     return asked.scalar()
    >>> asyncio.run(main())
    10000
    """
    # SQLAlchemy itself tells much later that one of them is missing.
    if not all(map(importlib.util.find_spec, ("aiosqlite", "greenlet"))):
        raise MissingExtraError("async", "create_hardened_async_engine")
    driver = make_url(url).drivername
    if driver in {"sqlite", "sqlite+pysqlite"}:
        raise UnsupportedDatabaseError(
            f"An async engine cannot use the driver of {driver!r}",
            "Write sqlite+aiosqlite: at the beginning of the URL.",
        )
    return create_by(create_async_engine, url, profile, options)
