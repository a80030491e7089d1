"""What a hardened connection does around each statement: BEGIN, upgrade, turn, release.

SQLAlchemy's ``commit`` event fires before the driver's COMMIT, so only the connection itself sees
the true end of a transaction; there the turn ends, and not before.
"""

import sqlite3
from collections.abc import Callable
from typing import ClassVar

from hardlite.clock import system_clock
from hardlite.connections import locked, table_rebuild
from hardlite.connections.awaited import AnyGate
from hardlite.connections.commit_tally import count_commit
from hardlite.connections.drivers import SQLITE3, AnyConnection, Driver
from hardlite.connections.file_identity import FileIdentity
from hardlite.connections.statements import Kind, kinds_of_script
from hardlite.connections.transactions import Plan, known_plan, refusal, writes
from hardlite.connections.write_lock import take_write_lock
from hardlite.errors import UsageError
from hardlite.profile import Profile, TransactionMode
from hardlite.turns.gate import TurnTimeoutError
from hardlite.turns.hold_watch import warn_of_long_hold, watch_holds
from hardlite.turns.turn import Turn

__all__ = ["TransactionOwner"]

_DEFAULT = Profile()
_LABEL = 100  # characters of a statement that tell others what it is
_READ, _WRITE = Kind.READ, Kind.WRITE


class TransactionOwner(AnyConnection):
    """The part of a hardened connection that begins and ends transactions.

    Attributes:
        driver: the module that its class is of.
        file: the path of the main database as SQLite resolved it; empty in memory.
        profile: the settings in force.
        mode: the transaction mode in force.
        timeout: seconds to wait for a turn.
        reads_pass: a read needs no look at the transaction first.
        is_given_up: says whether nobody waits any more for what is being done.
        guard: is given what may end the transaction, and may raise.
    """

    driver: ClassVar[Driver] = SQLITE3
    _turn: Turn | None = None
    _is_inherited = False
    is_given_up: Callable[[], bool] = staticmethod(lambda: False)

    def _own_transactions(self, declared: str | None) -> None:
        """Start with nothing open; the driver's connection is there already."""
        self._plain_cursor = self.driver.cursor
        self._declared = declared
        self._writing = False
        self._snapshot = False
        self._foreign_keys_suspended = False
        self._has_attached = False
        self.guard: Callable[[str], None] | None = None
        self._gate: AnyGate | None = None
        self._writable = True
        self.profile = _DEFAULT
        self.timeout = _DEFAULT.timeout
        self.set_mode(_DEFAULT.transaction)
        self.file = self._files()["main"]
        self._identity: FileIdentity | None = None

    # What the engine and a fork set

    def mark_inherited(self) -> None:
        """Learn that this process is a child of the one that opened the connection."""
        self._is_inherited = True
        self._writing = False
        self.reads_pass = False

    def require_own_process(self) -> None:
        """Raise if this process is a child of the one that opened the connection."""
        if self._is_inherited:
            raise UsageError(
                f"This connection to {self.file or 'memory'} was opened before a fork, by another "
                "process",
                "Open a new one in the child; engine.dispose(close=False) right after the fork "
                "makes the engine do so.",
            )

    def adopt(self, profile: Profile, gate: AnyGate | None, *, writable: bool) -> None:
        """Take over an engine's settings.

        Args:
            profile: the settings.
            gate: the gate of the database; None where there is nobody to queue with.
            writable: whether the file can be written at all.
        """
        self.profile = profile
        self.timeout = profile.timeout
        self._gate = gate
        self._writable = writable
        self._identity = (
            FileIdentity(self.file, self.driver.replaced_error) if self.file and writable else None
        )
        self.set_mode(profile.transaction)

    def set_mode(self, mode: TransactionMode, *, reader: bool = False) -> None:
        """Choose how the next transaction begins, and whether it may write."""
        self.mode = mode
        self._reader = reader
        self._choose_read_path()

    def begin_operation(self, is_given_up: Callable[[], bool]) -> None:
        """Learn that a task is about to send something to this connection's thread."""
        self.is_given_up = is_given_up
        if self._turn is not None:
            self._turn.use_in_task()

    # What the cursor and the session ask

    def before(self, kind: Kind, sql: str = "") -> bool:
        """Do what has to be done before a statement; say whether that began a transaction.

        Args:
            kind: what it asks for.
            sql: the statement, for those who wait behind it; empty if there is none yet.

        Raises:
            ReadOnlySessionError: the session reads and the statement could write.
            UsageError: the connection belongs to another process.
        """
        if self._writing and (kind is _WRITE or kind is _READ):
            if self._turn is not None:
                self._turn.use()
            return False
        self.require_own_process()
        if kind is _READ and self.in_transaction:
            return False
        if self.guard is not None:
            self.guard(sql)
        plan = known_plan(
            kind,
            self.mode,
            self._declared is not None,
            self._reader,
            self._writable,
            self.in_transaction,
            self._snapshot,
            self._writing,
        )
        if plan.refuse:
            raise refusal()
        if plan.end_snapshot:
            super().commit()
            self._snapshot = False
        if kind is Kind.REBUILD:
            self._suspend_foreign_keys(for_one_statement=self._declared is None)
        if plan.take_turn:
            self._take(plan, sql)
        elif plan.begin:
            self._require_same_file()
            self.run(plan.begin)
            self._snapshot = True
        return plan.begin is not None

    def settle(self, kind: Kind | None = None) -> None:
        """Look after a statement whether the transaction is over, and end the turn with it."""
        if self.in_transaction:
            if kind is Kind.BEGIN_WRITE:
                self._writing = True
        else:
            self._settle_if_over(kept=True)
        if kind is Kind.ATTACH:
            self._has_attached = bool(self._files().keys() - {"main", "temp"})

    def before_script(self, script: str) -> bool:
        """Commit, and take the turn if a statement of ``script`` needs it; say whether it does."""
        self.commit()
        kinds = list(kinds_of_script(script))
        needs_turn = any(writes(kind) for kind in kinds)
        if needs_turn and self._reader:
            raise refusal()
        if Kind.REBUILD in kinds:
            self._suspend_foreign_keys(for_one_statement=False)
        if needs_turn:
            self._take(Plan(take_turn=True), script)
        return needs_turn

    def after_script(self, *, writes: bool) -> None:
        """Look after a script whether a transaction of its own is still open."""
        self.settle(Kind.BEGIN_WRITE if writes else None)
        self.settle(Kind.ATTACH)

    def begin_writing(self, timeout: float | None = None) -> None:
        """Take the turn and begin the writing transaction, without a statement.

        Args:
            timeout: seconds to wait for the turn; the connection's own if left out.
        """
        usual = self.timeout
        self.timeout = usual if timeout is None else timeout
        try:
            self.before(Kind.WRITE)
        finally:
            self.timeout = usual

    def begin_without_foreign_keys(self) -> None:
        """Begin as `begin_writing` does, with foreign keys off until the transaction ends."""
        self._foreign_keys_suspended |= table_rebuild.switch_off_foreign_keys(self, self.run)
        try:
            self.begin_writing()
        finally:
            self._settle_if_over(kept=False)

    def run(self, sql: str) -> sqlite3.Cursor:
        """Run a statement past everything that hardlite adds."""
        return self._plain_cursor(self).execute(sql)

    # How it is done

    def _take(self, plan: Plan, sql: str) -> None:
        # BEGIN IMMEDIATE would lock every attached file, also those that are only read.
        locks = plan.upgrade or (plan.begin is not None and not self._has_attached)
        try:
            asked = self._take_turn(sql[:_LABEL])
            self._require_same_file()
            if locks:
                self._lock(plan, asked)
            elif plan.begin:
                self.run("BEGIN")
        except BaseException:
            # A read transaction that could not be upgraded stays open, without the turn.
            self._settle_if_over(kept=False)
            self._release()
            raise
        self._writing = plan.begin is not None or plan.upgrade

    def _take_turn(self, label: str) -> float:
        """Take the turn; return since when it has been waited for, on the clock."""
        if self._gate is None or self._turn is not None:
            return system_clock.now()
        # Now, since to start a thread takes time; and again below, since whoever looks may have
        # nobody to look at while this one waits for another process, and be gone.
        watch_holds()
        try:
            turn = self._turn = self._gate.take(
                self.timeout,
                label=label,
                warn_wait=self.profile.warn_wait,
                warn_hold=self.profile.warn_hold,
            )
        except TurnTimeoutError as error:
            raise locked.no_turn(self.file or "memory", error, self.driver.locked_error) from None
        watch_holds()
        return turn.asked

    def _lock(self, plan: Plan, started: float) -> None:
        sql = plan.begin
        if sql is None:
            # SQLite upgrades a read transaction at its first write. To write the application id
            # that is there already is one that changes nothing: a refusal costs nobody's work.
            (application_id,) = self.run("PRAGMA main.application_id").fetchone()
            sql = f"PRAGMA main.application_id = {application_id}"
        take_write_lock(
            self._plain_cursor(self).execute,
            sql,
            file=self.file,
            started=started,
            timeout=self.timeout,
            is_given_up=self.is_given_up,
            busy_timeout=self.profile.busy_timeout,
            warn_wait=self.profile.warn_wait,
            driver=self.driver,
            has_read=plan.upgrade,
        )

    def _require_same_file(self) -> None:
        if self._identity is not None:
            self._identity.require_before()

    def _suspend_foreign_keys(self, *, for_one_statement: bool) -> None:
        self._foreign_keys_suspended |= table_rebuild.suspend_foreign_keys(
            self,
            self.run,
            self.file,
            for_one_statement=for_one_statement and not self.in_transaction,
        )

    def _settle_if_over(self, *, kept: bool) -> None:
        if self.in_transaction:
            return
        wrote = kept and (self._writing or self._turn is not None)
        if wrote:
            count_commit()
        self._writing = self._snapshot = False
        if self._turn is not None:
            self._release(kept=wrote)
        if self._foreign_keys_suspended:
            self._foreign_keys_suspended = False
            table_rebuild.restore_foreign_keys(self.run)
        if wrote and self._identity is not None:
            self._identity.require_after()

    def _release(self, *, kept: bool = False) -> None:
        turn = self._turn
        if turn is None or self._gate is None:
            return
        held = turn.held()
        self._gate.figures.ends(turn.waited, held, kept=kept)
        turn.release()
        # Forgotten last: what an interrupt leaves is released by the rollback that follows.
        self._turn = None
        self._gate.figures.tell(turn.waited, held, kept=kept)
        if held > turn.warn_hold and not turn.has_warned:
            warn_of_long_hold(self.file, turn, held)

    def _choose_read_path(self) -> None:
        reads_begin = self._reader or self.mode != "relaxed"
        self.reads_pass = not self._is_inherited and (self._declared is None or not reads_begin)

    def _files(self) -> dict[str, str]:
        return {name: path or "" for _, name, path in self.run("PRAGMA database_list")}
