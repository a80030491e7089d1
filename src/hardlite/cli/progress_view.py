"""How far an import is: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from hardlite.clock import Clock
from hardlite.reports.batch_results import BatchResult
from hardlite.sources import Source

__all__ = ["progress_view"]

_SECONDS_BETWEEN_LINES: Final = 2.0


@contextmanager
def progress_view(
    source: Source, console: Console, clock: Clock
) -> Iterator[Callable[[BatchResult], None]]:
    """Show how far the import of ``source`` is; the value is what gets each batch.

    The share that is done is that of the bytes read: nobody knows how many rows there are.

    Args:
        source: what is imported.
        console: where to show it; a bar is drawn only on a terminal.
        clock: tells the rate.
    """
    if console.is_terminal:
        with _bar(source, console, clock) as show:
            yield show
    else:
        yield _Lines(source, console, clock)


class _Count:
    """Rows and their rate."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.now()
        self.rows = 0

    def add(self, batch: BatchResult) -> None:
        self.rows += batch.items

    def seconds(self) -> float:
        return self._clock.now() - self._started

    def told(self) -> str:
        rate = self.rows / max(self.seconds(), 0.001)
        return f"{self.rows:,} rows, {rate:,.0f} rows/s"


@contextmanager
def _bar(source: Source, console: Console, clock: Clock) -> Iterator[Callable[[BatchResult], None]]:
    count = _Count(clock)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(source.name, total=source.size, told=count.told())

        def show(batch: BatchResult) -> None:
            count.add(batch)
            progress.update(task, completed=source.position(), told=count.told())

        yield show


class _Lines:
    """A line for the first batch, then one every few seconds."""

    def __init__(self, source: Source, console: Console, clock: Clock) -> None:
        self._source = source
        self._console = console
        self._count = _Count(clock)
        self._next = 0.0

    def __call__(self, batch: BatchResult) -> None:
        self._count.add(batch)
        now = self._count.seconds()
        if now >= self._next:
            self._next = now + _SECONDS_BETWEEN_LINES
            self._console.print(
                Text(f"{self._source.name}: {self._count.told()}{self._left(now)}"), soft_wrap=True
            )

    def _left(self, now: float) -> str:
        if self._source.size is None:
            return ""
        share = self._source.position() / self._source.size
        return f", {share:.0%}, about {now / share - now:.0f} s left"
