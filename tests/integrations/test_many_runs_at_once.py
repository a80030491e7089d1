"""One run of migrations at a time on a file, whoever starts it."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from hardlite import DatabaseLockedError
from hardlite.clock import system_clock
from hardlite.integrations.alembic.happenings import Happening
from hardlite.integrations.alembic.run_lock import one_run_at_a_time, run_lock_file
from tests.fixtures.alembic_projects import FAMILY, REBUILD, AlembicProject
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.clocks import SetClock
from tests.fixtures.databases import EngineFactory

PROCESSES = 4

needs_flock = pytest.mark.skipif(sys.platform == "win32", reason="nobody has run it there")


def noting(project: AlembicProject) -> str:
    """A line of a migration by which a test sees how often it ran."""
    return f"open({str(project.home / 'ran')!r}, 'a', encoding='utf-8').write('x')"


def upgrade_in_processes(project: AlembicProject) -> list[str]:
    """Let several processes upgrade to the head at once; return what those said that failed."""
    command = [sys.executable, "-m", "alembic", "-c", str(project.ini), "upgrade", "head"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(PROCESSES)
    ]
    outputs = [process.communicate()[0].decode() for process in processes]
    return [
        text for process, text in zip(processes, outputs, strict=True) if process.returncode != 0
    ]


@pytest.mark.parametrize("file", ["fresh", "old"])
def test_of_processes_that_upgrade_at_once_one_does_it_and_none_fails(
    project: AlembicProject, file: str
) -> None:
    if file == "fresh":
        project.add("one", FAMILY)
    else:
        project.family()
    project.add("two", f"{REBUILD}\n{noting(project)}")

    assert upgrade_in_processes(project) == []

    assert project.version() == "two"
    assert (project.home / "ran").read_text(encoding="utf-8") == "x"
    assert project.sql("SELECT count(*) FROM child") == [(0 if file == "fresh" else 2,)]
    assert not Path(run_lock_file(str(project.database))).exists()


@needs_flock
def test_a_run_waits_for_the_other_one_and_is_told_who_that_is(db_path: Path) -> None:
    told: list[Happening] = []
    waiting = threading.Event()

    def tell(happening: Happening) -> None:
        told.append(happening)
        waiting.set()

    def second() -> None:
        with one_run_at_a_time(
            str(db_path), timeout=PATIENCE, clock=system_clock, pause=system_clock.sleep, tell=tell
        ):
            assert not inside.is_set()

    inside = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with one_run_at_a_time(
            str(db_path), timeout=0, clock=system_clock, pause=system_clock.sleep, tell=None
        ):
            inside.set()
            running = pool.submit(second)
            assert waiting.wait(PATIENCE)
            inside.clear()
        running.result()

    assert [happening.what for happening in told] == ["waiting"]
    assert f"of process {os.getpid()}" in str(told[0])


@needs_flock
def test_a_run_that_waits_too_long_names_the_other_one(db_path: Path) -> None:
    clock = SetClock()
    with (
        one_run_at_a_time(str(db_path), timeout=0, clock=clock, pause=clock.sleep, tell=None),
        pytest.raises(DatabaseLockedError) as caught,
        one_run_at_a_time(str(db_path), timeout=5, clock=clock, pause=clock.sleep, tell=None),
    ):
        pytest.fail("two runs at once")

    assert caught.value.waited == pytest.approx(5, abs=0.1)
    assert caught.value.holder is not None
    assert caught.value.holder.pid == os.getpid()
    assert "give run_migrations a longer timeout=" in str(caught.value)


@needs_flock
def test_an_owner_that_has_not_told_its_name_is_still_waited_for(db_path: Path) -> None:
    import fcntl

    clock, told = SetClock(), []
    with Path(run_lock_file(str(db_path))).open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(DatabaseLockedError, match="has not told its name") as caught,
            one_run_at_a_time(
                str(db_path), timeout=1, clock=clock, pause=clock.sleep, tell=told.append
            ),
        ):
            pytest.fail("two runs at once")

    assert caught.value.holder is None
    assert [str(happening) for happening in told] == [
        "waiting for another run of migrations: a process that has not said who"
    ]


@needs_flock
def test_without_a_lock_file_the_run_goes_on_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = tmp_path / "app.db"
    Path(run_lock_file(str(database))).mkdir()
    clock = SetClock()

    with one_run_at_a_time(str(database), timeout=0, clock=clock, pause=clock.sleep, tell=None):
        assert "nobody is kept from migrating" in caplog.text


def test_a_writer_in_the_way_is_waited_for_in_turn_and_named(
    project: AlembicProject, make_engine: EngineFactory
) -> None:
    """The lock of the runs is free, and the turn is not."""
    project.family()
    project.add("two", REBUILD)
    engine = make_engine(timeout=0.05)
    other = sqlite3.connect(project.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseLockedError, match="outside of hardlite"):
        project.upgrade(connection=engine)
    other.close()

    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert project.version() == "one"


def test_an_asynchronous_run_waits_without_stopping_its_loop(project: AlembicProject) -> None:
    project.family()
    project.add("two", REBUILD)
    order: list[str] = []
    waiting = asyncio.Event()

    def told(what: str) -> None:
        order.append(what)
        waiting.set()

    async def migrate() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{project.database}?plugin=hardlite")
        async with engine.connect() as connection:
            await connection.run_sync(lambda sync: project.upgrade(connection=sync, told=told))
        await engine.dispose()
        order.append("migrated")

    async def main() -> None:
        lock = one_run_at_a_time(
            str(project.database),
            timeout=0,
            clock=system_clock,
            pause=system_clock.sleep,
            tell=None,
        )
        with lock:
            running = asyncio.create_task(migrate())
            await waiting.wait()
            order.append("the loop goes on")
        await running

    project.env(
        'progress=lambda it: context.config.attributes["told"](it.what) if "told" in '
        "context.config.attributes else None"
    )
    asyncio.run(main())

    assert order[:2] == ["waiting", "the loop goes on"]
    assert order[-2:] == ["done", "migrated"]
    assert "rebuild" in order
