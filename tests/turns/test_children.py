"""The turn of a process that forks, starts a program, becomes another one or ends.

Each test is a program of its own.
"""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.fixtures.programs import run_program
from tests.fixtures.writers import count

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PROGRAM = """
import os, subprocess, sys, threading
from sqlalchemy import text
from hardlite import create_hardened_engine
from hardlite.turns.turn_files import TurnFiles

path = sys.argv[1]
INCREMENT = text("UPDATE counter SET number = number + 1")
engine = create_hardened_engine(f"sqlite:///{path}")

def increment():
    with engine.begin() as connection:
        connection.execute(INCREMENT)
"""


def test_the_end_of_a_child_forked_with_the_turn_does_not_give_the_turn_away(
    counted: Engine, tmp_path: Path, db_path: Path
) -> None:
    """A fork copies the lock's descriptor: the child may close it but must not unlock it."""
    run_program(
        tmp_path,
        PROGRAM
        + """
with engine.connect() as connection:
    connection.execute(INCREMENT)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert not TurnFiles(path).try_claim()
    connection.commit()
assert TurnFiles(path).try_claim()
""",
        db_path,
    )

    assert count(counted) == 1


def test_a_child_that_lives_on_keeps_no_turn_of_its_parent(
    counted: Engine, tmp_path: Path, db_path: Path
) -> None:
    """The parent is killed in the middle of its transaction, its child sleeps on."""
    run_program(
        tmp_path,
        PROGRAM
        + """
import signal
ready_r, ready_w = os.pipe()
alive_r, alive_w = os.pipe()
parent = os.fork()
if parent == 0:
    os.close(alive_w)
    with engine.connect() as connection:
        connection.execute(INCREMENT)
        if os.fork() == 0:
            os.write(ready_w, b"x")
            os.read(alive_r, 1)
            os._exit(0)
        os.waitpid(-1, 0)
assert os.read(ready_r, 1) == b"x"
os.kill(parent, signal.SIGKILL)
os.waitpid(parent, 0)
increment()
os.close(alive_w)
""",
        db_path,
    )

    assert count(counted) == 1


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.run([sys.executable, '-c', ASK, path], check=True)",
        "os.spawnv(os.P_WAIT, sys.executable, [sys.executable, '-c', ASK, path])",
        "subprocess.run([sys.executable, '-c', ASK, path], check=True, close_fds=False)",
    ],
)
def test_a_program_that_is_started_with_the_turn_waits_for_its_own(
    counted: Engine, tmp_path: Path, db_path: Path, start: str
) -> None:
    run_program(
        tmp_path,
        PROGRAM
        + f"""
ASK = '''if True:
    import sys
    from sqlalchemy import text
    from hardlite import DatabaseLockedError, create_hardened_engine
    engine = create_hardened_engine("sqlite:///" + sys.argv[1], timeout=0)
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE counter SET number = 100"))
    except DatabaseLockedError as error:
        print(error)
    engine.dispose()
'''
with engine.connect() as connection:
    connection.execute(INCREMENT)
    {start}
    connection.commit()
engine.dispose()
""",
        db_path,
    )

    assert count(counted) == 1


def test_a_program_that_replaces_itself_gives_its_turn_back(
    counted: Engine, tmp_path: Path, db_path: Path
) -> None:
    run_program(
        tmp_path,
        PROGRAM
        + """
if len(sys.argv) == 2:
    connection = engine.connect()
    connection.execute(INCREMENT)
    os.execv(sys.executable, [sys.executable, __file__, path, "again"])
assert TurnFiles(path).try_claim()
increment()
engine.dispose()
""",
        db_path,
    )

    assert count(counted) == 1


def test_a_process_may_write_as_it_ends(counted: Engine, tmp_path: Path, db_path: Path) -> None:
    """Some interpreters start no thread any more by then."""
    run_program(
        tmp_path,
        PROGRAM
        + """
import atexit
atexit.register(engine.dispose)
atexit.register(increment)
""",
        db_path,
    )

    assert count(counted) == 1
