"""Systems without /proc, and containers, whose /proc leaves out the processes outside."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from hardlite.filesystems import is_network
from hardlite.lock_holders import look_at
from hardlite.lock_holders.probe import ask_for_locks
from hardlite.lock_holders.sqlite_locks import SHM_RANGES
from tests.fixtures.lock_keepers import GATE, LOCKS, keeper, locks_of, needs_proc

pytestmark = needs_proc

WRITES = """
c = connect("wal")
c.execute("CREATE TABLE IF NOT EXISTS note (words TEXT)")
c.execute("BEGIN IMMEDIATE")
"""
HAS_ALL = GATE + WRITES + "gate = lock('-gate'); note(gate); hold()"


@pytest.fixture
def no_proc(tmp_path: Path) -> Path:
    """A place where nothing is told."""
    folder = tmp_path / "proc"
    folder.mkdir()
    return folder


@pytest.fixture
def container(no_proc: Path) -> Path:
    """A /proc as a container has it, that shows no lock of others."""
    (no_proc / "locks").touch()
    return no_proc


def test_without_proc_the_locks_are_asked_for_by_another_process(
    db_path: Path, no_proc: Path
) -> None:
    with keeper(db_path, HAS_ALL) as child:
        found = look_at(str(db_path), proc=no_proc)

    assert found.writer is not None
    assert found.writer.pid == child.pid
    assert found.turn is not None
    assert (found.turn.pid, found.turn.thread) == (child.pid, "thread 'w'")
    assert "note: this system has no /proc/locks" in found.summary()
    assert "told by the note in the gate file" in found.summary()


def test_without_proc_a_turn_without_a_note_is_somebody(db_path: Path, no_proc: Path) -> None:
    db_path.touch()

    with keeper(db_path, GATE + "lock('-gateq'); lock('-gate'); hold()"):
        found = look_at(str(db_path), proc=no_proc)

    assert found.turn is not None
    assert found.next_in_line is not None
    assert (found.turn.pid, found.next_in_line.pid) == (None, None)


def test_without_proc_readers_and_rollback_journals_are_seen_too(
    db_path: Path, no_proc: Path
) -> None:
    source = """
        c = connect("delete")
        c.execute("CREATE TABLE note (words TEXT)")
        c.execute("BEGIN")
        c.execute("SELECT * FROM note").fetchall()
        hold()
    """

    with keeper(db_path, source) as reader:
        found = look_at(str(db_path), proc=no_proc)

    assert [holder.pid for holder in found.readers] == [reader.pid]
    assert found.writer is None


def test_asking_by_another_process_drops_no_lock_of_this_one(db_path: Path) -> None:
    source = """
        from hardlite.lock_holders import look_at
        from pathlib import Path
        c = connect("wal")
        c.execute("CREATE TABLE note (words TEXT)")
        c.execute("BEGIN IMMEDIATE")
        print("begun", flush=True)
        sys.stdin.readline()
        found = look_at(path, proc=Path(path).parent)
        assert found.writer.pid == os.getpid()
        hold("asked")
    """

    with keeper(db_path, source, word="begun") as child:
        before = locks_of(child.pid)
        child.tell()
        assert child.said() == "asked"
        after = locks_of(child.pid)

    assert before
    assert after == before


def test_a_container_does_not_take_the_note_for_the_holder_it_cannot_see(
    db_path: Path, container: Path
) -> None:
    """A process id of another container means another process here, or none."""
    with keeper(db_path, HAS_ALL) as child:
        found = look_at(str(db_path), proc=container)

    assert found.turn is not None
    assert (found.turn.pid, found.turn.thread) == (None, None)
    assert f"out of date: thread 'w' of process {child.pid}" in found.summary()
    assert "outside of this container" in found.summary()


def test_in_a_container_its_own_processes_are_told_as_ever(db_path: Path, container: Path) -> None:
    with keeper(db_path, HAS_ALL) as child:
        (container / "locks").write_bytes(LOCKS.read_bytes())
        found = look_at(str(db_path), proc=container)

    assert found.turn is not None
    assert found.writer is not None
    assert (found.turn.pid, found.writer.pid) == (child.pid, child.pid)
    assert found.notes == ()


def test_a_flock_that_the_table_shows_is_not_taken_for_one_from_outside(
    db_path: Path, container: Path
) -> None:
    """Between two looks at the table the turn may have passed on: that is nobody from outside."""
    gate = f"{db_path}-gate"

    with keeper(db_path, GATE + "lock('-gate'); hold()"):
        hidden = ask_for_locks({gate: ()}, proc=container)
        (container / "locks").write_bytes(LOCKS.read_bytes())
        listed = ask_for_locks({gate: ()}, proc=container)
    free = ask_for_locks({gate: ()}, proc=container)

    assert hidden is not None
    assert [lock.kind for lock in hidden[gate] or ()] == ["FLOCK"]
    assert listed == free == {gate: ()}


def test_of_a_network_file_system_the_locks_of_other_machines_are_missed(
    tmp_path: Path, db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:50 / {tmp_path} rw - nfs4 server:/x rw\n",
        encoding="utf-8",
    )
    see = partial(is_network, mounts=mounts)
    monkeypatch.setattr("hardlite.lock_holders.observation.is_network", see)
    db_path.touch()

    assert "other machines' locks are not shown" in look_at(str(db_path)).summary()


def test_a_real_container_sees_that_there_is_somebody_outside(db_path: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine makes no containers")
    looks = "from hardlite.lock_holders import look_at; import sys; print(look_at(sys.argv[1]).summary())"

    with keeper(db_path, HAS_ALL):
        run = subprocess.run(
            [*unshare, sys.executable, "-c", looks, str(db_path)],
            check=True,
            capture_output=True,
            encoding="utf-8",
        )

    assert run.stdout.count("a process that cannot be seen from here") == 2
    assert "outside of this container" in run.stdout


def test_a_container_that_is_not_to_ask_says_what_it_leaves_out(
    db_path: Path, container: Path
) -> None:
    with keeper(db_path, HAS_ALL):
        found = look_at(str(db_path), proc=container, probe=False)

    assert not found.anybody
    assert found.notes == ("this is a container: locks of processes outside of it are not shown",)


@pytest.mark.parametrize("interpreter", ["", "/nowhere/python3"])
def test_where_no_interpreter_can_be_started_that_is_said(
    db_path: Path, no_proc: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter)
    db_path.touch()

    found = look_at(str(db_path), proc=no_proc)

    assert not found.anybody
    assert "no process could be started to ask for locks" in found.summary()


def test_a_server_that_python_is_a_part_of_is_not_started_once_more(
    db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There `sys.executable` is the server, as with uWSGI."""
    server, started = db_path.parent / "uwsgi", db_path.parent / "started"
    server.write_text(f"#!/bin/sh\ntouch '{started}'\n", encoding="utf-8")
    server.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(server))

    assert ask_for_locks({str(db_path): ()}) is None
    assert not started.exists()


def test_a_file_that_may_not_be_read_is_named(db_path: Path, no_proc: Path) -> None:
    db_path.touch()
    gate = Path(f"{db_path}-gate")
    gate.symlink_to(gate)

    found = look_at(str(db_path), proc=no_proc)

    assert f"note: {gate} may not be read by this user" in found.summary()


def test_a_merged_range_is_asked_for_once(db_path: Path) -> None:
    """SQLite's locks on neighbouring bytes are one for the kernel."""
    db_path.touch()
    source = """
        import fcntl
        file = open(path, "r+b")
        fcntl.lockf(file, fcntl.LOCK_EX, 8, 120)
        hold()
    """

    with keeper(db_path, source) as child:
        answer = ask_for_locks({str(db_path): SHM_RANGES})

    assert answer is not None
    (lock,) = answer[str(db_path)] or ()
    assert (lock.pid, lock.first, lock.last, lock.writes) == (child.pid, 120, 127, True)
