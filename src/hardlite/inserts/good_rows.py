"""Insert the good rows of a batch and name the bad ones: the driver goes on behind each of them.

What SQLAlchemy does for an error (a new call, a new context, looking for listeners) takes twenty
times as long as what SQLite does to refuse a row. So from the first failure on, the rest of the
batch goes to the driver's cursor, and only the errors are made to look as SQLAlchemy's do.
"""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import Table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from hardlite.connections.awaited import on_driver
from hardlite.connections.translation import told
from hardlite.inserts.bound_rows import BoundRows
from hardlite.inserts.driver_insert import Call, DriverInsert, driver_of
from hardlite.inserts.faults import Fault
from hardlite.inserts.foreign_keys import ForeignKeys
from hardlite.inserts.update_tally import UpdateTally
from hardlite.result_codes import result_code

if TYPE_CHECKING:
    from hardlite.connections.connection import AnyHardenedConnection

__all__ = ["GoodRows"]

_AtFault = Callable[[Exception], bool]
_Refused = tuple[int, Exception]
"""A row's offset in the batch, and why it is not in."""

_FOREIGN_KEY: Final = sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
_PAYING: Final = 4
"""Statements of many rows that must succeed to make up for one that fails."""


class GoodRows:
    """Inserts the good rows of one batch after the other, and learns how many bad ones there are.

    Args:
        table: where they go.
        at_fault: says whether an error is the row's own; any other one is raised.
    """

    def __init__(self, table: Table, at_fault: _AtFault) -> None:
        self._table = table
        self._at_fault = at_fault
        self._foreign_keys: dict[tuple[str, ...], ForeignKeys] = {}
        self._apart = 1
        """How many statements' rows went one by one before others were tried together, at last."""

    def insert(
        self, connection: Connection, insert: DriverInsert, rows: BoundRows, tally: UpdateTally
    ) -> list[Fault]:
        """Insert the good rows among ``rows``, counting those written over; return the others."""
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
            rest = _Rest(connection, insert, rows, tally, self._at_fault)
            dbapi_connection = connection.connection.dbapi_connection
            self._apart = on_driver(dbapi_connection, rest.insert_from, call.failed_at, self._apart)
            return self._faults(connection, insert, rows, rest.refused)
        self._apart = 1
        return []

    def _faults(
        self,
        connection: Connection,
        insert: DriverInsert,
        rows: BoundRows,
        refused: list[_Refused],
    ) -> list[Fault]:
        """Say also of the rows that break a foreign key which one it is."""
        errors = {id(error): error for _, error in refused}
        nameless = {key for key, error in errors.items() if result_code(error) == _FOREIGN_KEY}
        if not nameless:
            return [Fault(offset, error) for offset, error in refused]
        broken = [rows.row(offset) for offset, error in refused if id(error) in nameless]
        keys = self._foreign_keys_of(connection, insert.columns)
        named = iter(keys.broken_by(connection, broken))
        return [
            Fault(offset, error, next(named) if id(error) in nameless else None)
            for offset, error in refused
        ]

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
        at_fault: _AtFault,
    ) -> None:
        self._driver = driver_of(connection)
        self._errors: type[Exception] = connection.dialect.loaded_dbapi.Error
        self._insert = insert
        self._rows = rows
        self._tally = tally
        self._at_fault = at_fault
        self._told: dict[tuple[int | None, str], Exception] = {}
        self.refused: list[_Refused] = []

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
            except Exception as error:
                if not self._driver.in_transaction:
                    raise self._in_full(error, call) from error
                self._tally.take_back()
                return call.failed_at
        return self._rows.count

    def _insert_alone(self, call: Call) -> None:
        """Insert rows one by one; a bad one undoes its own INSERT and nothing else."""
        left = iter(call.parameters)
        while call.parameters.left:
            try:
                self._cursor.executemany(call.sql, left)
            except Exception as error:
                if not self._driver.in_transaction:
                    raise self._in_full(error, call) from error
                self._tally.take_back()
                self.refused.append((call.failed_at, self._told_once(error, call)))

    def _told_once(self, error: Exception, call: Call) -> Exception:
        """Return what SQLAlchemy makes of the row's error; rows of the same error share it."""
        kind = getattr(error, "sqlite_errorcode", None), str(error)
        fault = self._told.get(kind)
        if fault is None:
            if not self._at_fault(error):
                raise self._in_full(error, call) from error
            # The frames behind it would keep the whole batch in memory.
            fault = self._told[kind] = self._as_sqlalchemy_has_it(error.with_traceback(None), call)
        return fault

    def _in_full(self, error: Exception, call: Call) -> Exception:
        return told(error, statement=call.alone) or self._as_sqlalchemy_has_it(error, call)

    def _as_sqlalchemy_has_it(self, error: Exception, call: Call) -> Exception:
        """Wrap it, if it is the driver's own; without a row's parameters, for others share it."""
        if not isinstance(error, self._errors):
            return error
        return DBAPIError.instance(call.alone, None, error, self._errors)
