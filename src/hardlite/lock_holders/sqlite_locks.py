"""What SQLite's locks on bytes mean.

The bytes are those of sqlite.org, "Write-Ahead Logging", "WAL-mode File Format" (section 2.3.1,
locks in the -shm file), and "File Locking And Concurrency In SQLite Version 3" with the source's
os.h (locks in the database file).
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

from hardlite.lock_holders.kernel_locks import KernelLock

__all__ = ["DATABASE_RANGES", "SHM_RANGES", "SQLiteLocks", "meaning_of"]

_WRITE, _CHECKPOINT, _RECOVER = 120, 121, 122
_READS = range(123, 128)
_OPEN = 128  # the "dead man switch": every connection in WAL mode has it
_PENDING = 0x40000000
_RESERVED = _PENDING + 1
_SHARED = range(_PENDING + 2, _PENDING + 512)

SHM_RANGES: Final = tuple((byte, 1) for byte in (_WRITE, _CHECKPOINT, _RECOVER, *_READS, _OPEN))
"""First byte and length of each range of the -shm file that means something."""

DATABASE_RANGES: Final = ((_PENDING, 1), (_RESERVED, 1), (_SHARED.start, len(_SHARED)))
"""The same for the database file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteLocks:
    """Processes by what they do; None is a process that is not known.

    Attributes:
        writer: who has the write lock, in a list of one or none.
        checkpointer: who copies the WAL into the database, in a list of one or none.
        recovering: who rebuilds the -shm file after a crash, in a list of one or none.
        readers: who reads a snapshot.
    """

    writer: Sequence[int | None]
    checkpointer: Sequence[int | None]
    recovering: Sequence[int | None]
    readers: Sequence[int | None]


def meaning_of(database: Sequence[KernelLock], shm: Sequence[KernelLock]) -> SQLiteLocks:
    """Say what the locks on a database file and on its -shm file mean."""
    in_file = [lock for lock in database if lock.kind != "FLOCK"]
    in_shm = [lock for lock in shm if lock.kind != "FLOCK"]
    writers = _who(in_shm, _WRITE, writes=True) or [
        # EXCLUSIVE, in a rollback journal's last step or for a change of the journal mode, is one
        # range over all of them. PENDING alone is left when RESERVED was never needed.
        pid
        for byte in (_RESERVED, _PENDING, _SHARED.start)
        for pid in _who(in_file, byte, writes=True)
    ]
    # With WAL a connection has SHARED on the database file as long as it is open, used or not.
    wal = bool(_who(in_shm, _OPEN))
    readers = _wal_readers(in_shm, writers) if wal else _file_readers(in_file, writers)
    return SQLiteLocks(
        writer=writers[:1],
        checkpointer=_who(in_shm, _CHECKPOINT, writes=True)[:1],
        recovering=_who(in_shm, _RECOVER, writes=True)[:1],
        readers=readers,
    )


def _who(locks: Sequence[KernelLock], byte: int, *, writes: bool | None = None) -> list[int | None]:
    return [
        lock.pid
        for lock in locks
        if lock.covers(byte) and (writes is None or lock.writes is writes)
    ]


def _wal_readers(shm: Sequence[KernelLock], writers: Sequence[int | None]) -> list[int | None]:
    marks: dict[int | None, int] = {}
    for byte in _READS:
        for pid in _who(shm, byte, writes=False):
            marks[pid] = marks.get(pid, 0) + 1
    # A writer reads too; that is its own snapshot unless its process has another one besides.
    return [pid for pid, count in marks.items() if pid not in writers or count > 1]


def _file_readers(
    database: Sequence[KernelLock], writers: Sequence[int | None]
) -> list[int | None]:
    shared = _who(database, _SHARED.start, writes=False)
    return [pid for pid in dict.fromkeys(shared) if pid not in writers]
