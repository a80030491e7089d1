"""The rejections of one import, from an item and its error to the report."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from hardlite.log_events import log_event
from hardlite.reports.constraints import Constraint
from hardlite.reports.rejection_log import RejectionLog
from hardlite.reports.rejections import Rejection

__all__ = ["Rejecting"]

_log = logging.getLogger("hardlite.batches")


class Rejecting:
    """Makes the rejections of one import, and keeps and tells them.

    Args:
        describe: returns what to keep of an item; ``None`` keeps the item.
        tell: gets each rejection.

    Attributes:
        log: those of the batches that are done.
        count: how many these are.
    """

    def __init__(
        self,
        describe: Callable[[Any], object] | None,
        tell: Callable[[Rejection], object] | None,
    ) -> None:
        self.log = RejectionLog()
        self.count = 0
        self._describe = describe
        self._tell = tell
        self._warned = False

    @property
    def by_source(self) -> bool:
        """Whether the item is wanted as the source gave it, and not as it was prepared."""
        return self._describe is not None

    def rejection(
        self, position: int, item: object, error: Exception, constraint: Constraint | None = None
    ) -> Rejection:
        """Record that ``error`` kept ``item`` out."""
        return Rejection.of(position, self._described(position, item), error, constraint=constraint)

    def keep(self, rejections: Iterable[Rejection]) -> None:
        """Add the rejections of a batch that is done."""
        for rejection in rejections:
            self.log.add(rejection)
            self.count += 1
            if self._tell is not None:
                self._tell(rejection)

    def _described(self, position: int, item: object) -> object:
        if self._describe is None:
            return item
        try:
            return self._describe(item)
        except Exception:  # noqa: BLE001 - the caller's function may raise anything
            # Its batch is done by then: what became of it must be told all the same.
            if not self._warned:
                self._warned = True
                _log.warning(
                    "describe= failed for item %d, so this item is kept whole; said once",
                    position,
                    exc_info=True,
                    extra=log_event("describe.failed", position=position),
                )
            return item
