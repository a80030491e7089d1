"""The bar that ``progress=True`` draws: items, rate and time left."""

import contextlib
from collections.abc import Callable, Iterator

from hardlite.errors import MissingExtraError
from hardlite.reports.batch_results import BatchResult

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(total: int | None) -> Iterator[Callable[[BatchResult], None]]:
    """Draw a bar on standard error; the value is what moves it on.

    Args:
        total: how many items there are, if that is known.

    Raises:
        MissingExtraError: rich, which draws it, is not installed.
    """
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        raise MissingExtraError("cli", "The progress bar") from None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rejected]} rejected"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("items", total=total, rejected=0)
        rejected = 0

        def advance(batch: BatchResult) -> None:
            nonlocal rejected
            rejected += batch.rejected
            progress.update(task, advance=batch.items, rejected=rejected)

        yield advance
