"""The sqlite3 connection of a hardened engine, with the driver's own interface.

It goes in as ``connect_args={"factory": HardenedConnection}`` and serves SQLAlchemy, aiosqlite and
raw use alike. The driver's implicit BEGIN is off; what SQLAlchemy declares as isolation level is
kept in a property, so AUTOCOMMIT stays what it is.
"""

import contextlib
import os
import sqlite3
import sys
import types
from collections.abc import Iterable
from typing import Any, Literal, Self

from hardlite import inherited
from hardlite.cursor import HardenedCursor, cursor_class
from hardlite.errors import ConfigurationError
from hardlite.statements import Kind
from hardlite.transaction_owner import TransactionOwner

__all__ = ["HardenedConnection"]

_LEGACY_TRANSACTION_CONTROL = -1  # sqlite3 has a name for it from Python 3.12 on


class HardenedConnection(TransactionOwner):
    """A connection whose transactions begin rightly and whose writers take turns.

    It is opened as every `sqlite3.Connection` is, by `sqlite3.connect` with this class as
    ``factory``; an engine then gives it its settings.

    Raises:
        ConfigurationError: ``autocommit=False`` would take the transactions away from it.
    """

    def __init__(
        self,
        database: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        timeout: float = 5.0,
        detect_types: int = 0,
        isolation_level: str | None = "",
        check_same_thread: bool = True,
        factory: type[sqlite3.Connection] | None = None,
        cached_statements: int = 128,
        uri: bool = False,
        autocommit: bool | int = _LEGACY_TRANSACTION_CONTROL,
    ) -> None:
        _refuse_open_transactions(autocommit)
        options: dict[str, Any] = {}
        if sys.version_info >= (3, 12):
            # Python 3.16 gives autocommit another default, so it is named where it exists.
            options["autocommit"] = _LEGACY_TRANSACTION_CONTROL
        super().__init__(
            database,
            timeout=timeout,
            detect_types=detect_types,
            isolation_level=None,
            check_same_thread=check_same_thread,
            cached_statements=cached_statements,
            uri=uri,
            **options,
        )
        self._own_transactions(isolation_level)
        inherited.watch(self)

    @property  # type: ignore[override]
    def isolation_level(self) -> str | None:
        """What was declared: None is AUTOCOMMIT; with everything else hardlite begins."""
        return self._declared

    @isolation_level.setter
    def isolation_level(self, value: str | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if value is None:
            # As the driver does: going to AUTOCOMMIT commits what is open.
            self.commit()
        self._declared = value
        self._choose_read_path()

    @property
    def autocommit(self) -> int:
        """Always the driver's LEGACY_TRANSACTION_CONTROL, under which hardlite begins."""
        return _LEGACY_TRANSACTION_CONTROL

    @autocommit.setter
    def autocommit(self, value: bool | int) -> None:
        # SQLAlchemy's recipe for foreign keys sets True round a PRAGMA and puts the old value
        # back; outside of a transaction neither is a change.
        _refuse_open_transactions(value)

    # The driver's methods

    def cursor(self, factory: type[sqlite3.Cursor] = HardenedCursor) -> Any:  # type: ignore[override]
        """Return a cursor that asks this connection before each statement."""
        if factory is not HardenedCursor:
            factory = cursor_class(factory)
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run one statement on a new cursor."""
        return super().cursor(HardenedCursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Run one statement for each set of parameters on a new cursor."""
        return super().cursor(HardenedCursor).executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        """Commit, then run a script on a new cursor."""
        return super().cursor(HardenedCursor).executescript(sql_script)

    def blobopen(
        self,
        table: str,
        column: str,
        row: int,
        /,
        *,
        readonly: bool = False,
        name: str = "main",
    ) -> sqlite3.Blob:
        """Open one value as a file; one that can be written takes the turn first."""
        began = not readonly and self.isolation_level is not None and self.before(Kind.WRITE)
        try:
            return super().blobopen(table, column, row, readonly=readonly, name=name)
        except BaseException:
            if began:
                self.rollback()
            raise

    def commit(self) -> None:
        """COMMIT; the turn ends when it has returned."""
        self.require_own_process()
        try:
            super().commit()
        finally:
            self.settle()

    def rollback(self) -> None:
        """ROLLBACK; the turn ends when it has returned."""
        if self._is_inherited:
            return
        try:
            super().rollback()
        finally:
            self._settle_if_over(kept=False)

    def close(self) -> None:
        """Close the file; an open transaction is rolled back and its turn ends."""
        if self._is_inherited:
            return
        try:
            # SQLite keeps a closed connection, and its locks, while a result of it is half read.
            with contextlib.suppress(sqlite3.ProgrammingError):
                super().rollback()
        finally:
            super().close()
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> Literal[False]:
        # The driver's own would commit past the methods above.
        if error is not None:
            self.rollback()
            return False
        try:
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return False

    def __del__(self) -> None:
        # Never reached by an inherited connection: those are kept for as long as the process lives.
        try:
            # From 3.13 on the driver warns here of a connection that nobody closed.
            finalize = getattr(super(), "__del__", super().close)
            finalize()
        except sqlite3.ProgrammingError:
            # Collected in a thread other than its own, or never opened: the driver closes the
            # file itself, right after this.
            pass
        finally:
            self._release()


def _refuse_open_transactions(autocommit: bool | int) -> None:
    if autocommit is False:
        raise ConfigurationError(
            "autocommit=False keeps a transaction open at all times, in which foreign keys, WAL "
            "and BEGIN IMMEDIATE cannot be had",
            "Leave autocommit out: hardlite begins and ends transactions itself.",
        )
