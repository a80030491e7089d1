"""How far a copy is: a bar on a terminal, and nothing elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from hardlite.operations.copying import Progress

__all__ = ["copy_bar"]


@contextmanager
def copy_bar(console: Console, what: str) -> Iterator[Progress | None]:
    """Draw a bar, if there is where to; the value is what to tell how far it is.

    Args:
        console: where to draw it.
        what: what is being done.
    """
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
