"""Who holds a lock: the one description that errors, logs and the command line share."""

import dataclasses
from typing import TypedDict

from hardlite.call_sites import CallSite

__all__ = ["Holder", "HolderDict", "SiteDict", "printable"]

_COMMAND_SHOWN = 60


class SiteDict(TypedDict):
    """A line of code as plain values."""

    file: str
    line: int
    function: str


class HolderDict(TypedDict):
    """A `Holder` as plain values."""

    pid: int | None
    thread: str | None
    held: float | None
    site: SiteDict | None
    label: str | None
    command: str | None
    user: str | None
    state: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a turn or a lock, or waits for one; what is not known is None.

    Attributes:
        pid: process id; None for a process outside of this container, or else not to be seen.
        thread: which thread or task of it, such as ``"thread 'MainThread'"``.
        held: seconds it has lasted so far: the hold, or the wait of who waits.
        site: the line of code where the transaction began.
        label: what the application calls its work.
        command: the command line of the process, whole.
        user: the name of the user it runs as, or the number of one without a name.
        state: what the process does: ``"running"``, ``"sleeping"``, ``"stopped"``,
            ``"stopped by a debugger"``, ``"waiting for the disk"``, ``"zombie"``, ``"dead"``,
            ``"idle"``.

    >>> print(Holder(pid=12, thread="thread 'import'", held=2.5, user="ann"))
    thread 'import' of process 12 (user ann) for 2.500 s
    """

    pid: int | None
    thread: str | None = None
    held: float | None = None
    site: CallSite | None = None
    label: str | None = None
    command: str | None = None
    user: str | None = None
    state: str | None = None

    def __str__(self) -> str:
        parts = [self._who()]
        details = [self.short_command()] if self.command else []
        if self.user:
            details.append(f"user {self.user}")
        if details:
            parts.append(f" ({', '.join(details)})")
        if self.held is not None:
            parts.append(f" for {self.held:.3f} s")
        if self.site:
            parts.append(f", begun at {self.site}")
        if self.label:
            parts.append(f", working on {self.label!r}")
        if self.stopped:
            parts.append(
                f"; THIS PROCESS IS {str(self.state).upper()}, it does nothing until it is"
            )
            parts.append(f" continued: kill -CONT {self.pid}")
        return printable("".join(parts))

    @property
    def stopped(self) -> bool:
        """Whether the process is stopped: it keeps its locks and will not release them."""
        return self.state is not None and self.state.startswith("stopped")

    def short_command(self) -> str:
        """Return the beginning of the command line, fit to be shown; empty if it is not known."""
        command = printable(self.command or "")
        if len(command) <= _COMMAND_SHOWN:
            return command
        return f"{command[: _COMMAND_SHOWN - 3]}..."

    def to_dict(self) -> HolderDict:
        """Return plain values, ready for `json.dumps`."""
        site = self.site
        return {
            "pid": self.pid,
            "thread": self.thread,
            "held": self.held,
            "site": None
            if site is None
            else {"file": site.file, "line": site.line, "function": site.function},
            "label": self.label,
            "command": self.command,
            "user": self.user,
            "state": self.state,
        }

    def _who(self) -> str:
        process = "a process that cannot be seen from here"
        if self.pid is not None:
            process = f"process {self.pid}"
        return f"{self.thread} of {process}" if self.thread else process


def printable(text: str) -> str:
    """Return ``text`` in one line with a question mark for each character that is not printable.

    Other processes choose their command lines and thread names: what they put there must not
    reach a terminal as a control sequence, nor break a log into lines.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)
