"""What the kernel tells about a process: /proc/PID (Linux, proc(5))."""

import dataclasses
import os
import re
from pathlib import Path

from hardlite.lock_holders.kernel_locks import PROC, parse
from hardlite.turns.gate_note import Note
from hardlite.turns.holder import Holder

__all__ = [
    "Process",
    "as_noted",
    "described",
    "has_flock",
    "keepers_of_flock",
    "look_up",
    "own_pid",
]

_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for the disk",
    "T": "stopped",
    "t": "stopped by a debugger",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
}
_AFTER_NAME_START = 19  # the field "starttime" of /proc/PID/stat, counted behind the name
_BOOT = re.compile(r"^btime (\d+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process, as far as it can be seen.

    Attributes:
        pid: its process id here.
        inner_pid: its process id as it sees itself, which differs if it is in a container.
        command: its command line, or its name in brackets if it has none.
        user: the name of the user it runs as, or the number of one without a name.
        state: what it does, in words.
        started: when it started, in seconds since 1970 in UTC, right to about a second.
    """

    pid: int
    inner_pid: int
    command: str | None = None
    user: str | None = None
    state: str | None = None
    started: float | None = None


def look_up(pid: int, *, proc: Path = PROC) -> Process:
    """Describe a process; of one that is gone or hidden, the number is all there is."""
    status = _read(proc / str(pid) / "status")
    if status is None:
        return Process(pid=pid, inner_pid=pid)
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    words = {name: value.split() for name, value in facts.items()}
    command = (_read(proc / str(pid) / "cmdline") or "").replace("\0", " ").strip()
    return Process(
        pid=pid,
        # The last of several is the innermost. Kernels built without containers have no such line.
        inner_pid=int(words.get("NSpid", [str(pid)])[-1]),
        command=command or f"[{facts['Name'].strip()}]",
        user=_user_name(int(words["Uid"][1])),
        state=_STATES.get(words["State"][0]),
        started=_started(pid, proc),
    )


def described(pid: int, *, proc: Path = PROC) -> Holder:
    """Return a process as one that holds something."""
    process = look_up(pid, proc=proc)
    return Holder(pid=pid, command=process.command, user=process.user, state=process.state)


def as_noted(holder: Holder, note: Note, *, now: float) -> Holder:
    """Return ``holder`` with what its note tells of it.

    Args:
        holder: the process that wrote the note.
        note: what it wrote.
        now: seconds since 1970 in UTC.
    """
    return dataclasses.replace(
        holder,
        thread=note.thread,
        held=max(0.0, now - note.since),
        site=note.site,
        label=note.label,
    )


def own_pid(proc: Path = PROC) -> int:
    """Return this process's id as /proc has it."""
    try:
        return int(str((proc / "self").readlink()))
    except (OSError, ValueError):
        return os.getpid()


def has_flock(pid: int, inode: int, *, proc: Path = PROC) -> bool | None:
    """Say whether a process has a descriptor through which a file is locked by `flock`.

    Returns:
        None if that may not be looked at, as with another user's process.
    """
    folder = proc / str(pid)
    if not folder.exists():
        return False
    try:
        descriptors = list((folder / "fdinfo").iterdir())
    except OSError:
        return None
    return any(_locked_through(_read(descriptor) or "", inode) for descriptor in descriptors)


def keepers_of_flock(inode: int, *, proc: Path = PROC) -> tuple[int, ...]:
    """Return the processes that keep a `flock` on a file alive.

    A lock goes to the children that are forked while it is held. It stays until the last of them
    is gone, and the kernel's table has it under the process that took it, dead or alive.
    """
    pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    return tuple(pid for pid in pids if has_flock(pid, inode, proc=proc))


def _locked_through(fdinfo: str, inode: int) -> bool:
    lines = (line.removeprefix("lock:") for line in fdinfo.splitlines())
    return any(its == inode and lock.kind == "FLOCK" for _, its, lock in parse(lines))


def _started(pid: int, proc: Path) -> float | None:
    stat, machine = _read(proc / str(pid) / "stat"), _read(proc / "stat")
    boot = _BOOT.search(machine or "")
    if stat is None or boot is None:
        return None
    # The name is in brackets and may have spaces and brackets of its own.
    ticks = int(stat.rpartition(")")[2].split()[_AFTER_NAME_START])
    return int(boot[1]) + ticks / os.sysconf("SC_CLK_TCK")


def _user_name(uid: int) -> str:
    # Only systems with users of this kind have the module, and only those come here.
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
