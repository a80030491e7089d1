"""The first bytes of a database, its -wal and its -journal, read by a process of its own.

A process that has connections to a database must not open its files: closing them drops SQLite's
locks (sqlite.org, "How To Corrupt An SQLite Database File", section 2.2). What they begin with is
told by sqlite.org, "Database File Format".
"""

import dataclasses
import json
import os
import struct
import sys
from typing import Final

__all__ = ["Headers", "read_headers"]

_PATIENCE: Final = 20.0
"""Seconds after which the other process is given up; it needs some hundredths of one."""

_MAGIC: Final = b"SQLite format 3\0"
_JOURNAL_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
_WAL_MAGIC: Final = 0x377F0682  # the lowest bit tells the byte order of the checksums
_WAL_VERSION: Final = 2  # of the two bytes that tell how a file is read and written
_WAL_HEADER: Final = 32

_PROGRAM = """
import json, os, struct, sys

def beginning(path, length):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, length)
    finally:
        os.close(descriptor)

def frames(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        head = os.read(descriptor, 32)
        page = struct.unpack(">I", head[8:12])[0] if len(head) == 32 else 0
        found = 0
        while page and os.pread(descriptor, 8, 32 + found * (page + 24) + 8) == head[16:24]:
            found += 1
        return found
    finally:
        os.close(descriptor)

file = sys.argv[1]
told = {}
for name, look in (
    ("database", lambda: beginning(file, 100).hex()),
    ("journal", lambda: beginning(file + "-journal", 28).hex()),
    ("wal", lambda: beginning(file + "-wal", 32).hex()),
    ("frames", lambda: frames(file + "-wal")),
):
    try:
        told[name] = look()
    except OSError:
        told[name] = None
print(json.dumps(told))
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the files of a database begin with; empty bytes where there is no file.

    Attributes:
        database: the first 100 bytes of the database file.
        journal: the first 28 of its rollback journal.
        wal: the first 32 of its WAL.
        frames: pages in the WAL since it last started over, whether committed or not.
    """

    database: bytes
    journal: bytes = b""
    wal: bytes = b""
    frames: int = 0

    @property
    def is_sqlite(self) -> bool:
        """Whether the file begins as every SQLite database does."""
        return self.database.startswith(_MAGIC)

    @property
    def in_wal_mode(self) -> bool:
        """Whether the file says that it has a WAL."""
        return self.is_sqlite and self.database[18:20] == bytes([_WAL_VERSION] * 2)

    @property
    def has_journal(self) -> bool:
        """Whether there is a journal with a transaction in it: one under way, or one cut short."""
        return self.journal.startswith(_JOURNAL_MAGIC)

    @property
    def wal_is_damaged(self) -> bool:
        """Whether SQLite passes over the WAL, all of it: its header is not one."""
        return bool(self.wal) and not _is_wal_header(self.wal)


def read_headers(file: str) -> Headers | None:
    """Read them, by a process that has no connection and ends at once.

    Args:
        file: the real path of the database file.

    Returns:
        None if no such process could be started, or the file may not be read.
    """
    # Where the interpreter is a part of another program, starting that would do who knows what.
    interpreter = os.path.basename(sys.executable or "")  # noqa: PTH119 - of a text
    if getattr(sys, "frozen", False) or not interpreter.startswith(("python", "pypy")):
        return None
    # Only those who come here have a use for it.
    import subprocess

    try:
        run = subprocess.run(  # noqa: S603 - our own program, and a path as an argument
            [sys.executable, "-I", "-S", "-c", _PROGRAM, file],
            capture_output=True,
            encoding="utf-8",
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    told = json.loads(run.stdout)
    if told["database"] is None:
        return None
    return Headers(
        database=bytes.fromhex(told["database"]),
        journal=bytes.fromhex(told["journal"] or ""),
        wal=bytes.fromhex(told["wal"] or ""),
        frames=told["frames"] or 0,
    )


def _is_wal_header(header: bytes) -> bool:
    if len(header) < _WAL_HEADER:
        return False
    magic, *_, first, second = struct.unpack(">8I", header)
    if magic & ~1 != _WAL_MAGIC:
        return False
    words = struct.unpack(f"{'>' if magic & 1 else '<'}6I", header[:24])
    one = other = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + other) & 0xFFFFFFFF
        other = (other + odd + one) & 0xFFFFFFFF
    return (one, other) == (first, second)
