"""A bad item of a batch: where it stands, and why it is bad."""

from typing import NamedTuple

from hardlite.reports.constraints import Constraint

__all__ = ["Fault"]


class Fault(NamedTuple):
    """An item that could not be written, by its place in the batch.

    Attributes:
        offset: the item's place in the batch, counted from 0.
        error: why.
        constraint: the rule it breaks, where more is known than ``error`` says.
    """

    offset: int
    error: Exception
    constraint: Constraint | None = None
