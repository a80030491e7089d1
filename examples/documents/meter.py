"""The lock meter: who has the write lock now, who waits, and what all workers have counted."""

import asyncio
import dataclasses
import os
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from documents.schema import Worker
from hardlite import holders
from hardlite.clock import system_clock
from hardlite.metrics import collect
from hardlite.turns.holder import Holder

_SLOW = 0.1
_ALIVE = 2.0
"""Seconds after its last sign of life for which a worker is shown."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """What can be seen of the locks at one moment.

    Attributes:
        holder: who has the turn, or SQLite's write lock without one.
        waiting: how many wait, of this process each thread or task and of others each process.
    """

    holder: dict[str, Any] | None
    waiting: int


async def look_at_locks(engine: Engine) -> Locks:
    """Look who has the lock, without opening the database and without taking a turn."""
    found = await asyncio.to_thread(holders, engine)
    holder = found.turn or found.writer
    waiting = len(found.queue) + (found.next_in_line is not None)
    return Locks(holder=None if holder is None else _shown(holder), waiting=waiting)


def own_counts(engine: Engine) -> dict[str, Any]:
    """Return what this process has counted of its turns, as columns of `Worker`."""
    path = os.path.realpath(engine.url.database or "")
    for each in collect():
        if each.database == path:
            quick = dict(each.waits.buckets)[_SLOW]
            return {
                "commits": each.commits,
                "waited": each.waits.total,
                "held": each.holds.total,
                "refused": sum(each.refused.values()),
                "slow": each.waits.count - quick,
            }
    return {}


async def workers(session: AsyncSession) -> list[dict[str, Any]]:
    """Return the workers that are alive, with their figures."""
    now = system_clock.wall()
    rows = await session.execute(
        select(Worker.name, Worker.pid, Worker.commits, Worker.waited, Worker.refused)
        .where(Worker.seen > now - _ALIVE)
        .order_by(Worker.name)
    )
    return [dict(row) for row in rows.mappings()]


async def totals(session: AsyncSession) -> dict[str, Any]:
    """Return what all workers have counted, those that are gone included."""
    names = ("commits", "waited", "held", "refused", "slow")
    columns = [func.coalesce(func.sum(getattr(Worker, name)), 0).label(name) for name in names]
    return dict((await session.execute(select(*columns))).mappings().one())


def _shown(holder: Holder) -> dict[str, Any]:
    return {"pid": holder.pid, "thread": holder.thread, "held": holder.held}
