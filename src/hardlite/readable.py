"""Values as people read them."""

from typing import Final

__all__ = ["byte_count", "seconds", "shortened", "shown"]

_MINUTE: Final = 60
_WITH_FRACTIONS: Final = 10
_UNIT: Final = 1024


def byte_count(number: float) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> [byte_count(each) for each in (0, 999, 20480, 5_000_000, 3 * 2**30)]
    ['0 bytes', '999 bytes', '20.0 KiB', '4.8 MiB', '3.0 GiB']
    """
    if number < _UNIT:
        return f"{number:.0f} bytes"
    for unit in ("KiB", "MiB"):
        number /= _UNIT
        if number < _UNIT:
            return f"{number:.1f} {unit}"
    return f"{number / _UNIT:,.1f} GiB"


def seconds(duration: float) -> str:
    """Return a duration in the unit that suits it.

    >>> [seconds(each) for each in (0, 0.0004, 0.0123, 2.5, 75)]
    ['0 ms', '0.4 ms', '12 ms', '2.5 s', '1 min 15 s']
    """
    if duration >= _MINUTE:
        minutes, rest = divmod(round(duration), _MINUTE)
        return f"{minutes:,} min {rest} s"
    if duration >= 1:
        return f"{duration:.1f} s"
    thousandths = duration * 1000
    if thousandths >= _WITH_FRACTIONS:
        return f"{thousandths:.0f} ms"
    return f"{thousandths:.1f} ms".replace(".0 ", " ")


def shortened(text: str, longest: int) -> str:
    """Return ``text``, or its beginning with an ellipsis if it has more characters than that.

    >>> shortened("a long story", 7), shortened("short", 7)
    ('a long ...', 'short')
    """
    return text if len(text) <= longest else f"{text[:longest]}..."


def shown(item: object) -> str:
    """Return the `repr` of what may be anything, also something whose `repr` fails."""
    try:
        return repr(item)
    except Exception as error:  # noqa: BLE001 - it may raise anything
        kind, failure = type(item).__qualname__, type(error).__qualname__
        return f"<an item of the type {kind}, whose repr fails with {failure}>"
