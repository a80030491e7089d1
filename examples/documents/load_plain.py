"""The same application on plain engines, as SQLAlchemy makes them, to compare with."""

import contextlib

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from documents.app import make_app
from documents.database import Database
from documents.settings import Settings


class PlainDatabase(Database):
    """SQLite as it comes: no WAL, no turns, and a busy timeout of five seconds."""

    def prepare(self) -> None:
        """The load test has made the tables: several processes at once would fail at that."""

    def _open(self, settings: Settings) -> None:
        # hardlite: ignore[1A,S4] SQLite as it comes is what is measured
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{settings.database}")
        # hardlite: ignore[1A,S4] SQLite as it comes is what is measured
        self.writing_engine = create_engine(f"sqlite:///{settings.database}")

    def _open_reader(self) -> contextlib.AbstractAsyncContextManager[AsyncSession]:
        return AsyncSession(self.engine)

    def _open_writer(self) -> contextlib.AbstractContextManager[Session]:
        return sessionmaker(self.writing_engine).begin()


app = make_app(Settings.from_environment(), PlainDatabase)
