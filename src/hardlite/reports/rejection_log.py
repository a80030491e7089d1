"""The rejections of an import: the first in memory, the others on the disk."""

import array
import bisect
import io
import pickle
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, SupportsIndex, cast, overload

from hardlite.readable import shown
from hardlite.reports.constraints import Constraint
from hardlite.reports.reasons import ReasonCount, ReasonTally
from hardlite.reports.rejections import Cause, Rejected, Rejection, in_one_line
from hardlite.reports.spill_file import SpillFile

__all__ = ["RejectionLog"]

_IN_MEMORY: Final = 1000
"""What two usual batches hold: an import needs that much memory anyway."""
_BLOCK_RECORDS: Final = 256
_BLOCK_BYTES: Final = 256 * 1024
_MOST_KEYS: Final = 100
_MOST_CAUSES: Final = 1000
_HEAD: Final = struct.Struct("<qiiI")
"""Of a record: position, number of its cause, number of the item's keys, bytes of what follows."""
_NONE: Final = -1
"""In the place of a number: it stands in the record itself."""

_Facts = tuple[str, str, Constraint | None]


class RejectionLog(Sequence[Rejection]):
    """Rejections in the order in which they were added, and how often each reason was given.

    The first thousand stay in memory as they are. The others go to a temporary file, block by
    block: an item is kept there as `pickle` has it, or as its `repr` where that cannot be done.
    What many of them share is kept once: causes, and the keys of items that are rows.
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
        self._facts: list[_Facts] = []
        self._counts: list[ReasonCount] = []
        self._known: dict[_Facts, int] = {}
        self._causes: dict[Cause, int] = {}
        self._keys: list[tuple[str, ...]] = []
        self._known_keys: dict[tuple[str, ...], int] = {}
        for rejection in rejections:
            self.add(rejection)

    def add(self, rejection: Rejection) -> None:
        """Add one at the end, or count it as lost."""
        cause = Cause(rejection.reason, rejection.error_type, rejection.constraint)
        self.keep(Rejected(rejection.position, rejection.item, cause))

    def keep(self, rejected: Rejected) -> None:
        """Add what a rejection is made of at the end, or count it as lost."""
        position, item, cause = rejected
        number = self._causes.get(cause)
        if number is None:
            number = self._number_of(cause)
        if number == _NONE:
            self.reasons.add(cause.reason, position, cause.constraint)
        else:
            self._counts[number].add(position)
        if len(self._first) < _IN_MEMORY:
            self._first.append(rejected.told())
            return
        if len(self._block) >= _BLOCK_RECORDS or self._block_bytes >= _BLOCK_BYTES:
            self._write_block()
        if self.lost_because is None:
            record = self._record(position, item, cause, number)
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

    def _record(self, position: int, item: object, cause: Cause, number: int) -> bytes:
        keys, values = _NONE, item
        if type(item) is dict:
            keys = self._number_of_keys(tuple(cast("dict[object, object]", item)))
            if keys != _NONE:
                values = tuple(cast("dict[object, object]", item).values())
        data = pickle.dumps(_facts_of(cause), pickle.HIGHEST_PROTOCOL) if number == _NONE else b""
        # By itself, so that an item that cannot be read back hides nothing but itself.
        data += _pickled(values, item)
        return _HEAD.pack(position, number, keys, len(data)) + data

    def _number_of(self, cause: Cause) -> int:
        """Return the number of what ``cause`` says; none if too many have said something else."""
        facts = _facts_of(cause)
        number = self._known.get(facts, _NONE)
        count = self.reasons.counted(cause.reason, cause.constraint) if number == _NONE else None
        if count is not None:
            number = self._known[facts] = len(self._facts)
            self._facts.append(facts)
            self._counts.append(count)
        if len(self._causes) == _MOST_CAUSES:
            self._causes.clear()
        self._causes[cause] = number
        return number

    def _number_of_keys(self, keys: tuple[object, ...]) -> int:
        if self._keys and keys == self._keys[-1]:
            return len(self._keys) - 1
        if any(type(key) is not str for key in keys):
            return _NONE
        names = cast("tuple[str, ...]", keys)
        number = self._known_keys.get(names, _NONE)
        if number == _NONE and len(self._keys) < _MOST_KEYS:
            number = self._known_keys[names] = len(self._keys)
            self._keys.append(names)
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
            size = _HEAD.size + _HEAD.unpack_from(data, place)[-1]
            records.append(data[place : place + size])
            place += size
        return records

    def _rejection(self, record: bytes) -> Rejection:
        # Written by this very object, into a file that nobody else can open.
        position, number, keys, _ = cast("tuple[int, int, int, int]", _HEAD.unpack_from(record))
        data = io.BytesIO(record[_HEAD.size :])
        facts = (
            cast("_Facts", pickle.load(data))  # noqa: S301
            if number == _NONE
            else self._facts[number]
        )
        item = _unpickled(data.read())
        if keys != _NONE and isinstance(item, tuple):
            item = dict(zip(self._keys[keys], cast("tuple[object, ...]", item), strict=True))
        return Rejected(position, item, Cause(*facts)).told()


def _facts_of(cause: Cause) -> _Facts:
    return cause.reason, cause.error_type, cause.constraint


def _pickled(values: object, item: object) -> bytes:
    """Pickle ``values``, or the item's `repr` where that cannot be done."""
    try:
        return pickle.dumps(values, pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - an item may be anything, and so may what its pickling raises
        return pickle.dumps(shown(item), pickle.HIGHEST_PROTOCOL)


def _unpickled(data: bytes) -> object:
    try:
        item: object = pickle.loads(data)  # noqa: S301 - see above
    except Exception as error:  # noqa: BLE001 - as above
        return f"<an item that cannot be unpickled: {in_one_line(error)}>"
    return item
