"""What SQLAlchemy does to the values of a column before they are bound, for many rows at once."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy.dialects.sqlite import DATE, DATETIME, TIME
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

__all__ = ["ColumnProcessor", "column_processor"]

ColumnProcessor = Callable[[Sequence[Any]], Iterable[object]]
_Processor = Callable[[Any], object]

_MOMENTS: frozenset[type] = frozenset({dt.datetime, dt.date, dt.time, type(None)})


def column_processor(column_type: TypeEngine[Any], dialect: Dialect) -> ColumnProcessor | None:
    """Return what turns the values of a column into those to bind; None if they stay as they are.

    Args:
        column_type: of the column.
        dialect: the engine's dialect.
    """
    adapted = column_type.dialect_impl(dialect)
    process = adapted.bind_processor(dialect)
    if process is None:
        return None
    if isinstance(adapted, DATE | DATETIME | TIME) and _is_sqlalchemys(adapted):
        return _each_moment_once(process)
    return lambda values: map(process, values)


def _is_sqlalchemys(adapted: TypeEngine[Any]) -> bool:
    """Say no to somebody else's: that may count its calls, or give each of them another answer."""
    return type(adapted).__module__.startswith("sqlalchemy.")


def _each_moment_once(process: _Processor) -> ColumnProcessor:
    """Write a moment once where it comes again and again: in Python that takes a microsecond."""

    def processed(values: Sequence[Any]) -> Iterable[object]:
        if _MOMENTS.issuperset(map(type, values)):
            moments = set(values)
            if 2 * len(moments) < len(values) and not any(map(_has_zone, moments)):
                texts = {moment: process(moment) for moment in moments}
                return map(texts.__getitem__, values)
        return map(process, values)

    return processed


def _has_zone(moment: object) -> bool:
    """Say whether another zone's clock could show the same moment in other figures."""
    return getattr(moment, "tzinfo", None) is not None
