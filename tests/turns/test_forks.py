"""What becomes of turns, gates and connections when a process forks or starts another.

Each test is a program of its own, so that a hang is a failure and not a hang of the suite.
"""

import os
from pathlib import Path

import pytest

from tests.fixtures.programs import run_program

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PREAMBLE = """\
import logging, os, sys, threading
from sqlalchemy import text
from hardlite import create_hardened_engine
from hardlite.turns import gate_registry
from hardlite.turns.gate_registry import gate_for

path = sys.argv[1]
INSERT = text("INSERT INTO note VALUES (:who)")
records = []

class Records(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())

logging.getLogger("hardlite").addHandler(Records())

def engine_with_table(**options):
    engine = create_hardened_engine(f"sqlite:///{path}", **options)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS note (who TEXT)"))
    return engine

def write(engine, who):
    with engine.begin() as connection:
        connection.execute(INSERT, {"who": who})

def count(engine):
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT who, count(*) FROM note GROUP BY who"))
        return {who: number for who, number in rows}

def in_a_child(work):
    "Fork, run `work` in the child; the parent gets what to call to wait for it."
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    def join():
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "the child failed"
    return join
"""


def run(tmp_path: Path, db_path: Path, program: str) -> str:
    return run_program(tmp_path, PREAMBLE + program, db_path)


@needs_fork
def test_a_child_forked_while_other_threads_write_can_write(tmp_path: Path, db_path: Path) -> None:
    run(
        tmp_path,
        db_path,
        """
engine = engine_with_table()
done = threading.Event()
written = []

def write_on():
    while not done.is_set():
        write(engine, "parent")
        written.append(1)

def child():
    for _ in range(20):
        write(engine, "child")

writers = [threading.Thread(target=write_on) for _ in range(3)]
for writer in writers:
    writer.start()
for _ in range(5):
    in_a_child(child)()
done.set()
for writer in writers:
    writer.join()
assert count(engine) == {"parent": len(written), "child": 100}, (count(engine), len(written))
assert not [record for record in records if "cannot write" in record], records
""",
    )


@needs_fork
def test_a_fork_with_a_turn_of_its_own_warns_and_spoils_nothing(
    tmp_path: Path, db_path: Path
) -> None:
    run(
        tmp_path,
        db_path,
        """
from hardlite.errors import DatabaseLockedError, UsageError

engine = engine_with_table()
connection = engine.connect()
connection.execute(INSERT, {"who": "parent"})

def child():
    assert gate_for(path).own_holder() is None
    try:
        write(engine.execution_options(hardlite_timeout=0), "child")
    except DatabaseLockedError:
        pass
    else:
        raise AssertionError("the child wrote on an inherited lock")
    try:
        connection.execute(INSERT, {"who": "child"})
    except UsageError as error:
        assert "before a fork" in str(error), error
    else:
        raise AssertionError("the child wrote on an inherited connection")
    connection.close()

in_a_child(child)()
connection.execute(INSERT, {"who": "parent"})
connection.commit()
assert count(engine) == {"parent": 2}
turn, in_use = records
assert turn.startswith("forking while thread 'MainThread'"), turn
assert path in turn and "program.py" in turn and "'spawn'" in turn, turn
assert in_use.startswith("forking while 1 connections"), in_use
connection.close()
write(engine, "parent")
""",
    )


@needs_fork
def test_a_fork_does_not_wait_long_for_a_writer(tmp_path: Path, db_path: Path) -> None:
    run(
        tmp_path,
        db_path,
        """
gate_registry.FORK_PATIENCE = 0.01
engine = engine_with_table()
begun, done = threading.Event(), threading.Event()

def import_rows():
    with engine.begin() as connection:
        connection.execute(INSERT, {"who": "parent"})
        begun.set()
        assert done.wait(30)

importer = threading.Thread(target=import_rows, name="importer")
importer.start()
assert begun.wait(30)
in_a_child(lambda: None)()
done.set()
importer.join()
write(engine, "parent")
assert count(engine) == {"parent": 2}
assert records[0].startswith("forking while thread 'importer'"), records
""",
    )


@needs_fork
@pytest.mark.parametrize("pool", [None, "QueuePool", "NullPool"])
def test_what_a_child_commits_stays_when_its_parent_closes_the_file(
    tmp_path: Path, db_path: Path, pool: str | None
) -> None:
    """A child that inherits an open connection has no lock that says that it is there."""
    run(
        tmp_path,
        db_path,
        f"""
import sqlalchemy.pool
engine = engine_with_table(poolclass={pool and f"sqlalchemy.pool.{pool}"})
written_r, written_w = os.pipe()
closed_r, closed_w = os.pipe()

def child():
    write(engine, "child")
    os.write(written_w, b"x")
    os.read(closed_r, 1)
    write(engine, "child")

join = in_a_child(child)
os.read(written_r, 1)
engine.dispose()
os.write(closed_w, b"x")
join()
assert count(engine) == {{"child": 2}}, count(engine)
assert records == [], records
""",
    )


@needs_fork
def test_a_connection_in_use_at_a_fork_is_warned_of_and_keeps_its_place_in_the_pool(
    tmp_path: Path, db_path: Path
) -> None:
    run(
        tmp_path,
        db_path,
        """
engine = create_hardened_engine(f"sqlite:///{path}", pool_size=2, max_overflow=0, pool_timeout=0)
with engine.connect() as first, engine.connect() as second:
    pass
with engine.connect() as first:
    first.execute(text("SELECT 1"))
    in_a_child(lambda: None)()
    with engine.connect() as second:
        assert engine.pool.checkedout() == 2
        try:
            engine.connect()
        except Exception as error:
            assert "QueuePool limit" in str(error), error
        else:
            raise AssertionError("more connections than allowed")
assert len(records) == 1 and "1 connections" in records[0], records
""",
    )


@needs_fork
def test_a_database_in_memory_outlives_a_fork(tmp_path: Path, db_path: Path) -> None:
    run(
        tmp_path,
        db_path,
        """
for url in ("sqlite://", "sqlite:///file::memory:?cache=shared&uri=true"):
    path = "memory"
    engine = create_hardened_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (who TEXT)"))
    in_a_child(lambda: None)()
    write(engine, "parent")
    assert count(engine) == {"parent": 1}
    engine.dispose()
""",
    )


@needs_fork
def test_a_child_may_drop_what_it_inherited(tmp_path: Path, db_path: Path) -> None:
    """The collector of the child closes nothing that the parent still needs."""
    run(
        tmp_path,
        db_path,
        """
import gc
engine = engine_with_table()
held = [engine.connect()]
held[0].execute(INSERT, {"who": "parent"})

def child():
    held.clear()
    gc.collect()

in_a_child(child)()
held[0].execute(INSERT, {"who": "parent"})
held[0].commit()
held.clear()
assert count(engine) == {"parent": 2}
""",
    )


@pytest.mark.parametrize(
    "method",
    ["spawn", *(pytest.param(method, marks=needs_fork) for method in ("fork", "forkserver"))],
)
def test_processes_started_by_any_method_write_beside_their_parent(
    tmp_path: Path, db_path: Path, method: str
) -> None:
    run(
        tmp_path,
        db_path,
        f"""
import multiprocessing

def child(path):
    engine = create_hardened_engine(f"sqlite:///{{path}}")
    for _ in range(20):
        write(engine, "child")
    engine.dispose()

if __name__ == "__main__":
    engine = engine_with_table()
    context = multiprocessing.get_context({method!r})
    children = [context.Process(target=child, args=(path,)) for _ in range(2)]
    for process in children:
        process.start()
    for _ in range(20):
        write(engine, "parent")
    for process in children:
        process.join(50)
        assert process.exitcode == 0
    assert count(engine) == {{"parent": 20, "child": 40}}
    assert records == [], records
    engine.dispose()
""",
    )
