"""What is in a database: what tells whether two of them are the same, and what is wrong with one.

Counts and the schema are read; SQLite itself looks for damage (sqlite.org, "PRAGMA Statements",
integrity_check, quick_check and foreign_key_check).
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypedDict

from hardlite.connections.connection import AnyHardenedConnection

__all__ = ["Check", "Content", "ContentDict", "content_of", "damage_in", "lost_references"]

Check = Literal["full", "quick"]
"""How thoroughly: ``"quick"`` does not compare indexes with their tables."""

_PRAGMAS: Final[Mapping[Check, str]] = {"full": "integrity_check", "quick": "quick_check"}
_MOST: Final = 100


class ContentDict(TypedDict):
    """A `Content` as plain values."""

    page_size: int
    page_count: int
    schema_sha256: str
    user_version: int
    application_id: int
    rows: dict[str, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is in a database, as far as it is counted.

    Attributes:
        page_size: bytes in a page.
        page_count: how many pages it has.
        schema_sha256: a digest of all that CREATE statements made.
        user_version: the application's own number of the schema.
        application_id: the number of the application that it belongs to.
        rows: the number of rows in each table.
    """

    page_size: int
    page_count: int
    schema_sha256: str
    user_version: int
    application_id: int
    rows: Mapping[str, int]

    def to_dict(self) -> ContentDict:
        """Return it as plain values."""
        return {
            "page_size": self.page_size,
            "page_count": self.page_count,
            "schema_sha256": self.schema_sha256,
            "user_version": self.user_version,
            "application_id": self.application_id,
            "rows": dict(self.rows),
        }

    def differences(self, other: "Content") -> Iterator[str]:
        """Tell how ``other`` differs from this one.

        >>> one = Content(page_size=4096, page_count=2, schema_sha256="a", user_version=1,
        ...               application_id=0, rows={"note": 5})
        >>> list(one.differences(dataclasses.replace(one, rows={"note": 4})))
        ["the table 'note' has 4 rows instead of 5"]
        """
        for field in ("page_size", "page_count", "user_version", "application_id"):
            mine, theirs = getattr(self, field), getattr(other, field)
            if mine != theirs:
                yield f"{field} is {theirs} instead of {mine}"
        if self.schema_sha256 != other.schema_sha256:
            yield "its schema is another one"
        for table in sorted(self.rows.keys() | other.rows.keys()):
            counted, found = self.rows.get(table), other.rows.get(table)
            if counted is None or found is None:
                yield f"the table {table!r} is {'new' if counted is None else 'missing'}"
            elif counted != found:
                yield f"the table {table!r} has {found} rows instead of {counted}"


def content_of(connection: AnyHardenedConnection) -> Content:
    """Count what a connection sees; within a transaction, that is one state of the database."""
    schema = connection.run(
        "SELECT type, name, tbl_name, sql, rootpage FROM main.sqlite_schema ORDER BY type, name"
    ).fetchall()
    texts = "\n".join(repr(entry[:4]) for entry in schema)
    # What a virtual table holds is in tables of its own, if it is in the file at all.
    tables = [name for kind, name, _, _, root in schema if kind == "table" and root]
    return Content(
        page_size=_value(connection, "PRAGMA main.page_size"),
        page_count=_value(connection, "PRAGMA main.page_count"),
        schema_sha256=hashlib.sha256(texts.encode("utf-8", "surrogateescape")).hexdigest(),
        user_version=_value(connection, "PRAGMA main.user_version"),
        application_id=_value(connection, "PRAGMA main.application_id"),
        rows={
            name: _value(connection, f"SELECT count(*) FROM main.{_quoted(name)}")  # noqa: S608 - quoted
            for name in tables
        },
    )


def damage_in(connection: AnyHardenedConnection, check: Check) -> tuple[str, ...]:
    """Let SQLite look for damage; nothing is returned if it finds none."""
    try:
        found = connection.run(f"PRAGMA main.{_PRAGMAS[check]}({_MOST})").fetchall()
    except connection.driver.module.Error as error:
        return (f"it could not be checked: {error}",)
    lines = [line for (text,) in found for line in str(text).splitlines()]
    return () if lines == ["ok"] else tuple(lines)


def lost_references(connection: AnyHardenedConnection) -> tuple[str, ...]:
    """Count the rows whose foreign keys lead nowhere, for each key."""
    try:
        found = connection.run("PRAGMA main.foreign_key_check").fetchall()
    except connection.driver.module.Error as error:
        return (f"foreign keys could not be checked: {error}",)
    counts: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in found:
        counts[table, parent] = counts.get((table, parent), 0) + 1
    return tuple(
        f"{count} rows of {table!r} refer to rows of {parent!r} that are not there"
        for (table, parent), count in sorted(counts.items())
    )


def _value(connection: AnyHardenedConnection, sql: str) -> int:
    row: tuple[int] = connection.run(sql).fetchone()
    return row[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
