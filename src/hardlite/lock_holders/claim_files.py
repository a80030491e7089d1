"""A lock file beside a database that one owner at a time has, and in which it says who it is.

The kernel frees the lock with the process, however that ends. The note in it is advice, for those
who find it taken.
"""

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator
from typing import Final

from hardlite.call_sites import call_site
from hardlite.clock import Clock
from hardlite.lock_holders.processes import as_noted, described
from hardlite.turns.file_locks import try_lock
from hardlite.turns.gate_note import encode, read_note
from hardlite.turns.holder import Holder

__all__ = ["ClaimedByOtherError", "claimed_file", "give_back", "owner_of", "take"]

_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

_held: set[int] = set()
"""The open lock files of this process: a child that it forks must not keep them locked."""


class ClaimedByOtherError(Exception):
    """Somebody has the file; the caller turns this into an error of its own.

    Args:
        holder: who that is, as far as it is known.
    """

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(holder)
        self.holder = holder

    def __str__(self) -> str:
        return str(self.holder or "a process that has not told its name")


@contextlib.contextmanager
def claimed_file(path: str, label: str, clock: Clock) -> Iterator[None]:
    """Have a lock file for this thread alone; it is deleted in the end.

    Args:
        path: the file; it is made if it is missing.
        label: what it is wanted for, for those who are refused.
        clock: tells the others since when.

    Raises:
        ClaimedByOtherError: somebody else has it.
        OSError: it cannot be had at all.
    """
    descriptor = take(path, label=label, clock=clock)
    if descriptor is None:
        raise ClaimedByOtherError(owner_of(path, clock))
    try:
        yield
    finally:
        give_back(path, descriptor)


def take(path: str, *, label: str, clock: Clock) -> int | None:
    """Open and lock a file, and leave word of who has it.

    Args:
        path: the file; it is made if it is not there.
        label: what it is taken for.
        clock: tells the others since when.

    Returns:
        The descriptor, to be given back; None if somebody else has the file.

    Raises:
        OSError: the file cannot be had at all.
    """
    descriptor = _locked(path)
    if descriptor is not None:
        _held.add(descriptor)
        thread = f"thread {threading.current_thread().name!r}"
        note = encode(os.getpid(), clock.wall(), thread, call_site(), label)
        with contextlib.suppress(OSError):
            os.write(descriptor, note)
    return descriptor


def give_back(path: str, descriptor: int) -> None:
    """Delete and unlock the file; in a child that was forked meanwhile, do nothing."""
    if descriptor not in _held:
        return
    _held.discard(descriptor)
    # With the lock in hand: whoever locks it after that sees that the file is gone.
    with contextlib.suppress(OSError):
        if os.path.samestat(os.stat(path), os.fstat(descriptor)):  # noqa: PTH116
            os.unlink(path)  # noqa: PTH108 - a name beside others of the kind
    os.close(descriptor)


def owner_of(path: str, clock: Clock) -> Holder | None:
    """Say who has the file; None if its owner has not told."""
    note = read_note(path)
    if note is None:
        return None
    owner = as_noted(described(note.pid), note, now=clock.wall())
    # Whoever asks knows what the file is for.
    return dataclasses.replace(owner, label=None)


def _locked(path: str) -> int | None:
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


def _close_in_child() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
