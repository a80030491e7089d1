"""What is bound for the rows of a batch, in pieces of as many rows as share a statement."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["BoundRows", "Values"]

Values = tuple[object, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BoundRows:
    """The values of rows, row behind row.

    Attributes:
        pieces: each has the values of ``size`` rows, and the last those of the rows left over.
        size: rows in a piece.
        width: values of a row.
        count: how many rows there are.
    """

    pieces: Sequence[Values]
    size: int
    width: int
    count: int

    @property
    def in_whole_pieces(self) -> int:
        """How many rows are in pieces that have as many as they can."""
        return self.count - self.count % self.size

    def together(self, first: int) -> Sequence[Values]:
        """Return the whole pieces from row ``first`` on, which must be the first of a piece."""
        return self.pieces[first // self.size : self.in_whole_pieces // self.size]

    def one_by_one(self, first: int, end: int) -> Iterator[Values]:
        """Yield the values of each row from ``first`` to ``end``."""
        pieces = self.pieces[first // self.size : -(-end // self.size)]
        values = itertools.chain.from_iterable(pieces)
        # One iterator many times over gives a tuple of what comes next, and costs the least.
        rows = zip(*[values] * self.width, strict=True)
        before = first % self.size
        return itertools.islice(rows, before, before + end - first)

    def split(self, chosen: Iterable[int]) -> "tuple[BoundRows, BoundRows]":
        """Return the rows with these numbers, which must be in order, and all others."""
        values: list[object] = []
        for piece in self.pieces:
            values += piece
        some: list[object] = []
        others: list[object] = []
        end = 0
        for number in chosen:
            first = number * self.width
            others += values[end:first]
            end = first + self.width
            some += values[first:end]
        others += values[end:]
        return self._of(some), self._of(others)

    def _of(self, values: Sequence[object]) -> "BoundRows":
        step = self.size * self.width
        pieces = [tuple(values[first : first + step]) for first in range(0, len(values), step)]
        return dataclasses.replace(self, pieces=pieces, count=len(values) // self.width)

    def column(self, place: int) -> list[object]:
        """Return the values that stand at one place of each row."""
        return [value for piece in self.pieces for value in piece[place :: self.width]]

    def row(self, number: int) -> Values:
        """Return the values of one row."""
        place = number % self.size * self.width
        return self.pieces[number // self.size][place : place + self.width]
