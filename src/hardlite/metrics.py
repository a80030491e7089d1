"""What this process has counted of its databases, as values to be shown or sent elsewhere.

Counting costs a microsecond for each turn. What can be looked at, such as the size of a WAL, is looked at
when somebody asks.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

from hardlite.turns.figures import BOUNDS, Histogram, Refusal, TurnFigures, known_figures
from hardlite.turns.gate_registry import known_gate

__all__ = ["DatabaseMetrics", "Distribution", "collect"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Durations, counted by their size.

    Attributes:
        buckets: the upper end of each bucket in seconds, and how many durations were up to it, smaller
            ones included.
        count: how many there were.
        total: all of them together, in seconds.
    """

    buckets: tuple[tuple[float, int], ...]
    count: int
    total: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseMetrics:
    """What this process has counted of one database since it began to use it.

    Attributes:
        database: its path; of a shared database in memory, its name.
        waits: how long writers waited for their turn.
        holds: how long they had it.
        commits: turns that ended with a commit, or with work outside of a transaction.
        rollbacks: turns that ended without.
        refused: writers that were refused, by cause: ``"turn"``, ``"foreign_lock"`` or
            ``"stale_snapshot"``.
        waiting: threads of this process that wait for a turn now.
        database_bytes: the size of the file; None if there is none.
        wal_bytes: the size of its WAL; 0 if there is none.
    """

    database: str
    waits: Distribution
    holds: Distribution
    commits: int
    rollbacks: int
    refused: Mapping[Refusal, int]
    waiting: int
    database_bytes: int | None
    wal_bytes: int


def collect() -> tuple[DatabaseMetrics, ...]:
    """Return what this process has counted, for each database that it has engines on.

    >>> import os
    >>> from hardlite import create_hardened_engine
    >>> from hardlite.metrics import collect
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> figures = {each.database: each for each in collect()}
    >>> figures[os.path.realpath("app.db")].commits > 0
    True
    >>> engine.dispose()
    """
    return tuple(_metrics(name, figures) for name, figures in sorted(known_figures().items()))


def _metrics(name: str, figures: TurnFigures) -> DatabaseMetrics:
    gate = known_gate(name)
    return DatabaseMetrics(
        database=name,
        waits=_distribution(figures.waits),
        holds=_distribution(figures.holds),
        commits=figures.commits,
        rollbacks=figures.rollbacks,
        refused=dict(figures.refused),
        waiting=0 if gate is None else gate.waiting(),
        database_bytes=_size(name),
        wal_bytes=_size(f"{name}-wal") or 0,
    )


def _distribution(histogram: Histogram) -> Distribution:
    counts, so_far, buckets = list(histogram.counts), 0, []
    for bound, count in zip(BOUNDS, counts, strict=False):
        so_far += count
        buckets.append((bound, so_far))
    return Distribution(buckets=tuple(buckets), count=sum(counts), total=histogram.total)


def _size(name: str) -> int | None:
    path = pathlib.Path(name)
    # No more than a look: to open it here would drop the locks of this process.
    return path.stat().st_size if path.is_file() else None
