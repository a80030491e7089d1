"""By what an import knows its source again: a fingerprint of the items it begins with."""

import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import itertools
import json
import pathlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Self, TypeVar

from hardlite.readable import shortened, shown

__all__ = ["LOOKED_AT", "Beginning"]

T = TypeVar("T")

LOOKED_AT: Final = 20
"""Items at the beginning of a source that are looked at."""
_DIGITS: Final = 16
_SHOWN: Final = 120
_DEEPEST: Final = 6

_BYTES = (bytes, bytearray, memoryview)
_PLAIN = (
    str, int, float, complex, type(None), decimal.Decimal, uuid.UUID, pathlib.PurePath,
    dt.date, dt.time, dt.timedelta,
)  # fmt: skip


class Beginning:
    """The first items of a source, as digests, with the first one to show to people.

    Items are told apart by their values, where those are plain, mappings, sequences, sets or
    dataclasses of such, without the fields of these that are not compared. Of other objects only
    the type counts, since nothing else about them is the same in another process.

    They are taken down as an import takes them: a slow source is not read ahead for it, and what
    comes after the items that are done may still be mended.

    Args:
        digests: of the items.
        shown: the first one.

    >>> beginning = Beginning()
    >>> list(beginning.watch(iter("abc")))
    ['a', 'b', 'c']
    >>> beginning.shown, len(beginning.digests)
    ("'a'", 3)
    """

    def __init__(self, digests: Sequence[str] = (), shown: str = "nothing") -> None:
        self.digests = list(digests)
        self.shown = shown

    def watch(self, source: Iterator[T]) -> Iterator[T]:
        """Return ``source``, whose first items are taken down as they pass."""
        return itertools.chain(map(self._take, itertools.islice(source, LOOKED_AT)), source)

    def agrees_with(self, other: "Beginning") -> bool:
        """Say whether both begin with the same items, as far as both are known."""
        shared = min(len(self.digests), len(other.digests))
        return self.digests[:shared] == other.digests[:shared]

    def to_json(self, done: int) -> str:
        """Return it as text, as far as an import has come that has done so many items."""
        return json.dumps({"digests": self.digests[:done], "shown": self.shown})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        return cls(content["digests"], content["shown"])

    def _take(self, item: T) -> T:
        if not self.digests:
            self.shown = shortened(shown(item), _SHOWN)
        self.digests.append(_digest(item))
        return item


def _digest(item: object) -> str:
    written = _written(item, _DEEPEST).encode("utf-8", "surrogatepass")
    return hashlib.sha256(written).hexdigest()[:_DIGITS]


def _written(value: object, depth: int) -> str:
    kind = type(value).__qualname__
    if isinstance(value, enum.Enum):
        return f"{kind}.{value.name}"
    if isinstance(value, _BYTES):
        return f"bytes:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, _PLAIN):
        return f"{kind}:{value!r}"
    return _written_parts(value, depth - 1) if depth else kind


def _written_parts(value: object, depth: int) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {
            field.name: getattr(value, field.name, None)
            for field in dataclasses.fields(value)
            if field.compare
        }
    if isinstance(value, Mapping):
        pairs = ((_written(key, depth), _written(value[key], depth)) for key in value)
        return f"{{{','.join(sorted(f'{key}={each}' for key, each in pairs))}}}"
    if isinstance(value, AbstractSet):
        return f"<{','.join(sorted(_written(each, depth) for each in value))}>"
    if isinstance(value, Sequence):
        return f"[{','.join(_written(each, depth) for each in value)}]"
    return type(value).__qualname__
