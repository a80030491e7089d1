"""The note that whoever has the turn leaves in the gate file, for others to read.

It is advice: the kernel knows who has the lock, the note tells the thread and the line of code.
Nobody waits for it and nobody locks it, so a reader may meet it half written: each ends in a
checksum, and what does not match is no note.
"""

import dataclasses
import os
import zlib
from typing import Final

from hardlite.call_sites import CallSite

__all__ = ["MAX_SIZE", "Note", "decode", "encode", "read_note"]

MAX_SIZE: Final = 1024
"""Bytes that a note has at the most."""

_FORM = "hardlite-note 1"
_LINES = 8  # before the checksum
_ROOM = MAX_SIZE - len("4294967295\n")  # for them
_MICRO = 1_000_000
_LONGEST = {"thread": 150, "file": 400, "function": 100, "label": 200}  # bytes of a long note


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a process wrote when it got the turn.

    Attributes:
        pid: its process id, as it sees itself.
        since: when that was, in seconds since 1970 in UTC.
        thread: which thread or task.
        site: the line of code where the transaction began.
        label: what the application calls its work.
    """

    pid: int
    since: float
    thread: str | None
    site: CallSite | None
    label: str | None


def encode(
    pid: int, since: float, thread: str | None, site: CallSite | None, label: str | None
) -> bytes:
    """Return a note to be written at the beginning of the gate file.

    What follows it there, the rest of a longer note, does no harm. Line breaks become spaces, and
    of very long texts a part is left out.

    Args:
        pid: the writer's process id.
        since: when the turn began, in seconds since 1970 in UTC; kept to the microsecond.
        thread: which thread or task has it.
        site: where the transaction began.
        label: what the application calls its work.

    Returns:
        At most `MAX_SIZE` bytes.

    >>> decode(encode(12, 1.5, "thread 'import'", None, "flights"))
    Note(pid=12, since=1.5, thread="thread 'import'", site=None, label='flights')
    """
    # This runs at each turn and takes a microsecond or two; what does not fit is done again.
    moment = int(since * _MICRO)
    if site is None:
        file, line, function = "", 0, ""
    else:
        file, line, function = site.file, site.line, site.function
    try:
        body = (
            f"{_FORM}\n{pid}\n{moment}\n{thread or ''}\n{file}\n{line}\n{function}\n{label or ''}\n"
        ).encode()
        fits = len(body) <= _ROOM and body.count(b"\n") == _LINES
    except UnicodeEncodeError:  # a file name that is no text
        body, fits = b"", False
    if not fits:
        parts = {"thread": thread or "", "file": file, "function": function, "label": label or ""}
        cut = {name: _fitting(name, part) for name, part in parts.items()}
        body = (
            f"{_FORM}\n{pid}\n{moment}\n"
            f"{cut['thread']}\n{cut['file']}\n{line}\n{cut['function']}\n{cut['label']}\n"
        ).encode()
    return body + b"%d\n" % zlib.crc32(body)


def decode(content: bytes) -> Note | None:
    """Return the note at the beginning of ``content``; None if there is none to be trusted."""
    lines = content[:MAX_SIZE].split(b"\n", _LINES + 1)
    if len(lines) != _LINES + 2:
        return None
    body = b"\n".join([*lines[:_LINES], b""])
    if lines[_LINES] != b"%d" % zlib.crc32(body):
        return None
    try:
        form, pid, since, thread, file, line, function, label = body.decode().split("\n")[:_LINES]
        note = Note(
            pid=int(pid),
            since=int(since) / _MICRO,
            thread=thread or None,
            site=CallSite(file, int(line), function) if file else None,
            label=label or None,
        )
    except ValueError:
        return None
    return note if form == _FORM and note.pid > 0 else None


def read_note(path: str | os.PathLike[str]) -> Note | None:
    """Return the note in a gate file; None if there is none, or no file.

    This opens the gate file and nothing else. Closing it drops no lock of this process: it has no
    POSIX locks on it, and what `flock` gave belongs to the descriptor it was asked for with.
    """
    try:
        # Somebody may have put a pipe there: opening it must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        return decode(os.read(descriptor, MAX_SIZE))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _fitting(name: str, text: str) -> str:
    encoded = text.replace("\n", " ").encode("utf-8", "surrogatepass")
    longest = _LONGEST[name]
    # The end of a path says more than its beginning; of the others it is the other way round.
    part = encoded[-longest:] if name == "file" else encoded[:longest]
    return part.decode("utf-8", "ignore")
