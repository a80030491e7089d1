"""Which type of column holds what a column of Arrow has."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    BLOB,
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    JSON,
    NUMERIC,
    REAL,
    TEXT,
    TIME,
    types,
)

from hardlite.rows.arrow_values import arrow_module, is_made_of
from hardlite.sources.column_types import keeping_all

__all__ = ["column_type", "has_no_column"]

_Type = types.TypeEngine[Any]
_KINDS: Final[tuple[tuple[str, Callable[[], _Type]], ...]] = (
    ("is_boolean", BOOLEAN),
    ("is_integer", INTEGER),
    ("is_floating", REAL),
    ("is_date", DATE),
    ("is_timestamp", DATETIME),
    ("is_time", TIME),
    ("is_binary", BLOB),
    ("is_large_binary", BLOB),
    ("is_binary_view", BLOB),
    ("is_fixed_size_binary", BLOB),
    ("is_nested", JSON),
)
_WITHOUT_COLUMN: Final = ("is_union", "is_interval", "is_duration")


def column_type(kind: Any) -> types.TypeEngine[Any]:  # noqa: ANN401 - pyarrow has no types
    """Return the type that a column needs to hold all values of an Arrow type.

    Texts, and columns that have nothing but nulls, are TEXT; nested values are JSON.
    """
    known = arrow_module("types")
    if known.is_dictionary(kind) or known.is_run_end_encoded(kind):
        return column_type(kind.value_type)
    if isinstance(kind, arrow_module().BaseExtensionType):
        return column_type(kind.storage_type)
    if known.is_decimal(kind):
        return keeping_all(NUMERIC(kind.precision, kind.scale))
    make = next((make for name, make in _KINDS if getattr(known, name)(kind)), TEXT)
    return keeping_all(make())


def has_no_column(kind: object) -> bool:
    """Say whether SQLite has no type for an Arrow type, or for one within it."""
    known = arrow_module("types")
    return is_made_of(kind, lambda one: any(getattr(known, name)(one) for name in _WITHOUT_COLUMN))
