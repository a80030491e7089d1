"""`create_hardened_async_engine`: what it takes, and what it says of what it cannot take."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

import hardlite
from hardlite import (
    ConfigurationError,
    MissingExtraError,
    Profile,
    UnsupportedDatabaseError,
    create_hardened_async_engine,
)
from hardlite.engine import profile_of
from tests.aio.conftest import Run


def test_settings_go_before_the_profile(run: Run, db_path: Path) -> None:
    async def main() -> list[object]:
        engine = create_hardened_async_engine(
            f"sqlite+aiosqlite:///{db_path}", profile=Profile.durable(), busy_timeout=2, echo=False
        )
        async with engine.connect() as connection:
            asked = [
                await connection.scalar(text(f"PRAGMA {name}"))
                for name in ("synchronous", "busy_timeout", "journal_mode")
            ]
        await engine.dispose()
        assert profile_of(engine.sync_engine) == Profile.durable().evolve({"busy_timeout": 2.0})
        return asked

    assert run(main()) == [2, 2000, "wal"]


@pytest.mark.parametrize("url", ["sqlite:///app.db", "sqlite+pysqlite:///app.db"])
def test_a_driver_that_cannot_be_awaited_is_named(url: str) -> None:
    with pytest.raises(UnsupportedDatabaseError, match=r"sqlite\+aiosqlite"):
        create_hardened_async_engine(url)


@pytest.mark.parametrize("missing", ["aiosqlite", "greenlet"])
def test_without_what_it_stands_on_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    find = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == missing else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)

    with pytest.raises(MissingExtraError, match=r"pip install 'hardlite\[async\]'"):
        create_hardened_async_engine("sqlite+aiosqlite://")


def test_connections_of_others_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="async_creator_fn"):
        create_hardened_async_engine(
            "sqlite+aiosqlite://", connect_args={"async_creator_fn": print}
        )


def test_a_sessionmaker_without_an_engine_is_refused(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(ConfigurationError, match="neither an async engine nor"):
            await hardlite.async_run_in_transaction(async_sessionmaker(), str)  # type: ignore[arg-type]

    run(main())


def test_a_name_that_does_not_exist_is_told_like_any_other() -> None:
    with pytest.raises(AttributeError, match="module 'hardlite' has no attribute 'nonsense'"):
        _ = hardlite.nonsense  # type: ignore[attr-defined]
