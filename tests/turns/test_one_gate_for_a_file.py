"""One gate for each file, however it is spelled, and whatever becomes of the gate's own files."""

import contextvars
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from hardlite import DatabaseLockedError
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import needs_proc
from tests.fixtures.writers import INCREMENT, WriterFactory, count, increment, make_counter

pytestmark = needs_proc


def test_files_deleted_under_two_writers_cost_no_update(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    """For a moment both have the turn; SQLite's own lock keeps them apart."""
    writers = [new_writer(), new_writer()]
    done = False
    for one in writers:
        one.ask("add", 300)
    while not done:
        for suffix in ("-gate", "-gateq"):
            Path(f"{db_path}{suffix}").unlink(missing_ok=True)
        done = all(one.has_answered() for one in writers)

    assert [one.answer() for one in writers] == [None, None]
    assert count(counted) == 600


def test_two_who_both_have_the_turn_are_kept_apart_by_sqlite(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    """One that comes later finds a new gate file, and nobody who has its lock."""
    holder, late = new_writer(), new_writer(timeout=0.05)
    holder.do("begin")
    Path(f"{db_path}-gate").unlink()
    late.ask("begin")
    error = str(late.answer())
    holder.do("commit")

    assert "outside of hardlite" in error
    assert f"process {holder.pid} " in error
    late.do("add", 1)
    assert count(counted) == 2


def test_who_waits_at_a_deleted_file_is_not_told_to_wait_for_itself(
    make_engine: EngineFactory, counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    holder = new_writer()
    holder.do("begin")
    Path(f"{db_path}-gate").unlink()

    with pytest.raises(DatabaseLockedError) as caught:
        increment(make_engine(timeout=0.05))
    holder.do("commit")

    assert f"process {os.getpid()} " not in str(caught.value)
    increment(counted)
    assert count(counted) == 2


def test_where_the_files_cannot_be_had_processes_still_lose_nothing(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    counted.dispose()
    Path(f"{db_path}-gate").unlink()
    Path(f"{db_path}-gate").mkdir()
    writers = [new_writer(timeout=PATIENCE) for _ in range(3)]
    for one in writers:
        one.ask("add", 50)

    assert [one.answer() for one in writers] == [None] * 3
    assert count(counted) == 150


@pytest.mark.parametrize("name", ["with spaces.db", "Größe 数据.db", "a'b.db"])
def test_every_name_of_a_file_has_a_gate_beside_it(
    make_engine: EngineFactory, new_writer: WriterFactory, tmp_path: Path, name: str
) -> None:
    database = tmp_path / name
    engine = make_engine(database, timeout=0.05)
    make_counter(engine)
    other = new_writer(database)
    other.do("begin")

    with pytest.raises(DatabaseLockedError, match=f"process {other.pid} "):
        increment(engine)
    other.do("commit")

    assert {file.name for file in tmp_path.iterdir() if file.name.startswith(name)} >= {
        name,
        f"{name}-gate",
        f"{name}-gateq",
    }
    assert count(engine) == 1


@pytest.mark.parametrize(
    "spelling", ["sqlite:///{link}", "sqlite:///{relative}", "sqlite:///file:{path}?uri=true"]
)
def test_every_spelling_of_a_path_leads_to_one_gate(
    new_writer: WriterFactory,
    make_engine: EngineFactory,
    counted: Engine,
    db_path: Path,
    spelling: str,
) -> None:
    link = db_path.parent / "link" / "other.db"
    link.parent.mkdir()
    link.symlink_to(db_path)
    url = spelling.format(link=link, path=db_path, relative=os.path.relpath(db_path))
    other = new_writer(url)
    other.do("begin")

    with pytest.raises(DatabaseLockedError, match=f"the turn is held by .*process {other.pid} "):
        increment(make_engine(timeout=0.05))
    with pytest.raises(DatabaseLockedError, match=f"the turn is held by .*process {other.pid} "):
        increment(make_engine(url, timeout=0.05))
    other.do("commit")

    assert sorted(db_path.parent.rglob("*-gate*")) == [
        Path(f"{db_path}-gate"),
        Path(f"{db_path}-gateq"),
    ]
    assert count(counted) == 1


def test_a_second_name_of_the_same_file_has_another_gate_and_sqlite_keeps_order(
    make_engine: EngineFactory, new_writer: WriterFactory, db_path: Path
) -> None:
    """With a rollback journal; SQLite's own files beside the database have two names too.

    In WAL mode two names corrupt a database (sqlite.org, "How To Corrupt An SQLite Database
    File", section 2.5).
    """
    engine = make_engine(journal_mode="delete")
    make_counter(engine)
    second = db_path.with_name("second.db")
    second.hardlink_to(db_path)
    writers = [new_writer(path, journal_mode="delete") for path in (db_path, second)]
    for one in writers:
        one.ask("add", 50)

    assert [one.answer() for one in writers] == [None, None]
    assert count(engine) == 100


def test_an_error_about_a_file_that_cannot_be_looked_at_still_names_the_thread(
    counted: Engine, db_path: Path
) -> None:
    """Somebody has moved the directory while a transaction was open."""
    moved = db_path.parent.with_name(f"{db_path.parent.name}-moved")
    with counted.connect() as waiting, counted.connect() as writing:
        writing.execute(INCREMENT)
        db_path.parent.rename(moved)
        db_path.parent.touch()
        try:
            with ThreadPoolExecutor(1) as pool:
                hasty = waiting.execution_options(hardlite_timeout=0)
                error = pool.submit(hasty.execute, INCREMENT).exception(PATIENCE)
        finally:
            db_path.parent.unlink()
            moved.rename(db_path.parent)
        writing.commit()

    assert isinstance(error, DatabaseLockedError)
    assert f"held by thread {threading.current_thread().name!r}" in str(error)


def test_an_error_about_a_shared_database_in_memory_names_the_thread(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine(
        "sqlite:///file:one_gate?mode=memory&cache=shared&uri=true", poolclass=QueuePool
    )
    make_counter(engine)
    with engine.connect() as writing:
        writing.execute(INCREMENT)
        hasty = engine.execution_options(hardlite_timeout=0)
        with pytest.raises(DatabaseLockedError) as caught:
            # On somebody else's behalf: a connection in memory stays with its thread.
            contextvars.Context().run(increment, hasty)
        writing.commit()

    assert f"held by thread {threading.current_thread().name!r}" in str(caught.value)
