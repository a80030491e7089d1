"""The cursor that asks its connection before each statement and tells it afterwards."""

import functools
import sqlite3
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from hardlite.connections.drivers import AnyCursor
from hardlite.connections.statements import Kind, kind_of

if TYPE_CHECKING:
    from hardlite.connections.connection import AnyHardenedConnection

__all__ = ["HardenedCursor", "cursor_class"]

_READ = Kind.READ
_WRITE = Kind.WRITE
_MAINTENANCE = Kind.MAINTENANCE


class HardenedCursor(AnyCursor):
    """A cursor of a hardened connection; `cursor_class` mixes it into the driver's own."""

    connection: "AnyHardenedConnection"  # pyright: ignore[reportIncompatibleMethodOverride]

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """Run one statement; see `sqlite3.Cursor.execute`."""
        connection = self.connection
        kind = kind_of(sql)
        if kind is _READ and connection.reads_pass:
            return super().execute(sql, parameters)
        if kind is None:
            return super().execute(sql, parameters)
        began = connection.before(kind, sql)
        changes = connection.total_changes if began else None
        try:
            super().execute(sql, parameters)
            has_rows = kind is _MAINTENANCE or (self.description is not None and kind is _WRITE)
            if has_rows and not connection.in_transaction:
                self._finish()
        except BaseException:
            _settle_failure(connection, changes)
            raise
        connection.settle(kind)
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        """Run one statement for each set of parameters; see `sqlite3.Cursor.executemany`."""
        connection = self.connection
        kind = kind_of(sql)
        if kind is None:
            return super().executemany(sql, parameters)
        began = connection.before(kind, sql)
        changes = connection.total_changes if began else None
        try:
            super().executemany(sql, parameters)
        except BaseException:
            _settle_failure(connection, changes)
            raise
        connection.settle(kind)
        return self

    def executescript(self, sql_script: str, /) -> Self:
        """Commit, then run a script, in one turn if any of its statements needs it."""
        connection = self.connection
        writes = connection.before_script(sql_script)
        try:
            super().executescript(sql_script)
        finally:
            connection.after_script(writes=writes)
        return self

    def _finish(self) -> None:
        """Fetch the rows of a statement outside of a transaction, so that it has ended.

        SQLite commits it when its last row has been fetched; the turn must last until then and
        must not depend on when, or whether, the caller fetches. PRAGMA incremental_vacuum frees a
        page with each of its rows, which have no columns.
        """
        rows = super().fetchall()
        if self.description is None:
            return
        self._rows = deque(rows)
        self.__class__ = _with_kept_rows(type(self))  # pyright: ignore[reportAttributeAccessIssue]


def _settle_failure(connection: "AnyHardenedConnection", changes_before: int | None) -> None:
    """Look after a statement that failed; ``changes_before`` is there if it was the first one."""
    # A first statement that failed and changed nothing leaves no transaction behind.
    if connection.in_transaction and connection.total_changes == changes_before:
        connection.rollback()
    else:
        connection.settle()


class _KeptRows:
    """Mixed in front of a cursor class for as long as it has kept rows to give."""

    _rows: deque[Any]
    arraysize: int

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        self._give_back()
        return self.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        self._give_back()
        return self.executemany(sql, parameters)

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = self.arraysize if size is None else size
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        return [self._rows.popleft() for _ in range(len(self._rows))]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if not self._rows:
            raise StopIteration
        return self._rows.popleft()

    def _give_back(self) -> None:
        self.__class__ = type(self).__bases__[1]


@functools.cache
def _with_kept_rows(cursor: type[HardenedCursor]) -> type[HardenedCursor]:
    return type(cursor.__name__, (_KeptRows, cursor), {"__doc__": cursor.__doc__})


@functools.cache
def cursor_class(factory: type[sqlite3.Cursor]) -> type[sqlite3.Cursor]:
    """Return ``factory`` with the asking mixed in front of it, unless it asks already."""
    if issubclass(factory, HardenedCursor):
        return factory
    return type(factory.__name__, (HardenedCursor, factory), {"__doc__": factory.__doc__})
