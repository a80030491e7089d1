"""What is counted of the turns on a database: how many, how long, and what came of them.

Whoever counts a turn still has it, so no two threads count at once and no lock is needed.
"""

import bisect
import threading
import weakref
from typing import Final, Literal

__all__ = ["BOUNDS", "Histogram", "Refusal", "TurnFigures", "figures_for", "known_figures"]

BOUNDS: Final = (
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
"""The upper ends of what is counted together, in seconds; what is longer comes last."""

Refusal = Literal["turn", "foreign_lock", "stale_snapshot"]
"""Why a writer was refused: it had no turn in time, a program without hardlite had SQLite's lock, or what it
had read was out of date."""


class Histogram:
    """Durations, counted by their size.

    Attributes:
        counts: how many there were up to each of `BOUNDS` and above the one before, and at last how many
            were longer than all of them.
        total: all of them together, in seconds.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


class TurnFigures:
    """The figures of one database in this process.

    Attributes:
        waits: how long writers of this process waited for their turn.
        holds: how long they had it.
        commits: turns that ended with a commit, or with work outside of a transaction.
        rollbacks: turns that ended without.
        refused: writers that were refused, by cause.
    """

    __slots__ = ("__weakref__", "_lock", "commits", "holds", "refused", "rollbacks", "waits")

    def __init__(self) -> None:
        self.waits = Histogram()
        self.holds = Histogram()
        self.commits = 0
        self.rollbacks = 0
        self.refused: dict[Refusal, int] = {"turn": 0, "foreign_lock": 0, "stale_snapshot": 0}
        self._lock = threading.Lock()

    def ends(self, waited: float, held: float, *, kept: bool) -> None:
        """Count a turn that is about to end, by whoever still has it."""
        self.waits.add(waited)
        self.holds.add(held)
        if kept:
            self.commits += 1
        else:
            self.rollbacks += 1

    def refuses(self, cause: Refusal) -> None:
        """Count a writer that was refused; several threads may be at once."""
        with self._lock:
            self.refused[cause] += 1


_figures: weakref.WeakValueDictionary[str, TurnFigures] = weakref.WeakValueDictionary()
_finding = threading.Lock()


def figures_for(name: str) -> TurnFigures:
    """Return the figures of a database, which last for as long as somebody keeps them.

    Args:
        name: as `gate_for` takes it.
    """
    with _finding:
        figures = _figures.get(name)
        if figures is None:
            figures = _figures[name] = TurnFigures()
        return figures


def known_figures() -> dict[str, TurnFigures]:
    """Return the figures of all databases that this process has engines or connections on."""
    with _finding:
        return dict(_figures)
