"""What came of rows or items that were to be inserted."""

import dataclasses
from typing import Self

from hardlite.inserts.faults import Fault

__all__ = ["InsertResult"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InsertResult:
    """What came of items, of which all others are in the database now.

    Attributes:
        faults: the items that could not be written.
        skipped: how many were left out because they were there already.
        updated: how many of those that are in were there already, and were written over.
    """

    faults: tuple[Fault, ...] = ()
    skipped: int = 0
    updated: int = 0

    def __add__(self, other: Self) -> Self:
        return dataclasses.replace(
            self,
            faults=self.faults + other.faults,
            skipped=self.skipped + other.skipped,
            updated=self.updated + other.updated,
        )

    def moved(self, by: int) -> Self:
        """Return the same for items that stand so many further behind in their batch."""
        faults = tuple(each._replace(offset=each.offset + by) for each in self.faults)
        return dataclasses.replace(self, faults=faults)
