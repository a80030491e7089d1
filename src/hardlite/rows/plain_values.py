"""What values of frames become, where they are not plain Python values that SQLite takes already.

Nothing is rounded on the way: a moment finer than a microsecond, or outside of the years that
Python's `datetime` counts, becomes an `Unholdable`, which no column takes.
"""

import dataclasses
import datetime as dt
import decimal
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Final, NoReturn

from hardlite.errors import ConfigurationError

__all__ = [
    "CHUNK_ROWS",
    "Columns",
    "Unholdable",
    "in_utc",
    "json_tree",
    "require_columns",
    "rows_of_columns",
    "without_nans",
]

Columns = Mapping[str, Sequence[object]]

CHUNK_ROWS: Final = 10_000
"""Rows of a frame that are Python values at a time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unholdable:
    """A value that no Python value can stand for exactly; its `repr` is how it is written.

    Attributes:
        text: how it is written.
    """

    text: str

    def __repr__(self) -> str:
        return self.text

    def __conform__(self, protocol: object) -> NoReturn:
        """Refuse to be bound: the sqlite3 module asks what it does not know for this."""
        raise ValueError(f"{self.text} cannot be stored without losing something of it")


def require_columns(names: Iterable[object]) -> None:
    """Refuse columns of which a row can have no dict.

    Raises:
        ConfigurationError: a name is no text, or there twice.
    """
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise ConfigurationError(
                f"items= has a column whose name is no text: {name!r}",
                "Name the columns as the table does.",
            )
        if name in seen:
            raise ConfigurationError(
                f"items= has two columns called {name!r}", "Give one of them another name."
            )
        seen.add(name)


def rows_of_columns(columns: Columns, rows: int) -> Iterator[dict[str, object]]:
    """Yield a dict for each of ``rows`` rows; no Python code runs for a row or a value.

    >>> list(rows_of_columns({"n": [1, 2], "t": ["a", "b"]}, 2))
    [{'n': 1, 't': 'a'}, {'n': 2, 't': 'b'}]
    """
    names = tuple(columns)
    values = zip(*columns.values(), strict=True) if columns else repeat((), rows)
    pairs: Iterator[Iterable[tuple[str, object]]] = map(zip, repeat(names), values)
    return map(dict, pairs)


def without_nans(values: Sequence[object]) -> list[object]:
    """Return the values with None for NaN, by which frames mean that there is no value.

    >>> without_nans([1.5, float("nan")])
    [1.5, None]
    """
    # NaN is the one value of these columns that does not equal itself.
    return [None if value != value else value for value in values]  # noqa: PLR0124


def in_utc(moment: dt.datetime) -> object:
    """Return a moment with a zone as one in UTC, for SQLAlchemy's types for SQLite drop the zone.

    >>> in_utc(dt.datetime.fromisoformat("2013-11-03T05:15+02:00")).isoformat()
    '2013-11-03T03:15:00+00:00'
    """
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        return Unholdable(str(moment))


def json_tree(value: object) -> object:
    """Return a nested value as JSON can tell it.

    Dates and times become ISO 8601 text, decimals become text with all their digits, bytes become
    hexadecimal text, and NaN becomes null.

    Raises:
        ValueError: there is an infinite number in it, or something that JSON has no place for.

    >>> json_tree({"on": dt.date(2013, 11, 3), "of": [decimal.Decimal("1.50"), None]})
    {'on': '2013-11-03', 'of': ['1.50', None]}
    """
    if isinstance(value, Mapping):
        return {str(json_tree(key)): json_tree(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(json_tree, value))
    return _json_leaf(value)


def _json_leaf(value: object) -> object:
    if isinstance(value, float) and not math.isinf(value):
        return None if math.isnan(value) else value
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError(f"JSON has no place for {value!r}")
