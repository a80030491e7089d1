"""Each fault is planted, and the doctor finds it: the right name, the right place."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from hardlite.doctor import Severity, diagnose, locks
from tests.doctor.conftest import every_byte, found_in, run
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc

SHM = Path("/dev/shm")  # noqa: S108 - because it is in memory

CRASH = """
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA cache_size = 5")
c.execute("CREATE TABLE big (a)")
c.executemany("INSERT INTO big VALUES (?)", [("x" * 3000,)] * 50)
c.execute("BEGIN")
c.execute("UPDATE big SET a = a || 'y'")
if sys.argv[2] == "commit":
    c.execute("COMMIT")
os._exit(0)
"""


def crash(path: Path, end: str) -> None:
    subprocess.run([sys.executable, "-c", CRASH, str(path), end], check=True)


def grow_wal(path: Path, pages: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE IF NOT EXISTS wide (a)")
        connection.execute("INSERT INTO wide VALUES (zeroblob(?))", (pages * 4096,))


# The file itself


@pytest.mark.parametrize("content", [b"PK\3\4" * 500, os.urandom(8192)], ids=["other", "encrypted"])
def test_a_file_of_another_kind_or_an_encrypted_one(db_path: Path, content: bytes) -> None:
    db_path.write_bytes(content)

    found = found_in(db_path)

    assert found.keys() == {"not-a-database"}
    assert found["not-a-database"].severity is Severity.CRITICAL
    assert db_path.read_bytes() == content


def test_an_empty_file(db_path: Path) -> None:
    db_path.touch()

    assert "empty-file" in found_in(db_path)
    assert db_path.stat().st_size == 0


def test_a_truncated_file(wal_db: Path) -> None:
    wal_db.write_bytes(wal_db.read_bytes()[:8192])

    assert found_in(wal_db).keys() == {"damaged"}


def test_a_damaged_page(wal_db: Path) -> None:
    content = bytearray(wal_db.read_bytes())
    content[4096 * 2 : 4096 * 2 + 200] = b"\xff" * 200
    wal_db.write_bytes(content)

    found = found_in(wal_db)

    assert found["damaged"].severity is Severity.CRITICAL
    assert ".recover" in found["damaged"].fix


def test_an_index_that_lacks_a_row_is_found_unless_the_check_is_quick(wal_db: Path) -> None:
    with closing(sqlite3.connect(wal_db, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX child_parent ON child (id)' "
            "WHERE name = 'child_parent'"
        )
        connection.execute("INSERT INTO child VALUES (2, NULL)")

    assert "child_parent" in found_in(wal_db)["damaged"].problem
    assert "damaged" not in {each.name for each in diagnose(wal_db, check="quick").findings}


# Rights and places


@pytest.mark.parametrize(("name", "mode"), [("file-read-only", 0o444), ("directory-read-only", 0)])
def test_what_may_not_be_written(
    wal_db: Path, unprivileged: Callable[[], None], name: str, mode: int
) -> None:
    unprivileged()
    place = wal_db if mode else wal_db.parent
    place.chmod(mode or 0o555)
    try:
        assert name in found_in(wal_db)
    finally:
        place.chmod(0o755)


def test_a_file_that_everybody_may_write(wal_db: Path) -> None:
    wal_db.chmod(0o666)

    assert found_in(wal_db).keys() == {"world-writable"}


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_file_beside_it_that_may_not_be_written(wal_db: Path, suffix: str) -> None:
    with keeper(wal_db, "c = connect(); c.execute('INSERT INTO parent (id) VALUES (2)'); hold()"):
        beside = wal_db.with_name(f"app.db{suffix}")
        beside.chmod(0o444)

        found = found_in(wal_db)
        beside.chmod(0o644)

    assert found.keys() == {"rights-differ"}
    assert found["rights-differ"].location == str(beside)


def test_a_gate_that_cannot_be_used(wal_db: Path) -> None:
    wal_db.with_name("app.db-gate").mkdir()

    assert found_in(wal_db).keys() == {"no-turns-between-processes"}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_engine_whose_turns_are_its_own_alone(wal_db: Path, make_engine: EngineFactory) -> None:
    wal_db.with_name("app.db-gate").mkdir()
    engine = make_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO parent (id) VALUES (2)")

    assert "no-turns-between-processes" in found_in(engine)


def test_a_second_name(wal_db: Path, tmp_path: Path) -> None:
    (tmp_path / "other.db").hardlink_to(wal_db)

    assert found_in(wal_db).keys() == {"hard-links"}


@needs_proc
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_that_was_deleted_under_a_process(wal_db: Path, suffix: str) -> None:
    source = "c = connect(); c.execute('INSERT INTO parent (id) VALUES (2)'); hold()"
    with keeper(wal_db, source) as child:
        victim = wal_db.with_name(f"app.db{suffix}")
        content = victim.read_bytes()
        victim.unlink()
        victim.write_bytes(content)

        found = found_in(wal_db)

    assert found["deleted-while-open"].severity is Severity.CRITICAL
    assert f"process {child.pid}" in found["deleted-while-open"].location
    assert str(victim) in found["deleted-while-open"].problem


def test_a_folder_that_is_synced(tmp_path: Path) -> None:
    folder = tmp_path / "Dropbox"
    folder.mkdir()
    run(folder / "app.db", "PRAGMA journal_mode = wal", "CREATE TABLE t (a)")

    assert found_in(folder / "app.db").keys() == {"synced-folder"}


@pytest.mark.skipif(not SHM.is_mount(), reason="there is no file system in memory")
def test_a_file_system_in_memory(tmp_path: Path) -> None:
    path = SHM / f"hardlite-{os.getpid()}-{tmp_path.name}.db"
    run(path, "PRAGMA journal_mode = wal", "CREATE TABLE t (a)")
    try:
        assert "in-memory-filesystem" in {finding.name for finding in diagnose(path).findings}
    finally:
        path.unlink()


# The journal


def test_no_wal(db_path: Path) -> None:
    run(db_path, "CREATE TABLE t (a)")

    assert found_in(db_path).keys() == {"not-wal"}
    assert diagnose(db_path).score == 6


def test_a_journal_that_has_to_be_rolled_back(db_path: Path) -> None:
    crash(db_path, "leave")
    before = every_byte(db_path)

    assert found_in(db_path).keys() == {"not-wal", "hot-journal"}
    assert every_byte(db_path) == before


def test_a_wal_that_a_crash_left(wal_db: Path) -> None:
    crash(wal_db, "commit")
    before = every_byte(wal_db)

    found = found_in(wal_db)

    assert found.keys() == {"wal-left-behind"}
    assert every_byte(wal_db) == before


def test_a_wal_whose_shm_is_gone_is_told_and_its_content_is_not_guessed(wal_db: Path) -> None:
    crash(wal_db, "commit")
    wal_db.with_name("app.db-shm").unlink()

    found = diagnose(wal_db)

    assert "wal-left-behind" in {finding.name for finding in found.findings}
    assert any("content was not looked at" in note for note in found.notes)


def test_a_wal_that_is_missing(wal_db: Path) -> None:
    crash(wal_db, "commit")
    wal_db.with_name("app.db-wal").unlink()

    assert "wal-missing" in found_in(wal_db)


def test_garbage_in_the_wal(wal_db: Path) -> None:
    crash(wal_db, "commit")
    wal = wal_db.with_name("app.db-wal")
    wal.write_bytes(b"garbage" * 1000)

    assert "wal-damaged" in found_in(wal_db)
    assert wal.read_bytes() == b"garbage" * 1000


def test_a_large_wal(wal_db: Path) -> None:
    with keeper(wal_db, "c = connect(); c.execute('INSERT INTO parent (id) VALUES (2)'); hold()"):
        os.truncate(wal_db.with_name("app.db-wal"), 65 * 1024 * 1024)

        found = found_in(wal_db)

    assert found.keys() == {"wal-large"}


@needs_proc
def test_a_reader_that_pins_the_wal(wal_db: Path) -> None:
    source = (
        "c = connect(); c.execute('BEGIN'); c.execute('SELECT * FROM parent').fetchall(); hold()"
    )
    with keeper(wal_db, source) as child:
        grow_wal(wal_db, 5000)

        found = found_in(wal_db)

    assert found.keys() == {"wal-pinned"}
    assert f"process {child.pid}" in found["wal-pinned"].location


# Locks


@needs_proc
def test_somebody_who_keeps_readers_out(db_path: Path) -> None:
    run(db_path, "CREATE TABLE t (a)")
    with keeper(db_path, "c = connect(); c.execute('BEGIN EXCLUSIVE'); hold()") as child:
        found = found_in(db_path)

    assert f"process {child.pid}" in found["readers-shut-out"].location
    assert "writer-without-turn" in found


@needs_proc
def test_a_stopped_writer(wal_db: Path) -> None:
    with keeper(wal_db, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()") as child:
        child.stop()
        found = found_in(wal_db)
        child.go_on()

    assert found["stopped-holder"].severity is Severity.CRITICAL
    assert f"kill -CONT {child.pid}" in found["stopped-holder"].fix


@needs_proc
def test_a_writer_without_a_turn(wal_db: Path) -> None:
    with keeper(wal_db, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()") as child:
        found = found_in(wal_db)

    assert found.keys() == {"writer-without-turn"}
    assert f"process {child.pid}" in found["writer-without-turn"].location


def test_a_turn_that_lasts(
    wal_db: Path, make_engine: EngineFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_LONG", 0.0)
    with make_engine().begin() as connection:
        connection.exec_driver_sql("INSERT INTO parent (id) VALUES (2)")
        found = found_in(wal_db)

    assert found.keys() == {"long-turn"}
    assert found["long-turn"].location.endswith("in test_a_turn_that_lasts")


# The content


def test_a_row_that_refers_to_nothing(wal_db: Path) -> None:
    run(wal_db, "INSERT INTO child VALUES (2, 99), (3, 98)")

    found = found_in(wal_db)

    assert found.keys() == {"lost-references"}
    assert found["lost-references"].problem.startswith(
        "Rows of 'child' that name a row of 'parent' that is not there: 2."
    )


def test_a_foreign_key_that_cannot_work(wal_db: Path) -> None:
    run(
        wal_db,
        "CREATE TABLE other (name REFERENCES child (parent_id))",
        "CREATE INDEX other_name ON other (name)",
        "INSERT INTO other VALUES (1)",
    )

    assert found_in(wal_db).keys() == {"wrong-foreign-key"}


@pytest.mark.parametrize(("rows", "severity"), [(1, Severity.MONITOR), (10_001, Severity.MEDIUM)])
def test_a_foreign_key_without_an_index(wal_db: Path, rows: int, severity: Severity) -> None:
    run(
        wal_db,
        "DROP INDEX child_parent",
        "WITH n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
        f"INSERT INTO child SELECT i, 1 FROM n WHERE i <= {rows}",
        "ANALYZE",
    )

    found = found_in(wal_db)

    assert found.keys() == {"foreign-key-without-index"}
    assert found["foreign-key-without-index"].severity is severity
    run(wal_db, found["foreign-key-without-index"].fix)
    assert found_in(wal_db) == {}


@pytest.mark.parametrize("second", ["child (parent_id, id)", "child (parent_id)"])
def test_an_index_that_another_one_already_is(wal_db: Path, second: str) -> None:
    run(wal_db, f"CREATE INDEX zweiter ON {second}")

    found = found_in(wal_db)

    assert found.keys() == {"redundant-index"}
    run(wal_db, found["redundant-index"].fix)
    assert found_in(wal_db) == {}


def test_a_large_table_that_was_never_analyzed(wal_db: Path) -> None:
    run(
        wal_db,
        "WITH n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
        "INSERT INTO parent SELECT i, 'name ' || i FROM n",
    )

    assert found_in(wal_db).keys() == {"never-analyzed"}


def test_many_free_pages(wal_db: Path) -> None:
    grow_wal(wal_db, 3000)
    run(wal_db, "DELETE FROM wide")

    assert found_in(wal_db).keys() == {"many-free-pages"}


def test_small_pages(db_path: Path) -> None:
    run(db_path, "PRAGMA page_size = 1024", "PRAGMA journal_mode = wal", "CREATE TABLE t (a)")

    assert found_in(db_path).keys() == {"small-pages"}


def test_full_auto_vacuum(db_path: Path) -> None:
    run(db_path, "PRAGMA auto_vacuum = 1", "PRAGMA journal_mode = wal", "CREATE TABLE t (a)")

    assert found_in(db_path).keys() == {"auto-vacuum"}


# Engines


def plain(path: Path, *pragmas: str, **options: object) -> Engine:
    """A plain engine with one idle connection that has run some pragmas."""
    engine = create_engine(f"sqlite:///{path}", **options)  # type: ignore[call-overload]
    with engine.connect() as connection:
        for pragma in pragmas:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
    return engine


@pytest.mark.parametrize(
    ("pragma", "names"),
    [
        ("synchronous = OFF", {"pragma-synchronous"}),
        ("busy_timeout = 0", {"pragma-busy-timeout"}),
        ("foreign_keys = OFF", {"pragma-foreign-keys"}),
        ("wal_autocheckpoint = 0", {"pragma-wal-autocheckpoint"}),
        ("locking_mode = EXCLUSIVE", {"pragma-locking-mode"}),
    ],
)
def test_a_pragma_of_a_plain_engine(wal_db: Path, pragma: str, names: set[str]) -> None:
    engine = plain(wal_db, "foreign_keys = ON", pragma)

    found = found_in(engine)
    engine.dispose()

    assert found.keys() == names | {"engine-not-hardened"}


def test_a_connection_that_a_thread_took_with_it(wal_db: Path, make_engine: EngineFactory) -> None:
    engine = make_engine(wal_db, track_checkouts=True, pool_size=1, max_overflow=0)
    kept: list[object] = []
    thread = threading.Thread(target=lambda: kept.append(engine.connect()))
    thread.start()
    thread.join()

    found = found_in(engine)

    assert found.keys() == {"leaked-connection", "pool-exhausted"}
    assert "test_planted_faults.py" in found["leaked-connection"].location
    kept[0].close()  # type: ignore[attr-defined]
    assert found_in(engine) == {}
