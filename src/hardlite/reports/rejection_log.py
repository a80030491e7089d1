"""The rejections of an import: the first in memory, the others on the disk."""

import array
import bisect
import pickle
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, SupportsIndex, cast, overload

from hardlite.readable import shown
from hardlite.reports.constraints import Constraint
from hardlite.reports.reasons import ReasonTally
from hardlite.reports.rejections import Rejection, in_one_line
from hardlite.reports.spill_file import SpillFile

__all__ = ["RejectionLog"]

_IN_MEMORY: Final = 1000
"""What two usual batches hold: an import needs that much memory anyway."""
_BLOCK_RECORDS: Final = 256
_BLOCK_BYTES: Final = 256 * 1024
_LENGTHS: Final = struct.Struct("<II")

_Facts = tuple[int, str, str, int]


class RejectionLog(Sequence[Rejection]):
    """Rejections in the order in which they were added, and how often each reason was given.

    The first thousand stay in memory as they are. The others go to a temporary file, block by
    block: an item is kept there as `pickle` has it, or as its `repr` where that cannot be done.
    What cannot be written is lost and counted, and the import goes on.

    Attributes:
        reasons: the reasons of all rejections, lost ones included.
        lost: how many could not be kept.
        lost_because: what the system said when the first of them could not.
    """

    def __init__(self, rejections: Iterable[Rejection] = ()) -> None:
        self.reasons = ReasonTally()
        self.lost = 0
        self.lost_because: str | None = None
        self._first: list[Rejection] = []
        self._file = SpillFile()
        # Of each block in the file: the number of its first record, and where it begins.
        self._numbers = array.array("Q")
        self._starts = array.array("Q")
        self._written = 0
        self._block: list[bytes] = []
        self._block_bytes = 0
        # A table has few of them, so that a record needs but a number.
        self._constraints: list[Constraint | None] = []
        self._known: dict[Constraint | None, int] = {}
        for rejection in rejections:
            self.add(rejection)

    def add(self, rejection: Rejection) -> None:
        """Add one at the end, or count it as lost."""
        self.reasons.add(rejection.reason, rejection.position, rejection.constraint)
        if len(self._first) < _IN_MEMORY:
            self._first.append(rejection)
            return
        if len(self._block) >= _BLOCK_RECORDS or self._block_bytes >= _BLOCK_BYTES:
            self._write_block()
        if self.lost_because is None:
            record = self._record(rejection)
            self._block.append(record)
            self._block_bytes += len(record)
        else:
            self.lost += 1

    def _write_block(self) -> None:
        try:
            start = self._file.append(b"".join(self._block))
        except OSError as error:
            # The block itself stays where it is.
            self.lost_because = self.lost_because or error.strerror or str(error)
            return
        self._numbers.append(self._written)
        self._starts.append(start)
        self._written += len(self._block)
        self._block, self._block_bytes = [], 0

    def _record(self, rejection: Rejection) -> bytes:
        number = self._number_of(rejection.constraint)
        facts: _Facts = rejection.position, rejection.reason, rejection.error_type, number
        told = pickle.dumps(facts, pickle.HIGHEST_PROTOCOL)
        # By itself, so that an item that cannot be read back hides nothing but itself.
        item = _pickled(rejection.item)
        return _LENGTHS.pack(len(told), len(item)) + told + item

    def _number_of(self, constraint: Constraint | None) -> int:
        number = self._known.setdefault(constraint, len(self._constraints))
        if number == len(self._constraints):
            self._constraints.append(constraint)
        return number

    def __len__(self) -> int:
        return len(self._first) + self._written + len(self._block)

    def __iter__(self) -> Iterator[Rejection]:
        return self._at(range(len(self)))

    def __reversed__(self) -> Iterator[Rejection]:
        return self._at(reversed(range(len(self))))

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Rejection: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[Rejection, ...]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Rejection | tuple[Rejection, ...]:
        if isinstance(index, slice):
            return tuple(self._at(range(len(self))[index]))
        return next(self._at([range(len(self))[index]]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RejectionLog | tuple):
            return NotImplemented
        theirs = cast("Sequence[object]", other)
        return len(self) == len(theirs) and all(
            mine == their for mine, their in zip(self, theirs, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<RejectionLog of {len(self)} rejections>"

    def _at(self, places: Iterable[int]) -> Iterator[Rejection]:
        """Return the rejections at ``places``, reading a block once if they are in order."""
        read, records = -1, list[bytes]()
        for place in places:
            number = place - len(self._first)
            if number < 0:
                yield self._first[place]
            elif number >= self._written:
                yield self._rejection(self._block[number - self._written])
            else:
                block = bisect.bisect_right(self._numbers, number) - 1
                if block != read:
                    read, records = block, self._read_block(block)
                yield self._rejection(records[number - self._numbers[block]])

    def _read_block(self, block: int) -> list[bytes]:
        start = self._starts[block]
        end = self._starts[block + 1] if block + 1 < len(self._starts) else self._file.size
        data, records, place = self._file.read(start, end - start), list[bytes](), 0
        while place < len(data):
            size = _LENGTHS.size + sum(_LENGTHS.unpack_from(data, place))
            records.append(data[place : place + size])
            place += size
        return records

    def _rejection(self, record: bytes) -> Rejection:
        _, item = _LENGTHS.unpack_from(record)
        # Written by this very object, into a file that nobody else can open.
        facts: _Facts = pickle.loads(record[_LENGTHS.size : -item])  # noqa: S301
        position, reason, error_type, number = facts
        return Rejection(
            position=position,
            item=_unpickled(record[-item:]),
            reason=reason,
            error_type=error_type,
            constraint=self._constraints[number],
        )


def _pickled(item: object) -> bytes:
    try:
        return pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - an item may be anything, and so may what its pickling raises
        return pickle.dumps(shown(item), pickle.HIGHEST_PROTOCOL)


def _unpickled(data: bytes) -> object:
    try:
        item: object = pickle.loads(data)  # noqa: S301 - see above
    except Exception as error:  # noqa: BLE001 - as above
        return f"<an item that cannot be unpickled: {in_one_line(error)}>"
    return item
