"""How the items of a batch are written: rows for a table, or items for a function."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Insert, Table
from sqlalchemy.orm import Session

from hardlite.errors import ConfigurationError, UsageError
from hardlite.inserts.driver_insert import driver_of
from hardlite.inserts.fast_insert import Conflict, RowInserter, Within, connection_of
from hardlite.inserts.insert_result import InsertResult
from hardlite.result_codes import Fate, fate_of, primary_code
from hardlite.sessions import HardenedSessionmaker

__all__ = ["Unit", "Work", "driver_connection", "is_at_fault", "unit_for"]

Work = Table | type | Insert | Callable[[Session, Any], object]


class Unit(Protocol):
    """How items are written, within a transaction that somebody else begins and ends.

    Attributes:
        in_session: whether a session has the transaction, and not a connection alone.
    """

    in_session: bool

    def write(self, within: Within, items: Sequence[Any]) -> InsertResult:
        """Write all items or raise; say what became of those that were there already."""
        ...

    def write_good(self, within: Within, items: Sequence[Any], /) -> InsertResult | None:
        """Write the good items in one go and name the others; None if that cannot be done."""
        ...

    def parts(self, items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Split items that cannot be written together, each part with its offset."""
        ...


class _Rows:
    """Rows for a table, through the driver's executemany."""

    def __init__(self, inserter: RowInserter, *, in_session: bool) -> None:
        self._inserter = inserter
        self.in_session = in_session or inserter.needs_session

    def write(self, within: Within, items: Sequence[Any]) -> InsertResult:
        return self._inserter.insert(within, items)

    def write_good(self, within: Within, items: Sequence[Any], /) -> InsertResult | None:
        return self._inserter.insert_good(within, items)

    def parts(self, items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
        middle = len(items) // 2
        yield 0, items[:middle]
        yield middle, items[middle:]


class _Calls:
    """Items for a function of the caller's own."""

    in_session = True

    def __init__(self, work: Callable[[Session, Any], object]) -> None:
        self._work = work

    def write(self, within: Within, items: Sequence[Any]) -> InsertResult:
        session = cast("Session", within)
        transaction, driver = session.get_transaction(), driver_connection(session)
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
        return InsertResult()

    def write_good(self, _within: Within, _items: Sequence[Any], /) -> InsertResult | None:
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
        inserter = RowInserter(work, conflict, maker.engine.dialect, is_at_fault)
        return _Rows(inserter, in_session=in_session)
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


def driver_connection(within: Within) -> sqlite3.Connection:
    """Return what knows whether a transaction is still open: RAISE(ROLLBACK) can end it too."""
    return driver_of(connection_of(within))


def is_at_fault(error: Exception) -> bool:
    """Say whether the item is at fault, rather than the machine, the file or a lock."""
    if fate_of(error) is Fate.REJECT:
        return True
    return fate_of(error) is Fate.UNKNOWN and primary_code(error) in {None, sqlite3.SQLITE_ERROR}


def _ended_transaction() -> UsageError:
    return UsageError(
        "work(session, item) ended the transaction of its batch",
        "Take commit(), rollback() and close() out of it: a batch is committed as a whole, and "
        "then reported.",
    )
