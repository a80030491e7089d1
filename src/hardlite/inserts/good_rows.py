"""Insert the good rows of a batch and name the bad ones: the driver goes on behind each of them.

What SQLAlchemy does for an error (a new call, a new context, looking for listeners) takes twenty
times as long as what SQLite does to refuse a row. So from the first failure on, the rest of the
batch goes to the driver's cursor, and only the errors are made to look as SQLAlchemy's do.
"""

import operator
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from hardlite.connections.awaited import on_driver
from hardlite.inserts.bound_rows import BoundRows
from hardlite.inserts.driver_insert import Call, DriverInsert, driver_of
from hardlite.inserts.faults import Fault
from hardlite.inserts.foreign_keys import ForeignKeys
from hardlite.inserts.foreseen_rows import ForeseenRows, Foresight
from hardlite.inserts.refusals import AtFault, Refusals
from hardlite.inserts.update_tally import UpdateTally
from hardlite.reports.constraints import Constraint
from hardlite.result_codes import result_code

if TYPE_CHECKING:
    from hardlite.connections.connection import AnyHardenedConnection

__all__ = ["GoodRows"]

_FOREIGN_KEY: Final = sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
_PAYING: Final = 4
"""Statements of many rows that must succeed to make up for one that fails."""


class GoodRows:
    """Inserts the good rows of one batch after the other, and learns how many bad ones there are.

    Args:
        table: where they go.
        at_fault: says whether an error is the row's own; any other one is raised.
    """

    def __init__(self, table: Table, at_fault: AtFault) -> None:
        self._table = table
        self._at_fault = at_fault
        self._foreign_keys: dict[tuple[str, ...], ForeignKeys] = {}
        self._foresight = Foresight()
        self._apart = 1
        """How many statements' rows went one by one before others were tried together, at last."""

    def insert(
        self,
        connection: Connection,
        insert: DriverInsert,
        rows: BoundRows,
        tally: UpdateTally,
        *,
        foreseeable: bool,
    ) -> list[Fault]:
        """Insert the good rows among ``rows``; return the others, each with why.

        Args:
            connection: has the transaction.
            insert: how they are inserted.
            rows: what is bound for them.
            tally: counts those that are written over.
            foreseeable: no foreign key waits for COMMIT, and a row that is refused would not have
                been taken with other rows before it.
        """
        faults: list[Fault] | None = None
        if foreseeable and insert.group and self._foresight.is_wanted():
            faults = self._insert_around(connection, insert, rows, tally)
        if faults is None:
            faults = self._insert_in_order(connection, insert, rows, range(rows.count), tally)
        self._foresight.learn(rows.count, faults)
        return faults

    def _insert_around(
        self, connection: Connection, insert: DriverInsert, rows: BoundRows, tally: UpdateTally
    ) -> list[Fault] | None:
        """Insert all but the rows that have no parent, and see that SQLite refuses those.

        Returns:
            The bad rows; None, with nothing written, if there are none to foresee, or if SQLite
            does not say of them what it would have said in their turn.
        """
        numbers = self._foreseen(connection, insert, rows)
        if not numbers:
            return None
        bad, others = rows.split(numbers)
        refusals = Refusals(connection, insert.sql, self._at_fault)
        foreseen = ForeseenRows(connection, insert, bad, refusals)
        dbapi_connection = connection.connection.dbapi_connection
        on_driver(dbapi_connection, foreseen.begin)
        left = sorted(set(range(rows.count)).difference(numbers))
        faults = self._insert_in_order(connection, insert, others, left, tally)
        if not on_driver(dbapi_connection, foreseen.are_refused):
            self._foresight.was_wrong()
            return None
        faults += self._faults(connection, insert, bad, numbers, refusals)
        return sorted(faults, key=operator.attrgetter("offset"))

    def _foreseen(self, connection: Connection, insert: DriverInsert, rows: BoundRows) -> list[int]:
        """Return the numbers of the rows that have no parent."""
        keys = self._foreign_keys_of(connection, insert.columns)
        try:
            return sorted(keys.broken_by(connection, rows, anew=False))
        except Exception as error:
            if not self._at_fault(error):
                raise
            # A value that cannot be bound: its row is not the only one of the batch.
            return []

    def _insert_in_order(
        self,
        connection: Connection,
        insert: DriverInsert,
        rows: BoundRows,
        numbers: Sequence[int],
        tally: UpdateTally,
    ) -> list[Fault]:
        """Insert the good ones among ``rows``, which have these ``numbers`` in their batch."""
        for call in insert.calls(rows, tally=tally):
            tally.begin()
            try:
                call.run(connection)
            except Exception:
                if not driver_of(connection).in_transaction:
                    raise
            else:
                continue
            # That error is no part of what comes now.
            tally.take_back()
            refusals = Refusals(connection, insert.sql, self._at_fault)
            rest = _Rest(connection, insert, rows, tally, refusals)
            dbapi_connection = connection.connection.dbapi_connection
            self._apart = on_driver(dbapi_connection, rest.insert_from, call.failed_at, self._apart)
            return self._faults(connection, insert, rows, numbers, refusals)
        self._apart = 1
        return []

    def _faults(
        self,
        connection: Connection,
        insert: DriverInsert,
        rows: BoundRows,
        numbers: Sequence[int],
        refusals: Refusals,
    ) -> list[Fault]:
        """Say also of the rows that break a foreign key which one it is."""
        errors = {id(error): error for _, error in refusals.rows}
        nameless = {key for key, error in errors.items() if result_code(error) == _FOREIGN_KEY}
        named: dict[int, Constraint] = {}
        if nameless:
            refused = [number for number, error in refusals.rows if id(error) in nameless]
            broken = rows if len(refused) == rows.count else rows.split(refused)[0]
            keys = self._foreign_keys_of(connection, insert.columns)
            found = keys.broken_by(connection, broken, anew=True)
            named = {refused[place]: key for place, key in found.items()}
        return [Fault(numbers[number], error, named.get(number)) for number, error in refusals.rows]

    def _foreign_keys_of(self, connection: Connection, columns: tuple[str, ...]) -> ForeignKeys:
        found = self._foreign_keys.get(columns)
        if found is None:
            found = ForeignKeys(connection, self._table, columns)
            self._foreign_keys[columns] = found
        return found


class _Rest:
    """The rows of a batch from the first failure on."""

    def __init__(
        self,
        connection: Connection,
        insert: DriverInsert,
        rows: BoundRows,
        tally: UpdateTally,
        refusals: Refusals,
    ) -> None:
        self._driver = driver_of(connection)
        self._insert = insert
        self._rows = rows
        self._tally = tally
        self._refusals = refusals

    def insert_from(self, first: int, apart: int) -> int:
        """Insert rows one by one, and together again where that is likely to succeed.

        Args:
            first: the first row that is not in yet, of a statement that failed.
            apart: of how many statements to insert the rows one by one.

        Returns:
            Of how many it was at last.
        """
        # The driver's own: the transaction is open, and nothing is to be asked before each row.
        hardened = cast("AnyHardenedConnection", self._driver)
        self._cursor = hardened.driver.cursor(hardened)
        count, size = self._rows.count, self._insert.rows
        while True:
            end = min(first + apart * size, count) if self._insert.group else count
            self._insert_alone(self._insert.alone_call(self._rows, first, end, tally=self._tally))
            if end == count:
                return apart
            first = self._insert_together(end)
            # A statement that fails is work for nothing, and needs several others to pay for it.
            apart = 1 if first - end >= _PAYING * size else 2 * apart

    def _insert_together(self, first: int) -> int:
        """Insert rows as long as no statement fails; return the first that is not in."""
        for call in self._insert.calls(self._rows, first, tally=self._tally):
            try:
                self._cursor.executemany(call.sql, call.parameters)
            except Exception as error:  # noqa: BLE001 - raised there, or by its row alone
                self._refusals.require_open(error)
                self._tally.take_back()
                return call.failed_at
        return self._rows.count

    def _insert_alone(self, call: Call) -> None:
        """Insert rows one by one; a bad one undoes its own INSERT and nothing else."""
        left = iter(call.parameters)
        while call.parameters.left:
            try:
                self._cursor.executemany(call.sql, left)
            except Exception as error:  # noqa: BLE001 - noted there, or raised
                self._refusals.add(call.failed_at, error)
                self._tally.take_back()
