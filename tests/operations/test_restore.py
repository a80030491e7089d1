"""After a restore the database is all of the backup, or as it was; what was there is kept."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import (
    BackupError,
    DatabaseInUseError,
    DatabaseLockedError,
    backup,
    create_hardened_engine,
    holders,
    restore,
    verify,
)
from hardlite.errors import ConfigurationError, UsageError
from hardlite.operations import restore as module
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper
from tests.fixtures.programs import run_program
from tests.operations.conftest import ROWS


@pytest.fixture
def good(notes: Engine, tmp_path: Path) -> Path:
    """A backup; after it, another row was written to the database."""
    path = Path(backup(notes, tmp_path / "good.db").path)
    with notes.begin() as connection:
        connection.execute(text("INSERT INTO note (words) VALUES ('later')"))
    return path


def rows_in(path: str | Path | None) -> int:
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM note").fetchone()
    return int(count)


def journal_mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "restore" in path.name)


def test_the_backup_is_there_and_the_old_state_is_kept(
    notes: Engine, good: Path, db_path: Path
) -> None:
    done = restore(good, notes)

    assert rows_in(db_path) == ROWS
    assert rows_in(done.kept) == ROWS + 1
    assert kept(db_path.parent) == [Path(done.kept).name]
    assert done.to_dict()["rows"] == {"note": ROWS}
    assert journal_mode(db_path) == "wal", "it is as it was"
    assert verify(good).ok, "the backup is left alone"
    with notes.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM note")) == ROWS


def test_what_was_kept_can_be_restored_too(notes: Engine, good: Path, db_path: Path) -> None:
    first = restore(good, notes)

    restore(first.kept, notes)

    assert rows_in(db_path) == ROWS + 1


def test_a_packed_backup_is_unpacked(notes: Engine, db_path: Path, tmp_path: Path) -> None:
    packed = backup(notes, tmp_path / "good.db.gz").path
    with notes.begin() as connection:
        connection.execute(text("DELETE FROM note"))

    restore(packed, notes)

    assert rows_in(db_path) == ROWS


def test_progress_is_told(notes: Engine, good: Path) -> None:
    seen: list[tuple[int, int]] = []

    restore(good, notes, progress=lambda done, total: seen.append((done, total)))

    assert seen[-1] == (good.stat().st_size, good.stat().st_size)
    assert len(seen) > 3


def test_a_database_that_is_missing_is_made(good: Path, tmp_path: Path) -> None:
    done = restore(good, tmp_path / "new.db")

    assert (done.kept, rows_in(tmp_path / "new.db")) == (None, ROWS)


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_what_a_missing_database_left_is_not_taken_for_the_new_ones(
    good: Path, tmp_path: Path, end: str
) -> None:
    left = tmp_path / f"new.db{end}"
    left.write_bytes(b"what was left")

    done = restore(good, tmp_path / "new.db")

    assert Path(f"{done.kept}{end}").read_bytes() == b"what was left"
    assert rows_in(tmp_path / "new.db") == ROWS


def test_an_empty_database_has_nothing_to_be_kept(good: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()

    assert restore(good, empty).kept is None
    assert rows_in(empty) == ROWS


def test_pages_may_have_another_size(
    make_engine: EngineFactory, good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; CREATE TABLE note (words TEXT)"
        )

    restore(good, path)

    assert rows_in(path) == ROWS
    with make_engine(path).connect() as connection:
        assert connection.scalar(text("PRAGMA page_size")) == 4096


@pytest.mark.parametrize("content", [b"no database" * 1000, b"\0" * 5000])
def test_what_sqlite_cannot_read_is_moved_aside_with_all_its_files(
    good: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(content)
    Path(f"{path}-wal").write_bytes(b"its wal")
    path.chmod(0o640)

    done = restore(good, path)

    assert rows_in(path) == ROWS
    assert path.stat().st_mode & 0o777 == 0o640
    assert Path(done.kept).read_bytes() == content
    assert Path(f"{done.kept}-wal").read_bytes() == b"its wal"
    assert path.stat().st_nlink == 1


def test_a_damaged_table_is_written_over_in_place(
    notes: Engine, good: Path, db_path: Path, spoil: Callable[[Path], None]
) -> None:
    notes.dispose()
    spoil(db_path)
    inode = db_path.stat().st_ino

    done = restore(good, db_path)

    assert db_path.stat().st_ino == inode
    assert verify(db_path).ok
    assert not verify(done.kept).ok


# What is refused


def test_a_backup_that_is_not_good_is_not_restored(
    notes: Engine, good: Path, db_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(good)

    with pytest.raises(BackupError, match="its SHA-256 is not that of its manifest"):
        restore(good, notes)

    assert rows_in(db_path) == ROWS + 1
    assert kept(db_path.parent) == []


def test_a_database_is_not_restored_from_itself(notes: Engine, db_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be restored from itself"):
        restore(db_path, notes)


def test_there_has_to_be_a_backup_and_a_place(good: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no database"):
        restore(tmp_path / "none.db", tmp_path / "new.db")
    with pytest.raises(ConfigurationError, match="There is no directory"):
        restore(good, tmp_path / "none" / "new.db")
    with pytest.raises(ConfigurationError, match="is not a file"):
        restore(good, tmp_path)
    with pytest.raises(ConfigurationError, match="in memory"):
        restore(good, ":memory:")


IDLE = """
c = connect()
c.execute("SELECT count(*) FROM note").fetchall()
hold()
"""
READS = """
c = connect()
c.execute("BEGIN")
c.execute("SELECT count(*) FROM note").fetchall()
print("holding", flush=True)
sys.stdin.readline()
print(c.execute("SELECT count(*) FROM note").fetchone()[0], flush=True)
c.execute("COMMIT")
print(c.execute("SELECT count(*) FROM note").fetchone()[0], flush=True)
"""


@pytest.mark.parametrize("program", [IDLE, READS])
def test_a_database_in_use_is_refused_with_who_uses_it(
    notes: Engine, good: Path, db_path: Path, program: str
) -> None:
    notes.dispose()
    with (
        keeper(db_path, program) as process,
        pytest.raises(DatabaseInUseError, match=f"in use by process {process.pid}"),
    ):
        restore(good, notes)

    assert rows_in(db_path) == ROWS + 1
    assert kept(db_path.parent) == []


def test_a_connection_of_this_process_is_a_user_too(
    notes: Engine, good: Path, db_path: Path
) -> None:
    with notes.connect() as connection:
        connection.execute(text("SELECT 1 FROM note"))
        with pytest.raises(DatabaseInUseError, match="another connection of this process"):
            restore(good, notes)

    assert rows_in(db_path) == ROWS + 1


@pytest.mark.parametrize("kind", ["SH", "EX"])
def test_a_damaged_database_in_use_is_refused_too(good: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "damaged.db"
    locks = """
    import fcntl
    file = open(path, "rb+")
    fcntl.lockf(file, getattr(fcntl, "LOCK_" + sys.argv[2]), 1, 1073741824 + 2)
    hold()
    """
    path.write_bytes(b"no database" * 1000)

    with (
        keeper(path, locks, kind) as process,
        pytest.raises(DatabaseInUseError, match=str(process.pid)),
    ):
        restore(good, path)

    assert path.read_bytes() == b"no database" * 1000


def test_what_cannot_be_opened_is_told(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE note (words TEXT)")
    Path(f"{path}-wal").mkdir()

    with pytest.raises(BackupError, match="unable to open database file"):
        restore(good, path)


def test_a_transaction_of_the_same_thread_is_a_mistake(notes: Engine, good: Path) -> None:
    with notes.begin() as connection:
        connection.execute(text("DELETE FROM note"))
        with pytest.raises(UsageError, match="would wait for itself"):
            restore(good, notes)


# Online


def test_online_a_reader_keeps_its_state_and_then_sees_the_new_one(
    notes: Engine, good: Path, db_path: Path
) -> None:
    with keeper(db_path, READS) as process:
        done = restore(good, notes, online=True)
        process.tell()
        seen = [process.said(), process.said()]

    assert seen == [str(ROWS + 1), str(ROWS)]
    assert rows_in(done.kept) == ROWS + 1


def test_online_writers_of_hardlite_wait_in_line(notes: Engine, good: Path, db_path: Path) -> None:
    labels: list[object] = []
    writer = create_hardened_engine(f"sqlite:///{db_path}")

    restore(
        good,
        writer,
        online=True,
        progress=lambda *_: labels.append(getattr(holders(notes).turn, "label", None)),
    )

    assert set(labels) == {"restore"}
    with notes.begin() as connection:
        connection.execute(text("INSERT INTO note (words) VALUES ('goes on')"))
    writer.dispose()
    assert verify(notes).content.rows == {"note": ROWS + 1}


WRITES = """
c = connect()
c.execute("BEGIN IMMEDIATE")
hold()
c.execute("COMMIT")
"""


def test_online_a_lock_that_does_not_go_is_told(notes: Engine, good: Path, db_path: Path) -> None:
    with (
        keeper(db_path, WRITES) as process,
        pytest.raises(DatabaseLockedError, match=f"process {process.pid}"),
    ):
        restore(good, notes, online=True, timeout=0.1)

    assert rows_in(db_path) == ROWS + 1


# Faults


FULL = """
import resource, signal, sys
from hardlite import BackupError, restore
from hardlite.operations import restore as module

def limit(*_):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

try:
    if sys.argv[3] == "while keeping":
        limit()
    restore(sys.argv[1], sys.argv[2], progress=limit, online=sys.argv[3] == "online")
except BackupError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system knows no limits of files")
@pytest.mark.parametrize("moment", ["while keeping", "while writing", "online"])
def test_a_full_disk_leaves_the_old_database(
    notes: Engine, good: Path, db_path: Path, tmp_path: Path, moment: str
) -> None:
    with notes.begin() as connection:
        connection.execute(text("DELETE FROM note WHERE id > 2500"))
    notes.dispose()
    before = rows_in(db_path)

    told = run_program(tmp_path, FULL, good, db_path, moment)

    assert "could not be restored from" in told
    assert verify(db_path).ok
    assert rows_in(db_path) == before


def test_what_is_not_what_the_backup_is_is_told_with_where_the_old_state_is(
    notes: Engine, good: Path, db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the disk had lost a write."""
    monkeypatch.setattr(module, "write_over", lambda *_, **__: None)

    with pytest.raises(BackupError, match="is not what the backup is") as caught:
        restore(good, notes)

    (name,) = kept(db_path.parent)
    assert (
        caught.value.hint
        == f"Look at the disk; what was there before is in {db_path.parent / name}."
    )
