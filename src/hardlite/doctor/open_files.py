"""Which processes have the files of a database open: /proc/PID/fd (Linux, proc(5)).

The names of what a process has open are read, never the files.
"""

import dataclasses
import os
from pathlib import Path

from hardlite.lock_holders.kernel_locks import PROC
from hardlite.lock_holders.processes import described
from hardlite.turns.holder import Holder

__all__ = ["OpenFiles", "who_has_open"]

_DELETED = " (deleted)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenFiles:
    """Who has a database open.

    Attributes:
        users: processes that have the database file open.
        of_deleted: processes that have a database file or WAL of this name open which is no longer
            there, each with the name.
        complete: whether all processes of this system could be asked.
    """

    users: tuple[Holder, ...]
    of_deleted: tuple[tuple[Holder, str], ...]
    complete: bool


def who_has_open(file: str, proc: Path = PROC) -> OpenFiles:
    """Look through all processes for those that have a database open.

    Args:
        file: the real path of the database file.
        proc: where the kernel tells of processes.
    """
    users: list[Holder] = []
    deleted: list[tuple[Holder, str]] = []
    try:
        pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    except OSError:
        return OpenFiles(users=(), of_deleted=(), complete=False)
    complete = True
    for pid in pids:
        names = _names(proc / str(pid) / "fd")
        complete &= names is not None
        if names and file in names:
            users.append(described(pid, proc=proc))
        deleted += [
            (described(pid, proc=proc), name)
            for name in (file, f"{file}-wal")
            if names and f"{name}{_DELETED}" in names
        ]
    return OpenFiles(users=tuple(users), of_deleted=tuple(deleted), complete=complete)


def _names(folder: Path) -> frozenset[str] | None:
    try:
        descriptors = list(folder.iterdir())
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return None
    return frozenset(filter(None, map(_target, descriptors)))


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)  # noqa: PTH115 - a text, not a path: it may end in (deleted)
    except OSError:
        return ""
