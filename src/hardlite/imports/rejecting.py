"""The rejections of one import, from an item and its error to the report."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from hardlite.log_events import log_event
from hardlite.reports.constraints import Constraint
from hardlite.reports.rejection_log import RejectionLog
from hardlite.reports.rejections import Cause, Rejected, Rejection

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
        # By identity, which is theirs for as long as they are held.
        self._causes: dict[tuple[int, int], Cause] = {}
        self._held: list[object] = []

    @property
    def by_source(self) -> bool:
        """Whether the item is wanted as the source gave it, and not as it was prepared."""
        return self._describe is not None

    def rejected(self, position: int, item: object, cause: Cause) -> Rejected:
        """Record that ``item`` was kept out."""
        return Rejected(position, self._described(position, item), cause)

    def shared_cause(self, error: Exception, constraint: Constraint | None) -> Cause:
        """Return what ``error`` says, made once for the items of a batch that share it."""
        key = id(error), id(constraint)
        cause = self._causes.get(key)
        if cause is None:
            cause = self._causes[key] = Cause.of(error, constraint)
            self._held += (error, constraint)
        return cause

    def keep(self, rejected: Iterable[Rejected]) -> None:
        """Add the rejected items of a batch that is done."""
        for each in rejected:
            self.log.keep(each)
            self.count += 1
            if self._tell is not None:
                self._tell(each.told())
        self._causes.clear()
        self._held.clear()

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
