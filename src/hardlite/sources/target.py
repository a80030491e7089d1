"""Which column of a source goes into which column of a table, settled before a row is read."""

import dataclasses
import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Column, MetaData, Table, inspect
from sqlalchemy.engine import Engine

from hardlite.sources.column_types import keeping_all
from hardlite.sources.faults import SourceError
from hardlite.sources.reading import Source
from hardlite.sources.rejects import is_reason_column

__all__ = ["Target", "find_table", "is_optional", "is_required", "match"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table that a source fits.

    Attributes:
        table: the table.
        columns: its columns by their names in any case, as SQLite sees names.
        passed_over: columns of the source that hold the reasons of an earlier import.
    """

    table: Table
    columns: Mapping[str, Column[Any]]
    passed_over: frozenset[str] = frozenset()

    def column(self, name: str) -> Column[Any] | None:
        """Return the column that a source calls ``name``."""
        return self.columns.get(name.casefold())


def find_table(engine: Engine, name: str) -> Table | None:
    """Return the table called ``name`` as the database declares it, or None if there is none.

    Raises:
        SourceError: it is a view.
    """
    known = inspect(engine)
    folded = name.casefold()
    if any(view.casefold() == folded for view in known.get_view_names()):
        raise SourceError(f"{name} is a view", "Rows go into tables: name the one behind it.")
    for found in known.get_table_names():
        if found.casefold() == folded:
            table = Table(found, MetaData(), autoload_with=engine, resolve_fks=False)
            for column in table.columns:
                column.type = keeping_all(column.type)
            return table
    return None


def match(source: Source, table: Table) -> Target:
    """Find a column of ``table`` for each column of ``source``.

    Raises:
        SourceError: the table lacks a column, or the source lacks one that must be given.
    """
    target = Target(
        table=table, columns={column.name.casefold(): column for column in table.columns}
    )
    unknown = [name for name in source.columns if target.column(name) is None]
    passed_over = frozenset(filter(is_reason_column, unknown))
    unknown = [name for name in unknown if name not in passed_over]
    if unknown:
        raise SourceError(
            f"{source.title} has columns that the table {table.name} lacks: {', '.join(unknown)}",
            _nearest(unknown, table.columns.keys()),
        )
    columns = {name: target.column(name) for name in source.columns}
    computed = [name for name, column in columns.items() if column is not None and column.computed]
    if computed:
        raise SourceError(
            f"{source.title} has values for generated columns: {', '.join(computed)}",
            "Drop them from the source: the database computes them.",
        )
    given = {name.casefold() for name in source.columns}
    missing = [
        column.name
        for column in table.columns
        if is_required(column) and column.name.casefold() not in given
    ]
    if missing:
        raise SourceError(
            f"{source.title} lacks columns that the table {table.name} must have: "
            f"{', '.join(missing)}",
            "Add them to the source, or give the columns a default.",
        )
    return dataclasses.replace(target, passed_over=passed_over)


def is_required(column: Column[Any]) -> bool:
    """Say whether a row must name the column, as the database has nothing to put there."""
    if column.server_default is not None or column.default is not None or _is_automatic(column):
        return False
    return column.primary_key or not column.nullable


def is_optional(column: Column[Any]) -> bool:
    """Say whether a row may give NULL for the column."""
    return _is_automatic(column) or bool(column.nullable and not column.primary_key)


def _is_automatic(column: Column[Any]) -> bool:
    return column is column.table.autoincrement_column


def _nearest(unknown: Iterable[str], known: Collection[str]) -> str:
    near = {name: difflib.get_close_matches(name, known, n=1) for name in unknown}
    guesses = [f"{found[0]} for {name}" for name, found in near.items() if found]
    if guesses:
        return f"Rename or drop them. Did you mean {', '.join(guesses)}?"
    return f"Rename or drop them. The table has: {', '.join(known)}."
