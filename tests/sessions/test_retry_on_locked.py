"""`retry_on_locked`: which failure is tried again, and how often."""

import inspect
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import sqlalchemy
import stamina
from sqlalchemy import Engine, text
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from hardlite import retry_on_locked
from hardlite.errors import (
    ConfigurationError,
    DatabaseLockedError,
    MissingExtraError,
    StaleSnapshotError,
)
from tests.fixtures.databases import EngineFactory

INSERT = text("INSERT INTO note VALUES ('a')")


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    """A hardened engine that does not wait, on a database with one table."""
    engine = make_engine(timeout=0.0)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT)"))
    return engine


@pytest.fixture
def foreigner(engine: Engine) -> Iterator[sqlite3.Connection]:
    """A program without hardlite."""
    with closing(sqlite3.connect(path_of(engine), timeout=0, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def without_delays() -> Iterator[None]:
    """Three attempts for everything, with no pause between them: stamina's own mode for tests."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def path_of(engine: Engine) -> str:
    return str(engine.url.database)


def notes(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM note")).scalar_one()


# Programs that meet a lock


def write_with_sqlite3(engine: Engine) -> None:
    with closing(sqlite3.connect(path_of(engine), timeout=0)) as connection, connection:
        connection.execute("INSERT INTO note VALUES ('a')")


def write_with_sqlalchemy(engine: Engine) -> None:
    plain = sqlalchemy.create_engine(f"sqlite:///{path_of(engine)}", connect_args={"timeout": 0})
    try:
        with plain.begin() as connection:
            connection.execute(INSERT)
    finally:
        plain.dispose()


def write_with_hardlite(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(INSERT)


WRITES = [write_with_sqlite3, write_with_sqlalchemy, write_with_hardlite]


@pytest.mark.usefixtures("without_delays")
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_a_lock_that_is_gone_at_the_second_attempt_goes_unnoticed(
    engine: Engine,
    foreigner: sqlite3.Connection,
    write: Callable[[Engine], None],
) -> None:
    foreigner.execute("BEGIN IMMEDIATE")
    runs = []

    @retry_on_locked()
    def save(who: str, *, count: int) -> tuple[str, int]:
        runs.append(who)
        if len(runs) == 2:
            foreigner.execute("ROLLBACK")
        write(engine)
        return who, count

    assert save("me", count=7) == ("me", 7)
    assert (len(runs), notes(engine)) == (2, 1)


@pytest.mark.parametrize("attempts", [1, 2, 5])
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_the_last_lock_error_comes_through_unchanged(
    engine: Engine,
    foreigner: sqlite3.Connection,
    write: Callable[[Engine], None],
    attempts: int,
) -> None:
    foreigner.execute("BEGIN IMMEDIATE")
    errors: list[Exception] = []

    @retry_on_locked(max_attempts=attempts, base_delay=0, max_delay=0)
    def save() -> None:
        try:
            write(engine)
        except (sqlite3.OperationalError, DatabaseLockedError, sqlalchemy.exc.DBAPIError) as error:
            errors.append(error)
            raise

    with pytest.raises(Exception, match="database is locked") as caught:
        save()

    assert len(errors) == attempts
    assert caught.value is errors[-1]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT * FROM "database is locked"', sqlite3.OperationalError),
        ("INSERT INTO guarded VALUES (1)", sqlite3.IntegrityError),
    ],
)
@pytest.mark.usefixtures("without_delays")
def test_an_error_that_only_reads_like_a_lock_is_not_tried_again(
    foreigner: sqlite3.Connection, sql: str, expected: type[sqlite3.Error]
) -> None:
    foreigner.executescript(
        "CREATE TABLE guarded (n); CREATE TRIGGER guard BEFORE INSERT ON guarded "
        "BEGIN SELECT RAISE(ABORT, 'database is locked'); END"
    )
    runs = []

    @retry_on_locked()
    def ask() -> None:
        runs.append(sql)
        foreigner.execute(sql)

    with pytest.raises(expected, match="database is locked"):
        ask()

    assert len(runs) == 1


@pytest.mark.usefixtures("without_delays")
def test_a_stale_snapshot_is_started_again(
    make_engine: EngineFactory, engine: Engine, foreigner: sqlite3.Connection
) -> None:
    strict = make_engine(transaction="snapshot")
    stale = []

    @retry_on_locked()
    def copy_count() -> int:
        with strict.begin() as connection:
            count = connection.execute(text("SELECT count(*) FROM note")).scalar_one()
            if not stale:
                foreigner.execute("INSERT INTO note VALUES ('b')")
            try:
                connection.execute(text("INSERT INTO note VALUES (:count)"), {"count": count})
            except StaleSnapshotError as error:
                stale.append(error)
                raise
            return count

    assert copy_count() == 1
    assert (len(stale), notes(engine)) == (1, 2)


def commit_and_fail(engine: Engine, runs: list[str]) -> None:
    """Commit one note, then meet a lock."""
    runs.append("run")
    write_with_hardlite(engine)
    with closing(sqlite3.connect(path_of(engine), isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        write_with_sqlite3(engine)


@pytest.mark.usefixtures("without_delays")
@pytest.mark.parametrize(("idempotent_only", "times"), [(True, 1), (False, 3)])
def test_what_has_committed_runs_again_only_if_everything_may_happen_twice(
    engine: Engine, *, idempotent_only: bool, times: int
) -> None:
    runs: list[str] = []
    again = retry_on_locked(idempotent_only=idempotent_only)

    with pytest.raises(sqlite3.OperationalError):
        again(commit_and_fail)(engine, runs)

    assert (len(runs), notes(engine)) == (times, times)


@pytest.mark.usefixtures("without_delays")
def test_what_was_committed_before_the_call_does_not_count(
    engine: Engine, foreigner: sqlite3.Connection
) -> None:
    write_with_hardlite(engine)
    foreigner.execute("BEGIN IMMEDIATE")
    runs = []

    @retry_on_locked()
    def save() -> None:
        runs.append("run")
        write_with_hardlite(engine)

    for _ in range(2):
        with pytest.raises(DatabaseLockedError):
            save()

    assert len(runs) == 6


def test_the_delays_lie_between_the_base_and_the_longest(
    engine: Engine, foreigner: sqlite3.Connection
) -> None:
    """The hooks of stamina are told how long it is going to wait."""
    foreigner.execute("BEGIN IMMEDIATE")
    delays: list[float] = []

    def note_delay(details: RetryDetails) -> None:
        delays.append(details.wait_for)

    set_on_retry_hooks([note_delay])
    try:
        with pytest.raises(DatabaseLockedError):
            retry_on_locked(max_attempts=6, base_delay=0.001, max_delay=0.004)(write_with_hardlite)(
                engine
            )
    finally:
        set_on_retry_hooks(None)

    assert len(delays) == 5
    assert delays[0] == pytest.approx(0.0015, abs=0.0006)
    assert delays[-1] == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("setting", "value"), [("max_attempts", 0), ("base_delay", -0.1), ("max_delay", -1)]
)
def test_a_number_that_makes_no_sense_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"{setting}={value}")):
        retry_on_locked(**{setting: value})  # type: ignore[arg-type]


def test_the_decorated_function_looks_like_itself() -> None:
    def close_month(month: int) -> int:
        """Close one month."""
        return month

    decorated = retry_on_locked()(close_month)

    assert (decorated.__name__, decorated.__doc__) == ("close_month", "Close one month.")
    assert inspect.signature(decorated) == inspect.signature(close_month)
    assert decorated(3) == 3


def test_without_stamina_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stamina", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'hardlite\[retry\]'"):
        retry_on_locked()
