"""By what an import knows its source again: a fingerprint of the items it begins with."""

import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import json
import pathlib
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Self

__all__ = ["LOOKED_AT", "Beginning"]

LOOKED_AT: Final = 20
"""Items at the beginning of a source that are looked at."""
_DIGITS: Final = 16
_SHOWN: Final = 120
_DEEPEST: Final = 6

_PLAIN = (
    str, bytes, int, float, complex, type(None), decimal.Decimal, uuid.UUID, pathlib.PurePath,
    dt.date, dt.time, dt.timedelta,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Beginning:
    """The first items of a source, as digests, with the first one to show to people.

    Items are told apart by their values, where those are plain, mappings, sequences, sets or
    dataclasses of such; of other objects only the type counts, since nothing else about them is
    the same in another process.

    >>> Beginning.of([{"id": 1}, {"id": 2}]).is_of_the_same_source(Beginning.of([{"id": 1}]))
    True
    >>> Beginning.of([{"id": 1}]).is_of_the_same_source(Beginning.of([{"id": 7}]))
    False
    """

    digests: tuple[str, ...]
    shown: str

    @classmethod
    def of(cls, items: Sequence[object]) -> Self:
        """Look at the first `LOOKED_AT` of ``items``."""
        first = items[:LOOKED_AT]
        shown = repr(first[0]) if first else "nothing"
        if len(shown) > _SHOWN:
            shown = f"{shown[: _SHOWN - 3]}..."
        return cls(tuple(map(_digest, first)), shown)

    def is_of_the_same_source(self, other: "Beginning") -> bool:
        """Say whether one of them is how the other begins: a source may have grown."""
        shared = min(len(self.digests), len(other.digests))
        return self.digests[:shared] == other.digests[:shared]

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps({"digests": self.digests, "shown": self.shown})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        return cls(tuple(content["digests"]), content["shown"])


def _digest(item: object) -> str:
    written = _written(item, _DEEPEST).encode("utf-8", "surrogatepass")
    return hashlib.sha256(written).hexdigest()[:_DIGITS]


def _written(value: object, depth: int) -> str:
    kind = type(value).__qualname__
    if isinstance(value, enum.Enum):
        return f"{kind}.{value.name}"
    if isinstance(value, _PLAIN):
        return f"{kind}:{value!r}"
    if depth:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {
                field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)
            }
        if isinstance(value, Mapping):
            pairs = ((_written(key, depth - 1), value[key]) for key in value)
            return f"{{{','.join(sorted(f'{key}={_written(x, depth - 1)}' for key, x in pairs))}}}"
        if isinstance(value, AbstractSet):
            return f"<{','.join(sorted(_written(each, depth - 1) for each in value))}>"
        if isinstance(value, Sequence):
            return f"[{','.join(_written(each, depth - 1) for each in value)}]"
    return kind
