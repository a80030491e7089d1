"""What the page is sent, over WebSockets: one look at the database for all of them.

Each process looks some times a second, and only while somebody watches. Sockets that cannot keep up skip
what they missed: each gets the newest picture when it is ready for one.
"""

import asyncio
import contextlib
import json
from collections import deque
from typing import Any, Final

from fastapi import WebSocket, WebSocketDisconnect
from sqlalchemy.exc import DBAPIError

from documents import meter, overview
from documents.database import Database

_EVERY: Final = 0.25
_LOOKS: Final = 40
"""Looks at the locks that are told as a share: those of the last ten seconds."""


class Feed:
    """What the watchers of one process see.

    Args:
        database: is looked at.
        worker: the name of this process.
    """

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._busy: deque[bool] = deque(maxlen=_LOOKS)
        self._newest = ""
        self._changed = asyncio.Condition()
        self._watchers = 0

    async def run(self) -> None:
        """Look again and again while somebody watches, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            if not self._watchers:
                continue
            with contextlib.suppress(DBAPIError):
                picture = json.dumps(await self._look())
                async with self._changed:
                    self._newest = picture
                    self._changed.notify_all()

    async def serve(self, socket: WebSocket) -> None:
        """Send pictures until the watcher goes away."""
        await socket.accept()
        self._watchers += 1
        sending = asyncio.create_task(self._send(socket))
        try:
            # Nothing is expected from it but that it goes away.
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self._watchers -= 1
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await sending

    async def _send(self, socket: WebSocket) -> None:
        while True:
            async with self._changed:
                await self._changed.wait()
                picture = self._newest
            await socket.send_text(picture)

    async def _look(self) -> dict[str, Any]:
        locks = await meter.look_at_locks(self._database.writing_engine)
        self._busy.append(locks.holder is not None)
        async with self._database.reader() as session:
            return {
                "worker": self._worker,
                "stages": overview.stage_names(),
                "documents": await overview.newest(session),
                "counts": await overview.counts(session),
                "workers": await meter.workers(session),
                "totals": await meter.totals(session),
                "locks": {
                    "holder": locks.holder,
                    "waiting": locks.waiting,
                    "busy": sum(self._busy) / len(self._busy),
                },
            }
