"""Text and numbers as a page shows them; text that strangers wrote does nothing there."""

from typing import Final

__all__ = ["count", "escaped"]

_MARKUP: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)


def escaped(text: str) -> str:
    r"""Return ``text`` so that a page shows it letter by letter.

    What has no shape, such as control characters and marks that turn the direction of writing,
    is shown by its number.

    >>> escaped("<b> & \u202e")
    '&lt;b&gt; &amp; \\u202e'
    """
    shown = "".join(mark if mark.isprintable() else _number(mark) for mark in text)
    return shown.translate(_MARKUP)


def count(number: float) -> str:
    """Return a whole number with a comma for each thousand.

    >>> count(12345.6)
    '12,346'
    """
    return f"{number:,.0f}"


def _number(mark: str) -> str:
    return mark.encode("ascii", "backslashreplace").decode() if mark > "\x7f" else repr(mark)[1:-1]
