"""What the writers of this process have done on a database so far, in few numbers."""

import dataclasses
from collections.abc import Mapping
from typing import TypedDict

from hardlite.metrics import DatabaseMetrics, collect
from hardlite.readable import seconds
from hardlite.turns.figures import Refusal

__all__ = ["LockTotals", "LockTotalsDict", "lock_totals"]


class LockTotalsDict(TypedDict):
    """A `LockTotals` as plain values."""

    commits: int
    rollbacks: int
    refused: dict[str, int]
    waiting: int
    waited: float
    held: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LockTotals:
    """The turns of this process, since its first engine on the database.

    Attributes:
        commits: turns that ended with a commit, or with work outside of a transaction.
        rollbacks: turns that ended without.
        refused: writers that were refused, by cause: ``"turn"``, ``"foreign_lock"`` or
            ``"stale_snapshot"``.
        waiting: threads that wait for a turn now.
        waited: seconds that all turns together were waited for.
        held: seconds that they lasted.
    """

    commits: int
    rollbacks: int
    refused: Mapping[Refusal, int]
    waiting: int
    waited: float
    held: float

    def facts(self) -> list[tuple[str, str]]:
        """Return what it tells as pairs of a name and a text."""
        refused = ", ".join(
            f"{cause.replace('_', ' ')} {count:,}" for cause, count in self.refused.items() if count
        )
        return [
            (
                "turns of this process",
                f"{self.commits:,} committed, {self.rollbacks:,} rolled back",
            ),
            ("held in all", seconds(self.held)),
            ("waited in all", f"{seconds(self.waited)}, {self.waiting:,} waiting now"),
            ("refused", refused or "none"),
        ]

    def to_dict(self) -> LockTotalsDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "commits": self.commits,
            "rollbacks": self.rollbacks,
            "refused": {str(cause): count for cause, count in self.refused.items()},
            "waiting": self.waiting,
            "waited": self.waited,
            "held": self.held,
        }


def lock_totals(file: str) -> LockTotals | None:
    """Return what was counted of a database; None if this process has no hardened engine on it.

    Args:
        file: its real path.
    """
    return next((_totals(each) for each in collect() if each.database == file), None)


def _totals(counted: DatabaseMetrics) -> LockTotals:
    return LockTotals(
        commits=counted.commits,
        rollbacks=counted.rollbacks,
        refused=counted.refused,
        waiting=counted.waiting,
        waited=counted.waits.total,
        held=counted.holds.total,
    )
