"""What the demo measured, for a terminal."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hardlite.demo.foreground import Served
from hardlite.demo.loading import Loaded
from hardlite.demo.sides import Side
from hardlite.readable import seconds

__all__ = ["show_comparison", "show_lost", "table_line"]

_BAR: Final = 20
_UP_TO: Final = (
    (0.01, "under 10 ms"),
    (0.1, "to 100 ms"),
    (1.0, "to 1 s"),
    (float("inf"), "longer"),
)
_SHARES: Final = (
    (0.5, "half took at most"),
    (0.99, "99 in 100 took at most"),
    (1.0, "the longest took"),
)


def table_line(loaded: Loaded) -> Text:
    """Return a line about a table that has just been loaded."""
    lost = sum(loaded.lost.values())
    return Text(
        f"  {loaded.table:<9}{loaded.kept:>8,} kept {lost:>7,} not {loaded.rate:>7,.0f} rows/s"
        f"  longest transaction {seconds(loaded.longest)}"
    )


def show_lost(side: Side, console: Console) -> None:
    """Print why rows were not kept, and how many of those kept should not have been."""
    for loaded in side.loaded:
        for reason, count in sorted(loaded.lost.items(), key=lambda entry: -entry[1]):
            console.print(Text(f"  {count:>8,} not in {loaded.table}: {reason}"))
    console.print(
        Text(f"  {side.dangling:>8,} in flights although their plane or airport is nowhere")
    )


def show_comparison(hardened: Side, plain: Side, console: Console) -> None:
    """Print how the writers in the foreground fared on either side."""
    sides = (hardened.served, plain.served)
    figures = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    figures.add_column("the other writers meanwhile")
    figures.add_column("hardlite", justify="right")
    figures.add_column("plain", justify="right")
    figures.add_row("writes committed", *(f"{len(served.committed):,}" for served in sides))
    figures.add_row("database is locked", *(f"{len(served.refused):,}" for served in sides))
    for share, label in _SHARES:
        figures.add_row(label, *(seconds(_quantile(served, share)) for served in sides))
    console.print(figures)
    bars = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    bars.add_column("time of a write", min_width=15)
    bars.add_column("hardlite", width=_BAR + 6)
    bars.add_column("plain", width=_BAR + 6)
    lows = (0.0, *(high for high, _ in _UP_TO))
    for low, (high, label) in zip(lows, _UP_TO, strict=False):
        counts = [sum(low <= took < high for took in served.committed) for served in sides]
        bars.add_row(label, *_bars(counts, sides))
    bars.add_row("refused, locked", *_bars([len(served.refused) for served in sides], sides))
    console.print(bars)


def _bars(counts: Sequence[int], sides: Sequence[Served]) -> list[Text]:
    """Return a bar for each count, as long as its share of the writes of its side."""
    return [
        Text(f"{'█' * -(-_BAR * count // max(1, len(_all(served))))} {count:,}".strip())
        for count, served in zip(counts, sides, strict=True)
    ]


def _quantile(served: Served, share: float) -> float:
    ordered = sorted(_all(served))
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _all(served: Served) -> list[float]:
    """A write that was refused took its time too."""
    return served.committed + served.refused
