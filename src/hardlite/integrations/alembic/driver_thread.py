"""The driver's own connection, used from where SQLAlchemy may use it.

Below an asynchronous engine the driver works in a thread of its own, and the loop goes on meanwhile
(SQLAlchemy, "Using awaitable-only driver methods in connection pool and other events").
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy.engine import Connection

from hardlite.clock import Clock

__all__ = ["on_driver", "pause_for"]

T = TypeVar("T")


def on_driver(connection: Connection, work: Callable[[], T]) -> T:
    """Call ``work`` in the thread in which the driver's connection may be used."""
    adapted: Any = connection.connection.dbapi_connection
    if not _is_async(connection):
        return work()
    return cast("T", adapted.run_async(lambda driver: driver._execute(work)))  # noqa: SLF001 - aiosqlite has no other door to its thread


def pause_for(connection: Connection, clock: Clock) -> Callable[[float], None]:
    """Return what waits some seconds without keeping an event loop from its work."""
    if not _is_async(connection):
        return clock.sleep

    def pause(seconds: float) -> None:
        import asyncio

        from sqlalchemy.util import await_only

        await_only(asyncio.sleep(seconds))

    return pause


def _is_async(connection: Connection) -> bool:
    return connection.dialect.is_async
