"""The gates of this process, one for each database file, and what becomes of them at a fork."""

import logging
import os
import pathlib
import threading
import weakref
from collections.abc import Callable

from hardlite.clock import system_clock
from hardlite.errors import ReentrantWriteError
from hardlite.log_events import log_event
from hardlite.turns.claims import ProcessClaim
from hardlite.turns.gate import Gate, TurnTimeoutError
from hardlite.turns.holder import Holder
from hardlite.turns.turn import Turn
from hardlite.turns.turn_files import TurnFiles

__all__ = ["call_before_fork", "find_holders_by", "gate_for", "known_gate", "known_gates"]

_log = logging.getLogger("hardlite.gate")

FORK_PATIENCE = 2.0
"""Seconds that a fork waits for the writers of this process to finish their transactions."""

_lock = threading.Lock()
_gates: weakref.WeakValueDictionary[str, Gate] = weakref.WeakValueDictionary()
_held_over_fork: list[Turn] = []
_before_fork_too: list[Callable[[], None]] = []
_find_holder: Callable[[str], Holder | None] = lambda _: None  # noqa: E731 - until one is given


def gate_for(name: str) -> Gate:
    """Return the one gate of the database called ``name``.

    Args:
        name: the absolute path as SQLite resolved it, so that every spelling finds one gate; for
            a shared in-memory database, its URI.
    """
    with _lock:
        gate = _gates.get(name)
        if gate is None:
            gate = _gates[name] = _new_gate(name)
        return gate


def known_gate(name: str) -> Gate | None:
    """Return the gate of the database called ``name`` if this process has one."""
    return _gates.get(name)


def known_gates() -> list[Gate]:
    """Return the gates that this process has."""
    return list(_gates.values())


def find_holders_by(find: Callable[[str], Holder | None]) -> None:
    """Let gates ask ``find`` who of another process has the turn on a file."""
    global _find_holder  # noqa: PLW0603 - what finds them stands above this module
    _find_holder = find


def _new_gate(name: str) -> Gate:
    if not pathlib.Path(name).is_absolute():
        return Gate(name)
    claim = ProcessClaim(TurnFiles(name))
    return Gate(name, claim=claim, elsewhere=lambda: _find_holder(name))


def call_before_fork(action: Callable[[], None]) -> None:
    """Call ``action`` before each fork of this process, while none of its threads may write."""
    _before_fork_too.append(action)


def _before_fork() -> None:
    """Let no transaction be open at the fork.

    SQLite keeps the locks of a process in that process's memory. A fork copies them, and in the
    child nobody is left to release what a writing thread held: the file would be locked there for
    ever (sqlite.org, "How To Corrupt An SQLite Database File", section 2.6).
    """
    _lock.acquire()
    deadline = system_clock.now() + FORK_PATIENCE
    for gate in list(_gates.values()):
        try:
            left = max(0.0, deadline - system_clock.now())
            _held_over_fork.append(gate.take(left, unordered=True))
        except (ReentrantWriteError, TurnTimeoutError):
            holder = str(gate.own_holder() or "another thread")
            _log.warning(
                "forking while %s writes to %s: the child cannot write to that file; "
                "commit before the fork, or start the child with the 'spawn' method",
                holder,
                gate.name,
                extra=log_event("fork.writing", database=gate.name, holder=holder),
            )
        gate.rest()
    for action in _before_fork_too:
        action()


def _after_fork_in_parent() -> None:
    while _held_over_fork:
        _held_over_fork.pop().release()
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock, _gates  # noqa: PLW0603 - the child starts with gates of its own
    _held_over_fork.clear()
    for gate in list(_gates.values()):
        gate.forget()
    _gates = weakref.WeakValueDictionary()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
