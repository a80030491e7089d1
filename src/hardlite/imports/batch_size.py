"""How many items the next batch takes: a number that was given, or what its turn has time for."""

import collections
from typing import Final, Literal, Protocol

__all__ = ["AutoSize", "BatchSize", "FixedSize", "size_of_batches"]

_FIRST: Final = 1
"""Items of the first batch: nothing has been measured yet, and one may take long."""
_MOST: Final = 20_000
"""Items of any batch: they wait in memory, and by then a COMMIT costs next to nothing."""
_AIM: Final = 0.5
"""The part of the time that is used, so that a checkpoint or a busy disk has the rest."""
_GROWTH: Final = 4
_REMEMBERED: Final = 8


class BatchSize(Protocol):
    """What an import asks before each batch."""

    def next(self) -> int:
        """Return how many items the next batch takes."""
        ...

    def learn(self, items: int, hold: float) -> None:
        """Take note of a batch: how many items it wrote, and for how many seconds it held on."""
        ...


class FixedSize:
    """Batches of one size, whatever they cost."""

    def __init__(self, size: int) -> None:
        self._size = size

    def next(self) -> int:
        """Return the size."""
        return self._size

    def learn(self, items: int, hold: float) -> None:
        """There is nothing to learn."""


class AutoSize:
    """Batches as large as they can be without holding the turn for too long.

    The slowest of the last batches of about that size tells what an item costs: some of them have
    a checkpoint to do, and a neighbour may use the disk. So a batch that took too long makes the
    following ones smaller at once, and quick ones let them grow step by step.

    Args:
        max_hold: seconds that no turn should last.

    >>> size = AutoSize(0.1)
    >>> first = size.next()
    >>> size.learn(first, 0.001)
    >>> size.next() // first
    4
    >>> size.learn(4, 0.4)
    >>> size.next()
    1
    """

    def __init__(self, max_hold: float) -> None:
        self._time = max_hold * _AIM
        self._size = _FIRST
        self._measured: collections.deque[tuple[int, float]] = collections.deque(maxlen=_REMEMBERED)

    def next(self) -> int:
        """Return how many items have time."""
        return self._size

    def learn(self, items: int, hold: float) -> None:
        """Take note of a batch."""
        self._measured.append((items, hold))
        # What a turn costs beside its items says nothing about larger batches.
        alike = [(many, held) for many, held in self._measured if 2 * many >= items]
        cost = max(held / many for many, held in alike)
        fit = int(self._time / cost) if cost else _MOST
        # A batch may have written less than it took: what cannot be prepared is not written.
        self._size = max(1, min(fit, _GROWTH * self._size, _MOST))


def size_of_batches(batch_size: int | Literal["auto"], max_hold: float) -> BatchSize:
    """Return what says how large batches are."""
    return AutoSize(max_hold) if batch_size == "auto" else FixedSize(batch_size)
