"""What the page shows of the documents: the newest ones, and how many there are of each kind."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from documents.schema import Document, Progress, State
from documents.stages import STAGES
from hardlite.clock import system_clock

_SHOWN: Final = 60


async def newest(session: AsyncSession) -> Sequence[dict[str, Any]]:
    """Return the newest documents, each with its state, stage and progress."""
    now = system_clock.wall()
    rows = await session.execute(
        select(
            Document.id,
            Document.name,
            Document.size,
            Document.state,
            Document.stage,
            Document.owner,
            Document.claims,
            Document.problem,
            (Document.lease_until > now).label("claimed"),
            func.coalesce(Progress.share, 0.0).label("share"),
        )
        .outerjoin(
            Progress, (Progress.document_id == Document.id) & (Progress.stage == Document.stage)
        )
        .order_by(Document.id.desc())
        .limit(_SHOWN)
    )
    return [_shown(dict(row)) for row in rows.mappings()]


async def counts(session: AsyncSession) -> dict[str, int]:
    """Return how many documents there are of each state."""
    rows = await session.execute(
        select(Document.state, func.count().label("documents")).group_by(Document.state)
    )
    found = {row.state: row.documents for row in rows}
    return {state.value: found.get(state.value, 0) for state in State}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    claimed = row.pop("claimed") and row["state"] == State.OPEN
    waiting = "working" if claimed else "waiting"
    return row | {"state": waiting if row["state"] == State.OPEN else row["state"]}


def stage_names() -> list[str]:
    """Return what the stages are called, in order."""
    return [stage.name for stage in STAGES]
