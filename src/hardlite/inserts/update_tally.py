"""How many rows an upsert writes over, which SQLite counts together with those it inserts.

The statement's DO UPDATE asks a function in its WHERE clause, and only rows that are there already
come to that (sqlite.org, "UPSERT"). So triggers, several unique keys and rows that are twice in
one batch are counted right.
"""

import sqlite3
from collections.abc import Iterator
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["COUNTING", "UpdateTally", "tally_of"]

T = TypeVar("T")

COUNTING: Final = "hardlite_count_update"
"""The function; it always returns 1."""

_tallies: WeakKeyDictionary[sqlite3.Connection, "UpdateTally"] = WeakKeyDictionary()


class UpdateTally:
    """Counts the rows that a connection's upserts have written over, call by call.

    Attributes:
        count: those of all statements so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before = 0

    def __call__(self) -> int:
        """Count a row."""
        self.count += 1
        return 1

    def begin(self) -> None:
        """A statement begins."""
        self._before = self.count

    def begun_with(self, parameters: Iterator[T]) -> Iterator[T]:
        """Yield the parameters of statements; with each of them one begins."""
        for each in parameters:
            self._before = self.count
            yield each

    def take_back(self) -> None:
        """The statement that began last has failed, and what it did is undone."""
        self.count = self._before


def tally_of(driver: sqlite3.Connection) -> UpdateTally:
    """Return the tally of a connection; with the first call, the connection knows the function."""
    found = _tallies.get(driver)
    if found is None:
        found = _tallies[driver] = UpdateTally()
        driver.create_function(COUNTING, 0, found)
    return found
