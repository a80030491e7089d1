"""What is counted of the turns on a database: how many, how long, and what came of them.

Whoever counts a turn still has it, so no two threads count at once and no lock is needed.
"""

import bisect
import logging
import threading
import weakref
from collections.abc import Callable
from typing import Final, Literal, Protocol

from hardlite.log_events import log_event

__all__ = [
    "BOUNDS",
    "Histogram",
    "Listener",
    "Refusal",
    "TurnFigures",
    "figures_for",
    "known_figures",
    "listen",
]

_log = logging.getLogger("hardlite.metrics")

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


class Listener(Protocol):
    """Who is told of each turn, for what cannot be asked later."""

    def turn_ended(self, database: str, waited: float, held: float, *, kept: bool) -> None:
        """Hear of a turn that was just given back; seconds."""

    def writer_refused(self, database: str, cause: Refusal) -> None:
        """Hear of a writer that was refused."""


class TurnFigures:
    """The figures of one database in this process.

    Attributes:
        name: as `gate_for` takes it.
        waits: how long writers of this process waited for their turn.
        holds: how long they had it.
        commits: turns that ended with a commit, or with work outside of a transaction.
        rollbacks: turns that ended without.
        refused: writers that were refused, by cause.
    """

    __slots__ = (
        "__weakref__", "_lock", "commits", "holds", "name", "refused", "rollbacks", "waits",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
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

    def tell(self, waited: float, held: float, *, kept: bool) -> None:
        """Tell those who listen of a turn; nobody has it any more, so no other writer waits."""
        for listener in _listeners:
            try:
                listener.turn_ended(self.name, waited, held, kept=kept)
            except Exception:  # noqa: BLE001 - what was committed must not fail for it
                _log.warning(
                    "a turn on %s was not counted everywhere",
                    self.name,
                    exc_info=True,
                    extra=log_event("metrics.turn_untold", database=self.name),
                )

    def refuses(self, cause: Refusal) -> None:
        """Count a writer that was refused; several threads may be at once."""
        with self._lock:
            self.refused[cause] += 1
        for listener in _listeners:
            try:
                listener.writer_refused(self.name, cause)
            except Exception:  # noqa: BLE001 - the writer is told why it was refused, no more
                _log.warning(
                    "a refusal on %s was not counted everywhere",
                    self.name,
                    exc_info=True,
                    extra=log_event("metrics.refusal_untold", database=self.name, cause=cause),
                )


_figures: weakref.WeakValueDictionary[str, TurnFigures] = weakref.WeakValueDictionary()
_finding = threading.Lock()
_listeners: tuple[Listener, ...] = ()


def listen(listener: Listener) -> Callable[[], None]:
    """Tell ``listener`` of every turn of this process from now on.

    Returns:
        What ends that.
    """
    global _listeners  # noqa: PLW0603 - a turn that ends goes through it without a lock
    with _finding:
        _listeners = (*_listeners, listener)

    def stop() -> None:
        global _listeners  # noqa: PLW0603 - the same
        with _finding:
            _listeners = tuple(each for each in _listeners if each is not listener)

    return stop


def figures_for(name: str) -> TurnFigures:
    """Return the figures of a database, which last for as long as somebody keeps them.

    Args:
        name: as `gate_for` takes it.
    """
    with _finding:
        figures = _figures.get(name)
        if figures is None:
            figures = _figures[name] = TurnFigures(name)
        return figures


def known_figures() -> dict[str, TurnFigures]:
    """Return the figures of all databases that this process has engines or connections on."""
    with _finding:
        return dict(_figures)
