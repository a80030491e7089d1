"""One value of a source, text or JSON, to a value of a column type.

A value fits only if nothing of it is lost; `ValueError` says that it does not.
"""

import datetime as dt
import decimal
import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, cast

from sqlalchemy import types

from hardlite.sources.json_text import decode_json

__all__ = [
    "BIGGEST",
    "SMALLEST",
    "MisfitError",
    "Parser",
    "parser_for",
    "to_boolean",
    "to_bytes",
    "to_date",
    "to_datetime",
    "to_integer",
    "to_numeric",
    "to_real",
    "to_text",
    "to_time",
    "to_untyped",
    "type_name",
]

Parser = Callable[[Any], object]

SMALLEST: Final = -(2**63)
BIGGEST: Final = 2**63 - 1
_DIGITS: Final = len(str(BIGGEST))
_FINER: Final = re.compile(r"[.,]\d{6}\d*[1-9]")
_HEXADECIMAL: Final = re.compile(
    r"(?:0x|\\x)?(?P<plain>(?:[0-9a-f]{2})*)|x'(?P<quoted>(?:[0-9a-f]{2})*)'", re.IGNORECASE
)
_JSON: Final = (str, int, float, list, dict)
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
        return decode_json if text_only else to_json
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
            number = _whole(_decimal(value))
    elif isinstance(value, float | decimal.Decimal):
        number = _whole(_decimal(value))
    elif isinstance(value, int):
        number = int(value)
    else:
        raise MisfitError(value)
    if not SMALLEST <= number <= BIGGEST:
        raise MisfitError(value)
    return number


def to_real(value: object) -> float:
    """Return a finite number: SQLite stores NaN as NULL.

    >>> to_real("1e3")
    1000.0
    """
    if isinstance(value, str):
        value = _plain(value)
    elif not isinstance(value, int | float | decimal.Decimal):
        raise MisfitError(value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MisfitError(value)
    return number


def to_numeric(value: object) -> int | float:
    """Return a number with all its digits: a whole one of 64 bits, or a floating point number.

    >>> to_numeric("1.50"), to_numeric("3")
    (1.5, 3)
    """
    try:
        return to_integer(value)
    except ValueError:
        real = to_real(value)
    # That of its digits to which it is always told, or that which it is exactly.
    if not isinstance(value, float) and _decimal(value) not in {
        _decimal(repr(real)),
        _decimal(real),
    }:
        raise MisfitError(value)
    return real


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
    if isinstance(value, dt.datetime):
        moment = value
    elif isinstance(value, dt.date):
        moment = dt.datetime.combine(value, dt.time())
    else:
        moment = dt.datetime.fromisoformat(_exact_time(value))
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        raise MisfitError(value) from None


def to_date(value: object) -> dt.date:
    """Return the date of an ISO 8601 text, or of a moment that is midnight without a zone."""
    if isinstance(value, dt.datetime):
        if value.timetz() != dt.time():
            raise MisfitError(value)
        return value.date()
    if isinstance(value, dt.date):
        return value
    return dt.date.fromisoformat(_text(value))


def to_time(value: object) -> dt.time:
    """Return the time of an ISO 8601 text without an offset."""
    time = value if isinstance(value, dt.time) else dt.time.fromisoformat(_exact_time(value))
    if time.tzinfo is not None:
        raise MisfitError(value)
    return time


def to_text(value: object) -> str:
    """Return text as it is, dates and times as ISO 8601, and anything else as JSON text."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    text = value if isinstance(value, str) else _json_text(value)
    if not text.isascii():
        # Half of a surrogate pair, which JSON can spell, is no text for SQLite.
        text.encode()
    return text


def to_untyped(value: object) -> object:
    """Return a number, text or bytes as they are, and anything else as `to_text` does."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        return to_text(value)
    return to_numeric(value)


def to_bytes(value: object) -> bytes:
    """Return bytes as they are, and those of hexadecimal text, as SQLite's hex() writes it.

    >>> to_bytes("616263"), to_bytes("0x616263"), to_bytes("X'616263'")
    (b'abc', b'abc', b'abc')
    """
    if isinstance(value, bytes):
        return value
    found = _HEXADECIMAL.fullmatch(_text(value))
    if found is None:
        raise MisfitError(value)
    return bytes.fromhex(found["quoted"] or found["plain"] or "")


def to_json(value: object) -> object:
    """Return what JSON can tell as it is, and dates and the like as `to_text` does."""
    return value if isinstance(value, _JSON) or value is None else to_text(value)


def _json_text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        raise MisfitError(value) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MisfitError(value)
    return value.strip()


def _plain(text: str) -> str:
    """Return ``text`` unless Python alone takes it for a number: ``1_000``, other scripts' digits, control characters."""
    if "_" in text or not text.isascii() or not text.strip(" \t\n\r\v\f").isprintable():
        raise MisfitError(text)
    return text


def _exact_time(value: object) -> str:
    """Return a text unless it is finer than a microsecond: Python would cut it off."""
    text = _text(value)
    if _FINER.search(text):
        raise MisfitError(value)
    return text


def _decimal(value: object) -> decimal.Decimal:
    try:
        number = decimal.Decimal(_plain(value) if isinstance(value, str) else cast("float", value))
    except decimal.InvalidOperation:
        raise MisfitError(value) from None
    if not number.is_finite():
        raise MisfitError(value)
    return number


def _whole(number: decimal.Decimal) -> int:
    # Longer ones are not even made: a few characters can stand for billions of digits.
    if number.adjusted() > _DIGITS or number != number.to_integral_value():
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
    (types.LargeBinary, to_bytes),
)
