"""How many rows tables have: counted up to a limit, estimated above it."""

import dataclasses
import sqlite3
from collections.abc import Mapping
from typing import Final, Literal, TypedDict

__all__ = ["COUNTED", "TableStatus", "TableStatusDict", "tables_of"]

COUNTED: Final = 100_000
"""Rows up to which a table is counted in any case; that takes some thousandths of a second."""

Counted = Literal["exact", "estimate", "at_least"]


class TableStatusDict(TypedDict):
    """A `TableStatus` as plain values."""

    name: str
    rows: int | None
    counted: str
    indexes: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TableStatus:
    """A table and how many rows it has.

    Attributes:
        name: its name.
        rows: how many; None of a virtual table, whose rows may be anywhere.
        counted: ``"exact"``; ``"estimate"``, by the last ANALYZE or the highest rowid; or
            ``"at_least"`` where there is neither.
        indexes: how many indexes it has, those that keep its keys unique included.
    """

    name: str
    rows: int | None
    counted: Counted
    indexes: int

    def to_dict(self) -> TableStatusDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "name": self.name,
            "rows": self.rows,
            "counted": self.counted,
            "indexes": self.indexes,
        }


def tables_of(connection: sqlite3.Connection, *, exact: bool) -> tuple[TableStatus, ...]:
    """Describe the tables of a database, in the order of their names.

    Args:
        connection: open on it.
        exact: count all rows, however long that takes.
    """
    indexes = dict(
        connection.execute(
            "SELECT tbl_name, count(*) FROM sqlite_master WHERE type = 'index' GROUP BY tbl_name"
        ).fetchall()
    )
    names = connection.execute(
        "SELECT name, sql LIKE 'CREATE VIRTUAL%' FROM sqlite_master "
        "WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    analyzed = _analyzed(connection)
    tables = []
    for name, is_virtual in names:
        rows: int | None = None
        counted: Counted = "at_least"
        if not is_virtual:
            rows, counted = _count(connection, name, analyzed, exact=exact)
        tables.append(
            TableStatus(name=name, rows=rows, counted=counted, indexes=indexes.get(name, 0))
        )
    return tuple(tables)


def _count(
    connection: sqlite3.Connection, name: str, analyzed: Mapping[str, int], *, exact: bool
) -> tuple[int, Counted]:
    table = '"{}"'.format(name.replace('"', '""'))
    limit = -1 if exact else COUNTED + 1
    (rows,) = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {limit})"  # noqa: S608 - quoted
    ).fetchone()
    if exact or rows <= COUNTED:
        return rows, "exact"
    if name in analyzed:
        return max(rows, analyzed[name]), "estimate"
    try:
        (last,) = connection.execute(f"SELECT max(_rowid_) FROM {table}").fetchone()  # noqa: S608
    except sqlite3.OperationalError:
        return rows, "at_least"
    return max(rows, int(last)), "estimate"


def _analyzed(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the rows of each table at its last ANALYZE (sqlite.org, "ANALYZE")."""
    has = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()
    if has is None:
        return {}
    found = connection.execute("SELECT tbl, stat FROM sqlite_stat1 WHERE stat IS NOT NULL")
    return {table: int(str(stat).split()[0]) for table, stat in found}
