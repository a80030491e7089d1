"""Which worker works on which document: a claim is a row with a lease, and ends by itself.

Nobody asks whether a process is alive. A worker renews its leases some times a second; those of a dead
one run out, and whoever looks next takes its documents over. A worker that only stood still finds that
its claim is gone when it wants to keep a checkpoint, and keeps nothing.
"""

import dataclasses
from collections.abc import Collection, Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from documents.schema import Checkpoint, Document, State
from documents.writes import RefusedWriteError


class ClaimLostError(RefusedWriteError):
    """Another worker has the document now."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A document as its worker knows it.

    Attributes:
        id: of the document.
        file: its file.
        sha256: of the file.
        stage: the first stage without a checkpoint.
    """

    id: int
    file: str
    sha256: str
    stage: int


async def any_claimable(session: AsyncSession, now: float) -> bool:
    """Say whether a document is free; it takes no turn, so it can be asked often."""
    found = await session.scalar(
        select(Document.id).where(Document.state == State.OPEN, Document.lease_until < now).limit(1)
    )
    return found is not None


def claim(
    session: Session, worker: str, *, now: float, lease: float, most: int
) -> Sequence[Claimed]:
    """Claim the oldest documents that are free, or whose worker has given no sign of life.

    Args:
        session: one that writes, so nobody else claims at the same time.
        worker: who claims.
        now: seconds since 1970.
        lease: seconds for which the claim lasts.
        most: how many at most.
    """
    free = (
        select(Document.id)
        .where(Document.state == State.OPEN, Document.lease_until < now)
        .order_by(Document.id)
        .limit(most)
    )
    rows = session.execute(
        update(Document)
        .where(Document.id.in_(free.scalar_subquery()))
        .values(owner=worker, lease_until=now + lease, claims=Document.claims + 1)
        .returning(Document.id, Document.file, Document.sha256, Document.stage)
    )
    return [Claimed(**row) for row in rows.mappings()]


def keep_checkpoint(
    session: Session,
    worker: str,
    document: int,
    *,
    stage: int,
    result: str,
    last: bool,
    now: float,
    lease: float,
) -> None:
    """Keep what a stage found and go on to the next one, in one transaction.

    Raises:
        ClaimLostError: the document has another worker, or is past this stage.
    """
    moved = session.execute(
        update(Document)
        .where(Document.id == document, Document.owner == worker, Document.stage == stage)
        .values(
            stage=stage + 1,
            state=State.DONE if last else State.OPEN,
            lease_until=now + lease,
        )
        .returning(Document.id)
    )
    if moved.first() is None:
        raise ClaimLostError(f"document {document} is no longer worked on by {worker}")
    session.execute(
        insert(Checkpoint).values(
            document_id=document, stage=stage, result=result, worker=worker, at=now
        )
    )


def renew(session: Session, worker: str, documents: Collection[int], *, until: float) -> None:
    """Give a sign of life for the documents that a worker has."""
    session.execute(
        update(Document)
        .where(Document.id.in_(documents), Document.owner == worker)
        .values(lease_until=until)
    )


def give_back(session: Session, worker: str) -> None:
    """End all claims of a worker that stops."""
    session.execute(
        update(Document)
        .where(Document.owner == worker, Document.state == State.OPEN)
        .values(owner=None, lease_until=0.0)
    )


def give_up(session: Session, worker: str, document: int, problem: str) -> None:
    """Leave a document alone for good: trying it again would fail in the same way."""
    session.execute(
        update(Document)
        .where(Document.id == document, Document.owner == worker)
        .values(state=State.FAILED, problem=problem)
    )
