"""Rows straight to the driver's executemany, with SQLAlchemy's own statement and processors.

SQLAlchemy compiles the INSERT and knows how each value is bound; what it does once more for every
row is what this leaves out. Where that would change the outcome (defaults computed in Python,
RETURNING, mapped classes with more to them than columns), the rows go through SQLAlchemy.
"""

import dataclasses
import itertools
import operator
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from sqlalchemy import Insert, Table
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

from hardlite.insert_target import insert_target

__all__ = ["Conflict", "Row", "RowInserter", "UnwritableTargetError", "Within", "connection_of"]

Conflict = Literal["error", "ignore", "update"]
Row = Mapping[str, object]
Within = Session | Connection
"""What has the transaction: a session, or a connection where none is needed."""
_Keys = tuple[str, ...]
_Processor = Callable[[Any], Any]


_TRIGGERED = """
SELECT lower(tbl_name) FROM sqlite_master WHERE type = 'trigger'
UNION ALL SELECT lower(tbl_name) FROM sqlite_temp_master WHERE type = 'trigger'
"""


@dataclasses.dataclass(frozen=True, slots=True)
class _Direct:
    """An INSERT for rows with one set of keys, ready for the driver."""

    sql: str
    take: Callable[[Row], tuple[object, ...]]
    processors: tuple[tuple[int, _Processor], ...]

    def values(self, rows: Sequence[Row]) -> list[tuple[object, ...]] | None:
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


class _Taken(list[tuple[object, ...]]):
    """Parameters that know how many of them the driver has taken, a refused one included."""

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        self._iterator = super().__iter__()
        return self._iterator

    @property
    def taken(self) -> int:
        return len(self) - operator.length_hint(self._iterator)


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
    direct: _Direct | None


class RowInserter:
    """Inserts rows, given as mappings, into one table.

    Args:
        target: a table, a mapped class, or an INSERT statement.
        conflict: what to do with a row whose primary or unique key is there already.
        dialect: the engine's dialect.

    Raises:
        ConfigurationError: the target cannot take rows, or not with this ``conflict``.
    """

    def __init__(self, target: Table | type | Insert, conflict: Conflict, dialect: Dialect) -> None:
        self._target = insert_target(target)
        self._names_are_checked = not isinstance(target, Insert)
        self._conflict: Conflict = conflict
        self._dialect = dialect
        self._prepared: dict[_Keys, _Prepared] = {}
        self._triggers: bool | None = None
        if conflict != "error":
            self._target.require_one_table(f"conflict={conflict!r}")

    @property
    def needs_session(self) -> bool:
        """Whether only the ORM knows how to write these rows, if they cannot go to the driver."""
        return not self._target.plain or self._target.statement is not None

    def insert(self, within: Within, rows: Sequence[Row]) -> int:
        """Insert ``rows`` in order; return how many were skipped for a conflict.

        Rows with other keys than the ones before are inserted by a statement of their own, so a
        column that a row leaves out gets its default.
        """
        are_dicts = _are_dicts(rows)
        if self._target.unset_by_none:
            rows = [_without_nones(row, self._target.unset_by_none) for row in rows]
        if are_dicts and len(set(map(len, rows))) == 1:
            # Equal lengths, and every key of the first row found in the others, is equal keys.
            direct = self._prepare(within, tuple(rows[0])).direct
            values = direct.values(rows) if direct else None
            if direct and values is not None:
                return self._skipped(rows, _run(within, direct, values))
        return sum(self._insert_alike(within, keys, group) for keys, group in _by_keys(rows))

    def insert_good(
        self, within: Within, rows: Sequence[Row], at_fault: Callable[[Exception], bool]
    ) -> list[tuple[int, Exception]] | None:
        """Insert the good ones among ``rows``; return the others by their offset, each with why.

        A row that fails undoes its own INSERT and nothing before it (sqlite.org, "The ON CONFLICT
        Clause", ABORT), so the driver goes on with the row after it: a bad row costs one call.

        Returns:
            None, with nothing written, where that is not so: the rows differ in their keys, need
            SQLAlchemy for each row, may be skipped, or fire triggers, which can RAISE(FAIL).
        """
        alike = len(set(map(frozenset, rows))) == 1
        if not alike or self._conflict == "ignore" or self._target.unset_by_none:
            return None
        direct = self._prepare(within, tuple(rows[0])).direct
        values = direct.values(rows) if direct else None
        if direct is None or values is None or self._fires_triggers(within):
            return None
        driver = cast("sqlite3.Connection", connection_of(within).connection.dbapi_connection)
        faults: list[tuple[int, Exception]] = []
        start = 0
        while start < len(rows):
            part = _Taken(values[start:])
            try:
                _run(within, direct, part)
                break
            except Exception as error:
                if not at_fault(error) or not driver.in_transaction:
                    raise
                start += part.taken
                faults.append((start - 1, error))
        return faults

    def _fires_triggers(self, within: Within) -> bool:
        if self._triggers is None:
            names = {table.name.lower() for table in self._target.tables}
            found = connection_of(within).exec_driver_sql(_TRIGGERED).scalars()
            self._triggers = not names.isdisjoint(found)
        return self._triggers

    def _insert_alike(self, within: Within, keys: _Keys, rows: Sequence[Row]) -> int:
        prepared = self._prepare(within, keys)
        direct = prepared.direct
        values = direct.values(rows) if direct else None
        if direct and values is not None:
            return self._skipped(rows, _run(within, direct, values))
        # Whatever is wrong with a value, SQLAlchemy says it in its own words.
        renamed = [{name: row[key] for key, name in prepared.names.items()} for row in rows]
        result = within.execute(prepared.statement, renamed)
        return self._skipped(rows, cast("CursorResult[Any]", result))

    def _skipped(self, rows: Sequence[Row], result: CursorResult[Any]) -> int:
        return len(rows) - result.rowcount if self._conflict == "ignore" else 0

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
        direct = _directly(statement, keys, columns, self._dialect) if target.plain else None
        if direct is not None:
            _require_target(within, direct.sql, len(columns))
        else:
            self._require_tables(within, columns)
        names = keys if target.statement is not None else columns
        return _Prepared(statement, dict(zip(keys, names, strict=True)), direct)

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
        changed = {name: statement.excluded[name] for name in columns if name not in primary}
        if self._conflict == "ignore" or not changed:
            return statement.on_conflict_do_nothing()
        return statement.on_conflict_do_update(set_=changed)


def connection_of(within: Within) -> Connection:
    """Return the connection that has the transaction."""
    return within if isinstance(within, Connection) else within.connection()


def _compile(statement: Insert, columns: Sequence[str], dialect: Dialect) -> SQLCompiler:
    return statement.compile(dialect=dialect, column_keys=list(columns))


def _directly(statement: Insert, keys: _Keys, columns: _Keys, dialect: Dialect) -> _Direct | None:
    """Compile ``statement`` for the driver, or say None where SQLAlchemy is needed for each row."""
    compiled = _compile(statement, columns, dialect)
    order = compiled.positiontup or []
    # A default that Python computes is one more parameter than there are columns.
    if not order or compiled.effective_returning or sorted(order) != sorted(columns):
        return None
    processors = [
        (index, process)
        for index, name in enumerate(order)
        if (process := _bind_processor(compiled, name, dialect)) is not None
    ]
    key_of = dict(zip(columns, keys, strict=True))
    return _Direct(compiled.string, _taker([key_of[name] for name in order]), tuple(processors))


def _bind_processor(compiled: SQLCompiler, name: str, dialect: Dialect) -> _Processor | None:
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)


def _taker(keys: Sequence[str]) -> Callable[[Row], tuple[object, ...]]:
    if len(keys) == 1:
        (key,) = keys
        return lambda row: (row[key],)
    return operator.itemgetter(*keys)


def _require_target(within: Within, sql: str, parameters: int) -> None:
    """Tell a table or column that is not there from a row at fault: no row can go in."""
    try:
        connection_of(within).exec_driver_sql(f"EXPLAIN {sql}", (None,) * parameters).close()
    except OperationalError as error:
        raise UnwritableTargetError(error) from error


def _run(within: Within, direct: _Direct, values: list[tuple[object, ...]]) -> CursorResult[Any]:
    return connection_of(within).exec_driver_sql(direct.sql, values)


def _are_dicts(rows: Sequence[Row]) -> bool:
    """Say whether all rows are plain dicts, which hide nothing behind a missing key.

    Raises:
        TypeError: a row is no mapping at all.
    """
    if all(map(_hides_nothing, set(map(type, rows)))):
        return True
    for row in rows:
        if not isinstance(row, Mapping):
            raise TypeError(
                f"an item for a table must be a mapping of column names to values, not {row!r}"
            )
    return False


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
