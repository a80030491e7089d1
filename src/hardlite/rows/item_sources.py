"""What an import can be given beside plain iterables: frames, Arrow data, cursors, results.

Their rows become dicts a few thousand at a time, so a frame is never there twice. Which library an
object is of, its class says; none is loaded for that.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import chain, repeat, takewhile
from typing import Any, Final, Protocol, cast

from sqlalchemy.engine import MappingResult, Result

from hardlite.errors import ConfigurationError
from hardlite.rows.plain_values import require_columns

__all__ = ["ItemSource", "RowSource", "item_source"]

_FETCHED_ROWS: Final = 1000
_CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "pandas": frozenset({"DataFrame"}),
    "polars": frozenset({"DataFrame", "LazyFrame"}),
    "pyarrow": frozenset(
        {"Dataset", "ParquetFile", "RecordBatch", "RecordBatchReader", "Scanner", "Table"}
    ),
}
_Rows = tuple[Iterator[dict[str, object]], int | None]


class Cursor(Protocol):
    """A cursor of the Python database API (PEP 249) after its query was executed."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """The columns, each with its name first."""
        ...

    def fetchmany(self, size: int, /) -> Sequence[Any]:
        """Return the next rows, at most ``size`` of them."""
        ...


class ArrowData(Protocol):
    """A `pyarrow.Table` and other Arrow data, a pandas or polars DataFrame."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Stand for the rows as Arrow has them."""
        ...


class LazyData(Protocol):
    """A `polars.LazyFrame`."""

    def collect_schema(self) -> Mapping[str, object]:
        """Return the names and types of the columns."""
        ...


RowSource = ArrowData | Cursor | LazyData
"""What is no iterable of rows itself, but has rows."""


@dataclasses.dataclass(frozen=True, slots=True)
class ItemSource:
    """The items of an import.

    Attributes:
        items: the items in order; where the source has columns, a dict for each row.
        total: how many there are; None where nobody knows before the end.
    """

    items: Iterable[Any]
    total: int | None


def item_source(items: object) -> ItemSource:
    """Return the items of what an import was given; an iterable of items is left as it is.

    Raises:
        ConfigurationError: there are no rows, or no names for their columns.

    >>> item_source([{"n": 1}]).total
    1
    """
    rows_of = _known(items)
    if rows_of is not None:
        return ItemSource(*rows_of(items))
    if isinstance(items, Result | MappingResult):
        return ItemSource(_selected(items), None)
    if hasattr(items, "description") and hasattr(items, "fetchmany"):
        return ItemSource(_fetched(cast("Cursor", items)), None)
    return ItemSource(
        cast("Iterable[Any]", items), len(items) if isinstance(items, Sized) else None
    )


def _known(items: object) -> Callable[[Any], _Rows] | None:
    """Return what knows the rows of a frame or of Arrow data, and nothing of other objects."""
    for kind in type(items).__mro__:
        library = kind.__module__.partition(".")[0]
        if kind.__name__ not in _CLASSES.get(library, ()):
            continue
        if library == "pandas":
            from hardlite.rows.pandas_rows import pandas_rows

            return pandas_rows
        if library == "polars":
            from hardlite.rows.polars_rows import polars_rows

            return polars_rows
        from hardlite.rows.arrow_rows import arrow_rows

        return arrow_rows
    return None


def _selected(result: Result[Any] | MappingResult) -> Iterator[object]:
    names = list(result.keys())
    require_columns(names)
    if isinstance(result, MappingResult):
        return map(dict, result)
    return map(dict, map(zip, repeat(names), result))


def _fetched(cursor: Cursor) -> Iterator[object]:
    if cursor.description is None:
        raise ConfigurationError(
            "items= is a cursor without rows", "Execute a query with it before the import."
        )
    names = [column[0] for column in cursor.description]
    require_columns(names)
    parts = takewhile(len, map(cursor.fetchmany, repeat(_FETCHED_ROWS)))
    return chain.from_iterable(_as_dicts(names, part) for part in parts)


def _as_dicts(names: Sequence[str], rows: Sequence[Any]) -> Iterable[object]:
    if isinstance(rows[0], Mapping):
        # Some cursors make their rows so by themselves.
        return rows
    return map(dict, map(zip, repeat(names), rows))
