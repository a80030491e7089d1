"""One batch into the database: one turn, one transaction, and which items were at fault."""

import dataclasses
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Insert, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hardlite.clock import Clock
from hardlite.errors import ConfigurationError, UsageError
from hardlite.fast_insert import Conflict, RowInserter, UnwritableTargetError, Within, connection_of
from hardlite.result_codes import Fate, fate_of, primary_code
from hardlite.sessions import HardenedSessionmaker

__all__ = ["BatchWriter", "Fault", "Work", "Written", "unit_for"]

Work = Table | type | Insert | Callable[[Session, Any], object]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """An item that could not be written, by its place in the batch."""

    offset: int
    error: Exception


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of the items of a batch.

    Attributes:
        kept: how many items are committed.
        faults: the items that were rejected.
        skipped: items left out because the database had them already.
        attempts: transactions begun.
        wait: seconds spent waiting for the turn.
        hold: seconds the turn lasted; the longest one, if there were several.
        failure: what kept the database from being written; what was kept before it stays.
    """

    kept: int = 0
    faults: tuple[Fault, ...] = ()
    skipped: int = 0
    attempts: int = 1
    wait: float = 0.0
    hold: float = 0.0
    failure: Exception | None = None


class Unit(Protocol):
    """How items are written, within a transaction that somebody else begins and ends.

    Attributes:
        in_session: whether a session has the transaction, and not a connection alone.
    """

    in_session: bool

    def write(self, within: Within, items: Sequence[Any]) -> int:
        """Write all items or raise; return how many were skipped."""
        ...

    def write_good(
        self, within: Within, items: Sequence[Any], /
    ) -> list[tuple[int, Exception]] | None:
        """Write the good items in one go and return the others; None if that cannot be done."""
        ...

    def parts(self, items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Split items that cannot be written together, each part with its offset."""
        ...


class _Rows:
    """Rows for a table, through the driver's executemany."""

    def __init__(self, inserter: RowInserter, *, in_session: bool) -> None:
        self._inserter = inserter
        self.in_session = in_session or inserter.needs_session

    def write(self, within: Within, items: Sequence[Any]) -> int:
        return self._inserter.insert(within, items)

    def write_good(
        self, within: Within, items: Sequence[Any], /
    ) -> list[tuple[int, Exception]] | None:
        return self._inserter.insert_good(within, items, _at_fault)

    def parts(self, items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
        middle = len(items) // 2
        yield 0, items[:middle]
        yield middle, items[middle:]


class _Calls:
    """Items for a function of the caller's own."""

    in_session = True

    def __init__(self, work: Callable[[Session, Any], object]) -> None:
        self._work = work

    def write(self, within: Within, items: Sequence[Any]) -> int:
        session = cast("Session", within)
        transaction, driver = session.get_transaction(), _driver_connection(session)
        for item in items:
            try:
                self._work(session, item)
            except Exception as error:
                if session.get_transaction() is not transaction:
                    raise _ended_transaction() from error
                raise
            if session.get_transaction() is not transaction or not driver.in_transaction:
                raise _ended_transaction()
        session.flush()
        return 0

    def write_good(
        self, _within: Within, _items: Sequence[Any], /
    ) -> list[tuple[int, Exception]] | None:
        return None

    def parts(self, items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
        # One by one: a function may have effects that it should not repeat a dozen times.
        for offset, item in enumerate(items):
            yield offset, [item]


def unit_for(
    work: Work, conflict: Conflict, maker: HardenedSessionmaker, *, in_session: bool
) -> Unit:
    """Return how items are written for what the caller gave as ``work``.

    A session takes as long to begin and end as all the rest of a turn. So rows that go straight to
    the driver have none, unless ``in_session`` says that there may be listeners to it.

    Raises:
        ConfigurationError: it is none of the kinds that are known, or takes no ``conflict``.
    """
    if isinstance(work, Table | Insert | type):
        return _Rows(RowInserter(work, conflict, maker.engine.dialect), in_session=in_session)
    if not callable(work):
        raise ConfigurationError(
            f"work= cannot be {work!r}",
            "It takes a table, a mapped class, an INSERT statement or a function of a session "
            "and an item.",
        )
    if conflict != "error":
        raise ConfigurationError(
            f"conflict={conflict!r} needs rows for a table, not a function",
            "Handle conflicts in the function, with session.merge() or an ON CONFLICT clause.",
        )
    return _Calls(work)


class BatchWriter:
    """Writes batches, each in a turn and a transaction of its own.

    Args:
        maker: takes the turns.
        unit: how the items are written.
        isolate: keep the good items of a batch that has bad ones.
        timeout: seconds to wait for a turn.
        clock: measures waits and holds.
    """

    def __init__(
        self,
        maker: HardenedSessionmaker,
        unit: Unit,
        *,
        isolate: bool,
        timeout: float,
        clock: Clock,
    ) -> None:
        self._begin = maker.writer if unit.in_session else maker.writer_connection
        self._unit = unit
        self._isolate = isolate
        self._timeout = timeout
        self._clock = clock

    def write(self, items: Sequence[Any]) -> Written:
        """Write ``items`` and commit them."""
        if not items:
            return Written(attempts=0)
        asked = self._clock.now()
        granted: float | None = None
        cause: Exception | None = None
        faults: list[Fault] = []
        skipped, handled = 0, sys.exception()
        try:
            with self._begin(timeout=self._timeout) as within:
                granted = self._clock.now()
                driver = _driver_connection(within)
                try:
                    faults, skipped = self._write_in(within, items)
                except Exception as error:
                    cause = error if driver.in_transaction else _what_ended_it(error, handled)
                    raise
        except Exception as error:  # noqa: BLE001 - the caller's function may raise anything
            cause = cause or error
        ended = self._clock.now()
        if granted is None:
            times = Written(wait=ended - asked)
        else:
            times = Written(wait=granted - asked, hold=ended - granted)
        if isinstance(cause, UsageError):
            raise cause
        if cause is not None and granted is None:
            return dataclasses.replace(times, failure=cause)
        if cause is not None:
            return self._explain(items, cause, times)
        kept = len(items) - len(faults) - skipped
        return dataclasses.replace(times, kept=kept, faults=tuple(faults), skipped=skipped)

    def _write_in(self, within: Within, items: Sequence[Any]) -> tuple[list[Fault], int]:
        if self._isolate and len(items) > 1:
            found = self._unit.write_good(within, items)
            if found is not None:
                return [Fault(offset, error) for offset, error in found], 0
            return self._write_good(within, items, 0)
        return [], self._unit.write(within, items)

    def _write_good(
        self, within: Within, items: Sequence[Any], first: int
    ) -> tuple[list[Fault], int]:
        """Write the good items among ``items``, each part within a savepoint."""
        driver = _driver_connection(within)
        savepoint = within.begin_nested()
        try:
            skipped = self._unit.write(within, items)
            savepoint.commit()
        except (UnwritableTargetError, UsageError):
            raise
        except Exception as error:
            if not _at_fault(error) or not driver.in_transaction:
                raise
            savepoint.rollback()
            if len(items) == 1:
                return [Fault(first, error)], 0
        else:
            return [], skipped
        faults, skipped = [], 0
        for offset, part in self._unit.parts(items):
            found, passed = self._write_good(within, part, first + offset)
            faults += found
            skipped += passed
        return faults, skipped

    def _explain(self, items: Sequence[Any], error: Exception, times: Written) -> Written:
        if isinstance(error, UnwritableTargetError):
            return dataclasses.replace(times, failure=error.cause)
        if not _at_fault(error):
            return dataclasses.replace(times, failure=error)
        if not self._isolate or len(items) == 1:
            faults = tuple(Fault(offset, error) for offset in range(len(items)))
            return dataclasses.replace(times, faults=faults)
        return self._write_apart(items, times)

    def _write_apart(self, items: Sequence[Any], times: Written) -> Written:
        """Commit the parts one by one, where savepoints do not tell which item is at fault.

        Only COMMIT finds a deferred constraint violated, and RAISE(ROLLBACK) ends savepoints too
        (sqlite.org, "SQLite Foreign Key Support", section 4.2, "Deferred Foreign Key Constraints")
        """
        middle = len(items) // 2
        first = self.write(items[:middle])
        second = Written(attempts=0) if first.failure else self.write(items[middle:])
        moved = tuple(Fault(fault.offset + middle, fault.error) for fault in second.faults)
        return Written(
            kept=first.kept + second.kept,
            faults=first.faults + moved,
            skipped=first.skipped + second.skipped,
            attempts=times.attempts + first.attempts + second.attempts,
            wait=times.wait + first.wait + second.wait,
            hold=max(times.hold, first.hold, second.hold),
            failure=first.failure or second.failure,
        )


def _driver_connection(within: Within) -> sqlite3.Connection:
    """Return what knows whether a transaction is still open: RAISE(ROLLBACK) can end it too."""
    return cast("sqlite3.Connection", connection_of(within).connection.dbapi_connection)


def _ended_transaction() -> UsageError:
    return UsageError(
        "work(session, item) ended the transaction of its batch",
        "Take commit(), rollback() and close() out of it: a batch is committed as a whole, and "
        "then reported.",
    )


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


def _at_fault(error: Exception) -> bool:
    """Say whether the item is at fault, rather than the machine, the file or a lock."""
    if fate_of(error) is Fate.REJECT:
        return True
    return fate_of(error) is Fate.UNKNOWN and primary_code(error) in {None, sqlite3.SQLITE_ERROR}
