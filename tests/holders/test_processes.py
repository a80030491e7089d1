"""What /proc tells about a process."""

import getpass
import os
import sys
from pathlib import Path

import pytest

from hardlite.clock import system_clock
from hardlite.lock_holders.processes import Process, has_flock, look_up, own_pid
from tests.fixtures.lock_keepers import keeper, needs_proc

STATUS = "Name:\tgate keeper\nState:\t{state}\nUid:\t7\t54321\t7\t7\n"


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A /proc with one process, 12, of which little is told."""
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "status").write_text(STATUS.format(state="S (sleeping)"), encoding="utf-8")
    return tmp_path


@needs_proc
def test_this_process_is_seen_as_it_is() -> None:
    me = look_up(os.getpid())

    assert (me.pid, own_pid(), me.state) == (os.getpid(), os.getpid(), "running")
    assert me.user == getpass.getuser()
    assert me.command is not None
    assert Path(sys.executable).name in me.command
    assert me.started is not None
    assert me.started <= system_clock.wall() + 1


@needs_proc
def test_a_stopped_process_and_one_that_is_gone_are_told_apart(db_path: Path) -> None:
    with keeper(db_path, "hold()") as child:
        child.stop()
        stopped = look_up(child.pid)
        child.go_on()

    assert stopped.state == "stopped"
    assert look_up(child.pid) == Process(pid=child.pid, inner_pid=child.pid)


def test_a_process_without_command_line_and_a_user_without_name_are_told_as_they_are(
    fake: Path,
) -> None:
    assert look_up(12, proc=fake) == Process(
        pid=12, inner_pid=12, command="[gate keeper]", user="54321", state="sleeping"
    )


def test_a_process_of_a_container_has_a_number_of_its_own_there(fake: Path) -> None:
    status = STATUS.format(state="T (stopped)") + "NSpid:\t12\t7\n"
    (fake / "12" / "status").write_text(status, encoding="utf-8")
    (fake / "12" / "stat").write_text("12 (a) b) T " + "0 " * 18 + "4200 0\n", encoding="utf-8")
    (fake / "stat").write_text("cpu 1\nbtime 1000\n", encoding="utf-8")

    process = look_up(12, proc=fake)

    assert (process.pid, process.inner_pid, process.state) == (12, 7, "stopped")
    assert process.started == 1000 + 4200 / os.sysconf("SC_CLK_TCK")


def test_without_proc_the_number_is_what_the_system_says(tmp_path: Path) -> None:
    assert own_pid(tmp_path) == os.getpid()


def test_descriptors_that_may_not_be_looked_at_say_nothing(fake: Path) -> None:
    assert has_flock(12, 1, proc=fake) is None
    assert has_flock(13, 1, proc=fake) is False
