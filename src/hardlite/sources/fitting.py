"""Whether all values of a column fit it just as they are, found out without looking at each.

A format that knows types mostly has the type of the column already, and then nothing is to do.
"""

import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hardlite.sources.values import (
    BIGGEST,
    SMALLEST,
    Parser,
    to_boolean,
    to_bytes,
    to_date,
    to_datetime,
    to_integer,
    to_numeric,
    to_real,
    to_text,
    to_time,
)

__all__ = ["fit_as_they_are"]

_Fits = Callable[[Sequence[Any]], bool]


def fit_as_they_are(parse: Parser, values: Sequence[object]) -> bool:
    """Say whether ``parse`` would return each of ``values`` as it is; False if that is not known.

    >>> fit_as_they_are(to_integer, [1, 2]), fit_as_they_are(to_integer, [1, "2"])
    (True, False)
    """
    kinds = set(map(type, values))
    known = _FITTING.get(parse)
    if known is None or len(kinds) != 1:
        return not kinds
    kind, fits = known
    return kinds == {kind} and fits(values)


def _are_any(_values: Sequence[Any]) -> bool:
    return True


def _are_of_64_bits(values: Sequence[int]) -> bool:
    return min(values) >= SMALLEST and max(values) <= BIGGEST


def _are_finite(values: Sequence[float]) -> bool:
    return all(map(math.isfinite, values))


def _are_text(values: Sequence[str]) -> bool:
    try:
        # Half of a surrogate pair, which JSON can spell, is no text for SQLite.
        "".join(values).encode()
    except UnicodeEncodeError:
        return False
    return True


def _are_without_zone(values: Sequence[dt.datetime | dt.time]) -> bool:
    return set(map(operator.attrgetter("tzinfo"), values)) == {None}


_FITTING: Final[Mapping[Parser, tuple[type, _Fits]]] = {
    to_boolean: (bool, _are_any),
    to_bytes: (bytes, _are_any),
    to_date: (dt.date, _are_any),
    to_datetime: (dt.datetime, _are_without_zone),
    to_integer: (int, _are_of_64_bits),
    to_numeric: (int, _are_of_64_bits),
    to_real: (float, _are_finite),
    to_text: (str, _are_text),
    to_time: (dt.time, _are_without_zone),
}
