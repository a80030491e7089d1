"""A database file that is replaced or deleted under a connection takes no commit unnoticed."""

import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from hardlite import DatabaseReplacedError, HardliteError, batched_unit_of_work, get_sessionmaker
from hardlite.errors import FileReplacedError
from tests.fixtures.databases import EngineFactory

INSERT = text("INSERT INTO note VALUES ('mine')")


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    engine = make_engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    return engine


def notes(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [words for (words,) in connection.execute("SELECT words FROM note")]
    finally:
        connection.close()


def put_another_in_place(path: Path) -> None:
    """Do what a restore or a deployment does: the old file loses its name, not its content."""
    other = path.with_name("other.db")
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE note (words TEXT)")
    connection.close()
    os.replace(other, path)  # noqa: PTH105
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()


def move(path: Path) -> None:
    shutil.move(path, path.with_name("elsewhere.db"))


CHANGES = [put_another_in_place, delete, move]


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_noticed_before_anything_is_written(
    engine: Engine, db_path: Path, change: Callable[[Path], None]
) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT * FROM note")).all()
        change(db_path)

        with pytest.raises(DatabaseReplacedError) as caught:
            connection.execute(INSERT)

    error = caught.value
    assert isinstance(error, OperationalError)
    assert isinstance(error, HardliteError)
    assert f"{db_path} was deleted, moved or replaced" in str(error)
    assert "nothing was written" in str(error)
    assert error.hint in str(error)
    assert isinstance(error.orig, FileReplacedError)
    assert error.orig.sqlite_errorcode == sqlite3.SQLITE_READONLY_DBMOVED


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_noticed_when_the_commit_is_lost(
    engine: Engine, db_path: Path, change: Callable[[Path], None]
) -> None:
    with engine.connect() as connection:
        connection.execute(INSERT)
        change(db_path)

        with pytest.raises(DatabaseReplacedError, match="what this transaction committed is lost"):
            connection.commit()


def test_so_is_a_wal_that_somebody_deleted(engine: Engine, db_path: Path) -> None:
    with engine.connect() as connection:
        connection.execute(INSERT)
        connection.commit()
        db_path.with_name("app.db-wal").unlink()
        connection.execute(INSERT)

        with pytest.raises(DatabaseReplacedError, match=r"app\.db-wal was deleted"):
            connection.commit()


def test_the_next_connection_opens_the_file_that_is_there_now(
    engine: Engine, db_path: Path
) -> None:
    with engine.connect() as first, engine.connect():
        put_another_in_place(db_path)
        with pytest.raises(DatabaseReplacedError):
            first.execute(INSERT)

    with engine.begin() as connection:
        connection.execute(INSERT)

    assert notes(db_path) == ["mine"]


def test_a_writer_session_is_told_too(engine: Engine, db_path: Path) -> None:
    maker = get_sessionmaker(engine)
    put_another_in_place(db_path)

    with pytest.raises(DatabaseReplacedError), maker.writer():
        pass

    with maker.writer() as session:
        session.execute(INSERT)
    assert notes(db_path) == ["mine"]


def test_a_commit_under_autocommit_is_looked_after(engine: Engine, db_path: Path) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(INSERT)
        delete(db_path)
        with pytest.raises(DatabaseReplacedError, match="nothing was written"):
            connection.execute(INSERT)


def test_a_snapshot_is_not_taken_of_a_file_that_is_gone(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine(transaction="snapshot")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    with engine.connect() as connection:
        put_another_in_place(db_path)
        with pytest.raises(DatabaseReplacedError):
            connection.execute(text("SELECT * FROM note"))


def test_an_import_stops_there(engine: Engine, db_path: Path) -> None:
    def write(session: object, item: int) -> None:
        if item == 3:
            put_another_in_place(db_path)
        session.execute(INSERT)  # type: ignore[attr-defined]

    report = batched_unit_of_work(engine, range(10), write, batch_size=2)

    assert isinstance(report.error, DatabaseReplacedError)
    assert [batch.outcome for batch in report.batches] == ["committed", "failed"]
    assert report.committed == 2


def test_what_is_never_replaced_is_never_complained_of(
    make_engine: EngineFactory, tmp_path: Path
) -> None:
    """The WAL comes and goes with the connections, and a rollback journal with each transaction."""
    for mode in ("wal", "delete"):
        path = tmp_path / f"{mode}.db"
        engine = make_engine(path, journal_mode=mode)
        for statement in ("CREATE TABLE note (words TEXT)", "INSERT INTO note VALUES ('mine')"):
            with engine.begin() as connection:
                connection.execute(text(statement))
            engine.dispose()
        with engine.begin() as connection:
            connection.execute(INSERT)
            connection.execute(INSERT)
        assert notes(path) == ["mine"] * 3


def test_the_error_can_be_sent_to_another_process(engine: Engine, db_path: Path) -> None:
    with engine.connect() as connection:
        delete(db_path)
        with pytest.raises(DatabaseReplacedError) as caught:
            connection.execute(INSERT)

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301

    assert (str(again), again.hint) == (str(caught.value), caught.value.hint)
    assert again.orig.hint == again.hint
