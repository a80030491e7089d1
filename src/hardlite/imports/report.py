"""What an import kept and what it left out: frozen records, and how they are told."""

import collections
import dataclasses
from typing import Literal, TypedDict

from hardlite.errors import HardliteError, ImportRejectedError
from hardlite.imports.constraints import Constraint, ConstraintDict, constraint_of

__all__ = ["BatchResult", "ImportReport", "Outcome", "Rejection"]

Outcome = Literal["committed", "partial", "rejected", "failed"]

_SHOWN_REASONS = 5


class RejectionDict(TypedDict):
    """A `Rejection` as plain values."""

    position: int
    item: str
    reason: str
    error_type: str
    constraint: ConstraintDict | None
    columns: list[str]


class BatchDict(TypedDict):
    """A `BatchResult` as plain values."""

    index: int
    first_item: int
    last_item: int
    items: int
    committed: int
    rejected: int
    skipped: int
    outcome: Outcome
    attempts: int
    wait: float
    hold: float
    prepare: float
    error: str | None


class ReportDict(TypedDict):
    """An `ImportReport` as plain values, ready for `json.dumps`."""

    schema: str
    ok: bool
    committed: int
    rejected: int
    skipped: int
    stopped: bool
    elapsed: float
    error: str | None
    batches: list[BatchDict]
    rejections: list[RejectionDict]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An item that an import left out.

    Attributes:
        position: the item's number in the source, counted from 0.
        item: the item itself, as the source gave it or as ``prepare`` made it.
        reason: why, in one line: the exception's name and message.
        error_type: the exception's name alone.
        constraint: the rule of the database that the item breaks, if it is that.
    """

    position: int
    item: object
    reason: str
    error_type: str
    constraint: Constraint | None = None

    @classmethod
    def of(
        cls,
        position: int,
        item: object,
        error: BaseException,
        *,
        constraint: Constraint | None = None,
    ) -> "Rejection":
        """Record that ``error`` kept ``item`` out.

        Args:
            position: the item's number in the source, counted from 0.
            item: what to keep of it.
            error: why it is not in.
            constraint: the rule it breaks, where more is known than ``error`` says.
        """
        cause = _cause(error)
        return cls(
            position=position,
            item=item,
            reason=_in_one_line(error),
            error_type=type(cause).__name__,
            constraint=constraint or constraint_of(error),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the constraint is about; empty if nobody knows."""
        return () if self.constraint is None else self.constraint.columns

    def to_dict(self) -> RejectionDict:
        """Return plain values; the item as its `repr`."""
        return {
            "position": self.position,
            "item": repr(self.item),
            "reason": self.reason,
            "error_type": self.error_type,
            "constraint": None if self.constraint is None else self.constraint.to_dict(),
            "columns": list(self.columns),
        }


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
        outcome: ``"committed"``: nothing was rejected; ``"partial"``: some items were;
            ``"rejected"``: all were; ``"failed"``: the database could not be written.
        attempts: how many transactions were begun for it.
        wait: seconds spent waiting for the turn.
        hold: seconds the turn lasted; the longest one, if there were several.
        prepare: seconds spent taking items from the source and preparing them.
        error: the first error of the batch.
    """

    index: int
    first_item: int
    last_item: int
    items: int
    committed: int
    rejected: int
    skipped: int
    outcome: Outcome
    attempts: int
    wait: float
    hold: float
    prepare: float
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
            "outcome": self.outcome,
            "attempts": self.attempts,
            "wait": self.wait,
            "hold": self.hold,
            "prepare": self.prepare,
            "error": None if self.error is None else _in_one_line(self.error),
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import kept and what it left out.

    Attributes:
        batches: every batch in order.
        rejections: every item that was left out for an error, in order.
        error: what stopped the import although no item was at fault: a full disk, a lock that was
            not had in time. The batches before it are committed.
        stopped: the import ended before its source did.
        elapsed: seconds from the first item to the last commit.
    """

    batches: tuple[BatchResult, ...]
    rejections: tuple[Rejection, ...]
    error: Exception | None
    stopped: bool
    elapsed: float

    @property
    def committed(self) -> int:
        """How many items are in the database now."""
        return sum(batch.committed for batch in self.batches)

    @property
    def rejected(self) -> int:
        """How many items were left out for an error."""
        return len(self.rejections)

    @property
    def skipped(self) -> int:
        """How many items were left out because the database had them already."""
        return sum(batch.skipped for batch in self.batches)

    @property
    def ok(self) -> bool:
        """Whether every item of the source is in the database."""
        return not self.rejections and self.error is None and not self.stopped

    def raise_for_rejections(self) -> None:
        """Do nothing if the import is `ok`.

        Raises:
            ImportRejectedError: it is not; the error carries this report.
        """
        if not self.ok:
            raise ImportRejectedError(
                self.summary(),
                "Look at report.rejections and report.error; mend the items and import them "
                "again. What was committed stays.",
                self,
            ) from self.error

    def summary(self) -> str:
        """Return a few lines for a person."""
        counts = f"{self.committed} committed, {self.rejected} rejected"
        if self.skipped:
            counts += f", {self.skipped} skipped"
        lines = [f"{counts} in {len(self.batches)} batches, {self.elapsed:.1f} s"]
        if self.error is not None:
            lines.append(f"stopped by {_in_one_line(self.error)}")
        reasons = collections.Counter(rejection.reason for rejection in self.rejections)
        lines += [f"{count} x {reason}" for reason, count in reasons.most_common(_SHOWN_REASONS)]
        if len(reasons) > _SHOWN_REASONS:
            lines.append(f"and {len(reasons) - _SHOWN_REASONS} other reasons")
        return "\n".join(lines)

    def to_dict(self) -> ReportDict:
        """Return plain values, ready for `json.dumps`; the schema is named in the result."""
        return {
            "schema": "hardlite.import-report/2",
            "ok": self.ok,
            "committed": self.committed,
            "rejected": self.rejected,
            "skipped": self.skipped,
            "stopped": self.stopped,
            "elapsed": self.elapsed,
            "error": None if self.error is None else _in_one_line(self.error),
            "batches": [batch.to_dict() for batch in self.batches],
            "rejections": [rejection.to_dict() for rejection in self.rejections],
        }


def _cause(error: BaseException) -> BaseException:
    """Return what the driver said, without the statement and its parameters round it."""
    if isinstance(error, HardliteError):
        return error
    return getattr(error, "orig", None) or error


def _in_one_line(error: BaseException) -> str:
    cause = _cause(error)
    return " ".join(f"{type(cause).__name__}: {cause}".split())
