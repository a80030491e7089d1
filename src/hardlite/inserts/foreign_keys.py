"""Which foreign key a row breaks: SQLite says that it was one, and not which."""

import dataclasses
import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from hardlite.reports.constraints import Constraint

__all__ = ["ForeignKeys"]

_Values = Sequence[object]

_MOST_ROWS: Final = 50
"""Looked up together."""
_MOST_PARAMETERS: Final = 950
"""In a statement; below the limit of every SQLite (sqlite.org, "Implementation Limits")."""

_KEYS: Final = """
SELECT key.id, key."table", child.name, child.type, parent.name, parent.type
FROM pragma_foreign_key_list(:table, :schema) AS key
JOIN pragma_table_xinfo(:table, :schema) AS child ON child.name = key."from" COLLATE NOCASE
JOIN pragma_table_xinfo(key."table", :schema) AS parent
    ON parent.name = key."to" COLLATE NOCASE OR key."to" IS NULL AND parent.pk = key.seq + 1
ORDER BY key.id DESC, key.seq
"""
_AFFINITIES: Final = (
    ("INTEGER", ("int",)),
    ("TEXT", ("char", "clob", "text")),
    ("BLOB", ("blob",)),
    ("REAL", ("real", "floa", "doub")),
)
"""By what a declared type contains, in this order (sqlite.org, "Datatypes In SQLite", 3.1)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Key:
    """A foreign key, the columns of the parent, and where their values stand in a row."""

    constraint: Constraint
    parent_columns: tuple[str, ...]
    places: tuple[int, ...]


class ForeignKeys:
    """The foreign keys of a table, as the database has them, and who breaks which.

    Args:
        connection: to the database.
        table: that has them.
        columns: what the values of a row are for, as the database calls them.
    """

    def __init__(self, connection: Connection, table: Table, columns: Sequence[str]) -> None:
        schema = table.schema or "main"
        keys = list(_keys(connection, table.name, schema, columns))
        self._constraints = [key.constraint for key in keys]
        self._places = [place for key in keys for place in key.places]
        self._rows = min(_MOST_ROWS, _MOST_PARAMETERS // max(len(self._places), 1))
        self._sql = _lookup(keys, schema, self._rows) if keys else ""

    def broken_by(self, connection: Connection, rows: Sequence[_Values]) -> list[Constraint | None]:
        """Return for each row the first foreign key that has no parent; None if all have one.

        Args:
            connection: has the transaction in which the rows were refused.
            rows: the values of each, as they are bound.
        """
        broken: list[Constraint | None] = [None] * len(rows)
        cursor = connection.connection.cursor()
        for first in range(0, len(rows) if self._sql else 0, self._rows):
            some = rows[first : first + self._rows]
            values = [row[place] for row in some for place in self._places]
            # One text for any number of rows is prepared once. NULL breaks no foreign key.
            values += [None] * (self._rows - len(some)) * len(self._places)
            cursor.execute(self._sql, values)
            for (code,) in cursor.fetchall():
                if code is not None:
                    row, key = divmod(code, len(self._constraints))
                    broken[first + row] = self._constraints[key]
        return broken


def _keys(
    connection: Connection, table: str, schema: str, columns: Sequence[str]
) -> Iterator[_Key]:
    """Yield the foreign keys that can be looked up, in the order of the definition.

    One that the rows have no value for cannot, and one whose column has another affinity than the
    parent's cannot either: it is not compared as it was bound, but as it would have been stored.
    """
    found = connection.exec_driver_sql(_KEYS, {"table": table, "schema": schema}).all()
    places = {name.lower(): place for place, name in enumerate(columns)}
    for (_, parent), parts in itertools.groupby(found, key=operator.itemgetter(0, 1)):
        _, _, own, own_types, parent_columns, parent_types = zip(*parts, strict=True)
        alike = list(map(_affinity, own_types)) == list(map(_affinity, parent_types))
        if alike and all(name.lower() in places for name in own):
            constraint = Constraint(kind="FOREIGN KEY", table=table, columns=own, parent=parent)
            yield _Key(constraint, parent_columns, tuple(places[name.lower()] for name in own))


def _affinity(declared: str) -> str:
    small = declared.lower()
    for affinity, parts in _AFFINITIES:
        if any(part in small for part in parts):
            return affinity
    return "NUMERIC" if small else "BLOB"


def _lookup(keys: Sequence[_Key], schema: str, rows: int) -> str:
    """Return the statement that finds the first broken key of each of ``rows`` rows.

    It gives both in one number: the row's, times how many keys there are, and the key's.
    """
    names = (f"c{number}" for number in itertools.count())
    cases: list[str] = []
    columns: list[str] = []
    for number, key in enumerate(keys):
        own = list(itertools.islice(names, len(key.places)))
        columns += own
        given = [f"row.{name} IS NOT NULL" for name in own]
        pairs = zip(key.parent_columns, own, strict=True)
        # The parent's column stands first: its collation counts, and its affinity.
        same = [f"parent.{_quoted(theirs)} = row.{ours}" for theirs, ours in pairs]
        parent = f"{_quoted(schema)}.{_quoted(key.constraint.parent or '')}"
        # Names are quoted, and values are bound.
        there = f"EXISTS (SELECT 1 FROM {parent} AS parent WHERE {' AND '.join(same)})"  # noqa: S608
        cases.append(
            f"WHEN {' AND '.join(given)} AND NOT {there} THEN number * {len(keys)} + {number}"
        )
    marks = ", ".join("?" * len(columns))
    values = ", ".join(f"({number}, {marks})" for number in range(rows))
    return (
        f"WITH row(number, {', '.join(columns)}) AS (VALUES {values}) "  # noqa: S608
        f"SELECT CASE {' '.join(cases)} END FROM row"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
