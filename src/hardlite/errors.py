"""Every exception hardlite raises on purpose, each with a hint that says what to do."""

import functools
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from sqlalchemy import exc

if TYPE_CHECKING:
    from hardlite.reports.report import ImportReport
    from hardlite.turns.holder import Holder

__all__ = [
    "BackupError",
    "ConfigurationError",
    "DatabaseInUseError",
    "DatabaseLockedError",
    "DatabaseReplacedError",
    "DriverFaultError",
    "FileReplacedError",
    "HardliteError",
    "ImportRejectedError",
    "LeftoverTableError",
    "LockedByOtherError",
    "MigrationFailedError",
    "MissingExtraError",
    "PragmaRejectedError",
    "ReadOnlySessionError",
    "ReentrantWriteError",
    "ResumeRefusedError",
    "SessionmakerConflictError",
    "StaleSnapshotError",
    "UnreadableDatabaseError",
    "UnsupportedDatabaseError",
    "UsageError",
]


class HardliteError(Exception):
    """The root of every exception of hardlite; it is never raised itself.

    Args:
        what: what happened, and who or what caused it.
        hint: what to do about it.
    """

    slug: ClassVar[str] = "hardlite-error"
    hint: str = ""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.hint = hint

    def __str__(self) -> str:
        what, hint = self.args
        return f"{what}. {hint} [{self.slug}]"


class ConfigurationError(HardliteError, ValueError):
    """A setting, URL or argument is wrong; nothing has been executed yet."""

    slug = "configuration"


class MissingExtraError(ConfigurationError):
    """An optional part of hardlite was used without the packages it stands on.

    Args:
        extra: the extra's name, as in ``pip install 'hardlite[cli]'``.
        needed_by: the part that needs it, as the subject of a sentence.
    """

    slug = "missing-extra"

    def __init__(self, extra: str, needed_by: str) -> None:
        super().__init__(
            f"{needed_by} needs packages that are not installed",
            f"Install them with: pip install 'hardlite[{extra}]'.",
        )
        self.extra = extra
        self.needed_by = needed_by

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        return type(self), (self.extra, self.needed_by)


class PragmaRejectedError(ConfigurationError):
    """A PRAGMA was set, read back, and SQLite holds another value."""

    slug = "pragma-rejected"


class UnsupportedDatabaseError(ConfigurationError):
    """The URL names a database or driver that hardlite does not harden."""

    slug = "unsupported-database"


class SessionmakerConflictError(ConfigurationError):
    """An engine's one sessionmaker was asked for again with other settings."""

    slug = "sessionmaker-conflict"


class UnreadableDatabaseError(HardliteError):
    """A database could not be looked at, or not without changing it; it was left as it is."""

    slug = "unreadable-database"


class UsageError(HardliteError, RuntimeError):
    """The calling code must change; trying again cannot help."""

    slug = "usage"


class DatabaseInUseError(UsageError):
    """Somebody else has the database open, and what was asked for needs it alone."""

    slug = "database-in-use"


class ReentrantWriteError(UsageError):
    """A thread or task that has the turn asked for another one: it would wait for itself."""

    slug = "reentrant-write"


class ReadOnlySessionError(UsageError):
    """A statement that could write was refused in a reader session, before it reached the file."""

    slug = "read-only-session"


class ResumeRefusedError(UsageError):
    """A resume key is in use, or belongs to another import; nothing was written under it."""

    slug = "resume-refused"


class LeftoverTableError(UsageError):
    """A rebuild that was cut off outside of a transaction left its table; nothing was migrated."""

    slug = "leftover-table"


class MigrationFailedError(HardliteError):
    """A run of migrations failed, and was rolled back; its cause is the error that did it.

    Attributes:
        revision: the revision that failed.
        statement: the SQL that failed, or was run last; None if there was none.
        backup: the path of the backup that was made before the run; None if none was made.
    """

    slug = "migration-failed"

    def __init__(
        self,
        what: str,
        hint: str,
        *,
        revision: str,
        statement: str | None,
        backup: str | None,
    ) -> None:
        super().__init__(what, hint)
        self.revision = revision
        self.statement = statement
        self.backup = backup

    def __reduce__(self) -> tuple[Callable[..., "MigrationFailedError"], tuple[str, str]]:
        facts = {name: getattr(self, name) for name in ("revision", "statement", "backup")}
        return functools.partial(MigrationFailedError, **facts), (self.args[0], self.hint)


class BackupError(HardliteError):
    """A backup is not good, or an operation on a whole database failed; what was there still is."""

    slug = "backup"


class ImportRejectedError(HardliteError):
    """An import left items out or could not finish; ``report`` says which items and why."""

    slug = "import-rejected"

    def __init__(self, what: str, hint: str, report: "ImportReport") -> None:
        super().__init__(what, hint)
        self.report = report

    def __reduce__(self) -> tuple[type["ImportRejectedError"], tuple[str, str, "ImportReport"]]:
        return type(self), (self.args[0], self.hint, self.report)


class LockedByOtherError(sqlite3.OperationalError):
    """The driver's face of `DatabaseLockedError`: what a raw connection raises.

    SQLAlchemy callers see `DatabaseLockedError` or `StaleSnapshotError` with this as ``orig``.
    ``sqlite_errorcode`` and ``sqlite_errorname`` are those of SQLite's own busy errors. What another
    driver raises is an error of that driver as well.
    """

    def __init__(
        self,
        what: str,
        *,
        hint: str,
        waited: float = 0.0,
        holder: "Holder | None" = None,
        stale: bool = False,
    ) -> None:
        super().__init__(what)
        self.hint = hint
        self.waited = waited
        self.holder = holder
        self.stale = stale
        code = "SQLITE_BUSY_SNAPSHOT" if stale else "SQLITE_BUSY"
        self.sqlite_errorname = code
        self.sqlite_errorcode = int(getattr(sqlite3, code))

    def __reduce__(self) -> tuple[Callable[[str], "LockedByOtherError"], tuple[str]]:
        facts = {name: getattr(self, name) for name in ("hint", "waited", "holder", "stale")}
        # Not its own class: where it is read, the driver that it came from may be missing.
        return functools.partial(LockedByOtherError, **facts), (str(self),)


class FileReplacedError(sqlite3.OperationalError):
    """The driver's face of `DatabaseReplacedError`, with SQLite's own code for it."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.hint = hint
        self.sqlite_errorname = "SQLITE_READONLY_DBMOVED"
        self.sqlite_errorcode = int(sqlite3.SQLITE_READONLY_DBMOVED)

    def __reduce__(self) -> tuple[Callable[[str], "FileReplacedError"], tuple[str]]:
        return functools.partial(FileReplacedError, hint=self.hint), (str(self),)


class DriverFaultError(exc.OperationalError, HardliteError):
    """SQLAlchemy's face of an error of the driver of which hardlite knows more than SQLite.

    It is the root of `DatabaseLockedError` and `DatabaseReplacedError` and never raised itself.

    Args:
        statement: the SQL that was run.
        params: its parameters.
        orig: the driver's error.
        hint: what to do about it.
        hide_parameters: show no parameters.
        ismulti: ``params`` are several sets of parameters.
    """

    slug = "driver-fault"

    def __init__(
        self,
        statement: str | None,
        params: object,
        orig: BaseException,
        hint: str,
        *,
        hide_parameters: bool = False,
        ismulti: bool | None = None,
    ) -> None:
        parameters = cast("Sequence[object] | None", params)
        super().__init__(
            statement, parameters, orig, hide_parameters=hide_parameters, ismulti=ismulti
        )
        # SQLAlchemy prints its one argument as it is, but several as a tuple.
        self.args = self.args[:1]
        self.hint = hint

    def __str__(self) -> str:
        return f"{exc.OperationalError.__str__(self)}\n{self.hint} [{self.slug}]"

    def __reduce__(self) -> tuple[Callable[..., "DriverFaultError"], tuple[object, ...]]:
        kind: Callable[..., DriverFaultError] = type(self)
        shown = {"hide_parameters": self.hide_parameters, "ismulti": self.ismulti}
        again = functools.partial(kind, **shown, **self._facts())
        return again, (self.statement, self.params, self.orig, self.hint)

    def _facts(self) -> dict[str, object]:
        """Return what a subclass is made with besides."""
        return {}


class DatabaseReplacedError(DriverFaultError):
    """The database file was deleted, moved or replaced while a connection had it open.

    It is a `sqlalchemy.exc.OperationalError`. The connections of the pool are closed with it, so
    the next one opens the file that is there now.

    Attributes:
        hint: what to do about it.
    """

    slug = "database-replaced"


class DatabaseLockedError(DriverFaultError):
    """The turn or SQLite's own lock could not be had in time.

    It is a `sqlalchemy.exc.OperationalError`, so code that already handles that keeps working.

    Attributes:
        waited: seconds spent waiting before giving up.
        holder: who had the turn at that moment, where it is known.
        hint: what to do about it.
    """

    slug = "database-locked"

    def __init__(
        self,
        statement: str | None,
        params: object,
        orig: BaseException,
        hint: str,
        *,
        waited: float,
        holder: "Holder | None",
        hide_parameters: bool = False,
        ismulti: bool | None = None,
    ) -> None:
        super().__init__(
            statement, params, orig, hint, hide_parameters=hide_parameters, ismulti=ismulti
        )
        self.waited = waited
        self.holder = holder

    def _facts(self) -> dict[str, object]:
        return {"waited": self.waited, "holder": self.holder}


class StaleSnapshotError(DatabaseLockedError):
    """A snapshot wanted to write, but another commit came after it began: start it again."""

    slug = "stale-snapshot"
