"""Text and numbers as a page shows them; text that strangers wrote does nothing there."""

from typing import Final

__all__ = ["count", "escaped", "seconds", "shortened"]

_LONGEST: Final = 400
_MARKUP: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)
_MINUTE: Final = 60
_WITH_FRACTIONS: Final = 10


def escaped(text: str) -> str:
    r"""Return ``text`` so that a page shows it letter by letter.

    What has no shape, such as control characters and marks that turn the direction of writing,
    is shown by its number.

    >>> escaped("<b> & \u202e")
    '&lt;b&gt; &amp; \\u202e'
    """
    shown = "".join(mark if mark.isprintable() else _number(mark) for mark in text)
    return shown.translate(_MARKUP)


def shortened(text: str) -> str:
    """Return the beginning of a long text.

    >>> len(shortened("x" * 1000))
    401
    """
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def count(number: float) -> str:
    """Return a whole number with a comma for each thousand.

    >>> count(12345.6)
    '12,346'
    """
    return f"{number:,.0f}"


def seconds(duration: float) -> str:
    """Return a duration as people read it.

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


def _number(mark: str) -> str:
    return mark.encode("ascii", "backslashreplace").decode() if mark > "\x7f" else repr(mark)[1:-1]
