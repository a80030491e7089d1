"""Who has the turn and who waits for it, by the locks on the gate files."""

import contextlib
import os
from pathlib import Path

import pytest

from hardlite import holders
from hardlite.call_sites import CallSite
from hardlite.turns.holder import Holder
from tests.fixtures.lock_keepers import GATE, LOCKS, Keeper, keeper, needs_proc, until

pytestmark = needs_proc

HOLDS = GATE + "gate = lock('-gate'); note(gate); hold()"
WAITS_AT_THE_GATE = GATE + "lock('-gateq'); print('asks', flush=True); lock('-gate'); hold()"
WAITS_BEHIND = GATE + "print('asks', flush=True); lock('-gateq'); lock('-gate'); hold()"


@pytest.fixture(autouse=True)
def database(db_path: Path) -> None:
    """The file has to be there, and nothing has to be in it."""
    db_path.touch()


def waits(child: Keeper) -> bool:
    """Whether the kernel lists a process as one that waits."""
    lines = [line.split() for line in LOCKS.read_text(encoding="ascii").splitlines()]
    return any(line[1] == "->" and line[5] == str(child.pid) for line in lines)


def pid_of(holder: Holder | None) -> int | None:
    assert holder is not None
    return holder.pid


def test_the_turn_is_told_with_its_thread_its_place_and_its_label(db_path: Path) -> None:
    with keeper(db_path, HOLDS) as child:
        turn = holders(db_path).turn

    assert turn is not None
    assert (turn.pid, turn.thread, turn.label) == (child.pid, "thread 'w'", "orders")
    assert turn.site == CallSite("app.py", 7, "save")
    assert turn.held is not None
    assert turn.held >= 0
    assert turn.command is not None


def test_those_who_wait_are_told_in_the_order_of_their_coming(db_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(keeper(db_path, HOLDS))
        waiting = []
        for source in (WAITS_AT_THE_GATE, *[WAITS_BEHIND] * 3):
            waiting.append(stack.enter_context(keeper(db_path, source, word="asks")))
            until(lambda: waits(waiting[-1]))
        found = holders(db_path)
        for child in waiting:
            child.kill()

    assert pid_of(found.turn) == first.pid
    assert pid_of(found.next_in_line) == waiting[0].pid
    assert [holder.pid for holder in found.queue] == [child.pid for child in waiting[1:]]
    assert [role for role, _ in found.roles()] == ["turn", "next in line", *["waiting"] * 3]


def test_a_stopped_process_keeps_its_place_next_in_line_and_is_told_as_stopped(
    db_path: Path,
) -> None:
    """A process that is stopped waits for nothing, but has the second file still."""
    with (
        keeper(db_path, HOLDS),
        keeper(db_path, WAITS_AT_THE_GATE, word="asks") as second,
    ):
        until(lambda: waits(second))
        second.stop()
        found = holders(db_path)
        second.go_on()
        second.kill()

    assert pid_of(found.next_in_line) == second.pid
    assert "next in line: process" in found.summary()
    assert f"kill -CONT {second.pid}" in found.summary()


def test_who_has_just_got_the_turn_is_not_next_in_line_too(db_path: Path) -> None:
    with keeper(db_path, GATE + "lock('-gateq'); lock('-gate'); hold()") as child:
        found = holders(db_path)

    assert (pid_of(found.turn), found.next_in_line, found.queue) == (child.pid, None, ())


def test_one_who_waits_at_the_gate_alone_is_next_in_line(db_path: Path) -> None:
    """As where somebody has deleted the second file."""
    source = GATE + "print('asks', flush=True); lock('-gate'); hold()"

    with keeper(db_path, HOLDS), keeper(db_path, source, word="asks") as second:
        until(lambda: waits(second))
        found = holders(db_path)
        second.kill()

    assert (pid_of(found.next_in_line), found.queue) == (second.pid, ())


def test_a_place_next_in_line_is_told_although_nobody_has_the_turn(db_path: Path) -> None:
    with keeper(db_path, GATE + "lock('-gateq'); hold()") as child:
        found = holders(db_path)

    assert (found.turn, pid_of(found.next_in_line)) == (None, child.pid)


@pytest.mark.parametrize(
    "writes",
    [
        "note(gate, pid=os.getpid() + 1)",  # another process's
        "note(gate, since=1000)",  # older than the process: another one had its number
        "os.pwrite(gate, b'torn', 0)",
    ],
)
def test_a_note_that_is_not_of_the_process_with_the_turn_is_not_believed(
    db_path: Path, writes: str
) -> None:
    with keeper(db_path, GATE + f"gate = lock('-gate'); {writes}; hold()") as child:
        turn = holders(db_path).turn

    assert turn is not None
    assert turn.pid == child.pid
    assert (turn.thread, turn.held, turn.site, turn.label) == (None, None, None, None)


def test_a_note_without_a_lock_is_nobody(db_path: Path) -> None:
    with keeper(db_path, GATE + "gate = lock('-gate'); note(gate); hold()"):
        pass

    assert not holders(db_path).anybody


def test_a_lock_that_a_forked_child_keeps_is_told_with_that_child(db_path: Path) -> None:
    """The kernel's table has it under the process that took it, even when that is gone."""
    takes = (
        "import os, sys, time\npath = sys.argv[1]\n"
        + GATE
        + "gate = lock('-gate')\nnote(gate)\n"
        + "child = os.fork()\nprint(child, flush=True) if child else sys.stdin.read()\n"
    )
    source = f"""
        import subprocess
        print("starting", flush=True)
        subprocess.run([sys.executable, "-c", {takes!r}, path], check=True)
        hold("gone")
    """

    with keeper(db_path, source, word="starting") as outer:
        child = int(outer.said())
        assert outer.said() == "gone"
        found = holders(db_path)

    assert found.turn is not None
    assert (found.turn.pid, found.turn.label) == (child, "orders")
    assert f"kept by what was forked from it: {child}" in found.summary()


def test_the_gate_files_are_left_as_they_are(db_path: Path) -> None:
    before = sorted(os.listdir(db_path.parent))  # noqa: PTH208

    holders(db_path)

    assert sorted(os.listdir(db_path.parent)) == before  # noqa: PTH208
