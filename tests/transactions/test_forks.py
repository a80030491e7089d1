"""A child process never uses and never closes what it inherited, and opens its own.

Each test runs a program of its own: a fork in the process that runs the tests would copy the
threads' state of the test runner too.
"""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
pytestmark = pytest.mark.usefixtures("notes")

PREPARED = """
import gc, os, signal, sys, threading, traceback
from sqlalchemy import text
from sqlalchemy.orm import Session
from hardlite import create_hardened_engine
from hardlite.errors import UsageError

path = sys.argv[1]
engine = create_hardened_engine("sqlite:///" + path)
WRITE = "INSERT INTO notes (body) VALUES ('{}')"


def child(work):
    # Fork, do the work in the child, and say in the parent how it ended.
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, status = os.waitpid(process, 0)
    assert status == 0, status


def refused(work):
    try:
        work()
    except UsageError as error:
        assert "opened before a fork" in str(error)
        assert "Open a new one in the child" in error.hint
        return
    raise AssertionError("it was not refused")
"""


@pytest.fixture
def run(db_path: Path) -> Callable[[str], None]:
    """Runs a program after `PREPARED`, which must end without an error."""

    def run(program: str) -> None:
        whole = PREPARED + textwrap.dedent(program) + "\nengine.dispose()\n"
        done = subprocess.run(
            [sys.executable, "-c", whole, str(db_path)],
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=100,
        )
        assert done.returncode == 0, done.stderr

    return run


@needs_fork
@pytest.mark.parametrize("before", ["", "driver.execute(WRITE.format('open'))"])
def test_an_inherited_connection_refuses_everything(
    run: Callable[[str], None], bodies: Callable[[], list[str]], before: str
) -> None:
    """Also in the middle of a writing transaction, which is the parent's to end."""
    run(f"""
        raw = engine.raw_connection()
        driver = raw.driver_connection
        {before}

        def work():
            refused(lambda: driver.execute("SELECT body FROM notes"))
            refused(lambda: driver.execute("PRAGMA user_version"))
            refused(lambda: driver.execute(WRITE.format("child")))
            refused(lambda: driver.executemany("INSERT INTO notes (body) VALUES (?)", [("child",)]))
            refused(lambda: driver.executescript(WRITE.format("child")))
            refused(lambda: driver.execute("COMMIT"))
            refused(driver.commit)
            refused(lambda: setattr(driver, "isolation_level", None))
            refused(lambda: driver.blobopen("notes", "body", 1))

        child(work)
        driver.execute(WRITE.format("parent"))
        driver.commit()
        raw.close()
    """)
    assert bodies() == (["open", "parent"] if before else ["parent"])


@needs_fork
def test_an_inherited_session_ends_without_touching_the_parents_transaction(
    run: Callable[[str], None], bodies: Callable[[], list[str]]
) -> None:
    run("""
        session = Session(engine)
        session.execute(text(WRITE.format("parent")))

        def work():
            refused(lambda: session.execute(text(WRITE.format("child"))))
            session.close()

        child(work)
        session.commit()
        session.close()
    """)
    assert bodies() == ["parent"]


@needs_fork
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")
@pytest.mark.parametrize(
    "end",
    [
        "driver.close()",
        "driver.rollback(); raw.detach(); raw.close()",
        "raw.close(); engine.dispose()",
        "raw.detach(); del raw, driver",
        "raw.invalidate(); del raw, driver, engine",
    ],
)
def test_nothing_closes_an_inherited_connection(run: Callable[[str], None], end: str) -> None:
    run(f"""
        raw = engine.raw_connection()
        driver = raw.driver_connection
        driver.execute("SELECT body FROM notes").fetchall()

        def open_files():
            found = []
            for name in os.listdir("/proc/self/fd"):
                try:
                    target = os.readlink("/proc/self/fd/" + name)
                except FileNotFoundError:
                    continue
                if target.startswith(path):
                    found.append(target)
            return sorted(found)

        before = open_files()
        assert path in before

        def work():
            global raw, driver, engine
            {end}
            gc.collect()
            assert open_files() == before, open_files()

        child(work)
        raw.close()
    """)


@needs_fork
def test_a_child_that_ends_as_programs_do_closes_nothing_either(db_path: Path) -> None:
    """The last to close a database removes its WAL; here the parent dies before it can."""
    program = (
        PREPARED
        + """
raw = engine.raw_connection()
raw.driver_connection.execute(WRITE.format("parent"))
raw.driver_connection.commit()
read_end, write_end = os.pipe()
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
os.close(write_end)
assert os.read(read_end, 1) == b""
assert os.path.exists(path + "-wal")
"""
    )
    # The child has the same standard output, so this waits for both.
    done = subprocess.run(
        [sys.executable, "-c", program, str(db_path)], check=False, capture_output=True, timeout=100
    )
    assert done.returncode == -signal.SIGKILL
    assert b"Traceback" not in done.stderr, done.stderr
    assert db_path.with_name("app.db-wal").stat().st_size > 0


@needs_fork
def test_the_same_engine_opens_a_new_connection_in_the_child(
    run: Callable[[str], None], bodies: Callable[[], list[str]]
) -> None:
    run("""
        with engine.begin() as connection:
            connection.execute(text(WRITE.format("before")))

        def work():
            with engine.begin() as connection:
                connection.execute(text(WRITE.format("child")))

        child(work)
        with engine.begin() as connection:
            connection.execute(text(WRITE.format("parent")))
    """)
    assert bodies() == ["before", "child", "parent"]


@needs_fork
def test_a_fork_of_a_fork_works_the_same(
    run: Callable[[str], None], bodies: Callable[[], list[str]]
) -> None:
    run("""
        raw = engine.raw_connection()

        def work():
            mine = engine.raw_connection()

            def grandchild():
                refused(lambda: raw.driver_connection.execute(WRITE.format("no")))
                refused(lambda: mine.driver_connection.execute(WRITE.format("no")))
                with engine.begin() as connection:
                    connection.execute(text(WRITE.format("grandchild")))

            child(grandchild)
            mine.close()

        child(work)
        raw.close()
    """)
    assert bodies() == ["grandchild"]


@needs_fork
def test_children_forked_while_a_thread_writes_lose_no_row_and_disturb_none(
    run: Callable[[str], None], bodies: Callable[[], list[str]]
) -> None:
    """Each fork waits for the end of the transaction that the thread is in.

    writer                          main
    begins, commits, again ...
                                    forks a child, again and again
                  <-- enough --
    """
    run("""
        enough = threading.Event()
        started = threading.Event()
        written = 0

        def write():
            global written
            while not enough.is_set() or not written:
                with engine.begin() as connection:
                    connection.execute(text(WRITE.format("parent")))
                written += 1
                started.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert started.wait(60)

        def work():
            for _ in range(5):
                with engine.begin() as connection:
                    connection.execute(text(WRITE.format("child")))

        for _ in range(6):
            child(work)
        enough.set()
        writer.join()
        with engine.connect() as connection:
            count = connection.scalar(text("SELECT count(*) FROM notes WHERE body = 'parent'"))
        assert count == written, (count, written)
    """)
    assert bodies().count("child") == 30


def test_without_fork_it_works_as_well(db_path: Path, bodies: Callable[[], list[str]]) -> None:
    """As on Windows, where there is nothing to register."""
    program = (
        f"import os\nfor name in ('register_at_fork', 'fork'): vars(os).pop(name, None)\n{PREPARED}"
    )
    program += "\nwith engine.begin() as connection: connection.execute(text(WRITE.format('here')))"
    program += "\nengine.dispose()"
    subprocess.run([sys.executable, "-c", program, str(db_path)], check=True, timeout=100)
    assert bodies() == ["here"]
