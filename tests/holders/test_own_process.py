"""Asking in the very process that writes: nothing is opened, and threads are told apart."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from hardlite import holders
from tests.fixtures.arrivals import PATIENCE, listening
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import locks_of, needs_proc

pytestmark = needs_proc


@pytest.fixture
def table(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_asking_drops_no_lock_of_the_process_that_asks(
    make_engine: EngineFactory, db_path: Path, journal_mode: str
) -> None:
    engine = make_engine(journal_mode=journal_mode)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
        before = locks_of(os.getpid())
        found = [holders(target) for target in (engine, db_path, f"sqlite:///{db_path}")]
        after = locks_of(os.getpid())
        other = sqlite3.connect(db_path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()

    assert len(before) >= 2
    assert after == before
    assert [one.writer.pid for one in found if one.writer] == [os.getpid()] * 3


@pytest.mark.usefixtures("table")
def test_the_turn_is_told_with_the_thread_and_the_line_where_it_began(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a')"))
        turn = holders(engine).turn
    after = holders(engine)

    assert turn is not None
    assert turn.site is not None
    assert (turn.thread, turn.state) == ("thread 'MainThread'", "running")
    assert turn.site.file == __file__
    assert turn.held is not None
    assert turn.command is not None
    assert not after.anybody


@pytest.mark.usefixtures("table")
def test_threads_that_wait_are_told_one_by_one_in_order(make_engine: EngineFactory) -> None:
    engine = make_engine(warn_wait=0)

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO note VALUES ('b')"))

    with ThreadPoolExecutor(3, thread_name_prefix="w") as pool, listening() as arrivals:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO note VALUES ('a')"))
            done = []
            for _ in range(3):
                done.append(pool.submit(write))
                arrivals.meet()
            found = holders(engine)
        for one in done:
            one.result(timeout=PATIENCE)

    first = found.next_in_line
    assert first is not None
    assert [one.thread for one in (first, *found.queue)] == [f"thread 'w_{n}'" for n in range(3)]
    assert all(one.held is not None and one.site is not None for one in found.queue)


@pytest.mark.usefixtures("table")
def test_an_engine_without_hardlite_is_looked_at_like_any_other(db_path: Path) -> None:
    engine = create_engine(f"sqlite:///{db_path}")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a')"))
        found = holders(engine)
    engine.dispose()

    assert found.turn is None
    assert found.writer is not None
    assert found.writer.pid == os.getpid()


@pytest.mark.usefixtures("table")
def test_the_write_lock_of_a_process_is_not_laid_to_the_thread_that_has_the_turn(
    engine: Engine,
) -> None:
    """Another connection of the process, without hardlite, may have it while that thread waits."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a')"))
        writer = holders(engine).writer

    assert writer is not None
    assert (writer.thread, writer.site) == (None, None)
