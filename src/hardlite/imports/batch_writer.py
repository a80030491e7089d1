"""One batch into the database: one turn, one transaction, and which items were at fault."""

import dataclasses
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from hardlite.clock import Clock
from hardlite.connections.commit_tally import CommitTally, commits_counted
from hardlite.errors import UsageError
from hardlite.imports.batch_units import Unit, driver_connection, is_at_fault
from hardlite.inserts.fast_insert import UnwritableTargetError, Within, connection_of
from hardlite.inserts.faults import Fault
from hardlite.inserts.insert_result import InsertResult
from hardlite.resume.progress import Progress
from hardlite.retry_policy import Retries
from hardlite.sessions import HardenedSessionmaker

__all__ = ["BatchWriter", "Written"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of the items of a batch.

    Attributes:
        kept: how many items are committed.
        result: the items that were rejected, and what became of those that were there already.
        attempts: transactions begun.
        wait: seconds spent waiting for the turn.
        hold: seconds the turn lasted; the longest one, if there were several.
        failure: what kept the database from being written; what was kept before it stays.
    """

    kept: int = 0
    result: InsertResult = dataclasses.field(default_factory=InsertResult)
    attempts: int = 1
    wait: float = 0.0
    hold: float = 0.0
    failure: Exception | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """One transaction: what came of it, and how far it got if something went wrong.

    Attributes:
        result: the items left out of it, and what became of those that were there already.
        wait: seconds spent waiting for the turn.
        hold: seconds the turn lasted.
        cause: what went wrong.
        has_turn: the turn was had.
        kept: whether the transaction is committed; None if nobody knows.
    """

    result: InsertResult
    wait: float
    hold: float
    cause: Exception | None
    has_turn: bool
    kept: bool | None


class BatchWriter:
    """Writes batches, each in a turn and a transaction of its own.

    Args:
        maker: takes the turns.
        unit: how the items are written.
        isolate: keep the good items of a batch that has bad ones.
        timeout: seconds to wait for a turn.
        retries: says which failures are tried again.
        progress: is moved on in each transaction; None where there is no resume key.
        clock: measures waits and holds.
    """

    def __init__(
        self,
        maker: HardenedSessionmaker,
        unit: Unit,
        *,
        isolate: bool,
        timeout: float,
        retries: Retries,
        progress: Progress | None,
        clock: Clock,
    ) -> None:
        self._begin = maker.writer if unit.in_session else maker.writer_connection
        self._unit = unit
        self._isolate = isolate
        self._timeout = timeout
        self._retries = retries
        self._progress = progress
        self._clock = clock

    def write(self, items: Sequence[Any], marks: Sequence[int]) -> Written:
        """Write ``items`` and commit them, and try it again where that may help.

        Args:
            items: of the batch.
            marks: for each of them, the position in the source up to which all is done with it.
        """
        if not items:
            return Written(attempts=0)
        attempts, wait, hold = 0, 0.0, 0.0
        while True:
            with commits_counted() as tally:
                tried = self._try(items, marks[-1], tally)
            attempts, wait, hold = attempts + 1, wait + tried.wait, max(hold, tried.hold)
            times = Written(attempts=attempts, wait=wait, hold=hold)
            if isinstance(tried.cause, UsageError):
                raise tried.cause
            if tried.kept:
                return dataclasses.replace(
                    times,
                    kept=_kept(items, tried.result),
                    result=tried.result,
                    failure=None if _is_of_commit(tried.cause) else tried.cause,
                )
            if not self._goes_on(tried, attempts):
                return self._explain(items, marks, tried, times)

    def _try(self, items: Sequence[Any], mark: int, tally: CommitTally) -> _Try:
        asked = self._clock.now()
        granted: float | None = None
        cause: Exception | None = None
        result, handled, committed_before = InsertResult(), sys.exception(), None
        try:
            with self._begin(timeout=self._timeout) as within:
                granted = self._clock.now()
                driver = driver_connection(within)
                try:
                    _require_transaction(driver)
                    result = self._write_in(within, items)
                    self._advance(within, mark, _kept(items, result), result.skipped)
                    committed_before = tally.commits
                except Exception as error:
                    cause = error if _is_open(driver) else _what_ended_it(error, handled)
                    raise
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            cause = cause or error
        ended = self._clock.now()
        return _Try(
            result=result,
            wait=(ended if granted is None else granted) - asked,
            hold=0.0 if granted is None else ended - granted,
            cause=cause,
            has_turn=granted is not None,
            kept=self._is_kept(cause, committed_before, tally.commits),
        )

    def _advance(self, within: Within, mark: int, kept: int, skipped: int) -> None:
        if self._progress is not None:
            self._progress.advance(connection_of(within), to=mark, kept=kept, skipped=skipped)

    def _is_kept(
        self, cause: Exception | None, committed_before: int | None, committed: int
    ) -> bool | None:
        """Say whether the transaction was committed, None if nobody can know.

        Args:
            cause: what went wrong, if anything did.
            committed_before: how many transactions were committed when COMMIT was due; None if
                it did not come to that.
            committed: how many are now.
        """
        if cause is None:
            if self._progress is not None:
                self._progress.is_committed()
            return True
        if committed_before is None or committed == committed_before:
            return False
        # The transaction was over after COMMIT, and something was wrong all the same.
        if self._progress is not None:
            return self._progress.settle()
        # Not so if a listener to the session failed: that came after a good COMMIT.
        return None if _is_of_commit(cause) else True

    def _goes_on(self, tried: _Try, attempts: int) -> bool:
        if tried.cause is None or tried.kept is None:
            return False
        return self._retries.go_on(tried.cause, attempts, tried.wait + tried.hold)

    def _write_in(self, within: Within, items: Sequence[Any]) -> InsertResult:
        if self._isolate and len(items) > 1:
            return self._unit.write_good(within, items) or self._write_good(within, items)
        return self._unit.write(within, items)

    def _write_good(self, within: Within, items: Sequence[Any]) -> InsertResult:
        """Write the good items among ``items``, each part within a savepoint."""
        driver = driver_connection(within)
        savepoint = within.begin_nested()
        try:
            result = self._unit.write(within, items)
            savepoint.commit()
        except (UnwritableTargetError, UsageError):
            raise
        except Exception as error:
            if not is_at_fault(error) or not _is_open(driver):
                raise
            savepoint.rollback()
            if len(items) == 1:
                return InsertResult(faults=(Fault(0, error),))
        else:
            return result
        parts = self._unit.parts(items)
        results = (self._write_good(within, part).moved(offset) for offset, part in parts)
        return sum(results, start=InsertResult())

    def _explain(
        self, items: Sequence[Any], marks: Sequence[int], tried: _Try, times: Written
    ) -> Written:
        error = tried.cause
        if isinstance(error, UnwritableTargetError):
            return dataclasses.replace(times, failure=error.cause)
        is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
        no_ones = tried.kept is None or not tried.has_turn or is_lost
        if error is None or no_ones or not is_at_fault(error):
            return dataclasses.replace(times, failure=error)
        if not self._isolate or len(items) == 1:
            faults = tuple(Fault(offset, error) for offset in range(len(items)))
            return dataclasses.replace(times, result=InsertResult(faults=faults))
        return self._write_apart(items, marks, times)

    def _write_apart(self, items: Sequence[Any], marks: Sequence[int], times: Written) -> Written:
        """Commit the parts one by one, where savepoints do not tell which item is at fault.

        Only COMMIT finds a deferred constraint violated, and RAISE(ROLLBACK) ends savepoints too
        (sqlite.org, "SQLite Foreign Key Support", section 4.2, "Deferred Foreign Key Constraints")
        """
        middle = len(items) // 2
        first = self.write(items[:middle], marks[:middle])
        second = Written(attempts=0)
        if first.failure is None:
            second = self.write(items[middle:], marks[middle:])
        return Written(
            kept=first.kept + second.kept,
            result=first.result + second.result.moved(middle),
            attempts=times.attempts + first.attempts + second.attempts,
            wait=times.wait + first.wait + second.wait,
            hold=max(times.hold, first.hold, second.hold),
            failure=first.failure or second.failure,
        )


def _kept(items: Sequence[Any], result: InsertResult) -> int:
    return len(items) - len(result.faults) - result.skipped


def _require_transaction(driver: sqlite3.Connection) -> None:
    if not _is_open(driver):
        raise UsageError(
            "The engine has the isolation level AUTOCOMMIT, so a batch is no transaction",
            "Import with the engine as it was made, without that execution option.",
        )


def _is_open(driver: sqlite3.Connection) -> bool:
    """Say whether the transaction is; a connection that was lost cannot even tell."""
    try:
        return driver.in_transaction
    except Exception:  # noqa: BLE001 - each driver has an error of its own for a closed connection
        return False


def _is_of_commit(error: Exception | None) -> bool:
    """Say whether COMMIT itself raised ``error``: SQLAlchemy has no statement to show for it."""
    return isinstance(error, DBAPIError) and error.statement is None


def _what_ended_it(error: Exception, handled: BaseException | None) -> Exception:
    """Return the error that ended the transaction; the rollbacks after it had theirs.

    Args:
        error: the last of them.
        handled: what was being handled when the transaction began, which is no part of it.
    """
    first: Exception = error
    link = None if isinstance(error, UsageError) else error.__context__
    while link is not None and link is not handled:
        if isinstance(link, DBAPIError):
            first = link
        link = link.__context__
    return first
