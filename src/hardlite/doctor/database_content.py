"""What SQLite finds in a database: damage, broken references, and what its schema lacks."""

import dataclasses
import sqlite3
from collections.abc import Sequence
from typing import Final, Literal

from hardlite.inspection.counting import TableStatus, tables_of

__all__ = ["Check", "Content", "ForeignKey", "content_of"]

Check = Literal["full", "quick", "none"]

_MOST: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A foreign key of a table.

    Attributes:
        table: the table that refers.
        columns: its columns.
        parent: the table that is referred to.
    """

    table: str
    columns: tuple[str, ...]
    parent: str

    def __str__(self) -> str:
        return f"{self.table} ({', '.join(self.columns)})"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is in a database.

    Attributes:
        page_size: bytes of a page.
        pages: how many there are.
        free_pages: how many of them hold nothing.
        auto_vacuum: 0 none, 1 full, 2 incremental.
        damage: what the integrity check said; empty if all is well or nothing was checked.
        lost_references: rows that refer to a row that is not there, by foreign key.
        wrong_keys: foreign keys that cannot work, each with SQLite's reason.
        unindexed: foreign keys whose columns no index begins with.
        foreign_keys: how many there are.
        same_indexes: pairs of indexes, of which the first is the beginning of the second.
        analyzed: whether ANALYZE ever ran.
        tables: with their rows.
    """

    page_size: int
    pages: int
    free_pages: int
    auto_vacuum: int
    damage: tuple[str, ...]
    lost_references: tuple[tuple[str, str, int], ...]
    wrong_keys: tuple[tuple[str, str], ...]
    unindexed: tuple[ForeignKey, ...]
    foreign_keys: int
    same_indexes: tuple[tuple[str, str], ...]
    analyzed: bool
    tables: tuple[TableStatus, ...]


def content_of(connection: sqlite3.Connection, check: Check) -> Content:
    """Look at all that SQLite tells without writing.

    Args:
        connection: open on the database.
        check: ``"full"`` compares indexes with tables too, ``"quick"`` does not, and ``"none"``
            looks at no table at all.
    """
    tables = () if check == "none" else tables_of(connection, exact=False)
    names = [table.name for table in tables if table.rows is not None]
    keys = [key for name in names for key in _foreign_keys(connection, name)]
    lost, wrong = _references(connection, names)
    return Content(
        page_size=_number(connection, "page_size"),
        pages=_number(connection, "page_count"),
        free_pages=_number(connection, "freelist_count"),
        auto_vacuum=_number(connection, "auto_vacuum"),
        damage=_damage(connection, check),
        lost_references=lost,
        wrong_keys=wrong,
        unindexed=tuple(key for key in keys if not _has_index(connection, key)),
        foreign_keys=len(keys),
        same_indexes=tuple(pair for name in names for pair in _same_indexes(connection, name)),
        analyzed=bool(
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()
        ),
        tables=tables,
    )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _damage(connection: sqlite3.Connection, check: Check) -> tuple[str, ...]:
    if check == "none":
        return ()
    pragma = "integrity_check" if check == "full" else "quick_check"
    told = [str(line) for (line,) in connection.execute(f"PRAGMA {pragma}({_MOST})")]
    return () if told == ["ok"] else tuple(told)


def _foreign_keys(connection: sqlite3.Connection, table: str) -> Sequence[ForeignKey]:
    found: dict[int, tuple[str, list[str]]] = {}
    rows = connection.execute(
        'SELECT id, "table", "from" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    )
    for number, parent, column in rows:
        found.setdefault(number, (parent, []))[1].append(column)
    return [
        ForeignKey(table=table, columns=tuple(columns), parent=parent)
        for parent, columns in found.values()
    ]


def _references(
    connection: sqlite3.Connection, names: Sequence[str]
) -> tuple[tuple[tuple[str, str, int], ...], tuple[tuple[str, str], ...]]:
    lost: dict[tuple[str, str], int] = {}
    wrong: list[tuple[str, str]] = []
    for name in names:
        try:
            rows = connection.execute("SELECT parent FROM pragma_foreign_key_check(?)", (name,))
            for (parent,) in rows:
                lost[name, parent] = lost.get((name, parent), 0) + 1
        except sqlite3.OperationalError as error:
            wrong.append((name, str(error)))
    return tuple((*key, count) for key, count in lost.items()), tuple(wrong)


def _has_index(connection: sqlite3.Connection, key: ForeignKey) -> bool:
    wanted = {column.lower() for column in key.columns}
    keys = connection.execute(
        "SELECT lower(name) FROM pragma_table_info(?) WHERE pk", (key.table,)
    ).fetchall()
    if keys == [(name,) for name in wanted]:
        return True
    found = connection.execute("SELECT name FROM pragma_index_list(?)", (key.table,)).fetchall()
    columns = [[name for name, _, _ in _columns(connection, index)] for (index,) in found]
    return any(wanted == set(names[: len(wanted)]) for names in columns)


def _same_indexes(connection: sqlite3.Connection, table: str) -> Sequence[tuple[str, str]]:
    """Find indexes that others already are; those with conditions or expressions are left out."""
    listed = connection.execute(
        "SELECT name, origin = 'c' AND NOT \"unique\" FROM pragma_index_list(?) WHERE NOT partial",
        (table,),
    ).fetchall()
    whole = {index: _columns(connection, index) for index, _ in listed}
    plain = {
        index: columns for index, columns in whole.items() if all(name for name, _, _ in columns)
    }
    return [
        (short, other)
        for short, may_go in listed
        if may_go and short in plain
        for other in plain
        if short != other
        and plain[other][: len(plain[short])] == plain[short]
        # Of two that are the same, one is told.
        and (plain[other] != plain[short] or not dict(listed)[other] or short > other)
    ]


def _columns(connection: sqlite3.Connection, index: str) -> list[tuple[str, int, str]]:
    """Return an index's columns with their direction and collation; no name is an expression."""
    found = connection.execute(
        'SELECT lower(name), "desc", coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno',
        (index,),
    )
    return [(name or "", descending, collation) for name, descending, collation in found]
