"""The kernel's table of file locks: /proc/locks (Linux, proc(5)).

It needs no rights on the files and opens none of them. Waiters stand below the lock they wait for,
in the order in which they will get it; a kernel before 5.18 shows the first one only.
"""

import dataclasses
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["PROC", "KernelLock", "LockTable", "parse", "read_table", "sees_all_processes"]

PROC: Final = Path("/proc")

_LINE = re.compile(
    r"""
    (?P<number>\d+):\s+
    (?P<waits>->\s+)?
    (?P<kind>POSIX|FLOCK|OFDLCK)\s+
    \S+\s+
    (?P<access>READ|WRITE)\s+
    (?P<pid>-?\d+)\s+
    (?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+):(?P<inode>\d+)\s+
    (?P<first>\d+)\s+
    (?P<last>\d+|EOF)
    """,
    re.VERBOSE,
)
_FIRST_NAMESPACE = "pid:[4026531836]"  # the kernel's constant for the machine's own
_Device = tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KernelLock:
    """One lock as the kernel has it.

    Attributes:
        kind: ``"POSIX"``, ``"FLOCK"`` or ``"OFDLCK"``.
        writes: whether it excludes all others.
        pid: the process that took it; None where the kernel does not say.
        first: the first byte.
        last: the last byte.
        waiters: processes that wait for it, the next one first.
    """

    kind: str
    writes: bool
    pid: int | None
    first: int
    last: int
    waiters: tuple[int | None, ...] = ()

    def covers(self, byte: int) -> bool:
        """Say whether ``byte`` is locked; locks of one process that touch are told as one."""
        return self.first <= byte <= self.last


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LockTable:
    """All locks of the machine, to be asked for those of a file.

    Attributes:
        locks: pairs of a file, as device and inode, and a lock on it.
        devices: the devices that are mounted; empty where that is not known.
    """

    locks: tuple[tuple[_Device, int, KernelLock], ...]
    devices: frozenset[_Device]

    def of(self, file: os.stat_result) -> tuple[KernelLock, ...]:
        """Return the locks on ``file``."""
        device = (os.major(file.st_dev), os.minor(file.st_dev))
        # btrfs and overlayfs give stat() a device of their own making, while the table has that of
        # the mount. No mount has such a device, so it is told by that; the inode must do then.
        exact = device in self.devices
        return tuple(
            lock
            for its_device, inode, lock in self.locks
            if inode == file.st_ino and (its_device == device or not exact)
        )


def read_table(proc: Path = PROC) -> LockTable | None:
    """Return the kernel's table; None on a system that has none.

    The kernel hands a long table out in pieces, and a lock that comes or goes between two of them
    may be missed or seen twice.
    """
    try:
        text = (proc / "locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return LockTable(locks=tuple(parse(text.splitlines())), devices=_mounted(proc))


def parse(lines: Iterable[str]) -> Iterable[tuple[_Device, int, KernelLock]]:
    """Read lines of /proc/locks; leases, and locks on no file, are left out."""
    found: dict[str, tuple[_Device, int, KernelLock]] = {}
    for line in lines:
        match = _LINE.match(line.strip())
        if match is None:
            continue
        number, pid = match["number"], int(match["pid"])
        # 0 is a process that this view does not show, -1 a lock that belongs to no process.
        who = pid if pid > 0 else None
        if match["waits"]:
            if number in found:
                device, inode, lock = found[number]
                waiters = (*lock.waiters, who)
                found[number] = (device, inode, dataclasses.replace(lock, waiters=waiters))
            continue
        last = sys.maxsize if match["last"] == "EOF" else int(match["last"])
        lock = KernelLock(
            kind=match["kind"],
            writes=match["access"] == "WRITE",
            pid=who,
            first=int(match["first"]),
            last=last,
        )
        device = (int(match["major"], 16), int(match["minor"], 16))
        found[number] = (device, int(match["inode"]), lock)
    return found.values()


def sees_all_processes(proc: Path = PROC) -> bool:
    """Say whether the table shows every process of the machine.

    In a container it shows those of the container and leaves the others out.
    """
    try:
        return str((proc / "self/ns/pid").readlink()) == _FIRST_NAMESPACE
    except OSError:
        return False


def _mounted(proc: Path) -> frozenset[_Device]:
    try:
        lines = (proc / "self/mountinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    numbers = (line.split(maxsplit=3)[2].split(":") for line in lines)
    return frozenset((int(major), int(minor)) for major, minor in numbers)
