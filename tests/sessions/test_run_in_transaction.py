"""`run_in_transaction`: one function, as a whole, once in the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hardlite import get_sessionmaker, run_in_transaction
from hardlite.errors import ConfigurationError, DatabaseLockedError
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.databases import EngineFactory

INSERT = text("INSERT INTO note VALUES ('a')")


@pytest.fixture
def rollback_journal(make_engine: EngineFactory) -> Engine:
    """An engine on a database with one table in which a reader stands in the way of a COMMIT."""
    engine = make_engine(journal_mode="delete", busy_timeout=0.0)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT UNIQUE)"))
    return engine


@pytest.fixture
def reader(rollback_journal: Engine) -> Iterator[sqlite3.Connection]:
    """A program without hardlite that reads and does not stop."""
    file = str(rollback_journal.url.database)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM note").fetchall()
        yield connection


def notes(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM note")).scalar_one()


def test_it_returns_what_the_work_returned_and_commits(rollback_journal: Engine) -> None:
    def work(session: Session) -> str:
        session.execute(INSERT)
        return "done"

    assert run_in_transaction(rollback_journal, work) == "done"
    assert notes(rollback_journal) == 1


def test_a_sessionmaker_will_do(rollback_journal: Engine) -> None:
    seen = run_in_transaction(
        get_sessionmaker(rollback_journal), lambda session: session.connection().engine.url
    )

    assert seen == rollback_journal.url


def test_an_error_of_the_work_rolls_back_and_comes_through_at_once(
    rollback_journal: Engine,
) -> None:
    runs = []

    def work(session: Session) -> None:
        runs.append(session)
        session.execute(INSERT)
        session.execute(INSERT)

    with pytest.raises(IntegrityError):
        run_in_transaction(rollback_journal, work)

    assert (len(runs), notes(rollback_journal)) == (1, 0)


def test_it_runs_again_when_its_commit_met_a_reader(
    rollback_journal: Engine, reader: sqlite3.Connection
) -> None:
    """The reader leaves during the second run.

    writer                      reader
                                BEGIN, SELECT
    BEGIN, INSERT, COMMIT
                 <-- busy --
                 --- again -->
                                ROLLBACK
    BEGIN, INSERT, COMMIT
    """
    runs = []

    def work(session: Session) -> int:
        runs.append(session)
        if len(runs) == 2:
            reader.execute("ROLLBACK")
        session.execute(INSERT)
        return len(runs)

    assert run_in_transaction(rollback_journal, work) == 2
    assert (runs[0] is runs[1], notes(rollback_journal)) == (False, 1)


@pytest.mark.usefixtures("reader")
def test_it_does_not_run_again_when_the_work_committed_elsewhere(
    rollback_journal: Engine, make_engine: EngineFactory, tmp_path: Path
) -> None:
    """A second run would commit twice there."""
    other = make_engine(tmp_path / "other.db")
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT)"))

    def work(session: Session) -> None:
        with other.begin() as connection:
            connection.execute(INSERT)
        session.execute(INSERT)

    with pytest.raises(DatabaseLockedError):
        run_in_transaction(rollback_journal, work)

    assert (notes(other), notes(rollback_journal)) == (1, 0)


def test_it_gives_up_when_the_time_is_over(
    rollback_journal: Engine, reader: sqlite3.Connection, db_path: Path
) -> None:
    with pytest.raises(DatabaseLockedError):
        run_in_transaction(rollback_journal, lambda session: session.execute(INSERT), timeout=0.02)

    assert gate_for(str(db_path)).holder() is None
    reader.execute("ROLLBACK")
    assert notes(rollback_journal) == 0


@pytest.mark.usefixtures("reader")
def test_the_time_is_the_profiles_if_none_is_given(make_engine: EngineFactory) -> None:
    hasty = make_engine(journal_mode="delete", busy_timeout=0.0, timeout=0.0)

    with pytest.raises(DatabaseLockedError):
        run_in_transaction(hasty, lambda session: session.execute(INSERT))


def test_work_that_nobody_would_await_is_refused(rollback_journal: Engine) -> None:
    async def later(session: Session) -> None:
        session.execute(INSERT)

    with pytest.raises(ConfigurationError, match="async_run_in_transaction"):
        run_in_transaction(rollback_journal, later)
