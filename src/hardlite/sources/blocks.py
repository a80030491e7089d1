"""What a reader hands on: some rows turned into columns, and the rows it could not use."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

__all__ = ["ABSENT", "Absent", "Block", "Reader", "UnfitRow"]


class Absent(enum.Enum):
    """The value of a column that a row says nothing about, not even that it is null."""

    ABSENT = enum.auto()


ABSENT: Final[Literal[Absent.ABSENT]] = Absent.ABSENT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnfitRow:
    """A row that cannot become an item of the import.

    Attributes:
        line: the line of the source on which it starts, counted from 1.
        reason: why; equal faults have equal reasons, so that they can be counted.
        detail: what is particular to this row, such as the value.
    """

    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason} {self.detail}".rstrip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some rows of a source, column by column: that is how they are converted fast.

    Attributes:
        columns: the values of each column by its name, all equally many.
        lines: the line on which each row starts.
        unfit: the rows that were left out.
        sparse: some value may be `ABSENT`.
    """

    columns: Mapping[str, Sequence[object]]
    lines: Sequence[int]
    unfit: Sequence[UnfitRow]
    sparse: bool = False


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

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield the rows, up to ``rows`` at a time."""
        ...
