"""What is kept of a rejected item: the item, or what the caller's own function says of it."""

import logging
from collections.abc import Callable
from typing import Any

from hardlite.imports.constraints import Constraint
from hardlite.imports.report import Rejection

__all__ = ["Rejecting"]

_log = logging.getLogger("hardlite.batches")


class Rejecting:
    """Makes the rejections of one import.

    Args:
        describe: returns what to keep of an item; ``None`` keeps the item.
    """

    def __init__(self, describe: Callable[[Any], object] | None) -> None:
        self._describe = describe
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
                )
            return item
