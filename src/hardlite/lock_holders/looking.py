"""`holders`: who is in the way, put together from locks, processes and the note in the gate."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import Engine

from hardlite.clock import system_clock
from hardlite.lock_holders.kernel_locks import PROC, KernelLock
from hardlite.lock_holders.observation import FileLocks, Observation, observe
from hardlite.lock_holders.own_process import own_queue, own_turn
from hardlite.lock_holders.processes import (
    as_noted,
    described,
    has_flock,
    keepers_of_flock,
    look_up,
    own_pid,
)
from hardlite.lock_holders.report import LockHolders
from hardlite.lock_holders.sqlite_locks import meaning_of
from hardlite.lock_holders.target import database_file
from hardlite.turns.gate_note import Note, read_note
from hardlite.turns.holder import Holder

__all__ = ["holders", "look_at"]

_SLACK = 2.0
"""Seconds by which the kernel's time of a process's start may be off."""


def holders(target: Engine | str | os.PathLike[str]) -> LockHolders:
    """Say who holds the turn or a lock on a database, and who waits.

    It never opens the database, its -wal or its -shm: closing them would drop the locks of this
    very process (sqlite.org, "How To Corrupt An SQLite Database File", section 2.2). It works
    while the database is busy, and on databases that know nothing of hardlite.

    Args:
        target: an engine, hardened or not; the path of a database file; or a URL as text.

    Returns:
        What is so at this moment. What could not be seen is in ``notes``.

    Raises:
        ConfigurationError: the target is a database in memory, or there is no such file.
        UnsupportedDatabaseError: the target is not a SQLite database.
        OSError: the file's directory may not be looked into.

    >>> from hardlite import create_hardened_engine, holders
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    ...     print(holders(engine).turn.thread)
    thread 'MainThread'
    >>> print(holders(engine).writer)
    None
    >>> engine.dispose()
    """
    return look_at(database_file(target))


def look_at(file: str, *, proc: Path = PROC, probe: bool = True) -> LockHolders:
    """Do the work of `holders` for the real path of a database file.

    Args:
        file: the real path.
        proc: where the kernel tells of locks and processes.
        probe: whether a process may be started for what is not told there. It takes some
            hundredths of a second, and is needed on systems without /proc and in containers only.
    """
    return _Look(file, observe(file, proc=proc, probe=probe), proc).result()


class _Look:
    def __init__(self, file: str, seen: Observation, proc: Path) -> None:
        self._file = file
        self._seen = seen
        self._proc = proc
        self._own_pid = own_pid(proc)
        self._notes = list(seen.notes)
        self._known: dict[int | None, Holder] = {}

    def result(self) -> LockHolders:
        turn = self._turn()
        waiting = self._waiting(turn)
        locks = meaning_of(self._seen.database.locks, self._seen.shm.locks)
        self._notes += [
            f"{self._described(pid)} rebuilds the -shm file after a crash"
            for pid in locks.recovering
        ]
        found = LockHolders(
            path=self._file,
            turn=turn,
            next_in_line=waiting[0] if waiting else None,
            queue=tuple(waiting[1:]),
            writer=self._first(locks.writer),
            checkpointer=self._first(locks.checkpointer),
            readers=tuple(self._described(pid) for pid in locks.readers),
        )
        if self._seen.has_table and any(holder.pid is None for _, holder in found.roles()):
            self._notes.append(
                "a lock without a process belongs to one outside of this container, or to an open "
                "file instead of a process: look again on the host itself"
            )
        return dataclasses.replace(found, notes=tuple(self._notes))

    def _turn(self) -> Holder | None:
        own = self._own(own_turn(self._file))
        lock = self._seen.gate.flock()
        if lock is None:
            # Where no gate file can be had, a process has its turns for itself.
            return own
        pid = self._keeper(self._seen.gate, lock)
        if own is not None and (pid == self._own_pid or not self._seen.has_table):
            return own
        return self._with_note(pid, lock.pid)

    def _with_note(self, pid: int | None, taker: int | None) -> Holder:
        holder, note = self._described(pid), read_note(self._seen.gate.path)
        if note is None:
            return holder
        told = as_noted(holder, note, now=system_clock.wall())
        if pid is not None:
            return told if self._wrote(note, pid, taker) else holder
        told = dataclasses.replace(told, pid=note.pid)
        if self._seen.has_table:
            self._notes.append(f"the note in the gate file, which may be out of date: {told}")
            return holder
        self._notes.append("who has the turn is told by the note in the gate file, which may err")
        return told

    def _wrote(self, note: Note, pid: int, taker: int | None) -> bool:
        """Say whether the note is that of the process which the kernel says took the turn."""
        process = look_up(pid, proc=self._proc)
        if note.pid not in {taker, process.inner_pid}:
            return False
        # A note can outlive its process, and a new process get its number.
        return process.started is None or note.since >= process.started - _SLACK

    def _keeper(self, file: FileLocks, lock: KernelLock) -> int | None:
        """Find the process behind a `flock`: after a fork, it may not be the one that took it."""
        if not self._seen.has_table or lock.pid == self._own_pid:
            return lock.pid
        if lock.pid is not None and has_flock(lock.pid, file.inode, proc=self._proc) is not False:
            return lock.pid
        keepers = keepers_of_flock(file.inode, proc=self._proc)
        if not keepers:
            return lock.pid
        taker = "a process that is gone" if lock.pid is None else f"process {lock.pid}"
        self._notes.append(
            f"{file.path} was locked by {taker}; kept by what was forked from it: "
            f"{', '.join(map(str, keepers))}"
        )
        return keepers[0]

    def _waiting(self, turn: Holder | None) -> list[Holder]:
        gate, gateq = self._seen.gate.flock(), self._seen.gateq.flock()
        at_the_gate = gate.waiters if gate else ()
        pids = [*at_the_gate, *(gateq.waiters if gateq else ()), *self._seen.gateq.tickets()]
        if gateq is not None:
            first = self._keeper(self._seen.gateq, gateq)
            # Who has just got the turn lets go of the place next in line a moment later.
            if first is None or turn is None or first != turn.pid or first in at_the_gate:
                pids.insert(0, first)
        threads = [self._own(holder) for holder in own_queue(self._file)]
        mine = [holder for holder in threads if holder is not None]
        waiting = []
        for place, pid in enumerate(pids):
            if pid is not None and pid in pids[:place]:
                continue
            # A process asks for one turn at a time: its other threads come after all the others.
            waiting.append(mine.pop(0) if pid == self._own_pid and mine else self._described(pid))
        return waiting + mine

    def _own(self, holder: Holder | None) -> Holder | None:
        if holder is None:
            return None
        process = self._described(self._own_pid)
        return dataclasses.replace(
            process, thread=holder.thread, held=holder.held, site=holder.site, label=holder.label
        )

    def _first(self, pids: Sequence[int | None]) -> Holder | None:
        return self._described(pids[0]) if pids else None

    def _described(self, pid: int | None) -> Holder:
        if pid not in self._known:
            self._known[pid] = Holder(pid=None) if pid is None else described(pid, proc=self._proc)
        return self._known[pid]
