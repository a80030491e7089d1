"""Programs that know nothing of hardlite, and what they hold of SQLite's locks."""

import getpass
from pathlib import Path

import pytest

from hardlite import holders
from tests.fixtures.lock_keepers import keeper, needs_proc, until

pytestmark = needs_proc


def make(path: Path, mode: str) -> None:
    with keeper(path, f"connect({mode!r}).execute('CREATE TABLE note (words TEXT)'); hold()"):
        pass


def pids(path: Path) -> dict[str, int | None]:
    """Who has which role; of readers, there may be one."""
    return {role: holder.pid for role, holder in holders(path).roles()}


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_who_began_to_write_has_the_write_lock(db_path: Path, mode: str, begin: str) -> None:
    make(db_path, mode)

    with keeper(db_path, f"c = connect(); c.execute({begin!r}); hold()") as writer:
        found = pids(db_path)

    assert found == {"write lock": writer.pid}
    assert pids(db_path) == {}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_who_reads_is_a_reader_and_no_writer(db_path: Path, mode: str) -> None:
    make(db_path, mode)
    source = "c = connect(); c.execute('BEGIN'); c.execute('SELECT * FROM note').fetchall(); hold()"

    with keeper(db_path, source) as reader:
        found = pids(db_path)

    assert found == {"reading": reader.pid}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_connection_that_does_nothing_holds_nothing(db_path: Path, mode: str) -> None:
    make(db_path, mode)

    with keeper(db_path, "c = connect(); c.execute('SELECT * FROM note').fetchall(); hold()"):
        found = holders(db_path)

    assert not found.anybody
    assert found.summary() == f"{db_path}: nobody holds a lock."


def test_a_process_that_writes_and_reads_an_older_snapshot_is_both(db_path: Path) -> None:
    make(db_path, "wal")
    source = """
        old, new = connect(), connect()
        old.execute("BEGIN")
        old.execute("SELECT * FROM note").fetchall()
        new.execute("INSERT INTO note VALUES ('x')")
        new.execute("BEGIN IMMEDIATE")
        hold()
    """

    with keeper(db_path, source) as both:
        found = pids(db_path)

    assert found == {"write lock": both.pid, "reading": both.pid}


def test_a_writer_with_a_rollback_journal_who_waits_for_a_reader_is_found_with_it(
    db_path: Path,
) -> None:
    """PENDING stays while the writer waits to commit; the reader is what it waits for."""
    make(db_path, "delete")
    reads = "c = connect(); c.execute('BEGIN'); c.execute('SELECT * FROM note').fetchall(); hold()"
    writes = """
        c = connect()
        c.execute("PRAGMA busy_timeout = 0")
        c.execute("BEGIN IMMEDIATE")
        c.execute("INSERT INTO note VALUES ('x')")
        try:
            c.execute("COMMIT")
        except sqlite3.OperationalError:
            hold()
    """

    with keeper(db_path, reads) as reader, keeper(db_path, writes) as writer:
        found = pids(db_path)

    assert found == {"write lock": writer.pid, "reading": reader.pid}


def test_a_checkpoint_that_waits_for_a_reader_is_found_with_it(db_path: Path) -> None:
    make(db_path, "wal")
    reads = "c = connect(); c.execute('BEGIN'); c.execute('SELECT * FROM note').fetchall(); hold()"
    checkpoints = """
        c = connect()
        c.execute("INSERT INTO note VALUES ('x')")
        print("begins", flush=True)
        c.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        hold()
    """

    with keeper(db_path, reads) as reader, keeper(db_path, checkpoints, word="begins") as other:
        until(lambda: holders(db_path).checkpointer is not None)
        found = holders(db_path)
        reader.end()
        assert other.said() == "holding"

    assert found.checkpointer is not None
    assert found.checkpointer.pid == other.pid
    assert [holder.pid for holder in found.readers] == [reader.pid]


def test_exclusive_locking_mode_has_the_write_lock_without_a_shm_file(db_path: Path) -> None:
    make(db_path, "wal")
    source = """
        c = connect()
        c.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
        c.execute("INSERT INTO note VALUES ('x')")
        hold()
    """

    with keeper(db_path, source) as owner:
        found = pids(db_path)

    assert found == {"write lock": owner.pid}


def test_who_rebuilds_the_shm_file_is_told(db_path: Path) -> None:
    """SQLite has all these bytes while it does that, for a moment too short to be met."""
    db_path.touch()
    source = """
        import fcntl
        shm = open(path + "-shm", "w+b")
        fcntl.lockf(shm, fcntl.LOCK_EX, 8, 120)
        hold()
    """

    with keeper(db_path, source) as child:
        found = holders(db_path)

    assert found.writer is not None
    assert found.writer.pid == child.pid
    assert found.notes == (f"{found.writer} rebuilds the -shm file after a crash",)


def test_a_stopped_holder_is_told_as_such(db_path: Path) -> None:
    make(db_path, "wal")

    with keeper(db_path, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()") as writer:
        writer.stop()
        found = holders(db_path)
        writer.go_on()

    assert found.writer is not None
    assert found.writer.state == "stopped"
    assert f"kill -CONT {writer.pid}" in found.summary()


def test_the_holder_is_described_by_its_process(db_path: Path) -> None:
    make(db_path, "wal")

    with keeper(db_path, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()", "mark") as child:
        writer = holders(db_path).writer

    assert writer is not None
    assert writer.command is not None
    assert writer.command.endswith(f"{db_path} mark")
    assert (writer.thread, writer.site, writer.held) == (None, None, None)
    assert (writer.user, writer.pid) == (getpass.getuser(), child.pid)
