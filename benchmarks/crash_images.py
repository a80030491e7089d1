"""What a disk may hold after a power cut: the writes of a program, of which some never arrived.

strace tells every write to the files of a database and every sync. What was written before a sync of
its file has arrived; of what came after, any part may be missing, or half there: a disk writes
sectors of 512 bytes (sqlite.org, "Atomic Commit In SQLite", section 2). To make and to delete a file
counts as done at once.
"""

import dataclasses
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

TRACE = (
    "strace", "-f", "-y", "-xx", "-qq", "-s", "2000000", "-e",
    "trace=openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,unlinkat",
)  # fmt: skip

_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_OPENED = re.compile(r"^(?P<number>\d+)<(?P<path>[^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PROMISE = re.compile(rb"committed (\d+)")
_SECTOR = 512
_SECTORS_ARRIVED = 0.7


@dataclasses.dataclass(frozen=True)
class Event:
    """What a program did to a file, or what it promised.

    Attributes:
        kind: ``"write"``, ``"cut"``, ``"sync"``, ``"make"``, ``"delete"`` or ``"promise"``.
        path: of which file.
        offset: of a write; the new size of a file that is cut; how many rows are promised.
        content: what was written.
    """

    kind: str
    path: str = ""
    offset: int = 0
    content: bytes = b""


def events_of(trace: Path, files: Sequence[str]) -> list[Event]:
    """Read a trace.

    Args:
        trace: what strace wrote.
        files: the paths that matter.
    """
    started: dict[str, str] = {}
    events: list[Event] = []
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            process = line.split(" ", 1)[0]
            if line.endswith("<unfinished ...>\n"):
                started[process] = line.removesuffix("<unfinished ...>\n")
                continue
            if " resumed>" in line:
                line = started.pop(process, "") + line.split(" resumed>", 1)[1]  # noqa: PLW2901
            call = _CALL.match(line)
            if call and int(call["result"]) >= 0:
                events += _events(call["name"], call["arguments"], int(call["result"]), files)
    return events


def _events(name: str, arguments: str, result: int, files: Sequence[str]) -> Iterable[Event]:
    texts = [_bytes(text) for text in _TEXT.findall(arguments)]
    if name in {"openat", "unlink", "unlinkat"}:
        path = texts[-1].decode(errors="replace") if texts else ""
        if path in files and (name != "openat" or "O_CREAT" in arguments):
            yield Event("make" if name == "openat" else "delete", path)
        return
    opened = _OPENED.match(arguments)
    if opened is None:
        return
    path = _bytes(opened["path"]).decode(errors="replace")
    if path not in files:
        promise = _PROMISE.search(texts[0]) if name == "write" and texts else None
        if promise and opened["number"] == "1":
            yield Event("promise", offset=int(promise[1]))
    elif name == "pwrite64":
        yield Event("write", path, int(arguments.rsplit(",", 1)[1]), texts[0][:result])
    elif name == "ftruncate":
        yield Event("cut", path, int(arguments.rsplit(",", 1)[1]))
    elif name in {"fsync", "fdatasync"}:
        yield Event("sync", path)
    else:
        raise ValueError(f"strace tells of a {name} on {path}, which says not where")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


def image(
    events: Sequence[Event],
    before: Mapping[str, bytes],
    chance: random.Random,
    *,
    arrived: float,
    torn: bool,
) -> tuple[dict[str, bytes], int]:
    """Return the files as a power cut after ``events`` may leave them, and the rows promised.

    Args:
        events: up to the cut.
        before: the files before the first of them.
        chance: says which writes arrived.
        arrived: the share of writes without a sync that did.
        torn: of such a write, single sectors may be missing.
    """
    disk = _Disk(before)
    promised = 0
    for event in events:
        if event.kind == "promise":
            promised = max(promised, event.offset)
        else:
            disk.do(event)
    for event in disk.unsynced():
        if chance.random() < arrived:
            for part in _sectors(event, chance) if torn else [event]:
                disk.apply(part)
    return {path: bytes(content) for path, content in disk.files.items()}, promised


class _Disk:
    """Files, and the writes to each that no sync has made sure of."""

    def __init__(self, before: Mapping[str, bytes]) -> None:
        self.files = {path: bytearray(content) for path, content in before.items()}
        self._waiting: dict[str, list[Event]] = {path: [] for path in before}

    def do(self, event: Event) -> None:
        if event.kind == "make":
            self.files.setdefault(event.path, bytearray())
            self._waiting.setdefault(event.path, [])
        elif event.kind == "delete":
            self.files.pop(event.path, None)
            self._waiting.pop(event.path, None)
        elif event.kind == "sync":
            for done in self._waiting[event.path]:
                self.apply(done)
            self._waiting[event.path] = []
        else:
            self._waiting[event.path].append(event)

    def unsynced(self) -> list[Event]:
        return [event for waiting in self._waiting.values() for event in waiting]

    def apply(self, event: Event) -> None:
        content = self.files[event.path]
        if event.kind == "cut":
            del content[event.offset :]
            content.extend(bytes(event.offset - len(content)))
            return
        content.extend(bytes(max(0, event.offset - len(content))))
        content[event.offset : event.offset + len(event.content)] = event.content


def _sectors(event: Event, chance: random.Random) -> Iterable[Event]:
    if event.kind != "write":
        yield event
        return
    for start in range(0, len(event.content), _SECTOR):
        if chance.random() < _SECTORS_ARRIVED:
            part = event.content[start : start + _SECTOR]
            yield dataclasses.replace(event, offset=event.offset + start, content=part)
