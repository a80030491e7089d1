"""Who holds what, as a table for a person."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hardlite.lock_holders import LockHolders
from hardlite.turns.holder import Holder, printable

__all__ = ["who_view"]


def who_view(found: LockHolders) -> RenderableType:
    """Return a table with a line for each holder, and the notes below it."""
    path = printable(found.path)
    notes = [Text(f"note: {printable(note)}", style="yellow") for note in found.notes]
    if not found.anybody:
        return Group(Text(f"{path}: nobody holds a lock."), *notes)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(path), title_justify="left")
    for heading in ("", "process", "user", "state", "for"):
        table.add_column(heading, no_wrap=True)
    table.add_column("thread and place", overflow="fold")
    table.add_column("command", overflow="fold")
    for role, holder in found.roles():
        style = "bold red" if holder.stopped else ""
        table.add_row(*(Text(cell, style=style) for cell in (role, *_cells(holder))))
    return Group(table, *notes)


def _cells(holder: Holder) -> tuple[str, ...]:
    place = [part for part in (holder.thread, holder.label) if part]
    if holder.site:
        place.append(str(holder.site))
    return (
        "not seen" if holder.pid is None else str(holder.pid),
        printable(holder.user or ""),
        holder.state or "",
        "" if holder.held is None else f"{holder.held:.1f} s",
        printable(", ".join(place)),
        holder.short_command(),
    )
