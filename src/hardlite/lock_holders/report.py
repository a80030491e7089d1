"""What `holders` found out: one frozen record, and how it is told."""

import dataclasses
from collections.abc import Iterator
from typing import TypedDict

from hardlite.turns.holder import Holder, HolderDict, printable

__all__ = ["LockHolders", "LockHoldersDict"]


class LockHoldersDict(TypedDict):
    """A `LockHolders` as plain values."""

    schema: str
    path: str
    turn: HolderDict | None
    next_in_line: HolderDict | None
    queue: list[HolderDict]
    writer: HolderDict | None
    checkpointer: HolderDict | None
    readers: list[HolderDict]
    notes: list[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LockHolders:
    """Who holds what on a database file, at one moment.

    Attributes:
        path: the real path of the database file.
        turn: who has the turn, with the thread and the line of code where they are known.
        next_in_line: who gets the turn next.
        queue: who comes after that, in order. A process whose threads wait is one entry; threads
            of this process are one entry each.
        writer: which process has SQLite's write lock. Usually the one that has the turn; another
            one does not use hardlite.
        checkpointer: which process copies the WAL into the database file.
        readers: which processes read. In WAL mode they keep the WAL from starting over, so it
            grows; with a rollback journal they keep a writer from committing.
        notes: what could not be seen, and why.
    """

    path: str
    turn: Holder | None = None
    next_in_line: Holder | None = None
    queue: tuple[Holder, ...] = ()
    writer: Holder | None = None
    checkpointer: Holder | None = None
    readers: tuple[Holder, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def anybody(self) -> bool:
        """Whether anybody holds or waits for anything."""
        return any(True for _ in self.roles())

    def roles(self) -> Iterator[tuple[str, Holder]]:
        """Go through all of them, each with what it does."""
        single = {
            "turn": self.turn,
            "write lock": self.writer,
            "checkpoint": self.checkpointer,
            "next in line": self.next_in_line,
        }
        yield from ((role, holder) for role, holder in single.items() if holder is not None)
        yield from (("waiting", holder) for holder in self.queue)
        yield from (("reading", holder) for holder in self.readers)

    def summary(self) -> str:
        """Return it as text, one line for each holder and note."""
        path = printable(self.path)
        lines = [f"{role}: {holder}" for role, holder in self.roles()]
        if lines:
            lines.insert(0, f"{path}:")
        else:
            lines.append(f"{path}: nobody holds a lock.")
        lines += [f"note: {printable(note)}" for note in self.notes]
        return "\n".join(lines)

    def to_dict(self) -> LockHoldersDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "schema": "hardlite.holders/1",
            "path": self.path,
            "turn": _plain(self.turn),
            "next_in_line": _plain(self.next_in_line),
            "queue": [holder.to_dict() for holder in self.queue],
            "writer": _plain(self.writer),
            "checkpointer": _plain(self.checkpointer),
            "readers": [holder.to_dict() for holder in self.readers],
            "notes": list(self.notes),
        }


def _plain(holder: Holder | None) -> HolderDict | None:
    return None if holder is None else holder.to_dict()
