"""What a reader hands on: some rows turned into columns, and the rows it could not use."""

import dataclasses
import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from sqlalchemy.types import TypeEngine

from hardlite.sources.rejects import RejectsFormat

__all__ = ["ABSENT", "Absent", "Block", "Reader", "RowPlace", "UnfitRow"]


class Absent(enum.Enum):
    """The value of a column that a row says nothing about, not even that it is null."""

    ABSENT = enum.auto()


RowPlace = Literal["line", "row"]
"""What the place of a row in its source is counted in."""

ABSENT: Final[Literal[Absent.ABSENT]] = Absent.ABSENT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnfitRow:
    """A row that cannot become an item of the import.

    Attributes:
        line: the line of the source on which it starts, or the number of the row, counted from 1.
        row_place: which of the two.
        reason: why; equal faults have equal reasons, so that they can be counted.
        detail: what is particular to this row, such as the value.
        column: the column that is at fault, if it is one.
        text: the row as the source has it, if that was asked for.
    """

    line: int
    reason: str
    detail: str = ""
    row_place: RowPlace = "line"
    column: str | None = None
    text: bytes = dataclasses.field(default=b"", repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.row_place} {self.line}: {self.reason} {self.detail}".rstrip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some rows of a source, column by column: that is how they are converted fast.

    Attributes:
        columns: the values of each column by its name, all equally many.
        lines: the line on which each row starts, or its number.
        unfit: the rows that were left out.
        sparse: some value may be `ABSENT`.
        texts: each row as the source has it, if that was asked for; else empty.
    """

    columns: Mapping[str, Sequence[object]]
    lines: Sequence[int]
    unfit: Sequence[UnfitRow]
    sparse: bool = False
    texts: Sequence[bytes] = ()


class Reader(Protocol):
    """What knows a format."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, as far as they are known before the rows are read."""
        ...

    @property
    def text_only(self) -> bool:
        """Whether the format knows no types: every value is text, and an empty one is no value."""
        ...

    @property
    def row_place(self) -> RowPlace:
        """What the places of its rows are counted in."""
        ...

    @property
    def types(self) -> Mapping[str, TypeEngine[Any]] | None:
        """The type that each column needs, where the format says it."""
        ...

    def rejects(self, passed_over: Collection[str]) -> RejectsFormat:
        """Return how rejected rows are written: in this format, or in another one that fits.

        Args:
            passed_over: the columns that hold the reasons of an earlier import.
        """
        ...

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield the rows, up to ``rows`` at a time."""
        ...
