"""What log records carry beside their text: the name of an event, and its fields as plain values.

Texts may be worded anew; names and fields are part of the contract, as docs/reference/logging.md tells them.
"""

from typing import TypedDict

__all__ = ["Event", "log_event"]


class Event(TypedDict):
    """The attributes that a record gets; the prefix keeps them apart from those of others."""

    hardlite_event: str
    hardlite_fields: dict[str, str | int | float | None]


def log_event(name: str, /, **fields: str | float | None) -> Event:
    """Return what to log as ``extra=``.

    Args:
        name: which event it is.
        fields: what is known of it; seconds, bytes and rows as numbers.

    >>> log_event("turn.waits", database="app.db", waited=2.5)["hardlite_event"]
    'turn.waits'
    """
    return {"hardlite_event": name, "hardlite_fields": fields}
