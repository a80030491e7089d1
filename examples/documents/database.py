"""The one database of the application: async readers, and the writer of this process.

A writer has its turn before its first statement, and is committed at the end. All sessions are opened
here, so here is where they are measured.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from documents.figures import Figures
from documents.schema import Base
from documents.settings import Settings
from hardlite import (
    create_hardened_async_engine,
    create_hardened_engine,
    get_async_sessionmaker,
    get_sessionmaker,
)
from hardlite.clock import system_clock

_TIMEOUT: Final = 20.0
_READERS: Final = 5
"""Connections that tasks read with, in each process; who comes later awaits one."""


class Database:
    """Two hardened engines on one file, and their sessions.

    Args:
        settings: say where the file is.
        figures: is told how long each transaction took.

    Attributes:
        engine: reads, for tasks.
        writing_engine: writes, in a thread.
    """

    engine: AsyncEngine
    writing_engine: Engine

    def __init__(self, settings: Settings, figures: Figures) -> None:
        self._figures = figures
        self._open(settings)

    def prepare(self) -> None:
        """Make the tables that are missing, in a turn: several processes start at once."""
        with self.writer() as session:
            Base.metadata.create_all(session.connection())

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncSession]:
        """Open a session on one consistent snapshot."""
        with self._measured("read"):
            async with self._open_reader() as session:
                yield session

    @contextlib.contextmanager
    def writer(self) -> Iterator[Session]:
        """Take the turn, open a session, and commit it at the end; not in the loop's thread."""
        with self._measured("commit"), self._open_writer() as session:
            yield session

    @contextlib.contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        asked = system_clock.now()
        try:
            yield
        except DBAPIError as error:
            if is_lock(error):
                self._figures.note("locked", system_clock.now() - asked)
            raise
        self._figures.note(name, system_clock.now() - asked)

    def _open(self, settings: Settings) -> None:
        sync, file = settings.synchronous, settings.database
        # No overflow: that would open and close a connection, with all its pragmas, for many a reader.
        self.engine = create_hardened_async_engine(
            f"sqlite+aiosqlite:///{file}", pool_size=_READERS, max_overflow=0
        )
        self.writing_engine = create_hardened_engine(
            f"sqlite:///{file}", synchronous=sync, timeout=_TIMEOUT
        )

    def _open_reader(self) -> contextlib.AbstractAsyncContextManager[AsyncSession]:
        return get_async_sessionmaker(self.engine).reader()

    def _open_writer(self) -> contextlib.AbstractContextManager[Session]:
        return get_sessionmaker(self.writing_engine).writer()


def is_lock(error: DBAPIError) -> bool:
    """Say whether SQLite refused because somebody else had its lock."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    # The low byte is the primary code (sqlite.org, "Result and Error Codes").
    return bool(code & 0xFF == sqlite3.SQLITE_BUSY)
