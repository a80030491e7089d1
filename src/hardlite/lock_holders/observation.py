"""The locks on the files of one database, at one moment, from wherever they can be learned."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardlite.filesystems import is_network
from hardlite.lock_holders.kernel_locks import (
    PROC,
    KernelLock,
    LockTable,
    read_table,
    sees_all_processes,
)
from hardlite.lock_holders.probe import ask_for_locks
from hardlite.lock_holders.sqlite_locks import DATABASE_RANGES, SHM_RANGES
from hardlite.turns.tickets import FIRST_TICKET

__all__ = ["FileLocks", "Observation", "observe"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileLocks:
    """The locks on one file.

    Attributes:
        path: where it is.
        inode: its number; 0 if there is no such file.
        locks: the locks.
    """

    path: str
    inode: int
    locks: tuple[KernelLock, ...]

    def flock(self) -> KernelLock | None:
        """Return the lock that `flock` gave, if one process has the file for itself."""
        return next((lock for lock in self.locks if lock.kind == "FLOCK" and lock.writes), None)

    def tickets(self) -> list[int | None]:
        """Return the processes that have drawn a number to be next, in order."""
        drawn = [lock for lock in self.locks if lock.kind == "POSIX" and lock.last >= FIRST_TICKET]
        # Who waits for the bytes of others is told by its own.
        return [lock.pid for lock in sorted(drawn, key=lambda lock: lock.first)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen.

    Attributes:
        database: locks on the database file.
        shm: locks on its -shm file.
        gate: locks on its gate file, which give the turn.
        gateq: locks on the file that gives the place next in line.
        has_table: whether the kernel's table told who has them.
        notes: what could not be seen, and why.
    """

    database: FileLocks
    shm: FileLocks
    gate: FileLocks
    gateq: FileLocks
    has_table: bool
    notes: tuple[str, ...]


def observe(file: str, *, proc: Path = PROC, probe: bool = True) -> Observation:
    """Learn which locks there are on a database.

    Args:
        file: the real path of the database file.
        proc: where the kernel tells of locks and processes.
        probe: whether a process may be started for what is not told there.
    """
    ranges: dict[str, Sequence[tuple[int, int]]] = {
        file: DATABASE_RANGES,
        f"{file}-shm": SHM_RANGES,
        f"{file}-gate": (),
        f"{file}-gateq": (),
    }
    table = read_table(proc)
    seen = {path: _in_table(path, table) for path in ranges}
    notes: list[str] = []
    if is_network(file):
        notes.append("the file is on a network file system: other machines' locks are not shown")
    if table is None or not sees_all_processes(proc):
        answer = ask_for_locks(ranges, proc=proc) if probe else {}
        seen = {path: _with_hidden(locks, answer or {}, table) for path, locks in seen.items()}
        notes += _blind_spots(answer, table, probe=probe)
    database, shm, gate, gateq = seen.values()
    return Observation(
        database=database,
        shm=shm,
        gate=gate,
        gateq=gateq,
        has_table=table is not None,
        notes=tuple(notes),
    )


def _in_table(path: str, table: LockTable | None) -> FileLocks:
    try:
        found = os.stat(path)  # noqa: PTH116 - a look at it, and never more
    except OSError:
        return FileLocks(path=path, inode=0, locks=())
    return FileLocks(path=path, inode=found.st_ino, locks=() if table is None else table.of(found))


def _with_hidden(
    seen: FileLocks, answer: Mapping[str, tuple[KernelLock, ...] | None], table: LockTable | None
) -> FileLocks:
    asked = answer.get(seen.path) or ()
    # What has a process stands in the table, if there is one. So does a lock that belongs to an
    # open file instead of a process.
    known = table is not None and any(lock.pid is None for lock in seen.locks)
    hidden = [lock for lock in asked if table is None or (lock.pid is None and not known)]
    return dataclasses.replace(seen, locks=(*seen.locks, *hidden))


def _blind_spots(
    answer: Mapping[str, tuple[KernelLock, ...] | None] | None,
    table: LockTable | None,
    *,
    probe: bool,
) -> list[str]:
    notes = []
    if table is None:
        notes.append(
            "this system has no /proc/locks: who waits is not shown, and of several readers one"
        )
    elif not probe or answer is None:
        notes.append("this is a container: locks of processes outside of it are not shown")
    if answer is None:
        notes.append("no process could be started to ask for locks: there may be others")
    notes += [
        f"{path} may not be read by this user: locks on it are not shown"
        for path, locks in (answer or {}).items()
        if locks is None
    ]
    return notes
