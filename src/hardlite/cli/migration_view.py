"""What a run of migrations is at: a line that counts seconds on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from hardlite.integrations.alembic.happenings import Happening, Tell
from hardlite.turns.holder import printable

__all__ = ["migration_view"]


@contextmanager
def migration_view(console: Console) -> Iterator[Tell]:
    """Show what happens; the value is what is told.

    Args:
        console: where to show it; seconds are counted only on a terminal.
    """
    if not console.is_terminal:
        yield lambda happening: console.print(_line(happening), soft_wrap=True)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield _Steps(progress)


class _Steps:
    """A task for each thing that begins; the next one ends it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._at: TaskID | None = None

    def __call__(self, happening: Happening) -> None:
        if self._at is not None:
            self._progress.update(self._at, total=1, completed=1)
        if happening.what != "done":
            self._at = self._progress.add_task(_line(happening).plain, total=None)


def _line(happening: Happening) -> Text:
    return Text(printable(str(happening)))
