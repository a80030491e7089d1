"""Connections that a fork copied into a child process: marked, never used, never closed.

Closing one in the child would drop locks and files of the parent that it still needs
(sqlite.org, "How To Corrupt An SQLite Database File", section 2.6).
"""

import os
import weakref
from typing import Protocol

__all__ = ["keep_open", "watch"]


class Inheritable(Protocol):
    """What this module needs to know of a connection."""

    def mark_inherited(self) -> None:
        """Learn that this process is not the one that opened it."""
        ...


_alive: "weakref.WeakSet[Inheritable]" = weakref.WeakSet()
_kept_open: list[Inheritable] = []


def watch(connection: Inheritable) -> None:
    """Mark ``connection`` in every child that is forked while it lives."""
    _alive.add(connection)


def keep_open(connection: Inheritable) -> None:
    """Keep ``connection`` until this process ends, so that nothing closes it."""
    _kept_open.append(connection)


def _mark_all() -> None:
    for connection in list(_alive):
        connection.mark_inherited()
        # Kept at once: the garbage collector must not be the one that closes it.
        keep_open(connection)
    _alive.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_all)
