"""Progress, written behind: the newest value of each document, some times a second, in one commit.

A stage tells of every section it is done with, as often as it likes. Without this, fifty documents at work
would be hundreds of commits a second that nobody can see; with it they are four for each process.
The same transaction renews the leases and notes the worker's figures.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from documents.claims import renew
from documents.meter import own_counts
from documents.schema import Progress, Worker
from documents.writes import Writes
from hardlite.clock import system_clock

_log = logging.getLogger("documents.progress")

_EVERY: Final = 0.25


class ProgressWriter:
    """What one process writes of its progress.

    Args:
        writes: takes it.
        engine: whose turns are counted.
        worker: the name of this process.
        lease: seconds for which a claim lasts.
    """

    def __init__(self, writes: Writes, engine: Engine, worker: str, lease: float) -> None:
        self._writes = writes
        self._engine = engine
        self._worker = worker
        self._lease = lease
        self._shares: dict[int, tuple[int, float]] = {}
        self._working: set[int] = set()

    def begin(self, document: int) -> None:
        """Renew the lease of a document from now on."""
        self._working.add(document)

    def tell(self, document: int, stage: int, share: float) -> None:
        """Take note that a share of a stage is done; it is written later, or never."""
        self._shares[document] = stage, share

    def end(self, document: int) -> None:
        """Renew the lease no longer; what was not written of its progress does not matter now."""
        self._working.discard(document)
        self._shares.pop(document, None)

    async def run(self) -> None:
        """Write, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.flush()
            except DBAPIError as error:
                # The next time there is more to write, and no harm is done: leases last longer.
                _log.warning("progress is late: %s", error.orig)

    async def flush(self) -> None:
        """Write what is new, renew the leases, and note this worker's figures."""
        shares, self._shares = self._shares, {}
        working, now = set(self._working), system_clock.wall()
        seen = {"pid": os.getpid(), "seen": now, **own_counts(self._engine)}

        def write(session: Session) -> None:
            session.execute(
                insert(Worker)
                .values(name=self._worker, **seen)
                .on_conflict_do_update(index_elements=[Worker.name], set_=seen)
            )
            if working:
                renew(session, self._worker, working, until=now + self._lease)
            if shares:
                _write_shares(session, shares)

        await self._writes.write("progress", write)


def _write_shares(session: Session, shares: Mapping[int, tuple[int, float]]) -> None:
    written = insert(Progress)
    values = {"stage": written.excluded.stage, "share": written.excluded.share}
    session.execute(
        written.on_conflict_do_update(index_elements=[Progress.document_id], set_=values),
        [
            {"document_id": document, "stage": stage, "share": share}
            for document, (stage, share) in shares.items()
        ],
    )
