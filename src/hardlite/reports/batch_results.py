"""What became of one batch of an import."""

import dataclasses
from typing import Literal, TypedDict

from hardlite.reports.rejections import in_one_line

__all__ = ["BatchDict", "BatchResult", "Outcome"]

Outcome = Literal["committed", "partial", "rejected", "failed"]


class BatchDict(TypedDict):
    """A `BatchResult` as plain values."""

    index: int
    first_item: int
    last_item: int
    items: int
    committed: int
    rejected: int
    skipped: int
    updated: int
    outcome: Outcome
    attempts: int
    wait: float
    hold: float
    prepare: float
    ended: float
    error: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one batch.

    Attributes:
        index: the batch's number, counted from 0.
        first_item: position of its first item in the source, counted from 0.
        last_item: position of its last item.
        items: how many items it had.
        committed: how many of them are in the database now.
        rejected: how many were left out for an error.
        skipped: how many were left out because ``conflict="ignore"`` found them there already.
        updated: how many of the committed ones were there already, and ``conflict="update"`` wrote
            them over; the others were inserted.
        outcome: ``"committed"``: nothing was rejected; ``"partial"``: some items were;
            ``"rejected"``: all were; ``"failed"``: the database could not be written.
        attempts: how many transactions were begun for it.
        wait: seconds spent waiting for the turn.
        hold: seconds the turn lasted; the longest one, if there were several.
        prepare: seconds spent taking items from the source and preparing them.
        ended: seconds from the start of the import to the end of this batch.
        error: the first error of the batch.
    """

    index: int
    first_item: int
    last_item: int
    items: int
    committed: int
    rejected: int
    skipped: int
    updated: int
    outcome: Outcome
    attempts: int
    wait: float
    hold: float
    prepare: float
    ended: float
    error: Exception | None

    def to_dict(self) -> BatchDict:
        """Return plain values."""
        return {
            "index": self.index,
            "first_item": self.first_item,
            "last_item": self.last_item,
            "items": self.items,
            "committed": self.committed,
            "rejected": self.rejected,
            "skipped": self.skipped,
            "updated": self.updated,
            "outcome": self.outcome,
            "attempts": self.attempts,
            "wait": self.wait,
            "hold": self.hold,
            "prepare": self.prepare,
            "ended": self.ended,
            "error": None if self.error is None else in_one_line(self.error),
        }
