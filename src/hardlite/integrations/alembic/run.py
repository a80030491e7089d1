"""One run of migrations on one connection: what goes on around Alembic's own steps."""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection

from hardlite.clock import Clock
from hardlite.connections.awaited import on_driver
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.connections.translation import told
from hardlite.errors import HardliteError, LeftoverTableError, MigrationFailedError, UsageError
from hardlite.integrations.alembic.backups import Backups, back_up_before_run, has_content
from hardlite.integrations.alembic.contexts import AlembicContext
from hardlite.integrations.alembic.failures import migration_failed
from hardlite.integrations.alembic.guarding import guard_of
from hardlite.integrations.alembic.happenings import Happening, Tell
from hardlite.integrations.alembic.schema_checks import (
    References,
    broken_references,
    count_rows,
    leftovers,
    newly_broken,
    rebuilt_table,
    table_names,
)
from hardlite.log_events import log_event

__all__ = ["Run", "Surroundings"]

_log = logging.getLogger("hardlite.migrations")

_STATE = "SELECT total_changes(), (SELECT schema_version FROM pragma_schema_version)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run has besides its connection.

    Attributes:
        options: for the environment's ``configure``.
        backups: how to back up; None for not at all.
        clock: tells the time.
        tell: is told what happens; None if nobody wants to know.
    """

    options: Mapping[str, object]
    backups: Backups | None
    clock: Clock
    tell: Tell | None


class Run:
    """One run of migrations, by whoever has the lock of the runs.

    Args:
        context: Alembic's environment.
        connection: where to migrate; if a transaction has been begun on it, its owner commits.
        opened: the driver's connection below it.
        surroundings: everything else.
    """

    def __init__(
        self,
        context: AlembicContext,
        connection: Connection,
        opened: AnyHardenedConnection,
        surroundings: Surroundings,
    ) -> None:
        self._context = context
        self._connection = connection
        self._opened = opened
        self._with = surroundings
        self._is_callers = connection.in_transaction()
        self._name = opened.file or "the database"
        self._plan: Callable[[object, object], Iterable[Any]] = lambda _heads, _context: ()
        self._tables: list[str] = []
        self._broken = References()
        self._at = ""
        self._state_before: object = None
        self._statement: str | None = None
        self._backup: str | None = None
        self._committed = False

    def may_migrate(self) -> bool:
        """Configure the environment, and say whether it is there to change the database.

        Commands such as ``current`` and ``check`` only look, and wait for nobody.
        """
        self._context.configure(connection=self._connection, **self._options())
        return "destination_rev" in self._context.get_context().opts

    def pass_through(self) -> None:
        """Let Alembic do what it does."""
        with self._context.begin_transaction():
            self._context.run_migrations()

    def migrate(self) -> None:
        """Do what there is to do, with the lock of the runs in hand.

        Raises:
            MigrationFailedError: a step failed, and the run was rolled back.
            LeftoverTableError: a table of an earlier rebuild is in the way.
        """
        if self._finds_steps():
            self._run_steps()
        else:
            self.pass_through()

    def _finds_steps(self) -> bool:
        migration = self._context.get_context()
        self._plan = migration.opts["fn"]
        found = any(True for _ in self._plan(migration.get_current_heads(), migration))
        if found:
            self._require_no_leftovers()
        if not self._is_callers:
            # Else Alembic takes what SQLAlchemy began for a transaction of somebody else.
            self._connection.rollback()
        return found

    def _options(self) -> dict[str, object]:
        # Alembic believes that SQLite cannot roll DDL back; on a hardened connection it can.
        return {**self._with.options, "transactional_ddl": True}

    def _run_steps(self) -> None:
        self._context.configure(connection=self._connection, **self._options(), fn=self._steps)
        migration = self._context.get_context()
        vars(migration)["autocommit_block"] = lambda: self._between_transactions(migration)
        self._begin()
        event.listen(self._connection, "before_cursor_execute", self._note)
        try:
            with self._context.begin_transaction(), self._guarded():
                self._context.run_migrations()
                self._require_references()
        except BaseException as error:
            self._undo()
            if self._at and isinstance(error, Exception):
                raise self._failure(error) from error
            raise
        finally:
            event.remove(self._connection, "before_cursor_execute", self._note)
        self._tell(Happening(what="done"))

    def _steps(self, heads: object, migration: object) -> Iterator[Any]:
        """Yield the steps from heads that were read inside of the transaction."""
        for place, step in enumerate(self._plan(heads, migration)):
            self._at = _revision_of(step)
            if place == 0:
                self._look_around()
                self._back_up()
            self._tell(Happening(what="revision", name=self._at))
            self._state_before = self._state()
            self._statement = None
            yield step

    def _look_around(self) -> None:
        self._tables = table_names(self._connection)
        self._broken = broken_references(self._connection)
        for (table, parent), rows in self._broken.items():
            _log.warning(
                "%s: %d rows of %s reference what is not in %s, since before these migrations",
                self._name,
                rows,
                table,
                parent,
                extra=log_event(
                    "migration.broken_references",
                    database=self._name,
                    rows=rows,
                    table=table,
                    parent=parent,
                ),
            )

    def _back_up(self) -> None:
        file, driver = self._opened.file, self._opened.driver
        version_table = str(self._context.get_context().version_table)
        if self._with.backups is None or not file or not has_content(file, driver, version_table):
            return
        self._tell(Happening(what="backup", name=file))
        try:
            self._backup = back_up_before_run(file, self._with.backups, driver, self._with.clock)
        except (OSError, HardliteError) as error:
            self._statement = None
            raise UsageError(
                f"The backup before it failed: {error}",
                "Make room, or give Backups(folder=...) another place; backups=None makes none.",
            ) from error

    def _begin(self) -> None:
        """Take the turn and SQLite's write lock, so that no other program migrates either."""
        try:
            self._on_driver(self._opened.begin_without_foreign_keys)
        except self._opened.driver.module.Error as error:
            raise told(error, statement="BEGIN IMMEDIATE") or error from error

    def _on_driver(self, function: Callable[[], None]) -> None:
        on_driver(self._connection.connection.dbapi_connection, function)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        self._opened.guard = guard_of(lambda: self._at)
        try:
            yield
        finally:
            self._opened.guard = None

    @contextlib.contextmanager
    def _between_transactions(self, migration: Any) -> Iterator[None]:
        """Commit what the run has done so far, and begin anew afterwards."""
        self._require_own_transaction()
        self._require_references()
        self._opened.guard = None
        # With its own AUTOCOMMIT, and the transaction that Alembic counts on afterwards.
        with type(migration).autocommit_block(migration):
            self._committed = True
            yield
        self._begin()
        self._opened.guard = guard_of(lambda: self._at)
        self._broken = broken_references(self._connection)
        self._statement = None

    def _require_own_transaction(self) -> None:
        if self._is_callers:
            raise UsageError(
                f"Revision {self._at} has an autocommit_block, and the transaction that it would "
                "commit belongs to whoever passed the connection",
                "Pass the engine, or a connection without a transaction: engine.connect().",
            )
        if self._state() != self._state_before:
            raise UsageError(
                f"Revision {self._at} opens an autocommit_block after it has changed something, "
                "which would stay if the rest of it failed",
                "Move what comes before the block into a revision of its own.",
            )

    def _state(self) -> object:
        noted = self._statement
        state = tuple(self._connection.exec_driver_sql(_STATE).one())
        # An error is of what the revision ran, not of this.
        self._statement = noted
        return state

    def _note(self, *event_arguments: Any) -> None:
        statement: str = event_arguments[2]
        table = rebuilt_table(statement)
        if table is not None and self._with.tell is not None:
            rows = count_rows(self._connection, table)
            self._tell(Happening(what="rebuild", name=table, rows=rows))
        self._statement = statement

    def _tell(self, happening: Happening) -> None:
        if self._with.tell is not None:
            self._with.tell(happening)

    def _require_no_leftovers(self) -> None:
        found = leftovers(self._connection)
        if found:
            raise LeftoverTableError(
                f"A migration of {self._name} was once cut off outside of a transaction: "
                + "; ".join(map(str, found)),
                "Settle that with a copy of the file at hand, then run again; nothing was migrated.",
            )

    def _require_references(self) -> None:
        if not self._at:
            return
        found = newly_broken(self._broken, broken_references(self._connection), self._tables)
        if found:
            self._statement = None
            raise UsageError(
                f"The migrations leave references to rows that are not there: {'; '.join(found)}",
                "Let the revision delete or mend the rows that reference what it takes away.",
            )

    def _undo(self) -> None:
        """Roll back, whatever a migration has done to SQLAlchemy's idea of the transaction."""
        if not self._is_callers and not self._connection.invalidated:
            self._on_driver(self._opened.rollback)

    def _failure(self, error: Exception) -> MigrationFailedError:
        if self._is_callers:
            left = "the transaction belongs to whoever passed the connection: roll it back"
        elif self._committed:
            left = "what was done before an autocommit_block, and in it, is committed"
        else:
            left = f"it is rolled back, and {self._name} is as it was before the run"
        return migration_failed(
            error, revision=self._at, statement=self._statement, left=left, backup=self._backup
        )


def _revision_of(step: Any) -> str:
    """Return the name of the revision whose script a step runs, up or down."""
    return ", ".join(step.info.up_revision_ids) or "base"
