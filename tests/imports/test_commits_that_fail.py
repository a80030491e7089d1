"""A COMMIT that fails, or that nobody sees the end of: settled by reading, never guessed."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hardlite import batched_unit_of_work, get_sessionmaker, resume_points
from hardlite.connections.connection import HardenedConnection
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import OnError
from hardlite.reports.report import BatchResult
from tests.fixtures.databases import EngineFactory
from tests.fixtures.entries import ENTRIES, add_entry, entered, entries, make_entries

ON_ERROR = ["continue", "stop", "isolate"]
WORKS = [ENTRIES, insert(ENTRIES), add_entry]


def io_error(code: int = sqlite3.SQLITE_IOERR_FSYNC) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


class Failing(HardenedConnection):
    """A connection whose COMMIT fails after it has committed, or before, when told to."""

    how: Callable[[HardenedConnection], None] | None = None
    code = sqlite3.SQLITE_IOERR_FSYNC

    def commit(self) -> None:
        how, Failing.how = Failing.how, None
        if how is None:
            super().commit()
        else:
            how(self)
            raise io_error(self.code)


def after_all(connection: HardenedConnection) -> None:
    HardenedConnection.commit(connection)


def before(connection: HardenedConnection) -> None:
    HardenedConnection.rollback(connection)


@pytest.fixture
def engine(make_engine: EngineFactory, db_path: Path) -> Iterator[Engine]:
    """An engine whose connections can fail."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(db_path, check_same_thread=False, factory=Failing)

    engine = make_engine(creator=connect)
    make_entries(engine)
    yield engine
    Failing.how = None


def failing_after_the_first(how: Callable[[HardenedConnection], None]) -> object:
    def progress(batch: BatchResult) -> None:
        if batch.index == 0:
            Failing.how = how

    return progress


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
def test_under_a_key_a_batch_that_is_there_after_all_counts_as_committed(
    engine: Engine, work: Work, on_error: OnError
) -> None:
    report = batched_unit_of_work(
        engine, entries(6), work, batch_size=2, on_error=on_error, resume_key="k",
        progress=failing_after_the_first(after_all),
    )  # fmt: skip

    assert report.ok
    assert [batch.attempts for batch in report.batches] == [1, 1, 1]
    assert entered(engine) == list(range(6))


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("key", [None, "k"])
def test_a_batch_that_is_not_there_has_failed(
    engine: Engine, work: Work, on_error: OnError, key: str | None
) -> None:
    first = batched_unit_of_work(
        engine, entries(6), work, batch_size=2, on_error=on_error, resume_key=key,
        progress=failing_after_the_first(before),
    )  # fmt: skip

    assert isinstance(first.error, OperationalError)
    assert [batch.outcome for batch in first.batches] == ["committed", "failed"]
    assert (first.committed, first.rejected) == (2, 0)
    assert entered(engine) == [0, 1]
    if key:
        again = batched_unit_of_work(engine, entries(6), work, on_error=on_error, resume_key=key)
        assert again.ok
        assert entered(engine) == list(range(6))


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
def test_without_a_key_nobody_knows_so_it_is_neither_rejected_nor_written_again(
    engine: Engine, work: Work, on_error: OnError
) -> None:
    report = batched_unit_of_work(
        engine, entries(6), work, batch_size=2, on_error=on_error,
        progress=failing_after_the_first(after_all),
    )  # fmt: skip

    assert (report.committed, report.rejected, report.stopped) == (2, 0, True)
    assert report.batches[1].outcome == "failed"
    assert entered(engine) == [0, 1, 2, 3]


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_key_that_cannot_be_read_then_is_read_by_the_next_import(
    engine: Engine, work: Work, on_error: OnError
) -> None:
    def and_unreadable(connection: HardenedConnection) -> None:
        after_all(connection)

        def refuse(*_: object) -> None:
            event.remove(engine, "before_cursor_execute", refuse)
            raise OperationalError("SELECT", None, io_error())

        event.listen(engine, "before_cursor_execute", refuse)

    arguments = {"work": work, "batch_size": 2, "on_error": on_error, "resume_key": "k"}
    first = batched_unit_of_work(
        engine, entries(6), progress=failing_after_the_first(and_unreadable), **arguments
    )
    second = batched_unit_of_work(engine, entries(6), **arguments)

    assert (first.committed, first.rejected, first.stopped) == (2, 0, True)
    assert second.resumed_from.position == 4
    assert second.ok
    assert entered(engine) == list(range(6))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM hardlite_progress",
        "UPDATE hardlite_progress SET position = 5",
        "UPDATE hardlite_progress SET started_at = '2001-01-01'",
    ],
)
@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_BUSY])
def test_a_key_that_somebody_else_has_changed_says_nothing(
    engine: Engine, db_path: Path, statement: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nothing is tried again either, whatever the error was."""
    monkeypatch.setattr(Failing, "code", code)

    def and_changed(connection: HardenedConnection) -> None:
        after_all(connection)
        other = sqlite3.connect(db_path)
        other.execute(statement)
        other.commit()
        other.close()

    report = batched_unit_of_work(
        engine, entries(6), ENTRIES, batch_size=2, on_error="isolate", resume_key="k",
        progress=failing_after_the_first(and_changed),
    )  # fmt: skip

    assert (report.committed, report.rejected, report.stopped) == (2, 0, True)
    assert entered(engine) == [0, 1, 2, 3]


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("key", [None, "k"])
def test_a_listener_that_fails_after_the_commit_ends_the_import_and_loses_nothing(
    engine: Engine, work: Work, on_error: OnError, key: str | None
) -> None:
    """Such as one that tells a cache, which is not there."""
    maker = get_sessionmaker(engine)

    def publish(_: Session) -> None:
        # It is called at the end of savepoints too.
        if len(entered(engine)) == 4:
            raise ConnectionError("the cache is gone")

    event.listen(maker, "after_commit", publish)
    arguments = {"work": work, "batch_size": 2, "on_error": on_error, "resume_key": key}

    report = batched_unit_of_work(maker, entries(6), **arguments)

    assert isinstance(report.error, ConnectionError)
    assert (report.committed, report.rejected, report.stopped) == (4, 0, True)
    assert entered(engine) == [0, 1, 2, 3]
    if key:
        assert batched_unit_of_work(maker, entries(6), **arguments).committed == 2
        assert entered(engine) == list(range(6))


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
@pytest.mark.parametrize("key", [None, "k"])
def test_a_listener_that_objects_before_the_commit_rejects_the_items(
    engine: Engine, on_error: OnError, key: str | None
) -> None:
    maker = get_sessionmaker(engine)
    objections = iter([ValueError("not on a Sunday")])

    def check(_: Session) -> None:
        for objection in objections:
            raise objection

    event.listen(maker, "before_commit", check)

    report = batched_unit_of_work(
        maker, entries(4), ENTRIES, batch_size=2, on_error=on_error, resume_key=key
    )

    assert report.error is None
    if on_error == "continue":
        assert [rejection.position for rejection in report.rejections] == [0, 1]
        assert entered(engine) == [2, 3]
    else:
        # It does not object to the halves.
        assert entered(engine) == [0, 1, 2, 3]
    if key:
        (point,) = resume_points(engine)
        assert (point.position, point.committed) == (4, len(entered(engine)))
