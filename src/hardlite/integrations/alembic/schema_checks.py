"""What is looked at around migrations: broken foreign keys, and tables that a rebuild left behind."""

import collections
import dataclasses
import re
from typing import Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

__all__ = [
    "Leftover",
    "broken_references",
    "count_rows",
    "leftovers",
    "newly_broken",
    "quoted",
    "rebuilt_table",
    "table_names",
]

_TEMPORARY: Final = "_alembic_tmp_"

_CREATES_COPY: Final = re.compile(
    rf"CREATE\s+TABLE\s+[\"`\[]?{_TEMPORARY}([^\"`\](]*[^\s\"`\](])", re.IGNORECASE
)

References = collections.Counter[tuple[str, str]]
"""How many rows of a table have no row to reference in which other one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A table that a rebuild without a transaction left behind.

    Attributes:
        name: its name.
        rows: how many rows it has.
        table: the table that was to be rebuilt.
        table_rows: how many rows that has; None if it is not there any more.
    """

    name: str
    rows: int
    table: str
    table_rows: int | None

    def __str__(self) -> str:
        if self.table_rows is None:
            return (
                f"{self.name} has {self.rows:,} rows and {self.table} is not there: the copy is all "
                f"there is. Keep it: ALTER TABLE {quoted(self.name)} RENAME TO {quoted(self.table)}"
            )
        return (
            f"{self.name} has {self.rows:,} rows beside {self.table} with {self.table_rows:,}: it is "
            f"an unfinished copy. Look at it, then: DROP TABLE {quoted(self.name)}"
        )


def leftovers(connection: Connection) -> list[Leftover]:
    """Find the tables that rebuilds left behind."""
    names = table_names(connection)
    return [
        Leftover(
            name=name,
            rows=count_rows(connection, name),
            table=(table := name.removeprefix(_TEMPORARY)),
            table_rows=count_rows(connection, table) if table in names else None,
        )
        for name in names
        if name.startswith(_TEMPORARY)
    ]


def table_names(connection: Connection) -> list[str]:
    """Return the names of the tables that people made, in order."""
    found = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
        "ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
    )
    return [str(name) for (name,) in found]


def rebuilt_table(statement: str) -> str | None:
    """Return the name of the table that a statement begins to rebuild by batch mode.

    >>> rebuilt_table('CREATE TABLE _alembic_tmp_flights (id INTEGER)')
    'flights'
    """
    found = _CREATES_COPY.search(statement)
    return None if found is None else found[1]


def count_rows(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {quoted(table)}").scalar_one())  # noqa: S608 - quoted


def broken_references(connection: Connection) -> References:
    """Count the rows that reference what is not there, table by table."""
    broken: References = collections.Counter()
    for table in table_names(connection):
        try:
            found = connection.exec_driver_sql(
                "SELECT parent, count(*) FROM pragma_foreign_key_check(?) GROUP BY 1", (table,)
            )
            for parent, rows in found:
                broken[table, str(parent)] = rows
        except DBAPIError as error:
            # A key that references columns which are no key: SQLite cannot check it at all.
            broken[table, str(error.orig)] = 1
    return broken


def newly_broken(before: References, after: References, tables_before: list[str]) -> list[str]:
    """Say which references are broken that were not before.

    A table that was renamed takes its old orphans along, so those of a table with a new name count
    only if there are more of them altogether.
    """
    more = after.total() > before.total()
    return [
        f"{rows - before[table, parent]} rows of {table} reference {parent}"
        for (table, parent), rows in sorted(after.items())
        if rows > before[table, parent] and (more or table in tables_before)
    ]


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
