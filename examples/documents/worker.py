"""What works on documents in each process: it claims some, and looks for more when it has room."""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from documents.claims import (
    Claimed,
    ClaimLostError,
    any_claimable,
    claim,
    give_back,
    give_up,
)
from documents.database import Database
from documents.files import Files
from documents.pipeline import Pipeline
from documents.progress import ProgressWriter
from documents.settings import Settings
from documents.writes import Writes
from hardlite.clock import system_clock

_log = logging.getLogger("documents.worker")

_LOOK_EVERY: Final = 0.25
"""Seconds between two looks for documents of workers that are gone."""


class DocumentWorker:
    """The worker of one process.

    Args:
        settings: says how much at once, and how long a claim lasts.
        database: has the documents.
        files: has their content.
        writes: takes claims and checkpoints.
    """

    def __init__(
        self, settings: Settings, database: Database, files: Files, writes: Writes
    ) -> None:
        # A process that is started again may get the number of the one that died.
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._settings = settings
        self._database = database
        self._writes = writes
        self._progress = ProgressWriter(writes, database.writing_engine, self.name, settings.lease)
        self._pipeline = Pipeline(
            database, files, writes, self._progress, worker=self.name, settings=settings
        )
        self._wanted = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for documents now: one has just been uploaded."""
        self._wanted.set()

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work until the block ends, and then give back what is not done."""
        running = [
            asyncio.create_task(self._progress.run(), name="progress"),
            asyncio.create_task(self._look(), name="claims"),
        ]
        try:
            yield
        finally:
            ending = [*running, *self._tasks]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            with contextlib.suppress(DBAPIError):
                await self._writes.write("claim", lambda session: give_back(session, self.name))

    async def _look(self) -> None:
        while True:
            try:
                claimed = await self._claim_some()
            except DBAPIError as error:
                _log.warning("no documents could be claimed: %s", error.orig)
                claimed = []
            for document in claimed:
                self._progress.begin(document.id)
                task = asyncio.create_task(self._work(document), name=f"document {document.id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if not claimed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), _LOOK_EVERY)
                self._wanted.clear()

    async def _claim_some(self) -> Sequence[Claimed]:
        room = self._settings.at_once - len(self._tasks)
        if room <= 0:
            return []
        async with self._database.reader() as session:
            if not await any_claimable(session, system_clock.wall()):
                return []

        def take(session: Session) -> Sequence[Claimed]:
            now, lease = system_clock.wall(), self._settings.lease
            return claim(session, self.name, now=now, lease=lease, most=room)

        return await self._writes.write("claim", take)

    async def _work(self, document: Claimed) -> None:
        try:
            await self._pipeline.run(document)
        except ClaimLostError as error:
            _log.warning("%s", error)
        except DBAPIError as error:
            # It stays claimed until its lease ends; then it goes on where it has its checkpoint.
            _log.warning("document %s is put off: %s", document.id, error.orig)
        except Exception as error:  # noqa: BLE001 - it is kept with the document
            # Its file is damaged, or a stage cannot take what is in it: so it would be the next time.
            _log.exception("document %s has failed", document.id)
            problem = f"{type(error).__name__}: {error}"
            await self._writes.write(
                "claim", lambda session: give_up(session, self.name, document.id, problem)
            )
        finally:
            self._progress.end(document.id)
            self.wake()
