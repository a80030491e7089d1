"""Rows straight to the driver's executemany, with SQLAlchemy's own statement and processors.

SQLAlchemy compiles the INSERT and knows how each value is bound; what it does once more for every
row is what this leaves out. Where that would change the outcome (defaults computed in Python,
RETURNING, mapped classes with more to them than columns), the rows go through SQLAlchemy.
"""

import dataclasses
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from sqlalchemy import Insert, Table, inspect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.sql.compiler import SQLCompiler

from hardlite.errors import ConfigurationError

__all__ = ["Conflict", "Row", "RowInserter", "UnwritableTargetError"]

Conflict = Literal["error", "ignore", "update"]
Row = Mapping[str, object]
_Keys = tuple[str, ...]
_Processor = Callable[[Any], Any]


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


class UnwritableTargetError(Exception):
    """The table cannot take rows of this shape at all; ``cause`` is what SQLite said."""

    def __init__(self, cause: OperationalError) -> None:
        super().__init__(cause)
        self.cause = cause


class RowInserter:
    """Inserts rows, given as mappings, into one table.

    Args:
        target: a table, a mapped class, or an INSERT statement.
        conflict: what to do with a row whose primary or unique key is there already.
        dialect: the engine's dialect.

    Raises:
        ConfigurationError: the target cannot take rows.
    """

    def __init__(self, target: Table | type | Insert, conflict: Conflict, dialect: Dialect) -> None:
        self._target = target
        self._conflict: Conflict = conflict
        self._dialect = dialect
        self._column_of: Mapping[str, str] = {}
        self._table: Table | None = target if isinstance(target, Table) else None
        if isinstance(target, Insert):
            _require_takes_rows(target, conflict)
        elif not isinstance(target, Table):
            mapper = _mapper(target)
            self._column_of = {a.key: a.columns[0].key for a in mapper.column_attrs}
            self._table = _only_table(mapper)
        self._prepared: dict[_Keys, tuple[Insert, _Direct | None]] = {}

    def insert(self, session: Session, rows: Sequence[Row]) -> int:
        """Insert ``rows`` in order; return how many were skipped for a conflict.

        Rows with other keys than the ones before are inserted by a statement of their own, so a
        column that a row leaves out gets its default.
        """
        _require_mappings(rows)
        if len(set(map(len, rows))) == 1:
            # Equal lengths, and every key of the first row found in the others, is equal keys.
            _, direct = self._prepare(session, tuple(rows[0]))
            values = direct.values(rows) if direct else None
            if direct and values is not None:
                return self._skipped(rows, _run(session, direct, values))
        return sum(self._insert_alike(session, keys, group) for keys, group in _by_keys(rows))

    def _insert_alike(self, session: Session, keys: _Keys, rows: Sequence[Row]) -> int:
        statement, direct = self._prepare(session, keys)
        values = direct.values(rows) if direct else None
        if direct and values is not None:
            return self._skipped(rows, _run(session, direct, values))
        # Whatever is wrong with a value, SQLAlchemy says it in its own words.
        result = session.execute(statement, [dict(row) for row in rows])
        return self._skipped(rows, cast("CursorResult[Any]", result))

    def _skipped(self, rows: Sequence[Row], result: CursorResult[Any]) -> int:
        return len(rows) - result.rowcount if self._conflict == "ignore" else 0

    def _prepare(self, session: Session, keys: _Keys) -> tuple[Insert, _Direct | None]:
        found = self._prepared.get(keys)
        if found is None:
            statement = self._statement(self._target, keys)
            direct = None
            if isinstance(self._target, Insert):
                direct = _directly(statement, keys, keys, self._dialect)
            elif self._table is not None:
                columns = tuple(self._column_of.get(key, key) for key in keys)
                core = self._statement(self._table, keys)
                direct = _directly(core, keys, columns, self._dialect)
            if direct is not None:
                _require_target(session, direct)
            found = self._prepared[keys] = (statement, direct)
        return found

    def _statement(self, target: Table | type | Insert, keys: _Keys) -> Insert:
        if isinstance(target, Insert):
            return target
        statement = sqlite_insert(target)
        if self._conflict == "error":
            return statement
        columns = [self._column_of.get(key, key) for key in keys]
        primary = {column.key for column in statement.table.primary_key}
        changed = {name: statement.excluded[name] for name in columns if name not in primary}
        if self._conflict == "ignore" or not changed:
            return statement.on_conflict_do_nothing()
        return statement.on_conflict_do_update(set_=changed)


def _require_takes_rows(statement: Insert, conflict: Conflict) -> None:
    if conflict != "error":
        raise ConfigurationError(
            f"conflict={conflict!r} cannot be added to an INSERT statement",
            "Write the ON CONFLICT clause into the statement, or give the table itself.",
        )
    if statement.select is not None:
        raise ConfigurationError(
            "An INSERT from a SELECT takes no rows", "Give a table, a class or a plain INSERT."
        )


def _mapper(entity: type) -> Mapper[Any]:
    mapper: object = inspect(entity, raiseerr=False)
    if not isinstance(mapper, Mapper):
        raise ConfigurationError(
            f"work= cannot be {entity!r}",
            "It takes a table, a mapped class, an INSERT statement or a function of a session "
            "and an item.",
        )
    return mapper


def _only_table(mapper: Mapper[Any]) -> Table | None:
    """Return the one table of a class that is nothing but its columns; else None."""
    table = mapper.local_table
    plain = not mapper.inherits and mapper.polymorphic_on is None and mapper.version_id_col is None
    return table if plain and isinstance(table, Table) else None


def _directly(statement: Insert, keys: _Keys, columns: _Keys, dialect: Dialect) -> _Direct | None:
    """Compile ``statement`` for the driver, or say None where SQLAlchemy is needed for each row."""
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    order = compiled.positiontup or []
    computed = compiled.insert_prefetch or compiled.effective_returning
    if not order or computed or sorted(order) != sorted(columns):
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


def _require_target(session: Session, direct: _Direct) -> None:
    """Tell a table or column that is not there from a row at fault: no row can go in."""
    nothing = (None,) * direct.sql.count("?")
    try:
        session.connection().exec_driver_sql(f"EXPLAIN {direct.sql}", nothing).close()
    except OperationalError as error:
        raise UnwritableTargetError(error) from error


def _run(session: Session, direct: _Direct, values: list[tuple[object, ...]]) -> CursorResult[Any]:
    return session.connection().exec_driver_sql(direct.sql, values)


def _require_mappings(rows: Sequence[Row]) -> None:
    if set(map(type, rows)) == {dict}:
        return
    for row in rows:
        if not isinstance(row, Mapping):
            raise TypeError(
                f"an item for a table must be a mapping of column names to values, not {row!r}"
            )


def _by_keys(rows: Sequence[Row]) -> Iterator[tuple[_Keys, Sequence[Row]]]:
    """Split ``rows`` into runs of rows with the same keys, keeping their order."""
    for _, group in itertools.groupby(rows, key=frozenset):
        same = list(group)
        yield tuple(same[0]), same
