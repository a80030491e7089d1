"""Rows of a polars DataFrame or LazyFrame.

polars is not imported: whoever has a frame has polars, and the frame can do what is needed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from hardlite.rows.plain_values import (
    CHUNK_ROWS,
    Unholdable,
    json_tree,
    rows_of_columns,
)

__all__ = ["polars_rows"]

_PER_SECOND: Final[Mapping[str, int]] = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_FIRST: Final = dt.date.min.toordinal() - _EPOCH
_LAST: Final = dt.date.max.toordinal() - _EPOCH
"""The days that Python's calendar has, counted as polars counts them."""
_MOST: Final = 2**63 - 1


def polars_rows(frame: Any) -> tuple[Iterator[dict[str, object]], int | None]:
    """Return the rows of a polars frame, and how many there are where that is known.

    A lazy frame is collected in batches, so it need not fit in memory; a polars without
    ``collect_batches`` collects it at once.
    """
    if not hasattr(frame, "collect"):
        return _rows_of_all([frame]), frame.height
    if hasattr(frame, "collect_batches"):
        return _rows_of_all(frame.collect_batches(chunk_size=CHUNK_ROWS)), None
    return _rows_of_all(part.collect() for part in [frame]), None


def _rows_of_all(frames: Iterable[Any]) -> Iterator[dict[str, object]]:
    parts = chain.from_iterable(frame.iter_slices(CHUNK_ROWS) for frame in frames)
    return chain.from_iterable(map(_rows, parts))


def _rows(frame: Any) -> Iterator[dict[str, object]]:
    return rows_of_columns({name: _values(frame[name]) for name in frame.columns}, frame.height)


def _values(series: Any) -> Sequence[object]:
    kind = _kind(series)
    if kind in {"Float32", "Float64"}:
        series = series.fill_nan(None)
    elif kind in {"Date", "Datetime", "Duration", "Time"}:
        return _temporal(series, kind)
    values: list[object] = series.to_list()
    return list(map(_tree, values)) if kind in {"Array", "List", "Struct"} else values


def _kind(series: Any) -> str:
    return str(series.dtype.base_type().__name__)


def _tree(value: object) -> object:
    try:
        return json_tree(value)
    except ValueError:
        return Unholdable(repr(value))


def _temporal(series: Any, kind: str) -> Sequence[object]:
    """Return dates, times and durations; polars itself would cut off what Python cannot hold."""
    if getattr(series.dtype, "time_zone", None) is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return [
            value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value
            for value in _temporal(series, kind)
        ]
    unit: str = getattr(series.dtype, "time_unit", "ns" if kind == "Time" else "days")
    counts = series.to_physical()
    first, last = _ends(kind, unit)
    exact = (counts >= first) & (counts <= last)
    if unit == "ns":
        exact &= counts % 1000 == 0
    if exact.all():
        return list(series.to_list())
    held = series.zip_with(exact, series.clear(len(series))).to_list()
    return [
        Unholdable(f"{count} {unit}") if fits is False else value
        for value, fits, count in zip(held, exact.to_list(), counts.to_list(), strict=True)
    ]


def _ends(kind: str, unit: str) -> tuple[int, int]:
    """Return the least and the greatest count that Python has a value for."""
    if kind == "Date":
        return _FIRST, _LAST
    per_day = 86_400 * _PER_SECOND[unit]
    if kind == "Datetime":
        return max(_FIRST * per_day, -_MOST), min((_LAST + 1) * per_day - 1, _MOST)
    most = min(dt.timedelta.max.days * per_day, _MOST)
    return -most, most
