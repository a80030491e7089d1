"""Real loops for tests of tasks, asyncio's own and uvloop, and what they meet on the file."""

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hardlite import create_hardened_async_engine
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.arrivals import Arrivals, listening
from tests.fixtures.sides import LOOPS, runner

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in each kind of loop."""
    return runner(request.param)


@pytest.fixture
def gate(db_path: Path) -> Gate:
    return gate_for(str(db_path.resolve()))


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with listening() as heard:
        yield heard


@pytest.fixture
def opened(db_path: Path) -> Callable[..., Any]:
    """Opens an async engine on the test's file, with a table of numbers in it."""

    @contextlib.asynccontextmanager
    async def open_engine(**settings: object) -> AsyncIterator[AsyncEngine]:
        engine = create_hardened_async_engine(f"sqlite+aiosqlite:///{db_path}", **settings)
        try:
            async with engine.begin() as connection:
                await connection.execute(text("CREATE TABLE IF NOT EXISTS number (n INTEGER)"))
            yield engine
        finally:
            await engine.dispose()

    return open_engine
