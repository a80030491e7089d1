"""The plugin under SQLAlchemy's async engines, where aiosqlite keeps the connection."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

aiosqlite = pytest.importorskip("aiosqlite")

from sqlalchemy import Engine, text  # noqa: E402 - only where there is something to test
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine  # noqa: E402
from sqlalchemy.pool import NullPool  # noqa: E402

from hardlite import ConfigurationError, DatabaseLockedError  # noqa: E402
from hardlite.engine import profile_of  # noqa: E402

T = TypeVar("T")


def run(url: str, work: Callable[[AsyncEngine], Awaitable[T]], **options: object) -> T:
    async def main() -> T:
        engine = create_async_engine(url, **options)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(main())


def url_of(path: Path, query: str = "") -> str:
    return f"sqlite+aiosqlite:///{path}?plugin=hardlite{query}"


async def make_note(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE note (n)"))


def leave_open(engine: Engine) -> None:
    """Give a connection back to the pool with a write on it that nobody ended."""
    connection = engine.raw_connection()
    connection.cursor().execute("INSERT INTO note VALUES (1)")
    connection.close()


def test_an_async_engine_is_configured_by_its_url(db_path: Path) -> None:
    async def work(engine: AsyncEngine) -> list[object]:
        profile = profile_of(engine.sync_engine)
        assert profile is not None
        assert profile.busy_timeout == 2.0
        async with engine.connect() as connection:
            return [
                await connection.scalar(text(f"PRAGMA {name}"))
                for name in ("journal_mode", "foreign_keys", "busy_timeout", "cache_size")
            ]

    assert run(url_of(db_path, "&hardlite_busy_timeout=2"), work) == ["wal", 1, 2000, -64000]


def test_an_async_engine_commits_and_rolls_back(db_path: Path) -> None:
    async def work(engine: AsyncEngine) -> object:
        await make_note(engine)
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO note VALUES (1)"))
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO note VALUES (2)"))
            await connection.rollback()
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT count(*) FROM note"))

    assert run(url_of(db_path), work) == 1


def test_options_of_hardlite_reach_an_async_connection(db_path: Path) -> None:
    async def work(engine: AsyncEngine) -> None:
        with pytest.raises(ConfigurationError, match="hardlite_transaction cannot be 'nonsense'"):
            engine.execution_options(hardlite_transaction="nonsense")
        async with engine.execution_options(hardlite_transaction="immediate").connect() as first:
            await first.execute(text("SELECT * FROM sqlite_schema"))
            driver = (await first.get_raw_connection()).driver_connection
            assert driver is not None
            assert driver._conn.in_transaction

    run(url_of(db_path), work)


def test_a_lock_that_is_not_had_is_hardlites_error_there_too(db_path: Path) -> None:
    async def work(engine: AsyncEngine) -> DatabaseLockedError:
        await make_note(engine)
        other = sqlite3.connect(db_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError) as caught:
            await make_note(engine)
        other.close()
        return caught.value

    error = run(url_of(db_path, "&hardlite_timeout=0.01"), work)

    assert "database is locked" in str(error)
    assert error.waited > 0


def test_a_pool_that_does_not_reset_gets_back_no_open_transaction(db_path: Path) -> None:
    async def work(engine: AsyncEngine) -> object:
        await make_note(engine)
        async with engine.connect() as connection:
            await connection.run_sync(lambda _: leave_open(engine.sync_engine))
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO note VALUES (2)"))
            return await connection.scalar(text("SELECT count(*) FROM note"))

    url = url_of(db_path, "&hardlite_timeout=0")
    assert run(url, work, pool_reset_on_return=None) == 1


def test_a_plain_connection_of_aiosqlite_is_refused(
    db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(engine: AsyncEngine) -> None:
        with pytest.raises(ConfigurationError, match="hardlite did not open"):
            async with engine.connect():
                pass

    caplog.set_level(logging.WARNING, logger="hardlite")
    run(url_of(db_path), work, async_creator=lambda: aiosqlite.connect(db_path), poolclass=NullPool)

    assert caplog.records == []
