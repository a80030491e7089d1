"""The connection of a hardened engine, with its driver's own interface.

It goes in as ``connect_args={"factory": HardenedConnection}`` and serves SQLAlchemy, aiosqlite and
raw use alike. What it does is mixed in front of the class of whichever driver is used. The driver's implicit BEGIN is off; what SQLAlchemy declares as isolation level is
kept in a property, so AUTOCOMMIT stays what it is.
"""

import contextlib
import functools
import os
import sqlite3
import types
from collections.abc import Iterable
from typing import Any, Literal, Self, cast

from hardlite.connections import inherited
from hardlite.connections.cursor import cursor_class
from hardlite.connections.drivers import SQLITE3, Driver
from hardlite.connections.one_library import Use, use_file
from hardlite.connections.statements import Kind
from hardlite.connections.transaction_owner import TransactionOwner
from hardlite.errors import ConfigurationError

__all__ = ["AnyHardenedConnection", "HardenedConnection", "connection_class"]

_LEGACY_TRANSACTION_CONTROL = -1  # sqlite3 has a name for it from Python 3.12 on


class AnyHardenedConnection(TransactionOwner):
    """A connection whose transactions begin rightly and whose writers take turns.

    This is what is common to all drivers, and no connection by itself: see `HardenedConnection`
    and `connection_class`.

    Raises:
        ConfigurationError: ``autocommit=False`` would take the transactions away from it, or
            another driver has the file open.
    """

    _use: Use | None = None

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
        **others: Any,
    ) -> None:
        _refuse_open_transactions(autocommit)
        self._use = use_file(database, self.driver)
        super().__init__(
            database,
            timeout=timeout,
            detect_types=detect_types,
            isolation_level=None,
            check_same_thread=check_same_thread,
            cached_statements=cached_statements,
            uri=uri,
            **{**others, **self.driver.connect_options},
        )
        self._cursor = cursor_class(self.driver.cursor)
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

    def cursor(self, factory: type[sqlite3.Cursor] | None = None) -> Any:  # type: ignore[override]
        """Return a cursor that asks this connection before each statement."""
        return super().cursor(self._cursor if factory is None else cursor_class(factory))

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run one statement on a new cursor."""
        return super().cursor(self._cursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Run one statement for each set of parameters on a new cursor."""
        return super().cursor(self._cursor).executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        """Commit, then run a script on a new cursor."""
        return super().cursor(self._cursor).executescript(sql_script)

    def blobopen(
        self,
        table: str,
        column: str,
        row: int,
        /,
        *,
        readonly: bool = False,
        **others: Any,
    ) -> sqlite3.Blob:
        """Open one value as a file; one that can be written takes the turn first."""
        opener = getattr(super(), self.driver.blob_opener)
        began = not readonly and self.isolation_level is not None and self.before(Kind.WRITE)
        try:
            return cast("sqlite3.Blob", opener(table, column, row, readonly=readonly, **others))
        except BaseException:
            if began:
                self.rollback()
            raise

    def commit(self) -> None:
        """COMMIT; the turn ends when it has returned."""
        self.require_own_process()
        if self.guard is not None:
            self.guard("COMMIT")
        try:
            super().commit()
        finally:
            self.settle()

    def rollback(self) -> None:
        """ROLLBACK; the turn ends when it has returned."""
        if self._is_inherited:
            return
        if self.guard is not None:
            self.guard("ROLLBACK")
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
            with contextlib.suppress(self.driver.module.ProgrammingError):
                super().rollback()
        finally:
            super().close()
            self._use = None
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
        if "_declared" not in vars(self):
            # It was never opened, and pysqlite3 crashes when such a connection is closed.
            return
        try:
            # Collected in a thread other than its own: the driver closes the file itself, right
            # after this.
            with contextlib.suppress(self.driver.module.ProgrammingError):
                # From 3.13 on the driver warns here of a connection that nobody closed.
                finalize = getattr(super(), "__del__", super().close)
                finalize()
        finally:
            self._release()


class HardenedConnection(AnyHardenedConnection, sqlite3.Connection):  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
    """A hardened connection of the standard library's `sqlite3`.

    It is opened as every `sqlite3.Connection` is, by `sqlite3.connect` with this class as
    ``factory``; an engine then gives it its settings.

    Raises:
        ConfigurationError: ``autocommit=False`` would take the transactions away from it, or
            another driver has the file open.
    """


@functools.cache
def connection_class(driver: Driver) -> type[AnyHardenedConnection]:
    """Return the class of hardened connections for a driver."""
    if driver is SQLITE3:
        return HardenedConnection
    namespace = {
        "driver": driver,
        "__doc__": f"A hardened connection of {driver.name}.",
        driver.blob_opener: AnyHardenedConnection.blobopen,
    }
    return type("HardenedConnection", (AnyHardenedConnection, driver.connection), namespace)


def _refuse_open_transactions(autocommit: bool | int) -> None:
    if autocommit is False:
        raise ConfigurationError(
            "autocommit=False keeps a transaction open at all times, in which foreign keys, WAL "
            "and BEGIN IMMEDIATE cannot be had",
            "Leave autocommit out: hardlite begins and ends transactions itself.",
        )
