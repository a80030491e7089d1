"""One INSERT for many rows, through the driver's executemany, several rows to a statement.

What a statement costs beside its rows (binding, stepping, resetting, the interpreter's lock) is
then shared by them. What comes of a row is the same as if it had a statement of its own: SQLite
undoes a statement that fails (sqlite.org, "The ON CONFLICT Clause", ABORT), and its rows are then
inserted one by one.
"""

import dataclasses
import itertools
import operator
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["DriverInsert", "Reach", "reach_of"]

Row = Mapping[str, object]
Values = tuple[object, ...]
_Processor = Callable[[Any], Any]
_AtFault = Callable[[Exception], bool]

_MOST_PARAMETERS = 950
"""In a statement; below the limit of every SQLite (sqlite.org, "Implementation Limits")."""
_MOST_ROWS = 50
"""In a statement; with more of them it does not get faster."""

_DEFINITIONS = """
SELECT type, lower(sql) FROM {schema}.sqlite_master WHERE tbl_name = :table COLLATE NOCASE
UNION ALL
SELECT type, lower(sql) FROM sqlite_temp_master WHERE tbl_name = :table COLLATE NOCASE
"""
_OWN_PARENTS = """
SELECT count(*) FROM pragma_foreign_key_list(:table, :schema)
WHERE "table" = :table COLLATE NOCASE
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """What the INSERT of one row can do to other rows.

    Attributes:
        own: a row that fails undoes its own INSERT and nothing else.
        shareable: and to share a statement with others makes no difference to any of them.
    """

    own: bool
    shareable: bool


class _Taken(list[Values]):
    """Parameters that know how many of them the driver has taken, a refused one included."""

    _iterator: Iterator[Values] = iter(())
    """Stays so if there is but one of them: SQLAlchemy then takes it out by itself."""

    def __iter__(self) -> Iterator[Values]:
        self._iterator = super().__iter__()
        return self._iterator

    @property
    def taken(self) -> int:
        return len(self) - operator.length_hint(self._iterator)


@dataclasses.dataclass(frozen=True, slots=True)
class DriverInsert:
    """An INSERT for rows with one set of keys, ready for the driver.

    Attributes:
        sql: the statement for one row.
        take: takes a row's values in the order of the parameters.
        processors: what SQLAlchemy does to the values of a column before they are bound.
        group: the statement for several rows; empty if each must have its own.
        rows: how many those are.
    """

    sql: str
    take: Callable[[Row], Values]
    processors: tuple[tuple[int, _Processor], ...]
    group: str
    rows: int

    @classmethod
    def of(
        cls, compiled: SQLCompiler, key_of: Mapping[str, str], dialect: Dialect
    ) -> "DriverInsert | None":
        """Make one of what SQLAlchemy compiled, or say None where it is needed for each row.

        Args:
            compiled: the INSERT for one row.
            key_of: the key of a row that holds the value of each column.
            dialect: knows what to do to the values.
        """
        order = compiled.positiontup or []
        # A default that Python computes is one more parameter than there are columns.
        if not order or compiled.effective_returning or sorted(order) != sorted(key_of):
            return None
        processors = tuple(
            (index, process)
            for index, name in enumerate(order)
            if (process := _bind_processor(compiled, name, dialect)) is not None
        )
        take = _taker([key_of[name] for name in order])
        rows = min(_MOST_ROWS, _MOST_PARAMETERS // len(order))
        group = _for_several(compiled.string, len(order), rows)
        return cls(compiled.string, take, processors, group, rows)

    def alone(self) -> "DriverInsert":
        """Return the same with a statement for each row."""
        return dataclasses.replace(self, group="")

    def values(self, rows: Sequence[Row]) -> list[Values] | None:
        """Return what to bind, or None if a row lacks a key or a processor refuses a value."""
        try:
            taken = list(map(self.take, rows))
            if not self.processors:
                return taken
            columns: list[Iterable[object]] = list(zip(*taken, strict=True))
            for index, process in self.processors:
                columns[index] = list(map(process, columns[index]))
            return list(zip(*columns, strict=True))
        except Exception:  # noqa: BLE001 - a processor may raise anything; SQLAlchemy tells it
            return None

    def insert(self, connection: Connection, values: list[Values]) -> int:
        """Insert all rows or raise what the first bad one gives; count the rows that went in."""
        inserted = 0
        grouped = self._how_many_grouped(len(values))
        if grouped:
            groups = self._groups(values[:grouped])
            try:
                inserted = self._run_groups(connection, groups)
            except Exception:
                if _driver(connection).in_transaction:
                    first = (groups.taken - 1) * self.rows
                    # Raises the same again, with one row and its statement to show.
                    _run(connection, self.sql, values[first : first + self.rows])
                raise
        if grouped < len(values):
            inserted += _run(connection, self.sql, values[grouped:]).rowcount
        return inserted

    def insert_good(
        self, connection: Connection, values: list[Values], at_fault: _AtFault
    ) -> list[tuple[int, Exception]]:
        """Insert the good rows; return the others by their offset, each with why.

        Args:
            connection: has the transaction.
            values: of the rows.
            at_fault: says whether an error is the row's own; any other one is raised.
        """
        faults: list[tuple[int, Exception]] = []
        start, apart = 0, self.rows
        while start < len(values):
            grouped = self._how_many_grouped(len(values) - start)
            if grouped == 0:
                return faults + self._good_alone(connection, values, start, len(values), at_fault)
            groups = self._groups(values[start : start + grouped])
            try:
                self._run_groups(connection, groups)
                start += grouped
            except Exception:
                if not _driver(connection).in_transaction:
                    raise
                kept = groups.taken - 1
                start += kept * self.rows
                # Among many bad rows most groups fail, and each of those costs its good rows twice.
                apart = self.rows if kept > 1 else 2 * apart
                end = min(start + apart, len(values))
                faults += self._good_alone(connection, values, start, end, at_fault)
                start = end
        return faults

    def _good_alone(
        self,
        connection: Connection,
        values: list[Values],
        start: int,
        end: int,
        at_fault: _AtFault,
    ) -> list[tuple[int, Exception]]:
        """Insert rows one by one; a bad one undoes its own INSERT, and the driver goes on."""
        faults: list[tuple[int, Exception]] = []
        while start < end:
            part = _Taken(values[start:end])
            try:
                _run(connection, self.sql, part)
                break
            except Exception as error:
                if not _goes_on(connection, error, at_fault):
                    raise
                start += part.taken
                faults.append((start - 1, error))
        return faults

    def _how_many_grouped(self, rows: int) -> int:
        return rows - rows % self.rows if self.group else 0

    def _run_groups(self, connection: Connection, groups: _Taken) -> int:
        try:
            return _run(connection, self.group, groups).rowcount
        except StatementError as error:
            # A hundred lines of question marks would hide what happened.
            error.statement, error.ismulti = self.sql, True
            error.params = self._rows_of(groups[groups.taken - 1])
            raise

    def _rows_of(self, group: Values) -> list[Values]:
        width = len(group) // self.rows
        return [group[start : start + width] for start in range(0, len(group), width)]

    def _groups(self, values: list[Values]) -> _Taken:
        flat = itertools.chain.from_iterable
        starts = range(0, len(values), self.rows)
        return _Taken(tuple(flat(values[start : start + self.rows])) for start in starts)


def reach_of(connection: Connection, table: Table) -> Reach:
    """Look at how ``table`` is defined in the database."""
    schema = table.schema or "main"
    quoted = connection.dialect.identifier_preparer.quote_schema(schema)
    names = {"table": table.name, "schema": schema}
    definitions = _DEFINITIONS.format(schema=quoted)
    found = connection.exec_driver_sql(definitions, names).all()
    # A trigger can RAISE(FAIL), which keeps what came before it, or RAISE(IGNORE).
    own = all(kind != "trigger" for kind, _ in found)
    tables = [sql for kind, sql in found if kind == "table"]
    ordinary = bool(tables) and all(sql.startswith("create table") for sql in tables)
    # A constraint may have been given ON CONFLICT FAIL, and a parent may stand in a later row.
    usual = not any("conflict" in sql for sql in tables)
    parents = connection.exec_driver_sql(_OWN_PARENTS, names).scalar()
    return Reach(own=own, shareable=own and ordinary and usual and not parents)


def _for_several(sql: str, parameters: int, rows: int) -> str:
    one = f"({', '.join('?' * parameters)})"
    # A type or the statement may put more than a question mark there, and then it is not touched.
    if rows <= 1 or sql.count(f" VALUES {one}") != 1:
        return ""
    return sql.replace(f" VALUES {one}", f" VALUES {', '.join([one] * rows)}")


def _bind_processor(compiled: SQLCompiler, name: str, dialect: Dialect) -> _Processor | None:
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)


def _taker(keys: Sequence[str]) -> Callable[[Row], Values]:
    if len(keys) == 1:
        (key,) = keys
        return lambda row: (row[key],)
    return operator.itemgetter(*keys)


def _run(connection: Connection, sql: str, values: list[Values]) -> CursorResult[Any]:
    return connection.exec_driver_sql(sql, values)


def _goes_on(connection: Connection, error: Exception, at_fault: _AtFault) -> bool:
    """Say whether ``error`` is the row's own, and the transaction is still there."""
    return at_fault(error) and _driver(connection).in_transaction


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)
