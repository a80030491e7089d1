"""The items of a batch, taken from the source and prepared before the batch has its turn."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from hardlite.clock import Clock
from hardlite.imports.preparing import OutcomeSource
from hardlite.imports.rejecting import Rejecting
from hardlite.reports.rejections import Cause, Rejected

__all__ = ["Batch", "Collector"]


@dataclasses.dataclass(slots=True)
class Batch:
    """The items of a batch, prepared, with their positions in the source.

    Attributes:
        first: position of the first item.
        count: how many items were taken from the source.
        items: what is to be written.
        told: what to tell of each of those in case it is rejected.
        positions: where each of those stood in the source.
        rejected: the items that could not be prepared.
        seconds: spent waiting for the source and for ``prepare``.
    """

    first: int
    count: int = 0
    items: list[Any] = dataclasses.field(default_factory=list)
    told: Sequence[Any] = ()
    positions: Sequence[int] = ()
    rejected: list[Rejected] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def end(self) -> int:
        """Position of the first item after the batch."""
        return self.first + self.count


class Collector:
    """Takes batches of items from a source.

    Args:
        source: the items.
        first: position of the next one.
        prepared: the items as they are written; None writes those of the source.
        rejecting: makes the rejections of items that cannot be prepared.
        stop_at_rejection: whether such an item ends its batch.
        clock: measures.
    """

    def __init__(
        self,
        source: Iterator[Any],
        *,
        first: int,
        prepared: OutcomeSource | None,
        rejecting: Rejecting,
        stop_at_rejection: bool,
        clock: Clock,
    ) -> None:
        self._source = source
        self._next = first
        self._rejecting = rejecting
        self._stop_at_rejection = stop_at_rejection
        self._clock = clock
        self._prepared = prepared

    def collect(self, size: int) -> Batch:
        """Return a batch of at most ``size`` items; an empty one means that none are left."""
        started = self._clock.now()
        batch = Batch(self._next)
        if self._prepared is None:
            batch.items = list(itertools.islice(self._source, size))
            batch.told = batch.items
            batch.count = len(batch.items)
            batch.positions = range(batch.first, batch.end)
        else:
            self._collect_prepared(self._prepared, batch, size)
        self._next = batch.end
        batch.seconds = self._clock.now() - started
        return batch

    def close(self) -> None:
        """End the threads, if there are any."""
        if self._prepared is not None:
            self._prepared.close()

    def _collect_prepared(self, prepared: OutcomeSource, batch: Batch, size: int) -> None:
        positions: list[int] = []
        batch.positions = positions
        sources: list[Any] = []
        batch.told = sources if self._rejecting.by_source else batch.items
        for outcome in prepared.outcomes(size):
            position = batch.end
            batch.count += 1
            if outcome.error is None:
                batch.items.append(outcome.prepared)
                positions.append(position)
                if self._rejecting.by_source:
                    sources.append(outcome.item)
                continue
            cause = Cause.of(outcome.error)
            batch.rejected.append(self._rejecting.rejected(position, outcome.item, cause))
            if self._stop_at_rejection:
                return
