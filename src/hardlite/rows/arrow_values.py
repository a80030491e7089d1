"""Columns of Arrow to plain Python values; nothing is rounded on the way.

pyarrow is never loaded here but by its name, so that hardlite needs it only where somebody has it.
"""

import contextlib
import datetime as dt
import importlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final, Protocol

from hardlite.rows.plain_values import Columns, Unholdable, json_tree

__all__ = [
    "ArrowBatch",
    "arrow_columns",
    "arrow_module",
    "arrow_slices",
    "arrow_values",
    "is_made_of",
]


class ArrowBatch(Protocol):
    """What is needed of a `pyarrow.RecordBatch`."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def schema(self) -> Any:
        """The names and types of the columns."""
        ...

    @property
    def columns(self) -> list[Any]:
        """The arrays of the columns."""
        ...

    def slice(self, offset: int, length: int) -> "ArrowBatch":
        """Return some of the rows."""
        ...


def arrow_module(name: str = "") -> ModuleType:
    """Return ``pyarrow``, or a part of it such as ``types``.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    return importlib.import_module(f"pyarrow.{name}" if name else "pyarrow")


def arrow_slices(batch: ArrowBatch, rows: int) -> Iterator[ArrowBatch]:
    """Split a batch into parts of up to ``rows`` rows; nothing is copied."""
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def is_made_of(kind: object, matches: Callable[[object], bool]) -> bool:
    """Say whether an Arrow type, or one within it, is one that ``matches``."""
    return matches(kind) or any(is_made_of(inner, matches) for inner in _inner(kind))


def arrow_columns(batch: ArrowBatch) -> Columns:
    """Return the values of each column, as many as the batch has rows."""
    names: list[str] = batch.schema.names
    return dict(zip(names, map(arrow_values, batch.columns), strict=True))


def arrow_values(array: Any) -> list[object]:
    """Return the values of a column; each that Python cannot hold exactly is an `Unholdable`."""
    array = _stored(array)
    take = _taker(array.type)
    try:
        return take(array)
    except (ValueError, OverflowError):
        # The one or the few at fault are found one by one.
        return [_value(array.slice(index, 1), take) for index in range(len(array))]


def _value(array: Any, take: Callable[[Any], list[object]]) -> object:
    try:
        return take(array)[0]
    except (ValueError, OverflowError):
        return Unholdable(_written(array))


def _written(array: Any) -> str:
    """Return how the one value of an array is written."""
    pa = arrow_module()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return repr(array.cast(pa.large_binary())[0].as_py())
    if pa.types.is_nested(array.type):
        with contextlib.suppress(ValueError, OverflowError):
            return str(array.to_pylist()[0])
        return f"a value of the type {array.type}"
    written = str(array.cast(pa.string())[0])
    return written.removeprefix("<value out of range: ").removesuffix(">")


def _stored(array: Any) -> Any:
    """Return the array behind a dictionary, a run or an extension."""
    pa = arrow_module()
    if isinstance(array, pa.ExtensionArray):
        return _stored(array.storage)
    if pa.types.is_dictionary(array.type):
        return _stored(array.dictionary_decode())
    if pa.types.is_run_end_encoded(array.type):
        return _stored(arrow_module("compute").run_end_decode(array))
    return array


def _taker(kind: Any) -> Callable[[Any], list[object]]:
    """Return what makes a list of an array of this type."""
    types = arrow_module("types")
    if types.is_nested(kind):
        return lambda array: [_tree(kind, value) for value in array.to_pylist()]
    return next((take for known, take in _TAKERS if getattr(types, known)(kind)), _as_they_are)


def _inner(kind: Any) -> list[object]:
    types = arrow_module("types")
    if types.is_struct(kind):
        return [field.type for field in kind]
    if types.is_map(kind):
        return [kind.key_type, kind.item_type]
    if isinstance(kind, arrow_module().BaseExtensionType):
        return [kind.storage_type]
    return [kind.value_type] if hasattr(kind, "value_type") else []


def _as_they_are(array: Any) -> list[object]:
    values: list[object] = array.to_pylist()
    return values


def _floats(array: Any) -> list[object]:
    compute = arrow_module("compute")
    array = array.cast("double")
    is_nan = compute.is_nan(array)
    # By the mask only where there is one: most columns have no NaN, but nulls.
    return _as_they_are(compute.if_else(is_nan, None, array) if is_nan.true_count else array)


def _moments(array: Any) -> list[object]:
    pa = arrow_module()
    zoned = array.type.tz is not None
    # Python's datetime counts microseconds; a cast that would drop something raises.
    values = _as_they_are(array.cast(pa.timestamp(array.type.unit)).cast(pa.timestamp("us")))
    if not zoned:
        return values
    return [
        value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else None for value in values
    ]


def _times(array: Any) -> list[object]:
    return _as_they_are(array.cast(arrow_module().time64("us")))


def _durations(array: Any) -> list[object]:
    return _as_they_are(array.cast(arrow_module().duration("us")))


_TAKERS: Final[tuple[tuple[str, Callable[[Any], list[object]]], ...]] = (
    ("is_floating", _floats),
    ("is_timestamp", _moments),
    ("is_time", _times),
    ("is_duration", _durations),
)


def _tree(kind: Any, value: Any) -> object:
    """Return a nested value as JSON can tell it; a map is an object, its keys are texts."""
    types = arrow_module("types")
    if value is None or not types.is_nested(kind):
        return json_tree(value)
    if types.is_map(kind):
        return {str(json_tree(key)): _tree(kind.item_type, inner) for key, inner in value}
    if types.is_struct(kind):
        return {field.name: _tree(field.type, value[field.name]) for field in kind}
    return [_tree(kind.value_type, inner) for inner in value]
