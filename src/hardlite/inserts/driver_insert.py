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
from typing import cast

from sqlalchemy import Table
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.sql.compiler import SQLCompiler

from hardlite.execution_options import hardened
from hardlite.inserts.bound_rows import BoundRows, Values
from hardlite.inserts.column_processors import ColumnProcessor, column_processor
from hardlite.inserts.update_tally import UpdateTally

__all__ = ["Call", "DriverInsert", "Reach", "driver_of", "reach_of"]

Row = Mapping[str, object]

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
        immediate: no foreign key waits for COMMIT.
    """

    own: bool
    shareable: bool
    immediate: bool


class _Taken(list[Values]):
    """Parameters that know how many of them the driver has taken, a refused one included.

    Args:
        values: the parameters of each statement.
        tally: is told when a statement begins; None where nothing is to be counted.
    """

    _iterator: Iterator[Values] = iter(())
    """Stays so if there is but one of them: SQLAlchemy then takes it out by itself."""

    def __init__(self, values: Iterable[Values], tally: UpdateTally | None) -> None:
        super().__init__(values)
        self._tally = tally

    def __iter__(self) -> Iterator[Values]:
        self._iterator = super().__iter__()
        return self._iterator if self._tally is None else self._tally.begun_with(self._iterator)

    @property
    def left(self) -> int:
        return operator.length_hint(self._iterator)

    @property
    def taken(self) -> int:
        return len(self) - self.left


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the driver's executemany is given once.

    Attributes:
        sql: the statement.
        alone: the statement for one row.
        parameters: for each time that it runs.
        rows: how many rows it inserts each time.
        first: the first of them all, counted from 0.
    """

    sql: str
    alone: str
    parameters: _Taken
    rows: int
    first: int

    @property
    def failed_at(self) -> int:
        """The first row of the statement that the driver took last."""
        return self.first + (self.parameters.taken - 1) * self.rows

    def run(self, connection: Connection) -> int:
        """Run it through SQLAlchemy; return how many rows went in."""
        try:
            return connection.exec_driver_sql(self.sql, self.parameters).rowcount
        except StatementError as error:
            if self.rows > 1:
                # A hundred lines of question marks would hide what happened.
                error.statement, error.params, error.ismulti = self.alone, self.failed(), True
            raise

    def failed(self) -> list[Values]:
        """Return the rows of the statement that the driver took last."""
        last = self.parameters[self.parameters.taken - 1]
        return list(zip(*[iter(last)] * (len(last) // self.rows), strict=True))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DriverInsert:
    """An INSERT for rows with one set of keys, ready for the driver.

    Attributes:
        sql: the statement for one row.
        take: takes a row's values in the order of the parameters.
        width: how many those are.
        columns: what the database calls their columns; empty where they are not stored as bound.
        processors: what SQLAlchemy does to the values of a column before they are bound.
        group: the statement for several rows; empty if each must have its own.
        rows: how many those are.
    """

    sql: str
    take: Callable[[Row], Values]
    width: int
    columns: tuple[str, ...]
    processors: tuple[tuple[int, ColumnProcessor], ...]
    group: str
    rows: int

    @classmethod
    def of(
        cls,
        compiled: SQLCompiler,
        key_of: Mapping[str, str],
        stored_as: Mapping[str, str],
        dialect: Dialect,
    ) -> "DriverInsert | None":
        """Make one of what SQLAlchemy compiled, or say None where it is needed for each row.

        Args:
            compiled: the INSERT for one row.
            key_of: the key of a row that holds the value of each column.
            stored_as: what the database calls each column; empty if parameters are no columns.
            dialect: knows what to do to the values.
        """
        order = compiled.positiontup or []
        # A default that Python computes is one more parameter than there are columns.
        if not order or compiled.effective_returning or sorted(order) != sorted(key_of):
            return None
        processors = tuple(
            (index, processor)
            for index, name in enumerate(order)
            if (processor := column_processor(compiled.binds[name].type, dialect)) is not None
        )
        rows = max(1, min(_MOST_ROWS, _MOST_PARAMETERS // len(order)))
        one = f"({', '.join('?' * len(order))})"
        # A type or the statement may put more than a question mark there, and then it stays.
        plain = compiled.string.count(f" VALUES {one}") == 1
        several = compiled.string.replace(f" VALUES {one}", f" VALUES {', '.join([one] * rows)}")
        return cls(
            sql=compiled.string,
            take=_taker([key_of[name] for name in order]),
            width=len(order),
            columns=tuple(stored_as[name] for name in order) if plain and stored_as else (),
            processors=processors,
            group=several if plain and rows > 1 else "",
            rows=rows,
        )

    def alone(self) -> "DriverInsert":
        """Return the same with a statement for each row."""
        return dataclasses.replace(self, group="")

    def bind(self, rows: Sequence[Row]) -> BoundRows | None:
        """Return what to bind; None if a key is missing or a value is refused."""
        pieces: list[Values] = []
        taken = map(self.take, rows)
        try:
            for _ in range(0, len(rows), self.rows):
                # No row's tuple outlives its turn, and no long list leaves the processor's cache.
                values: list[object] = []
                for row in itertools.islice(taken, self.rows):
                    values += row
                for index, processed in self.processors:
                    values[index :: self.width] = processed(values[index :: self.width])
                pieces.append(tuple(values))
        except Exception:  # noqa: BLE001 - a processor may raise anything; SQLAlchemy tells it
            return None
        return BoundRows(pieces=pieces, size=self.rows, width=self.width, count=len(rows))

    def insert(self, connection: Connection, rows: BoundRows) -> int:
        """Insert all rows or raise what the first bad one gives; count the rows that went in."""
        inserted = 0
        for call in self.calls(rows):
            try:
                inserted += call.run(connection)
            except Exception:
                if call.rows > 1 and driver_of(connection).in_transaction:
                    # Raises the same again, with one row and its statement to show.
                    connection.exec_driver_sql(self.sql, call.failed())
                raise
        return inserted

    def calls(
        self, rows: BoundRows, first: int = 0, *, tally: UpdateTally | None = None
    ) -> Iterator[Call]:
        """Yield what inserts the rows from ``first`` on: many to a statement, then the rest.

        Args:
            rows: all of them.
            first: a row that begins a piece, or that is in none of the whole ones.
            tally: is told when a statement begins.
        """
        middle = rows.in_whole_pieces
        if self.group and first < middle:
            parameters = _Taken(rows.together(first), tally)
            yield self._call(self.group, parameters, rows=self.rows, first=first)
            first = middle
        if first < rows.count:
            yield self.alone_call(rows, first, rows.count, tally=tally)

    def alone_call(
        self, rows: BoundRows, first: int, end: int, *, tally: UpdateTally | None = None
    ) -> Call:
        """Return what inserts the rows from ``first`` to ``end``, each by itself."""
        parameters = _Taken(rows.one_by_one(first, end), tally)
        return self._call(self.sql, parameters, rows=1, first=first)

    def _call(self, sql: str, parameters: _Taken, *, rows: int, first: int) -> Call:
        return Call(sql=sql, alone=self.sql, parameters=parameters, rows=rows, first=first)


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
    return Reach(
        own=own,
        shareable=own and ordinary and usual and not parents,
        immediate=not any("deferrable" in sql for sql in tables),
    )


def _taker(keys: Sequence[str]) -> Callable[[Row], Values]:
    if len(keys) == 1:
        (key,) = keys
        return lambda row: (row[key],)
    return operator.itemgetter(*keys)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, which knows whether a transaction is still open."""
    return cast("sqlite3.Connection", hardened(connection.connection.dbapi_connection))
