"""`status`: what a database is, how large, what is in it, and who uses it, at one moment."""

import dataclasses
import os
import sqlite3

from sqlalchemy.engine import Engine

from hardlite.checkouts import Checkout, checkouts_of
from hardlite.errors import UnreadableDatabaseError
from hardlite.inspection.counting import TableStatus, tables_of
from hardlite.inspection.effective import driver_for, effective_pragmas
from hardlite.inspection.headers import read_headers
from hardlite.inspection.pools import pool_status
from hardlite.inspection.reading import Unread, read
from hardlite.inspection.sizes import size_of
from hardlite.inspection.totals import lock_totals
from hardlite.lock_holders import holders
from hardlite.lock_holders.target import database_file
from hardlite.operations.status_report import DatabaseStatus
from hardlite.result_codes import Fate, fate_of

__all__ = ["status"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    user_version: int
    alembic_version: str | None
    page_size: int
    pages: int
    free_pages: int
    tables: tuple[TableStatus, ...]


def status(target: Engine | str | os.PathLike[str], *, exact: bool = False) -> DatabaseStatus:
    """Describe a database and who uses it, without changing anything.

    It never opens the database beside a connection of SQLite, takes no turn, and leaves a WAL as
    it is, also one that a crash left (sqlite.org, "Write-Ahead Logging", section "Read-Only
    Databases").

    Args:
        target: an engine, hardened or not; the path of a database file; or a URL as text.
        exact: count all rows; else tables of more than 100,000 rows are estimated.

    Returns:
        What is so at this moment. What could not be seen is in ``notes``.

    Raises:
        ConfigurationError: the target is a database in memory, or there is no such file; or
            this process has it open with another driver.
        UnsupportedDatabaseError: the target is not a SQLite database.
        UnreadableDatabaseError: SQLite cannot read it, or not without changing it.

    >>> from hardlite import create_hardened_engine, status
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> found = status(engine)
    >>> found.journal, [(table.name, table.rows) for table in found.tables]
    ('wal', [('note', 0)])
    >>> engine.dispose()
    """
    file = database_file(target)
    driver = driver_for(target)
    headers = read_headers(file)
    try:
        content = read(file, headers, driver, lambda connection: _content(connection, exact=exact))
    except Unread as reason:
        raise UnreadableDatabaseError(
            f"{file} was not read: {reason}",
            "Open it once with the program that uses it, or see what hardlite doctor says.",
        ) from None
    except driver.module.Error as error:
        raise _unreadable(file, error) from error
    engine = target if isinstance(target, Engine) else None
    notes: list[str] = []
    return DatabaseStatus(
        path=file,
        sqlite_version=driver.module.sqlite_version,
        journal=None if headers is None else "wal" if headers.in_wal_mode else "rollback",
        bytes=size_of(file) or 0,
        wal_bytes=size_of(f"{file}-wal"),
        wal_pages=None if headers is None else headers.frames,
        pragmas=None if engine is None else effective_pragmas(engine, notes),
        pool=None if engine is None else pool_status(engine),
        checkouts=None if engine is None else _checkouts(engine, notes),
        totals=lock_totals(file),
        locks=(locks := holders(file)),
        notes=(*notes, *locks.notes),
        **{field.name: getattr(content, field.name) for field in dataclasses.fields(content)},
    )


def _unreadable(file: str, error: BaseException) -> UnreadableDatabaseError:
    if fate_of(error) is Fate.WAIT:
        found = holders(file)
        return UnreadableDatabaseError(
            f"{file} cannot be read, because a process keeps even readers out: "
            f"{found.writer or 'it is not known which'}",
            "Let it commit, or end it; hardlite who says more.",
        )
    return UnreadableDatabaseError(
        f"{file} cannot be read: {error}", "See what hardlite doctor says of it."
    )


def _content(connection: sqlite3.Connection, *, exact: bool) -> _Content:
    def number(pragma: str) -> int:
        return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    return _Content(
        user_version=number("user_version"),
        alembic_version=_alembic_version(connection),
        page_size=number("page_size"),
        pages=number("page_count"),
        free_pages=number("freelist_count"),
        tables=tables_of(connection, exact=exact),
    )


def _alembic_version(connection: sqlite3.Connection) -> str | None:
    columns = connection.execute("PRAGMA table_info(alembic_version)").fetchall()
    if "version_num" not in {column[1] for column in columns}:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version ORDER BY 1").fetchall()
    return ", ".join(str(version) for (version,) in found)


def _checkouts(engine: Engine, notes: list[str]) -> tuple[Checkout, ...] | None:
    found = checkouts_of(engine)
    if found is None:
        notes.append(
            "who has the connections is not noted: make the engine with track_checkouts=True"
        )
    return found
