"""Foreign keys while Alembic's batch mode rebuilds a table.

Batch mode copies a table to ``_alembic_tmp_<name>``, drops the old one and renames the copy. With
enforcement on, SQLite deletes the old table's rows before the DROP, and every row that references
them with ON DELETE CASCADE is gone too (sqlite.org, "ALTER TABLE", section 8; Alembic, "Running
Batch Migrations for SQLite and Other Databases").
"""

import logging
import sqlite3
import sys
from collections.abc import Callable

from hardlite.errors import ConfigurationError
from hardlite.log_events import log_event

__all__ = ["restore_foreign_keys", "suspend_foreign_keys", "switch_off_foreign_keys"]

_log = logging.getLogger("hardlite.connection")

Run = Callable[[str], sqlite3.Cursor]


def suspend_foreign_keys(
    connection: sqlite3.Connection, run: Run, database: str, *, for_one_statement: bool
) -> bool:
    """Stop enforcing foreign keys before a rebuild; say whether they were enforced.

    Args:
        connection: where the rebuild is about to begin.
        run: runs one statement on it.
        database: the database, for the log.
        for_one_statement: they would be enforced again before the rebuild's next statement.

    Raises:
        ConfigurationError: they cannot be switched off for as long as the rebuild lasts.
    """
    (enforced,) = run("PRAGMA foreign_keys").fetchone()
    if not enforced:
        return False
    if for_one_statement:
        raise ConfigurationError(
            "Alembic's batch mode is about to rebuild a table under AUTOCOMMIT, with foreign keys "
            "enforced: the rows that reference the table would be deleted, or the migration would "
            "fail",
            "Run the migration in a transaction, without AUTOCOMMIT; or with foreign keys off, by "
            "adding hardlite_foreign_keys=off to its URL.",
        )
    switch_off_foreign_keys(connection, run)
    _log.warning(
        "a table of %s is rebuilt by Alembic's batch mode: foreign keys are not enforced until "
        "this transaction ends; run PRAGMA foreign_key_check afterwards",
        database,
        extra=log_event("foreign_keys.suspended", database=database),
    )
    return True


def switch_off_foreign_keys(connection: sqlite3.Connection, run: Run) -> bool:
    """Stop enforcing foreign keys, inside a transaction too; say whether they were enforced.

    Raises:
        ConfigurationError: a transaction is open, and this Python cannot do it inside of one.
    """
    (enforced,) = run("PRAGMA foreign_keys").fetchone()
    if not enforced:
        return False
    if connection.in_transaction:
        _switch_off_inside(connection)
    else:
        run("PRAGMA foreign_keys = OFF")
    return True


def restore_foreign_keys(run: Run) -> None:
    """Enforce foreign keys again, after the transaction."""
    run("PRAGMA foreign_keys = ON")


if sys.version_info >= (3, 12):

    def _switch_off_inside(connection: sqlite3.Connection) -> None:
        if not hasattr(connection, "setconfig"):
            raise _cannot_switch_off()
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FKEY, False)

else:  # Python 3.11

    def _switch_off_inside(_: sqlite3.Connection) -> None:
        raise _cannot_switch_off()


def _cannot_switch_off() -> ConfigurationError:
    return ConfigurationError(
        "Alembic's batch mode is about to rebuild a table in a transaction that enforces "
        "foreign keys: the rows that reference the table would be deleted, or the migration "
        "would fail",
        "Run migrations with foreign keys off, by adding hardlite_foreign_keys=off to their "
        "URL; or use Python 3.12 or newer and its own sqlite3, with which hardlite can switch them "
        "off inside a transaction.",
    )
