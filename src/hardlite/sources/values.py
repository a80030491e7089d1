"""One value of a source, text or JSON, to a value of a column type.

A value fits only if nothing of it is lost; `ValueError` says that it does not.
"""

import datetime as dt
import json
import math
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import types

from hardlite.sources.json_text import decode_json

__all__ = [
    "MisfitError",
    "Parser",
    "parser_for",
    "to_integer",
    "to_real",
    "to_text",
    "to_untyped",
    "type_name",
]

Parser = Callable[[Any], object]

_SMALLEST: Final = -(2**63)
_BIGGEST: Final = 2**63 - 1
_TRUE: Final = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE: Final = frozenset({"0", "f", "false", "n", "no", "off"})


class MisfitError(ValueError):
    """The value does not fit the type."""


def parser_for(kind: types.TypeEngine[Any], *, text_only: bool) -> Parser:
    """Return what turns a value into one for a column of this type.

    Args:
        kind: the type of the column.
        text_only: whether every value is text, so that JSON is still to be decoded.
    """
    if isinstance(kind, types.JSON):
        return decode_json if text_only else _as_it_is
    return next((parse for known, parse in _PARSERS if isinstance(kind, known)), to_untyped)


def type_name(kind: types.TypeEngine[Any]) -> str:
    """Return how the type is declared."""
    return "no type" if isinstance(kind, types.NullType) else str(kind)


def to_integer(value: object) -> int:
    """Return a whole number of 64 bits; ``12.0`` is one, as for SQLite's INTEGER affinity.

    >>> to_integer("-12")
    -12
    """
    if isinstance(value, str):
        try:
            number = int(_plain(value))
        except ValueError:
            number = _whole(float(_plain(value)))
    elif isinstance(value, float):
        number = _whole(value)
    elif isinstance(value, int):
        number = int(value)
    else:
        raise MisfitError(value)
    if not _SMALLEST <= number <= _BIGGEST:
        raise MisfitError(value)
    return number


def to_real(value: object) -> float:
    """Return a finite number: SQLite stores NaN as NULL.

    >>> to_real("1e3")
    1000.0
    """
    if isinstance(value, str):
        value = _plain(value)
    elif not isinstance(value, int | float):
        raise MisfitError(value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MisfitError(value)
    return number


def to_numeric(value: object) -> int | float:
    """Return a whole number where it is one, else a finite number: NUMERIC affinity."""
    try:
        return to_integer(value)
    except ValueError:
        return to_real(value)


def to_boolean(value: object) -> bool:
    """Return what 1, true, yes or on and their opposites say, in any case."""
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise MisfitError(value)
    return text in _TRUE


def to_datetime(value: object) -> dt.datetime:
    """Return the date and time of an ISO 8601 text; one with an offset is moved to UTC.

    SQLite's own functions do the same (sqlite.org, "Date And Time Functions").
    """
    moment = dt.datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        raise MisfitError(value) from None


def to_date(value: object) -> dt.date:
    """Return the date of an ISO 8601 text."""
    return dt.date.fromisoformat(_text(value))


def to_time(value: object) -> dt.time:
    """Return the time of an ISO 8601 text without an offset."""
    time = dt.time.fromisoformat(_text(value))
    if time.tzinfo is not None:
        raise MisfitError(value)
    return time


def to_text(value: object) -> str:
    """Return text as it is, and anything else as JSON text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.isascii():
        # Half of a surrogate pair, which JSON can spell, is no text for SQLite.
        text.encode()
    return text


def to_untyped(value: object) -> object:
    """Return a number or text as it is, and anything else as JSON text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return to_text(value)
    return to_numeric(value)


def _refuse(value: object) -> object:
    raise MisfitError(value)


def _as_it_is(value: object) -> object:
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MisfitError(value)
    return value.strip()


def _plain(text: str) -> str:
    """Return ``text`` unless Python alone takes it for a number: ``1_000``, other scripts' digits."""
    if "_" in text or not text.isascii():
        raise MisfitError(text)
    return text


def _whole(number: float) -> int:
    if not number.is_integer():
        raise MisfitError(number)
    return int(number)


_PARSERS: Final[tuple[tuple[type[Any], Parser], ...]] = (
    (types.Boolean, to_boolean),
    (types.Integer, to_integer),
    (types.Float, to_real),
    (types.Numeric, to_numeric),
    (types.DateTime, to_datetime),
    (types.Date, to_date),
    (types.Time, to_time),
    (types.String, to_text),
    (types.LargeBinary, _refuse),
)
