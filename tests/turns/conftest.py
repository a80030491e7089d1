"""What tests of turns among processes share: a counter, and processes that increment it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.fixtures.clocks import SetClock
from tests.fixtures.databases import EngineFactory
from tests.fixtures.writers import Writer, WriterFactory, make_counter, writer


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def counted(make_engine: EngineFactory) -> Engine:
    """An engine of this process, on a database with a counter."""
    engine = make_engine()
    make_counter(engine)
    return engine


@pytest.fixture
def new_writer(db_path: Path) -> Iterator[WriterFactory]:
    """Starts processes that write to the test's file, or to another one."""
    with contextlib.ExitStack() as stack:

        def start(database: str | Path | None = None, /, **settings: object) -> Writer:
            return stack.enter_context(writer(database or db_path, **settings))

        yield start
