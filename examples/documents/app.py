"""The application: `documents.app:app` is what uvicorn is told to serve."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, HTTPException, WebSocket
from fastapi.responses import FileResponse
from sqlalchemy import select

from documents import overview
from documents.database import Database
from documents.feed import Feed
from documents.figures import Figures
from documents.files import Files
from documents.schema import Checkpoint, Document
from documents.settings import Settings
from documents.stages import STAGES
from documents.uploads import upload_router
from documents.worker import DocumentWorker
from documents.writes import Writes
from hardlite.integrations.fastapi import handle_locks, health_router, lifespan

_PAGE: Final = Path(__file__).with_name("page.html")


def make_app(
    settings: Settings, open_database: Callable[[Settings, Figures], Database] = Database
) -> FastAPI:
    """Put the parts together.

    Args:
        settings: how it runs.
        open_database: makes the database; the load test puts a plain one here, to compare.
    """
    files = Files(settings.folder / "files", settings.most_bytes)
    figures = Figures(settings.figures)
    database = open_database(settings, figures)
    writes = Writes(database, figures)
    worker = DocumentWorker(settings, database, files, writes)
    feed = Feed(database, worker.name)

    @contextlib.asynccontextmanager
    async def runs(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(files.prepare)
        async with lifespan(database.engine, database.writing_engine)(app):
            await asyncio.to_thread(database.prepare)
            await _sweep(database, files)
            beside = [asyncio.create_task(figures.watch()), asyncio.create_task(feed.run())]
            async with writes.running(), worker.working():
                yield
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    app = FastAPI(title="Documents", lifespan=runs)
    app.state.database = database
    handle_locks(app)
    app.include_router(health_router(database.engine))
    app.include_router(upload_router(writes, files, worker))
    _add_views(app, database, feed)
    return app


def _add_views(app: FastAPI, database: Database, feed: Feed) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE, headers={"Cache-Control": "no-cache"})

    @app.get("/documents")
    async def counts() -> dict[str, int]:
        async with database.reader() as session:
            return await overview.counts(session)

    @app.get("/documents/{number}")
    async def document(number: int) -> dict[str, Any]:
        async with database.reader() as session:
            found = await session.get(Document, number)
            if found is None:
                raise HTTPException(404, "There is no such document.")
            kept = await session.scalars(
                select(Checkpoint)
                .where(Checkpoint.document_id == number)
                .order_by(Checkpoint.stage)
            )
            results = {STAGES[each.stage].name: each.result for each in kept}
        return {"name": found.name, "state": found.state, "results": results}

    @app.websocket("/feed")
    async def watch(socket: WebSocket) -> None:
        await feed.serve(socket)


async def _sweep(database: Database, files: Files) -> None:
    async with database.reader() as session:
        known = set(await session.scalars(select(Document.file)))
    await asyncio.to_thread(files.sweep, known)


app = make_app(Settings.from_environment())
