"""What `status` found out: frozen values, and how they are told."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypedDict

from hardlite.checkouts import Checkout, CheckoutDict
from hardlite.inspection.counting import TableStatus, TableStatusDict
from hardlite.inspection.pools import PoolStatus, PoolStatusDict
from hardlite.inspection.totals import LockTotals, LockTotalsDict
from hardlite.lock_holders import LockHolders, LockHoldersDict
from hardlite.readable import byte_count
from hardlite.turns.holder import printable

__all__ = ["DatabaseStatus", "DatabaseStatusDict"]


class DatabaseStatusDict(TypedDict):
    """A `DatabaseStatus` as plain values."""

    schema: str
    path: str
    sqlite_version: str
    journal: str | None
    user_version: int
    alembic_version: str | None
    page_size: int
    pages: int
    free_pages: int
    bytes: int
    wal_bytes: int | None
    wal_pages: int | None
    tables: list[TableStatusDict]
    pragmas: dict[str, int | str] | None
    pool: PoolStatusDict | None
    checkouts: list[CheckoutDict] | None
    totals: LockTotalsDict | None
    locks: LockHoldersDict
    notes: list[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """What a database is and who uses it, at one moment.

    Attributes:
        path: the real path of the file.
        sqlite_version: of the SQLite that looked.
        journal: ``"wal"`` or ``"rollback"``; None if it could not be looked at.
        user_version: the application's own number of the schema (``PRAGMA user_version``).
        alembic_version: the migrations that were applied, if Alembic keeps them.
        page_size: bytes of a page.
        pages: how many the database has.
        free_pages: how many of them hold nothing.
        bytes: the size of the database file.
        wal_bytes: the size of its WAL file; None if there is none.
        wal_pages: pages in the WAL since it last started over; None if that was not looked at.
        tables: each with its rows and indexes, by name.
        pragmas: what a connection of the engine holds, as SQLite says it; None for a path.
        pool: the engine's connections; None for a path, or a pool that does not count them.
        checkouts: who has them, the longest first; None where that is not noted.
        totals: what writers of this process have done so far; None if it has no hardened engine on it.
        locks: who has the turn or a lock, and who waits.
        notes: what could not be seen, and why.
    """

    path: str
    sqlite_version: str
    journal: str | None
    user_version: int
    alembic_version: str | None
    page_size: int
    pages: int
    free_pages: int
    bytes: int
    wal_bytes: int | None
    wal_pages: int | None
    tables: tuple[TableStatus, ...]
    pragmas: Mapping[str, int | str] | None
    pool: PoolStatus | None
    checkouts: tuple[Checkout, ...] | None
    totals: LockTotals | None
    locks: LockHolders
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Return it as text, a line for each fact."""
        lines = [f"{printable(self.path)}:", *(f"{name}: {told}" for name, told in self.facts())]
        lines += [f"note: {printable(note)}" for note in self.notes]
        return "\n".join(lines)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what it tells as pairs of a name and a text."""
        wal = "none" if self.wal_bytes is None else byte_count(self.wal_bytes)
        if self.wal_pages is not None:
            wal += f", {self.wal_pages:,} pages since it started over"
        facts = [
            ("database", f"{byte_count(self.bytes)}, {self.pages:,} pages of {self.page_size}"),
            ("free pages", f"{self.free_pages:,}"),
            ("journal", self.journal or "not looked at"),
            ("WAL file", wal),
            ("schema", _schema(self)),
            ("SQLite", self.sqlite_version),
        ]
        facts += [(f"table {printable(table.name)}", _rows(table)) for table in self.tables]
        facts += [(f"pragma {name}", str(held)) for name, held in (self.pragmas or {}).items()]
        if self.pool is not None:
            limit = "" if self.pool.limit is None else f" of at most {self.pool.limit}"
            in_use = f"{self.pool.checked_out} in use, {self.pool.idle} idle{limit}"
            facts.append(("connections", in_use))
        facts += [("in use", printable(str(each))) for each in self.checkouts or ()]
        facts += [] if self.totals is None else self.totals.facts()
        facts += [(role, str(holder)) for role, holder in self.locks.roles()]
        return facts

    def to_dict(self) -> DatabaseStatusDict:
        """Return plain values, ready for `json.dumps`."""
        out = self.checkouts
        return {
            "schema": "hardlite.status/1",
            "path": self.path,
            "sqlite_version": self.sqlite_version,
            "journal": self.journal,
            "user_version": self.user_version,
            "alembic_version": self.alembic_version,
            "page_size": self.page_size,
            "pages": self.pages,
            "free_pages": self.free_pages,
            "bytes": self.bytes,
            "wal_bytes": self.wal_bytes,
            "wal_pages": self.wal_pages,
            "tables": [table.to_dict() for table in self.tables],
            "pragmas": None if self.pragmas is None else dict(self.pragmas),
            "pool": None if self.pool is None else self.pool.to_dict(),
            "checkouts": None if out is None else [each.to_dict() for each in out],
            "totals": None if self.totals is None else self.totals.to_dict(),
            "locks": self.locks.to_dict(),
            "notes": list(self.notes),
        }


def _schema(found: DatabaseStatus) -> str:
    told = f"user_version {found.user_version}"
    if found.alembic_version is not None:
        told += f", Alembic {printable(found.alembic_version)}"
    return told


def _rows(table: TableStatus) -> str:
    if table.rows is None:
        return "virtual"
    about = {"exact": "", "estimate": "about ", "at_least": "more than "}[table.counted]
    rows = "row" if table.rows == 1 else "rows"
    indexes = "index" if table.indexes == 1 else "indexes"
    return f"{about}{table.rows:,} {rows}, {table.indexes} {indexes}"
