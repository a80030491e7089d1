"""Locks asked for one by one, by a process of its own.

This is for systems without /proc, and for containers, whose /proc leaves out the processes outside.
A process that has connections to a database must not open its files: closing them drops SQLite's
locks (sqlite.org, "How To Corrupt An SQLite Database File", section 2.2). So another one does it,
which has no connection and ends at once.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardlite.lock_holders.kernel_locks import PROC, KernelLock

__all__ = ["ask_for_locks"]

_PATIENCE = 10.0
"""Seconds after which the other process is given up; it needs some hundredths of one."""

_PROGRAM = """
import fcntl, json, os, struct, sys

# struct flock: Linux begins with the type, the BSDs and macOS end with it and may add to it.
linux = sys.platform.startswith("linux")
layout = "hhqqi" if linux else "qqihh8x"

def conflict(descriptor, first, length):
    values = (fcntl.F_WRLCK, 0, first, length, 0) if linux else (first, length, 0, fcntl.F_WRLCK, 0)
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(layout, *values))
    values = struct.unpack(layout, answer)
    kind, _, first, length, pid = values if linux else (values[3], 0, *values[:3])
    if kind == fcntl.F_UNLCK:
        return []
    last = first + length - 1 if length else sys.maxsize
    return [["POSIX", kind == fcntl.F_WRLCK, pid, first, last]]

def is_listed(descriptor):
    inode = f":{os.fstat(descriptor).st_ino} "
    try:
        with open(os.path.join(sys.argv[2], "locks"), encoding="ascii") as table:
            return any("FLOCK" in line and inode in line for line in table)
    except OSError:
        return False

def flocked(descriptor):
    # A lock that passes quickly from hand to hand may be missed in the table once, not each time.
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if is_listed(descriptor):
                return []
        else:
            return []
    return [["FLOCK", True, 0, 0, sys.maxsize]]

locks = {}
for path, ranges in json.loads(sys.argv[1]).items():
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        locks[path] = []
    except OSError:
        locks[path] = None
    else:
        found = flocked(descriptor) if not ranges else [
            lock for first, length in ranges for lock in conflict(descriptor, first, length)
        ]
        locks[path] = [lock for place, lock in enumerate(found) if lock not in found[:place]]
        os.close(descriptor)
print(json.dumps(locks))
"""


def ask_for_locks(
    files: Mapping[str, Sequence[tuple[int, int]]], *, proc: Path = PROC
) -> dict[str, tuple[KernelLock, ...] | None] | None:
    """Ask which locks are on files; of several readers of a byte, one is told.

    Args:
        files: for each path the ranges to ask for, as first byte and length, or none of them to
            ask for a lock by `flock` that the kernel's table does not show.
        proc: where that table is looked for.

    Returns:
        The locks on each file, or None for one that may not be read; None for all of it where this
        cannot be asked. The process is None where the system does not name it, as with `flock`.
    """
    # Where the interpreter is a part of another program, starting that would do who knows what.
    interpreter = os.path.basename(sys.executable or "")  # noqa: PTH119 - of a text
    if getattr(sys, "frozen", False) or not interpreter.startswith(("python", "pypy")):
        return None
    # Only those who come here have a use for it.
    import subprocess

    try:
        run = subprocess.run(  # noqa: S603 - our own program, and paths as an argument
            [sys.executable, "-I", "-S", "-c", _PROGRAM, json.dumps(files), str(proc)],
            capture_output=True,
            encoding="utf-8",
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    answer: dict[str, list[tuple[str, bool, int, int, int]] | None] = json.loads(run.stdout)
    return {
        path: None if locks is None else tuple(_lock(*lock) for lock in locks)
        for path, locks in answer.items()
    }


def _lock(kind: str, writes: bool, pid: int, first: int, last: int) -> KernelLock:  # noqa: FBT001
    return KernelLock(
        kind=kind, writes=writes, pid=pid if pid > 0 else None, first=first, last=last
    )
