"""Rows whose foreign keys have no parent: known beforehand, and refused many at a time.

SQLite looks at the foreign keys of a statement when it ends (sqlite.org, "SQLite Foreign Key
Support", section 4.2), and at all other rules row by row. So a statement of many rows that is
refused for a foreign key says that none of them breaks anything else. Which of them have no parent
has been asked before, and one refusal does for all.
"""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy.engine import Connection

from hardlite.inserts.bound_rows import BoundRows
from hardlite.inserts.driver_insert import DriverInsert, driver_of
from hardlite.inserts.faults import Fault
from hardlite.inserts.refusals import Refusals
from hardlite.result_codes import result_code

if TYPE_CHECKING:
    from hardlite.connections.connection import AnyHardenedConnection

__all__ = ["ForeseenRows", "Foresight"]

_OF_OTHER_ROWS: Final = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}
"""What a row breaks or does not break depending on which others are there."""
_PAYING: Final = 200
"""One row among so many has to be found beforehand for the search to pay."""


class Foresight:
    """Says whether to look for the foreign keys of a batch before it is sent."""

    def __init__(self) -> None:
        self._pays = False
        self._pause = 0
        self._next_pause = 1

    def is_wanted(self) -> bool:
        """Say so for the next batch."""
        wanted = self._pays and not self._pause
        self._pause = max(0, self._pause - 1)
        return wanted

    def learn(self, rows: int, faults: Sequence[Fault]) -> None:
        """Take note of a batch of ``rows`` rows."""
        found = sum(_names_a_parent(fault) for fault in faults)
        self._pays = found * _PAYING >= rows

    def was_wrong(self) -> None:
        """Take note of a batch that was written twice: the next one will be longer in coming."""
        self._pause = self._next_pause
        self._next_pause *= 2


def _names_a_parent(fault: Fault) -> bool:
    return fault.constraint is not None and fault.constraint.parent is not None


class ForeseenRows:
    """The rows of a batch of which it is known that they have no parent, while others go in.

    They come last, when more rows are there than there were when it was their turn. A rule that
    is about other rows may then be broken that was not before. So this can undo all.

    Args:
        connection: has the transaction.
        insert: how rows are inserted.
        rows: the foreseen ones.
        refusals: notes them, by their number among the foreseen ones.
    """

    def __init__(
        self, connection: Connection, insert: DriverInsert, rows: BoundRows, refusals: Refusals
    ) -> None:
        self._driver = driver_of(connection)
        self._insert = insert
        self._rows = rows
        self._refusals = refusals

    def begin(self) -> None:
        """Be ready to undo what comes now."""
        # The driver's own: the transaction is open, and nothing is to be asked before each row.
        hardened = cast("AnyHardenedConnection", self._driver)
        self._cursor = hardened.driver.cursor(hardened)
        self._cursor.execute("SAVEPOINT hardlite_foreseen")

    def are_refused(self) -> bool:
        """See that they are; undo all since `begin` if SQLite has it otherwise."""
        size = self._rows.size
        refused = all(
            self._is_piece_refused(first, min(first + size, self._rows.count))
            for first in range(0, self._rows.count, size)
        )
        if not refused:
            self._cursor.execute("ROLLBACK TO hardlite_foreseen")
        self._cursor.execute("RELEASE hardlite_foreseen")
        return refused

    def _is_piece_refused(self, first: int, end: int) -> bool:
        if end - first == self._rows.size:
            error = self._error_of(self._insert.group, self._rows.pieces[first // self._rows.size])
            if error is None:
                return False
            if result_code(error) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                self._refusals.add_all(range(first, end), error)
                return True
        # One of them breaks another rule, or they are too few.
        return all(map(self._is_row_refused, range(first, end)))

    def _is_row_refused(self, number: int) -> bool:
        error = self._error_of(self._insert.sql, self._rows.row(number))
        if error is None or result_code(error) in _OF_OTHER_ROWS:
            return False
        self._refusals.add(number, error)
        return True

    def _error_of(self, sql: str, values: Sequence[object]) -> Exception | None:
        try:
            self._cursor.execute(sql, values)
        except Exception as error:  # noqa: BLE001 - it is told as the row's, or raised there
            self._refusals.require_open(error)
            return error
        return None
