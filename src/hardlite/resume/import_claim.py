"""One import at a time under a resume key: the second one is told who the first one is.

A lock file beside the database, for as long as the import runs; it ends with the process, however
that ends. It gives a good answer, nothing else: that no item goes in twice is seen to by the
progress row, which each batch moves on from where it knows it to be.
"""

import contextlib
import dataclasses
import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from typing import Final

from hardlite.call_sites import call_site
from hardlite.clock import Clock
from hardlite.errors import ResumeRefusedError
from hardlite.lock_holders.processes import as_noted, described
from hardlite.turns.file_locks import try_lock
from hardlite.turns.gate_note import encode, read_note
from hardlite.turns.holder import Holder

__all__ = ["claim_file", "claimed"]

_log = logging.getLogger("hardlite.batches")

_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_DIGITS: Final = 12

_held: set[int] = set()
"""The open lock files of this process: a child that it forks must not keep them locked."""


def claim_file(database: str, key: str) -> str:
    """Return the path of the lock file."""
    return f"{database}-import-{hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]}"


@contextlib.contextmanager
def claimed(database: str, key: str, clock: Clock) -> Iterator[None]:
    """Have ``key`` for this thread alone.

    Args:
        database: the path of the database; empty if it is in memory, where no other process is.
        key: the resume key.
        clock: tells the others since when.

    Raises:
        ResumeRefusedError: somebody else has it.
    """
    if not database:
        yield
        return
    path = claim_file(database, key)
    try:
        descriptor = _taken(path)
    except OSError as error:
        _log.warning("nobody is kept from importing under %r at the same time: %s", key, error)
        yield
        return
    if descriptor is None:
        raise ResumeRefusedError(
            f"The resume key {key!r} is in use by another import: {_described(path, clock)}",
            "Wait until that one is done, or end it; then call again.",
        )
    _held.add(descriptor)
    try:
        thread = f"thread {threading.current_thread().name!r}"
        note = encode(os.getpid(), clock.wall(), thread, call_site(), key)
        with contextlib.suppress(OSError):
            os.write(descriptor, note)
        yield
    finally:
        _give_back(path, descriptor)


def _give_back(path: str, descriptor: int) -> None:
    if descriptor not in _held:
        # This is a child that was forked meanwhile, and the file is its parent's.
        return
    _held.discard(descriptor)
    # With the lock in hand: whoever locks it after that sees that the file is gone.
    with contextlib.suppress(OSError):
        if os.path.samestat(os.stat(path), os.fstat(descriptor)):  # noqa: PTH116
            os.unlink(path)  # noqa: PTH108 - a name beside others of the kind
    os.close(descriptor)


def _taken(path: str) -> int | None:
    """Open and lock the file; None if somebody else has it locked."""
    while True:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if not try_lock(descriptor):
                os.close(descriptor)
                return None
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _described(path: str, clock: Clock) -> Holder | str:
    note = read_note(path)
    if note is None:
        return "a process that has not told its name"
    return dataclasses.replace(
        as_noted(described(note.pid), note, now=clock.wall()),
        # It is the key, which the reader knows.
        label=None,
    )


def _close_in_child() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
