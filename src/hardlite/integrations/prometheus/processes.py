"""What several processes count, for the multi-process mode of prometheus-client.

Each process writes its numbers to files of its own in the directory ``PROMETHEUS_MULTIPROC_DIR``, and whoever
answers a scrape adds up all of them (documentation of prometheus-client, "Multiprocess Mode"). Collectors have
no part in that, so each turn is written down when it is over.
"""

import threading
from typing import Final

from hardlite.clock import Clock
from hardlite.inspection.sizes import size_of
from hardlite.integrations.prometheus.names import (
    HOLDS,
    LABEL,
    REFUSED,
    SIZE,
    TURNS,
    WAITS,
    WAL_SIZE,
)
from hardlite.turns.figures import BOUNDS, Refusal, listen

__all__ = ["ProcessMetrics", "write_down"]

_LOOKS: Final = 1.0
"""Seconds between two looks at the sizes of the files."""

_writing = threading.Lock()
_writer: "ProcessMetrics | None" = None


class ProcessMetrics:
    """Metrics of prometheus-client that this process writes to its files.

    Args:
        clock: tells when to look at sizes again.
    """

    def __init__(self, clock: Clock) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        # In no registry: what is scraped comes from the files, those of this process among them.
        self._waits = Histogram(*WAITS, (LABEL,), registry=None, buckets=BOUNDS)
        self._holds = Histogram(*HOLDS, (LABEL,), registry=None, buckets=BOUNDS)
        self._turns = Counter(*TURNS, (LABEL, "outcome"), registry=None)
        self._refused = Counter(*REFUSED, (LABEL, "cause"), registry=None)
        # Of the same file, the last to look is right.
        self._sizes = [
            (suffix, Gauge(*name, (LABEL,), registry=None, multiprocess_mode="mostrecent"))
            for suffix, name in (("", SIZE), ("-wal", WAL_SIZE))
        ]
        self._clock = clock
        self._looked: dict[str, float] = {}

    def turn_ended(self, database: str, waited: float, held: float, *, kept: bool) -> None:
        """Write down a turn, and now and then the sizes of the files."""
        self._waits.labels(database).observe(waited)
        self._holds.labels(database).observe(held)
        self._turns.labels(database, "commit" if kept else "rollback").inc()
        now = self._clock.now()
        if now - self._looked.get(database, -_LOOKS) >= _LOOKS:
            self._looked[database] = now
            for suffix, gauge in self._sizes:
                size = size_of(f"{database}{suffix}")
                if size is not None:
                    gauge.labels(database).set(size)

    def writer_refused(self, database: str, cause: Refusal) -> None:
        """Write down a refusal."""
        self._refused.labels(database, cause).inc()


def write_down(clock: Clock) -> None:
    """Write down every turn of this process from now on; a second call changes nothing."""
    global _writer  # noqa: PLW0603 - two of them would count everything twice
    with _writing:
        if _writer is None:
            _writer = ProcessMetrics(clock)
            listen(_writer)
