"""How many connections an engine's pool has, and how many of them are in use."""

import dataclasses
from typing import TypedDict

from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

__all__ = ["PoolStatus", "PoolStatusDict", "pool_status"]


class PoolStatusDict(TypedDict):
    """A `PoolStatus` as plain values."""

    checked_out: int
    idle: int
    limit: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """The connections of an engine.

    Attributes:
        checked_out: how many are in use.
        idle: how many are open and not in use.
        limit: how many there may be in all; None without a limit.
    """

    checked_out: int
    idle: int
    limit: int | None

    def to_dict(self) -> PoolStatusDict:
        """Return plain values, ready for `json.dumps`."""
        return {"checked_out": self.checked_out, "idle": self.idle, "limit": self.limit}


def pool_status(engine: Engine) -> PoolStatus | None:
    """Count the connections of an engine; None for a pool that does not count them."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return None
    most = pool._max_overflow  # noqa: SLF001 - there is no public way to it
    return PoolStatus(
        checked_out=pool.checkedout(),
        idle=pool.checkedin(),
        limit=pool.size() + most if most >= 0 else None,
    )
