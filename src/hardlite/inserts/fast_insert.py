"""Rows straight to the driver's executemany, with SQLAlchemy's own statement and processors.

SQLAlchemy compiles the INSERT and knows how each value is bound; what it does once more for every
row is what this leaves out. Where that would change the outcome (defaults computed in Python,
RETURNING, mapped classes with more to them than columns), the rows go through SQLAlchemy.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from sqlalchemy import Boolean, Insert, Table, literal_column
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

from hardlite.connections.awaited import on_driver
from hardlite.inserts.bound_rows import BoundRows
from hardlite.inserts.driver_insert import DriverInsert, Reach, driver_of, reach_of
from hardlite.inserts.good_rows import GoodRows
from hardlite.inserts.insert_result import InsertResult
from hardlite.inserts.insert_target import insert_target
from hardlite.inserts.update_tally import COUNTING, UpdateTally, tally_of

__all__ = ["Conflict", "Row", "RowInserter", "UnwritableTargetError", "Within", "connection_of"]

Conflict = Literal["error", "ignore", "update"]
Row = Mapping[str, object]
Within = Session | Connection
"""What has the transaction: a session, or a connection where none is needed."""
_Keys = tuple[str, ...]
# No bound parameters: every parameter is a row's.
_counted = literal_column(f"{COUNTING}() = 1", Boolean)
_counted_and_left = literal_column(f"{COUNTING}() = 0", Boolean)


class UnwritableTargetError(Exception):
    """The table cannot take rows of this shape at all; ``cause`` is what SQLite said."""

    def __init__(self, cause: OperationalError) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclasses.dataclass(frozen=True, slots=True)
class _Prepared:
    """How rows with one set of keys are inserted; ``names`` are the parameters of the keys."""

    statement: Insert
    names: Mapping[str, str]
    direct: DriverInsert | None


class RowInserter:
    """Inserts rows, given as mappings, into one table.

    Args:
        target: a table, a mapped class, or an INSERT statement.
        conflict: what to do with a row whose primary or unique key is there already.
        dialect: the engine's dialect.
        at_fault: says whether an error is the row's own.

    Raises:
        ConfigurationError: the target cannot take rows, or not with this ``conflict``.
    """

    def __init__(
        self,
        target: Table | type | Insert,
        conflict: Conflict,
        dialect: Dialect,
        at_fault: Callable[[Exception], bool],
    ) -> None:
        self._target = insert_target(target)
        self._names_are_checked = not isinstance(target, Insert)
        self._conflict: Conflict = conflict
        self._dialect = dialect
        self._prepared: dict[_Keys, _Prepared] = {}
        self._reach: Reach | None = None
        self._good_rows = GoodRows(self._target.tables[0], at_fault)
        if conflict != "error":
            self._target.require_one_table(f"conflict={conflict!r}")

    @property
    def needs_session(self) -> bool:
        """Whether only the ORM knows how to write these rows, if they cannot go to the driver."""
        return not self._target.plain or self._target.statement is not None

    def insert(self, within: Within, rows: Sequence[Row]) -> InsertResult:
        """Insert all ``rows`` in order; say what became of those that were there already.

        Rows with other keys than the ones before are inserted by a statement of their own, so a
        column that a row leaves out gets its default.
        """
        kinds = set(map(type, rows))
        if not _are_mappings(kinds):
            raise _no_mapping(rows)
        tally = self._tally(within)
        rows, before = self._without_unset(rows), tally.count
        ready = self._ready(within, rows) if _may_be_alike(rows, kinds) else None
        if ready is not None:
            skipped = self._insert_ready(within, rows, *ready)
        else:
            groups = _by_keys(rows)
            skipped = sum(self._insert_alike(within, keys, group) for keys, group in groups)
        return InsertResult(skipped=skipped, updated=tally.count - before)

    def insert_good(self, within: Within, rows: Sequence[Row]) -> InsertResult | None:
        """Insert the good ones among ``rows``; name the others by their offset, each with why.

        Returns:
            None, with nothing written, where that is not so easy: the rows differ in their keys,
            need SQLAlchemy for each row, may be skipped, or can undo more than themselves.
        """
        kinds = set(map(type, rows))
        if self._conflict == "ignore" or not _are_mappings(kinds):
            return None
        tally = self._tally(within)
        rows, before = self._without_unset(rows), tally.count
        if not _may_be_alike(rows, kinds):
            return None
        ready = self._ready(within, rows)
        if ready is None or not (reach := self._look(within)).own:
            return None
        direct, bound = ready
        foreseeable = reach.immediate and self._conflict == "error"
        faults = self._good_rows.insert(
            connection_of(within), direct, bound, tally, foreseeable=foreseeable
        )
        return InsertResult(faults=tuple(faults), updated=tally.count - before)

    def _without_unset(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out what is None and means unset."""
        unset = self._target.unset_by_none
        return [_without_nones(row, unset) for row in rows] if unset else rows

    def _ready(self, within: Within, rows: Sequence[Row]) -> tuple[DriverInsert, BoundRows] | None:
        """Return what inserts rows with the keys of the first one, if the driver can do it."""
        direct = self._prepare(within, tuple(rows[0])).direct
        bound = direct.bind(rows) if direct else None
        return None if direct is None or bound is None else (direct, bound)

    def _look(self, within: Within) -> Reach:
        if self._reach is None:
            (table,) = self._target.tables
            self._reach = reach_of(connection_of(within), table)
        return self._reach

    def _tally(self, within: Within) -> UpdateTally:
        if self._conflict != "update":
            return UpdateTally()
        connection = connection_of(within)
        return on_driver(connection.connection.dbapi_connection, tally_of, driver_of(connection))

    def _insert_alike(self, within: Within, keys: _Keys, rows: Sequence[Row]) -> int:
        """Insert rows with the same keys; count those that were skipped."""
        prepared = self._prepare(within, keys)
        ready = self._ready(within, rows)
        if ready is not None:
            return self._insert_ready(within, rows, *ready)
        # Whatever is wrong with a value, SQLAlchemy says it in its own words.
        renamed = [{name: row[key] for key, name in prepared.names.items()} for row in rows]
        result = within.execute(prepared.statement, renamed)
        if self._conflict != "ignore":
            return 0
        return len(rows) - cast("CursorResult[Any]", result).rowcount

    def _insert_ready(
        self, within: Within, rows: Sequence[Row], direct: DriverInsert, bound: BoundRows
    ) -> int:
        inserted = direct.insert(connection_of(within), bound)
        return len(rows) - inserted if self._conflict == "ignore" else 0

    def _prepare(self, within: Within, keys: _Keys) -> _Prepared:
        found = self._prepared.get(keys)
        if found is None:
            found = self._prepared[keys] = self._prepare_new(within, keys)
        return found

    def _prepare_new(self, within: Within, keys: _Keys) -> _Prepared:
        target = self._target
        if self._names_are_checked:
            target.require_known(keys)
        columns = tuple(target.column_of.get(key, key) for key in keys)
        statement = self._for_table(columns) if target.statement is None else target.statement
        direct: DriverInsert | None = None
        if target.plain:
            compiled = _compile(statement, columns, self._dialect)
            key_of = dict(zip(columns, keys, strict=True))
            direct = DriverInsert.of(compiled, key_of, self._stored_as(), self._dialect)
        if direct is not None:
            _require_target(within, direct.sql, len(columns))
            if target.statement is not None or not self._look(within).shareable:
                direct = direct.alone()
        else:
            self._require_tables(within, columns)
        names = keys if target.statement is not None else columns
        return _Prepared(statement, dict(zip(keys, names, strict=True)), direct)

    def _stored_as(self) -> dict[str, str]:
        """Return what the database calls each column, where parameters are columns."""
        if self._target.statement is not None:
            return {}
        (table,) = self._target.tables
        return {key: column.name for key, column in table.columns.items()}

    def _require_tables(self, within: Within, columns: _Keys) -> None:
        for table in self._target.tables:
            primary = [column.key for column in table.primary_key]
            given = [name for name in columns if name in table.columns and name not in primary]
            compiled = _compile(sqlite_insert(table), primary + given, self._dialect)
            _require_target(within, compiled.string, len(compiled.positiontup or ()))

    def _for_table(self, columns: _Keys) -> Insert:
        (table,) = self._target.tables
        statement = sqlite_insert(table)
        # Where there is no value, SQLite knows no ON CONFLICT either (lang_insert.html).
        if self._conflict == "error" or not columns:
            return statement
        primary = {column.key for column in table.primary_key}
        if self._conflict == "ignore":
            # Drivers count the rows of a RETURNING in ways of their own, and nobody asked for it.
            return statement.on_conflict_do_nothing().inline()
        changed = {name: statement.excluded[name] for name in columns if name not in primary}
        if changed:
            return statement.on_conflict_do_update(set_=changed, where=_counted)
        # A row that is nothing but its key is there as it should be.
        same = {column.key: column for column in table.primary_key}
        return statement.on_conflict_do_update(set_=same, where=_counted_and_left).inline()


def connection_of(within: Within) -> Connection:
    """Return the connection that has the transaction."""
    return within if isinstance(within, Connection) else within.connection()


def _compile(statement: Insert, columns: Sequence[str], dialect: Dialect) -> SQLCompiler:
    return statement.compile(dialect=dialect, column_keys=list(columns))


def _require_target(within: Within, sql: str, parameters: int) -> None:
    """Tell a table or column that is not there from a row at fault: no row can go in."""
    try:
        connection_of(within).exec_driver_sql(f"EXPLAIN {sql}", (None,) * parameters).close()
    except OperationalError as error:
        raise UnwritableTargetError(error) from error


def _are_mappings(kinds: Iterable[type]) -> bool:
    return all(issubclass(kind, Mapping) for kind in kinds)


def _no_mapping(rows: Sequence[Row]) -> TypeError:
    found = next(row for row in rows if not issubclass(type(row), Mapping))
    return TypeError(
        f"an item for a table must be a mapping of column names to values, not {found!r}"
    )


def _may_be_alike(rows: Sequence[Row], kinds: Iterable[type]) -> bool:
    """Say whether all rows have the same keys, if none of the first row's is missing elsewhere.

    Args:
        rows: mappings.
        kinds: their types.
    """
    # Of equal length, and with every key of the first one: these are equal keys. A mapping that
    # makes values up has every key, so there the keys are compared.
    told = map(len, rows) if all(map(_hides_nothing, kinds)) else map(frozenset, rows)
    return len(set(told)) == 1


def _hides_nothing(kind: type) -> bool:
    plain = issubclass(kind, dict) and kind.__getitem__ is dict.__getitem__
    return plain and not hasattr(kind, "__missing__")


def _without_nones(row: Row, keys: frozenset[str]) -> Row:
    unset = {key for key in keys if key in row and row[key] is None}
    return {key: row[key] for key in row if key not in unset} if unset else row


def _by_keys(rows: Sequence[Row]) -> Iterator[tuple[_Keys, Sequence[Row]]]:
    """Split ``rows`` into runs of rows with the same keys, keeping their order."""
    for _, group in itertools.groupby(rows, key=frozenset):
        same = list(group)
        yield tuple(same[0]), same
