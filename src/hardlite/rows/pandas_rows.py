"""Rows of a pandas DataFrame; the index is no column of it.

pandas is not imported: whoever has a frame has pandas, and the frame can do what is needed.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from hardlite.rows.arrow_values import arrow_values
from hardlite.rows.plain_values import (
    CHUNK_ROWS,
    Unholdable,
    in_utc,
    require_columns,
    rows_of_columns,
    without_nans,
)

__all__ = ["pandas_rows"]

_CALENDAR: Final[Mapping[str, tuple[str, type]]] = {
    "M": ("datetime64[us]", dt.datetime),
    "m": ("timedelta64[us]", dt.timedelta),
}
"""By the kind of a numpy type: the type of the same in Python's own unit, and Python's class."""
_PLAIN: Final = frozenset({bool, bytes, int, str, type(None)})


def pandas_rows(frame: Any) -> tuple[Iterator[dict[str, object]], int]:
    """Return the rows of a `pandas.DataFrame`, and how many there are.

    Raises:
        ConfigurationError: two columns have one name, or a name is no text.
    """
    require_columns(frame.columns)
    starts = range(0, len(frame), CHUNK_ROWS)
    parts = (frame.iloc[start : start + CHUNK_ROWS] for start in starts)
    return chain.from_iterable(map(_rows, parts)), len(frame)


def _rows(frame: Any) -> Iterator[dict[str, object]]:
    return rows_of_columns({name: _values(frame[name]) for name in frame.columns}, len(frame))


def _values(series: Any) -> Sequence[object]:
    kind: str = series.dtype.kind
    if hasattr(series.dtype, "pyarrow_dtype"):
        chunks = series.array.__arrow_array__().chunks
        return [value for chunk in chunks for value in arrow_values(chunk)]
    if kind in _CALENDAR:
        return _moments(series)
    values: list[object] = series.tolist()
    missing = series.isna()
    if missing.any():
        values = [
            None if none else value for value, none in zip(values, missing.tolist(), strict=True)
        ]
    if kind == "f":
        return without_nans(values)
    return values if set(map(type, values)) <= _PLAIN else list(map(_plain, values))


def _moments(series: Any) -> Sequence[object]:
    if getattr(series.dtype, "tz", None) is None:
        return _exactly(series.to_numpy())
    return [
        value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value
        for value in _exactly(series.dt.tz_convert(None).to_numpy())
    ]


def _exactly(array: Any) -> Sequence[object]:
    """Return moments or durations of numpy as Python has them, None for NaT."""
    unit, wanted = _CALENDAR[array.dtype.kind]
    converted = array.astype(unit)
    values: list[object] = converted.tolist()
    # NaT is what does not equal itself.
    exact = (converted.astype(array.dtype) == array) | (array != array)  # noqa: PLR0124
    if exact.all() and set(map(type, values)) <= {wanted, type(None)}:
        return values
    return [
        value if value is None or (fits and isinstance(value, wanted)) else Unholdable(str(found))
        for value, fits, found in zip(values, exact.tolist(), array, strict=True)
    ]


def _plain(value: Any) -> object:
    """Return what stands in a column of objects without what pandas and numpy have made of it."""
    if type(value).__module__ == "numpy":
        return _exactly(value.reshape(1))[0] if value.dtype.kind in _CALENDAR else value.tolist()
    if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
        return Unholdable(str(value))
    if hasattr(value, "to_pytimedelta"):
        return value.to_pytimedelta()
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    return in_utc(value) if isinstance(value, dt.datetime) else value
