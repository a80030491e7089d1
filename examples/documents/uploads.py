"""Taking in a document: its file first, then its row, then the answer, and only then the work."""

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from documents.files import Files, StoredFile, TooLargeError
from documents.schema import Document
from documents.worker import DocumentWorker
from documents.writes import Writes
from hardlite.clock import system_clock


class Uploaded(BaseModel):
    """The answer to an upload."""

    id: int
    sha256: str


def upload_router(writes: Writes, files: Files, worker: DocumentWorker) -> APIRouter:
    """Return the route that takes documents in."""
    router = APIRouter()

    @router.post("/documents", status_code=201)
    async def upload(
        request: Request,
        response: Response,
        name: Annotated[str, Query(min_length=1, max_length=200)],
        idempotency_key: Annotated[str, Header(min_length=8, max_length=100)],
    ) -> Uploaded:
        try:
            stored = await files.store(request.stream())
        except TooLargeError:
            raise HTTPException(413, "The document is too large.") from None
        if not stored.size:
            files.remove(stored.name)
            raise HTTPException(422, "The document is empty.")
        document, file = await writes.write(
            "upload", lambda session: _add(session, idempotency_key, name, stored)
        )
        if file != stored.name:
            # The client had no answer the first time, and sent it again.
            files.remove(stored.name)
            response.status_code = 200
        # Not before it is committed: a worker that looks now has to find it.
        worker.wake()
        return document

    return router


def _add(session: Session, key: str, name: str, stored: StoredFile) -> tuple[Uploaded, str]:
    """Add the row, unless there is one of that key; return what there is, and its file."""
    found = session.execute(
        insert(Document)
        .values(
            key=key,
            name=name,
            file=stored.name,
            size=stored.size,
            sha256=stored.sha256,
            uploaded=system_clock.wall(),
        )
        # What changes nothing makes SQLite return the row that is there.
        .on_conflict_do_update(index_elements=[Document.key], set_={"key": key})
        .returning(Document.id, Document.sha256, Document.file)
    ).one()
    return Uploaded(id=found.id, sha256=found.sha256), found.file
