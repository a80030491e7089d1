"""Processes with hardened engines, seen from another one."""

import contextlib
import os
from pathlib import Path

from hardlite import holders
from tests.fixtures.lock_keepers import keeper, needs_proc, until

pytestmark = needs_proc

ENGINE = """
from sqlalchemy import text
from hardlite import create_hardened_engine

engine = create_hardened_engine(f"sqlite:///{path}", timeout=60)

def write(then):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS note (words TEXT)"))
        then()
"""
HOLDS = ENGINE + "write(hold)"
WAITS = ENGINE + "print('asks', flush=True); write(lambda: None); hold()"


def test_the_turn_is_told_with_thread_and_line_and_the_queue_in_its_order(db_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(keeper(db_path, HOLDS))
        waiting = []
        for place in range(3):
            waiting.append(stack.enter_context(keeper(db_path, WAITS, word="asks")))
            until(lambda: len(list(holders(db_path).roles())) == place + 3)  # noqa: B023
        found = holders(db_path)
        holder.end()
        assert [child.said() for child in waiting] == ["holding"] * 3

    assert found.turn is not None
    assert found.writer is not None
    assert (found.turn.pid, found.writer.pid) == (holder.pid, holder.pid)
    assert found.turn.thread == "thread 'MainThread'"
    assert found.turn.held is not None
    assert found.turn.site is not None
    assert found.turn.label is not None
    assert "CREATE TABLE" in found.turn.label
    assert found.next_in_line is not None
    queue = [found.next_in_line.pid, *[waiter.pid for waiter in found.queue]]
    assert queue == [child.pid for child in waiting]


def test_a_killed_holder_is_nobody(db_path: Path) -> None:
    with keeper(db_path, HOLDS) as child:
        child.kill()
        found = holders(db_path)

    assert not found.anybody
    assert Path(f"{db_path}-gate").stat().st_size


def test_a_stopped_holder_is_named_with_its_line_and_with_what_to_do(db_path: Path) -> None:
    with keeper(db_path, HOLDS) as child:
        child.stop()
        turn = holders(db_path).turn
        child.go_on()

    assert turn is not None
    assert turn.stopped
    assert "begun at <string>:" in str(turn)
    assert f"kill -CONT {child.pid}" in str(turn)


def test_threads_here_and_processes_elsewhere_stand_in_one_queue(db_path: Path) -> None:
    """Threads of this process are told one by one, the first in the place of the process."""
    here = (
        ENGINE
        + """
import threading
from hardlite.lock_holders import look_at
threads = [threading.Thread(target=write, args=[lambda: None], name=f"w{n}") for n in range(2)]
for thread in threads:
    thread.start()
    queued = 0
    while queued < threads.index(thread) + 1:
        found = look_at(path)
        ours = [one for _, one in found.roles() if one.pid == os.getpid() and one.thread]
        queued = len(ours)
print("asks", flush=True)
sys.stdin.readline()
found = look_at(path)
for role, one in found.roles():
    print(role, one.pid, (one.thread or "").replace(" ", "-"), flush=True)
print("end", flush=True)
for thread in threads:
    thread.join()
"""
    )
    with (
        keeper(db_path, HOLDS) as holder,
        keeper(db_path, here, word="asks") as threads,
        keeper(db_path, WAITS, word="asks") as other,
    ):
        until(lambda: len(list(holders(db_path).roles())) == 4)
        threads.tell()
        lines = list(iter(threads.said, "end"))
        holder.end()
        assert other.said() == "holding"

    assert lines == [
        f"turn {holder.pid} thread-'MainThread'",
        f"write lock {holder.pid}",
        f"next in line {threads.pid} thread-'w0'",
        f"waiting {other.pid}",
        f"waiting {threads.pid} thread-'w1'",
    ]
    assert os.getpid() not in (holder.pid, other.pid)
