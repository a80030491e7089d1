"""What is tried again: a lock or a lost connection, the whole batch, within limits."""

import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

import hardlite.imports.batches as batches_module
from hardlite import RetryPolicy, batched_unit_of_work, resume_points
from hardlite.errors import (
    ConfigurationError,
    DatabaseLockedError,
    DatabaseReplacedError,
    FileReplacedError,
)
from hardlite.imports.batch_units import Work
from hardlite.reports.report import BatchResult, ImportReport
from hardlite.retry_policy import Retries
from tests.fixtures.clocks import SetClock
from tests.fixtures.databases import EngineFactory
from tests.fixtures.entries import ENTRIES, add_entry, entered, entries, make_entries


class Waits(SetClock):
    """A clock that notes each pause, and does something in it."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.deeds: Iterator[Callable[[], object]] = iter(())

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.pauses.append(seconds)
        next(self.deeds, lambda: None)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """The clock by which imports wait."""
    clock = Waits()
    monkeypatch.setattr(batches_module, "system_clock", clock)
    return clock


@pytest.fixture
def engine(engine: Engine) -> Engine:
    make_entries(engine)
    return engine


@pytest.fixture
def stranger(engine: Engine, db_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program, which knows no turns."""
    connection = sqlite3.connect(db_path, isolation_level=None, timeout=0)
    assert engine is not None
    yield connection
    connection.close()


def locked_after_the_first(
    engine: Engine, stranger: sqlite3.Connection, work: Work = ENTRIES, **settings: object
) -> ImportReport:
    """Import six entries in batches of two; the other program locks the file after the first."""

    def progress(batch: BatchResult) -> None:
        if batch.index == 0:
            stranger.execute("BEGIN IMMEDIATE")

    return batched_unit_of_work(
        engine, entries(6), work, batch_size=2, timeout=0, progress=progress, **settings
    )


@pytest.mark.parametrize("work", [ENTRIES, add_entry])
@pytest.mark.parametrize("key", [None, "k"])
def test_a_batch_that_met_a_lock_is_tried_again(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits, work: Work, key: str | None
) -> None:
    clock.deeds = iter([lambda: None, lambda: stranger.execute("COMMIT")])

    report = locked_after_the_first(engine, stranger, work, resume_key=key)

    assert report.ok
    assert entered(engine) == list(range(6))
    assert [batch.attempts for batch in report.batches] == [1, 3, 1]
    assert clock.pauses == [0.1, 0.2]


def test_a_policy_says_how_often(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits
) -> None:
    policy = RetryPolicy(max_attempts=5, base_delay=1.0, max_delay=3.0)

    report = locked_after_the_first(engine, stranger, retry=policy)

    assert isinstance(report.error, DatabaseLockedError)
    assert (report.committed, report.rejected, report.batches[1].attempts) == (2, 0, 5)
    assert clock.pauses == [1.0, 2.0, 3.0, 3.0]


def test_one_attempt_is_no_second_one(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits
) -> None:
    report = locked_after_the_first(engine, stranger, retry=RetryPolicy(max_attempts=1))

    assert report.batches[1].attempts == 1
    assert clock.pauses == []


def test_the_budget_ends_the_attempts_however_many_are_left(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits
) -> None:
    policy = RetryPolicy(max_attempts=100, base_delay=1.0, max_delay=1.0, budget=4.5)

    report = locked_after_the_first(engine, stranger, retry=policy)

    assert report.batches[1].attempts == 5
    assert clock.pauses == [1.0] * 4


def test_the_budget_is_for_the_whole_import(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits
) -> None:
    """Each batch meets a lock once and costs a second; there are two seconds and a half."""
    clock.deeds = iter([lambda: stranger.execute("COMMIT")] * 2)

    def progress(batch: BatchResult) -> None:
        if batch.error is None:
            stranger.execute("BEGIN IMMEDIATE")

    policy = RetryPolicy(base_delay=1.0, budget=2.5)
    report = batched_unit_of_work(
        engine, entries(9), ENTRIES, batch_size=2, timeout=0, progress=progress, retry=policy
    )

    assert [batch.attempts for batch in report.batches] == [1, 2, 2, 1]
    assert (report.committed, clock.pauses) == (6, [1.0, 1.0])


def test_the_time_of_an_attempt_that_failed_is_lost_too(clock: Waits) -> None:
    retries = Retries(RetryPolicy(max_attempts=9, base_delay=0, budget=60), clock)
    error = lock_error()

    tries = [retries.go_on(error, number, 25.0) for number in (1, 2, 3)]

    assert tries == [True, True, False]


def lock_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("SQLITE_BUSY", True),
        ("SQLITE_BUSY_SNAPSHOT", True),
        ("SQLITE_LOCKED", True),
        ("SQLITE_CONSTRAINT_UNIQUE", False),
        ("SQLITE_FULL", False),
        ("SQLITE_IOERR_WRITE", False),
        ("SQLITE_READONLY", False),
        ("SQLITE_CORRUPT", False),
        ("SQLITE_ERROR", False),
    ],
)
def test_what_is_tried_again_is_told_by_its_code(clock: Waits, name: str, *, again: bool) -> None:
    error = sqlite3.OperationalError("whatever")
    error.sqlite_errorcode = getattr(sqlite3, name)

    assert Retries(RetryPolicy(), clock).go_on(error, 1, 0.0) is again


def test_a_replaced_file_is_not_tried_again_though_its_connection_is_gone(clock: Waits) -> None:
    cause = FileReplacedError("the file was replaced", hint="")
    error = DatabaseReplacedError("COMMIT", None, cause, cause.hint)
    error.connection_invalidated = True

    assert not Retries(RetryPolicy(), clock).go_on(error, 1, 0.0)


def test_an_item_that_the_database_refuses_is_tried_once(engine: Engine, clock: Waits) -> None:
    report = batched_unit_of_work(engine, [{"n": None}], ENTRIES)

    assert isinstance(report.batches[0].error, IntegrityError)
    assert (report.rejected, report.batches[0].attempts, clock.pauses) == (1, 1, [])


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
@pytest.mark.parametrize("key", [None, "k"])
def test_a_connection_that_was_lost_is_replaced_and_the_batch_written_again(
    engine: Engine, clock: Waits, on_error: str, key: str | None
) -> None:
    losses = iter([3])

    def work(session: Session, item: dict[str, object]) -> None:
        add_entry(session, item)
        if item["n"] == 3 and next(losses, None):
            session.connection().connection.driver_connection.close()
            session.execute(text("SELECT 1"))

    report = batched_unit_of_work(
        engine, entries(6), work, batch_size=2, on_error=on_error, resume_key=key
    )

    assert report.ok, report.summary()
    assert entered(engine) == list(range(6))
    assert [batch.attempts for batch in report.batches] == [1, 2, 1]
    assert clock.pauses == [0.1]


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
def test_a_connection_that_is_lost_each_time_is_nobodys_fault(
    engine: Engine, clock: Waits, on_error: str
) -> None:
    def work(session: Session, _item: object) -> None:
        session.connection().connection.driver_connection.close()
        session.execute(text("SELECT 1"))

    report = batched_unit_of_work(engine, entries(2), work, on_error=on_error)

    assert isinstance(report.error, DBAPIError)
    assert (report.rejected, report.batches[0].attempts) == (0, 4)
    assert len(clock.pauses) == 3


@pytest.mark.parametrize("key", [None, "k"])
def test_a_file_that_was_replaced_is_not_tried_again(
    engine: Engine, clock: Waits, db_path: Path, key: str | None
) -> None:
    """The next connection would open a file in which the batches before are missing."""

    def progress(batch: BatchResult) -> None:
        if batch.index == 0:
            fresh = db_path.with_name("fresh.db")
            connection = sqlite3.connect(fresh)
            connection.execute("CREATE TABLE entries (n INTEGER NOT NULL)")
            connection.close()
            for suffix in ("-wal", "-shm"):
                db_path.with_name(f"app.db{suffix}").unlink()
            fresh.replace(db_path)

    report = batched_unit_of_work(
        engine, entries(6), ENTRIES, batch_size=2, resume_key=key, progress=progress
    )

    assert isinstance(report.error, DatabaseReplacedError)
    assert (report.batches[1].attempts, clock.pauses) == (1, [])


@pytest.fixture
def journalled(make_engine: EngineFactory) -> Engine:
    """An engine without WAL, in which a reader is in the way of a COMMIT."""
    engine = make_engine(journal_mode="delete", busy_timeout=0)
    make_entries(engine)
    return engine


@pytest.mark.parametrize("work", [ENTRIES, add_entry])
@pytest.mark.parametrize("key", [None, "k"])
def test_a_commit_that_met_a_reader_is_tried_again_with_its_batch(
    journalled: Engine, db_path: Path, clock: Waits, work: Work, key: str | None
) -> None:
    reader = sqlite3.connect(db_path, isolation_level=None, timeout=0)

    def progress(batch: BatchResult) -> None:
        if batch.index == 0:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM entries").fetchall()

    clock.deeds = iter([lambda: None, lambda: reader.execute("COMMIT")])

    report = batched_unit_of_work(
        journalled, entries(6), work, batch_size=2, resume_key=key, progress=progress
    )
    reader.close()

    assert report.ok
    assert [batch.attempts for batch in report.batches] == [1, 3, 1]
    assert entered(journalled) == list(range(6))
    assert [point.position for point in resume_points(journalled)] == ([6] if key else [])


def test_a_commit_that_never_comes_through_stops_the_import_and_can_be_resumed(
    journalled: Engine, db_path: Path, clock: Waits
) -> None:
    reader = sqlite3.connect(db_path, isolation_level=None, timeout=0)

    def progress(batch: BatchResult) -> None:
        if batch.index == 0:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM entries").fetchall()

    first = batched_unit_of_work(
        journalled, entries(6), ENTRIES, batch_size=2, resume_key="k", progress=progress
    )
    reader.close()
    second = batched_unit_of_work(journalled, entries(6), ENTRIES, resume_key="k")

    assert isinstance(first.error, DatabaseLockedError)
    assert (first.committed, first.batches[1].attempts) == (2, 4)
    assert (second.ok, second.committed) == (True, 4)
    assert entered(journalled) == list(range(6))
    assert len(clock.pauses) == 3


def test_a_lock_at_the_very_beginning_is_tried_again(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits
) -> None:
    """The row of the key is looked up in a turn of its own, before anything is read."""
    stranger.execute("BEGIN IMMEDIATE")
    clock.deeds = iter([lambda: stranger.execute("COMMIT")])

    report = batched_unit_of_work(engine, entries(3), ENTRIES, resume_key="k", timeout=0)

    assert report.ok
    assert clock.pauses == [0.1]


def test_a_lock_that_stays_at_the_very_beginning_is_in_the_report(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits
) -> None:
    stranger.execute("BEGIN IMMEDIATE")
    source = entries(3)

    report = batched_unit_of_work(engine, source, ENTRIES, resume_key="k", timeout=0)

    assert isinstance(report.error, DatabaseLockedError)
    assert (report.stopped, report.ok, report.batches) == (True, False, ())
    assert report.resumed_from is None
    assert len(list(source)) == 3
    assert len(clock.pauses) == 3


@pytest.mark.parametrize(("number", "position"), [(2, 4), (4, 4)])
def test_a_lock_in_the_way_of_the_progress_alone_is_tried_again(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits, number: int, position: int
) -> None:
    """Rejected items, and the end of the source, are noted in turns of their own."""

    def prepare(item: dict[str, object]) -> dict[str, object]:
        if int(str(item["n"])) >= 2:
            raise LookupError
        return item

    def progress(batch: BatchResult) -> None:
        if batch.last_item == number - 1:
            stranger.execute("BEGIN IMMEDIATE")

    clock.deeds = iter([lambda: stranger.execute("COMMIT")])
    report = batched_unit_of_work(
        engine, entries(4), ENTRIES, batch_size=2, timeout=0, prepare=prepare, resume_key="k",
        progress=progress,
    )  # fmt: skip

    (point,) = resume_points(engine)
    assert report.error is None
    assert (point.position, point.finished, point.rejected) == (position, True, 2)
    assert clock.pauses == [0.1]


@pytest.mark.parametrize("number", [2, 3])
def test_progress_that_cannot_be_noted_stops_the_import_and_loses_nothing(
    engine: Engine, stranger: sqlite3.Connection, clock: Waits, number: int
) -> None:
    rows = [{"n": 0}, {"n": 1}, {"n": None}, {"n": 3}][: number + 1]

    def progress(batch: BatchResult) -> None:
        if batch.last_item == number:
            stranger.execute("BEGIN IMMEDIATE")

    arguments = {"work": ENTRIES, "batch_size": 1, "timeout": 0, "resume_key": "k"}
    first = batched_unit_of_work(engine, rows, progress=progress, **arguments)
    stranger.execute("COMMIT")
    second = batched_unit_of_work(engine, rows, **arguments)

    assert isinstance(first.error, DatabaseLockedError)
    assert second.error is None
    assert entered(engine) == [0, 1, 3][:number]
    assert resume_points(engine)[0].finished
    assert clock.pauses


def test_a_pool_without_a_connection_for_the_progress_is_in_the_report(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    make_entries(engine)

    with engine.connect():
        report = batched_unit_of_work(engine, entries(2), ENTRIES, resume_key="k")

    assert not isinstance(report.error, DBAPIError)
    assert "QueuePool" in str(report.error) or "pool" in str(report.error).lower()


def test_delays_double_up_to_the_longest() -> None:
    policy = RetryPolicy(base_delay=0.5, max_delay=3)

    assert [policy.delay_after(attempts) for attempts in (1, 2, 3, 4, 5000)] == [
        0.5, 1.0, 2.0, 3, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"max_attempts": 0},
        {"max_attempts": 1.5},
        {"max_attempts": True},
        {"max_attempts": math.inf},
        {"base_delay": -1},
        {"base_delay": math.nan},
        {"base_delay": math.inf},
        {"max_delay": "1"},
        {"max_delay": math.inf},
        {"budget": None},
        {"budget": False},
        {"budget": math.nan},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(settings: dict[str, object]) -> None:
    (name,) = settings

    with pytest.raises(ConfigurationError, match=name):
        RetryPolicy(**settings)


def test_a_budget_may_be_endless() -> None:
    assert RetryPolicy(budget=math.inf, base_delay=0, max_delay=0).delay_after(9) == 0


@pytest.mark.parametrize("policy", [None, 3, {"max_attempts": 3}, RetryPolicy])
def test_what_is_no_policy_is_refused(engine: Engine, policy: object) -> None:
    with pytest.raises(ConfigurationError, match="retry= cannot be"):
        batched_unit_of_work(engine, entries(1), ENTRIES, retry=policy)
