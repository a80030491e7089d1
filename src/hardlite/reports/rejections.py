"""An item that an import left out, and why."""

import dataclasses
from typing import NamedTuple, TypedDict

from hardlite.errors import HardliteError
from hardlite.readable import shown
from hardlite.reports.constraints import Constraint, ConstraintDict, constraint_of

__all__ = ["Cause", "Rejected", "Rejection", "RejectionDict", "in_one_line"]


class RejectionDict(TypedDict):
    """A `Rejection` as plain values."""

    position: int
    item: str
    reason: str
    error_type: str
    constraint: ConstraintDict | None
    columns: list[str]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Cause:
    """Why an item is left out, whichever item it is: many have the same, and this once for all.

    Attributes:
        reason: in one line, the exception's name and message.
        error_type: the exception's name alone.
        constraint: the rule of the database that is broken, if it is that.
    """

    reason: str
    error_type: str
    constraint: Constraint | None

    @classmethod
    def of(cls, error: BaseException, constraint: Constraint | None = None) -> "Cause":
        """Say what ``error`` says; ``constraint`` is there where more is known than that."""
        name = type(_cause(error)).__name__
        return cls(in_one_line(error), name, constraint or constraint_of(error))


class Rejected(NamedTuple):
    """What a `Rejection` is made of."""

    position: int
    item: object
    cause: Cause

    def told(self) -> "Rejection":
        """Return it as the caller gets it."""
        return Rejection(
            position=self.position,
            item=self.item,
            reason=self.cause.reason,
            error_type=self.cause.error_type,
            constraint=self.cause.constraint,
        )


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
        return Rejected(position, item, Cause.of(error, constraint)).told()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the constraint is about; empty if nobody knows."""
        return () if self.constraint is None else self.constraint.columns

    def to_dict(self) -> RejectionDict:
        """Return plain values; the item as its `repr`."""
        return {
            "position": self.position,
            "item": shown(self.item),
            "reason": self.reason,
            "error_type": self.error_type,
            "constraint": None if self.constraint is None else self.constraint.to_dict(),
            "columns": list(self.columns),
        }


def _cause(error: BaseException) -> BaseException:
    """Return what the driver said, without the statement and its parameters round it."""
    if isinstance(error, HardliteError):
        return error
    return getattr(error, "orig", None) or error


def in_one_line(error: BaseException) -> str:
    """Return the name and the message of ``error``, without the statement and its values."""
    cause = _cause(error)
    return " ".join(f"{type(cause).__name__}: {cause}".split())
