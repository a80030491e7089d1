"""What became of an import, as tables for a person."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hardlite.cli.imported import Imported
from hardlite.readable import seconds
from hardlite.reports.reasons import Reason

__all__ = ["show_summary"]

_REASONS_SHOWN: Final = 20


def show_summary(imports: Sequence[Imported], console: Console) -> None:
    """Print what was committed, what was rejected and why."""
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("source", overflow="fold")
    for heading in (
        "committed",
        "rejected",
        "skipped",
        "batches",
        "longest\nwait",
        "longest\nhold",
        "rows/s",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in imports:
        table.add_row(Text(PurePath(each.source).name), *_figures(each))
    console.print(table)
    for each in imports:
        before = each.report.resumed_from
        if before is not None and before.position:
            told = f"{PurePath(each.source).name}: {before}"
            console.print(Text(told), soft_wrap=True)
    _show_rejections(imports, console)


def _figures(each: Imported) -> Iterable[str]:
    report = each.report
    batches = report.batches
    items = sum(batch.items for batch in batches)
    updated = f" ({report.updated:,} updated)" if report.updated else ""
    return (
        f"{report.committed:,}{updated}",
        f"{report.rejected:,}",
        f"{report.skipped:,}",
        f"{len(batches):,}",
        seconds(max((batch.wait for batch in batches), default=0.0)),
        seconds(max((batch.hold for batch in batches), default=0.0)),
        f"{items / max(report.elapsed, 0.001):,.0f}",
    )


def _show_rejections(imports: Sequence[Imported], console: Console) -> None:
    found = [
        (each.source, reason)
        for each in imports
        for reason in each.reasons.most_common(_REASONS_SHOWN)
    ]
    if not found:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("rejected", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    places = dict.fromkeys(f"{each.row_place}s" for each in imports)
    table.add_column(" or ".join(places), overflow="fold")
    found.sort(key=lambda entry: -entry[1].count)
    for source, reason in found[:_REASONS_SHOWN]:
        why = f"{PurePath(source).name}: {reason}" if len(imports) > 1 else str(reason)
        table.add_row(f"{reason.count:,}", Text(why), Text(_some(reason)))
    console.print(table)
    others = sum(len(each.reasons) for each in imports) - len(found[:_REASONS_SHOWN])
    if others:
        console.print(f"and {others:,} other reasons: see them with --report or --rejects")
    for each in imports:
        if each.rejects is not None and each.report.rejected:
            console.print(Text(f"rejected rows: {each.rejects}"), soft_wrap=True)


def _some(reason: Reason) -> str:
    shown = ", ".join(map(str, reason.places))
    return f"{shown}, ..." if reason.count > len(reason.places) else shown
