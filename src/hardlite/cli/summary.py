"""What became of an import: as tables for a person, as JSON for a program."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hardlite.cli.versions import versions
from hardlite.imports.rejections import Rejection
from hardlite.imports.report import ImportReport
from hardlite.sources import Row, UnfitRow, Unit

__all__ = ["Imported", "as_dict", "show_summary"]

_LINES_SHOWN: Final = 5
_REASONS_SHOWN: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One source that went into one table, as far as it did.

    Attributes:
        source: what messages call it.
        unit: what the places of its rows are counted in.
        table: the name of the table.
        report: what became of the rows.
    """

    source: str
    unit: Unit
    table: str
    report: ImportReport

    @property
    def rejected(self) -> int:
        """How many rows were rejected, also where an interrupt lost the list of them."""
        return sum(batch.rejected for batch in self.report.batches)


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
    _show_rejections(imports, console)


def as_dict(imports: Iterable[Imported], *, database: str, ok: bool) -> dict[str, object]:
    """Return the content of a report file."""
    return {
        "schema": "hardlite.cli-import/1",
        "versions": versions(),
        "database": database,
        "ok": ok,
        "imports": [_one_as_dict(each) for each in imports],
    }


def _one_as_dict(each: Imported) -> dict[str, object]:
    content: dict[str, object] = {
        "source": each.source,
        "table": each.table,
        **each.report.to_dict(),
        "rejected": each.rejected,
    }
    content["rejections"] = [
        {"line": _line(rejection), **rejection.to_dict()} for rejection in each.report.rejections
    ]
    return content


def _figures(each: Imported) -> Iterable[str]:
    report = each.report
    batches = report.batches
    items = sum(batch.items for batch in batches)
    return (
        f"{report.committed:,}",
        f"{each.rejected:,}",
        f"{report.skipped:,}",
        f"{len(batches):,}",
        _seconds(max((batch.wait for batch in batches), default=0.0)),
        _seconds(max((batch.hold for batch in batches), default=0.0)),
        f"{items / max(report.elapsed, 0.001):,.0f}",
    )


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _show_rejections(imports: Sequence[Imported], console: Console) -> None:
    alike: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
    for each in imports:
        for rejection in each.report.rejections:
            alike[each.source, _reason(rejection)].append(_line(rejection))
    if not alike:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("rejected", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    units = dict.fromkeys(f"{each.unit}s" for each in imports)
    table.add_column(" or ".join(units), overflow="fold")
    most = sorted(alike.items(), key=lambda entry: -len(entry[1]))
    for (source, reason), lines in most[:_REASONS_SHOWN]:
        why = f"{PurePath(source).name}: {reason}" if len(imports) > 1 else reason
        table.add_row(f"{len(lines):,}", Text(why), Text(_some(lines)))
    console.print(table)
    if len(most) > _REASONS_SHOWN:
        console.print(f"and {len(most) - _REASONS_SHOWN} other reasons: see them with --report")


def _some(lines: Sequence[int]) -> str:
    shown = ", ".join(str(line) for line in lines[:_LINES_SHOWN])
    return f"{shown}, ..." if len(lines) > _LINES_SHOWN else shown


def _reason(rejection: Rejection) -> str:
    item = rejection.item
    return item.reason if isinstance(item, UnfitRow) else rejection.reason


def _line(rejection: Rejection) -> int:
    return cast("Row | UnfitRow", rejection.item).line
