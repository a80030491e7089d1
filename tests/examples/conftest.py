"""The application of examples/documents: real processes, and its parts within a test."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from documents.database import Database
from documents.figures import Figures
from documents.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(folder=tmp_path, pace=0, most_bytes=1_000)


@pytest.fixture
def opened(settings: Settings) -> Callable[[], Any]:
    """Opens the database of the application, with its tables."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Database]:
        database = Database(settings, Figures(None))
        try:
            database.prepare()
            yield database
        finally:
            await database.engine.dispose()
            database.writing_engine.dispose()

    return opened
