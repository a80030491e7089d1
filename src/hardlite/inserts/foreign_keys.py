"""Which foreign key a row breaks: SQLite says that it was one, and not which."""

import dataclasses
import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

from hardlite.inserts.bound_rows import BoundRows
from hardlite.reports.constraints import Constraint

__all__ = ["ForeignKeys"]

_TOGETHER: Final = (20, 200)
"""Values in a statement, if there are few, and if there are many."""
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


_MOST_REMEMBERED: Final = 20_000
"""Values of a key that had a parent, in memory."""
_PLAIN: Final = {str, int, bytes, type(None)}
"""Values that SQLite binds alike if they are equal. 1 and 1.0 are equal, and other texts."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Key:
    """A foreign key, the columns of the parent, and where their values stand in a row."""

    constraint: Constraint
    parent_columns: tuple[str, ...]
    places: tuple[int, ...]


class _Lookup:
    """Finds the rows for which a foreign key has no parent.

    Args:
        key: the foreign key.
        schema: of both tables.
    """

    def __init__(self, key: _Key, schema: str) -> None:
        self.constraint = key.constraint
        self._places = key.places
        most = _MOST_PARAMETERS // len(key.places)
        sizes = [min(size, most) for size in _TOGETHER]
        self._few, self._many = [(size, _lookup(key, schema, size)) for size in sizes]
        self._had_parent: set[object] = set()

    def without_parent(
        self, cursor: DBAPICursor, rows: BoundRows, numbers: Sequence[int], *, anew: bool
    ) -> list[int]:
        """Return those among the rows with these numbers for which the key has no parent.

        Args:
            cursor: of the connection that has the transaction.
            rows: what is bound for them.
            numbers: which of them to look at.
            anew: ask also for what had a parent the last time.
        """
        columns = [rows.column(place) for place in self._places]
        if len(numbers) < rows.count:
            columns = [[column[number] for number in numbers] for column in columns]
        single = len(columns) == 1
        values: Sequence[object] = columns[0] if single else list(zip(*columns, strict=True))
        if any(not _PLAIN.issuperset(map(type, column)) for column in columns):
            return [numbers[place] for place in self._missing(cursor, values)]
        asked = set(values) if anew else set(values) - self._had_parent
        sought = list(asked)
        missing = {sought[place] for place in self._missing(cursor, sought)}
        self._remember(asked, missing)
        if not missing:
            return []
        pairs = zip(numbers, values, strict=True)
        return [number for number, value in pairs if value in missing]

    def _remember(self, asked: set[object], missing: set[object]) -> None:
        self._had_parent -= missing
        self._had_parent |= asked - missing
        if len(self._had_parent) > _MOST_REMEMBERED:
            self._had_parent.clear()

    def _missing(self, cursor: DBAPICursor, sought: Sequence[Any]) -> list[int]:
        """Return the places in ``sought`` of what no parent has."""
        missing: list[int] = []
        width = len(self._places)
        together, sql = self._few if len(sought) <= self._few[0] else self._many
        for first in range(0, len(sought), together):
            some = sought[first : first + together]
            values = list(some if width == 1 else itertools.chain.from_iterable(some))
            # One text for any number of them is prepared once. NULL breaks no foreign key.
            values += [None] * (together * width - len(values))
            cursor.execute(sql, values)
            missing += [first + place for (place,) in cursor.fetchall()]
        return missing


class ForeignKeys:
    """The foreign keys of a table, as the database has them, and who breaks which.

    Args:
        connection: to the database.
        table: that has them.
        columns: what the values of a row are for, as the database calls them.
    """

    def __init__(self, connection: Connection, table: Table, columns: Sequence[str]) -> None:
        schema = table.schema or "main"
        keys = _keys(connection, table.name, schema, columns)
        self._lookups = [_Lookup(key, schema) for key in keys]

    def broken_by(
        self, connection: Connection, rows: BoundRows, *, anew: bool
    ) -> dict[int, Constraint]:
        """Return the first foreign key that has no parent, for the number of each row with one.

        Args:
            connection: has the transaction in which the rows are to be inserted, or were refused.
            rows: what is bound for them.
            anew: ask for all of their keys. Otherwise a parent that was there the last time is
                taken to be there still, and one that has been deleted meanwhile is not missed.
        """
        broken: dict[int, Constraint] = {}
        cursor = connection.connection.cursor()
        left: Sequence[int] = range(rows.count)
        for lookup in self._lookups:
            found = lookup.without_parent(cursor, rows, left, anew=anew)
            if found:
                broken |= dict.fromkeys(found, lookup.constraint)
                left = [number for number in left if number not in broken]
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


def _lookup(key: _Key, schema: str, together: int) -> str:
    """Return the statement that numbers those among ``together`` values that no parent has."""
    own = [f"c{number}" for number in range(len(key.places))]
    given = [f"sought.{name} IS NOT NULL" for name in own]
    pairs = zip(key.parent_columns, own, strict=True)
    # The parent's column stands first: its collation counts, and its affinity.
    same = [f"parent.{_quoted(theirs)} = sought.{ours}" for theirs, ours in pairs]
    parent = f"{_quoted(schema)}.{_quoted(key.constraint.parent or '')}"
    marks = ", ".join("?" * len(own))
    values = ", ".join(f"({number}, {marks})" for number in range(together))
    # Names are quoted, and values are bound.
    return (
        f"WITH sought(number, {', '.join(own)}) AS (VALUES {values}) "  # noqa: S608
        f"SELECT number FROM sought WHERE {' AND '.join(given)} "
        f"AND NOT EXISTS (SELECT 1 FROM {parent} AS parent WHERE {' AND '.join(same)})"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
