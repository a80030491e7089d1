"""Connections that a fork copied into a child process: marked, never used, never closed.

Closing one in the child would drop locks and files of the parent that it still needs
(sqlite.org, "How To Corrupt An SQLite Database File", section 2.6).
"""

import os
import weakref
from typing import Protocol

__all__ = ["watch"]


class Inheritable(Protocol):
    """What this module needs to know of a connection."""

    def mark_inherited(self) -> None:
        """Learn that this process is not the one that opened it."""
        ...


_alive: "weakref.WeakSet[Inheritable]" = weakref.WeakSet()


def watch(connection: Inheritable) -> None:
    """Mark ``connection`` in every child that is forked while it lives."""
    _alive.add(connection)


def _mark_all() -> None:
    for connection in list(_alive):
        connection.mark_inherited()
        _keep_open(connection)
    _alive.clear()


def _keep_open(connection: Inheritable) -> None:
    """Keep ``connection`` from everything that would close it, the end of this process included."""
    # Only a child that inherited something has a use for it, and it is slow to import.
    import ctypes

    # A reference that nobody gives back; a list would be emptied when the interpreter ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_all)
