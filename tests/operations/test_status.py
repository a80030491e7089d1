"""`status`: what it tells is so, and it changes nothing."""

import dataclasses
import json
import os
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from hardlite import (
    ConfigurationError,
    DatabaseLockedError,
    DatabaseStatus,
    UnreadableDatabaseError,
    UnsupportedDatabaseError,
    create_hardened_engine,
    status,
)
from hardlite.inspection import counting
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_it_tells_what_is_in_a_database(db_path: Path) -> None:
    run(
        db_path,
        "PRAGMA journal_mode = wal",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b UNIQUE)",
        "INSERT INTO a (b) VALUES (1), (2)",
        "CREATE INDEX a_b ON a (b)",
        'CREATE TABLE "odd ""name" (x)',
        "CREATE VIRTUAL TABLE words USING fts5 (t)",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('1f'), ('0e')",
        "PRAGMA user_version = 7",
    )

    found = status(db_path)

    assert (found.path, found.journal) == (str(db_path), "wal")
    assert found.sqlite_version == sqlite3.sqlite_version
    assert (found.user_version, found.alembic_version) == (7, "0e, 1f")
    assert found.bytes == found.pages * found.page_size == db_path.stat().st_size
    assert (found.wal_bytes, found.wal_pages) == (None, 0)
    tables = {table.name: (table.rows, table.counted, table.indexes) for table in found.tables}
    assert tables["a"] == (2, "exact", 2)
    assert tables['odd "name'] == (0, "exact", 0)
    assert tables["words"][0] is None
    assert (found.pragmas, found.pool, found.checkouts) == (None, None, None)
    assert "table a: 2 rows, 2 indexes" in found.summary()
    assert "table words: virtual" in found.summary()
    assert "schema: user_version 7, Alembic 0e, 1f" in found.summary()


def test_a_table_of_that_name_that_is_not_alembics_is_passed_over(db_path: Path) -> None:
    run(db_path, "CREATE TABLE alembic_version (other)", "INSERT INTO alembic_version VALUES (1)")

    assert status(db_path).alembic_version is None
    assert status(db_path).journal == "rollback"


def counts(found: DatabaseStatus) -> dict[str, tuple[int | None, str]]:
    return {table.name: (table.rows, table.counted) for table in found.tables}


def test_large_tables_are_estimated_unless_exact_counts_are_asked_for(
    db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "COUNTED", 3)
    run(
        db_path,
        "CREATE TABLE by_rowid (a)",
        "INSERT INTO by_rowid VALUES (1), (2), (3), (4), (5), (6)",
        "DELETE FROM by_rowid WHERE a = 2",
        "CREATE TABLE analyzed (a PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO analyzed VALUES (1), (2), (3), (4), (5)",
        "ANALYZE analyzed",
        "INSERT INTO analyzed VALUES (6)",
        "CREATE TABLE unknown (a PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO unknown VALUES (1), (2), (3), (4), (5)",
        "CREATE TABLE small (a)",
        "INSERT INTO small VALUES (1)",
    )

    found = status(db_path)
    exact = status(db_path, exact=True)

    assert counts(found) == {
        "analyzed": (5, "estimate"),
        "by_rowid": (6, "estimate"),
        "small": (1, "exact"),
        "unknown": (4, "at_least"),
    }
    assert "table analyzed: about 5 rows, 0 indexes" not in exact.summary()
    assert "table unknown: more than 4 rows" in found.summary()
    assert counts(exact) == {
        "analyzed": (6, "exact"),
        "by_rowid": (5, "exact"),
        "small": (1, "exact"),
        "unknown": (5, "exact"),
    }


def test_an_idle_connection_tells_the_pragmas_of_an_engine(make_engine: EngineFactory) -> None:
    engine = make_engine(busy_timeout=7, transaction="immediate")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

    found = status(engine)

    assert found.pragmas is not None
    assert (found.pragmas["busy_timeout"], found.pragmas["journal_mode"]) == (7000, "wal")
    assert found.locks.turn is None
    assert "pragma busy_timeout: 7000" in found.summary()


def test_a_fresh_engine_is_not_made_to_open_a_connection(
    db_path: Path, make_engine: EngineFactory
) -> None:
    run(db_path, "CREATE TABLE t (a)")

    found = status(make_engine())

    assert found.pragmas is None
    assert any("none is idle" in note for note in found.notes)
    assert status(db_path).journal == "rollback"


def test_a_plain_engine_has_a_status(db_path: Path) -> None:
    engine = create_engine(f"sqlite:///{db_path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")

    found = status(engine)
    engine.dispose()

    assert found.pragmas is not None
    assert found.pragmas["foreign_keys"] == 0
    assert found.pool is not None
    assert (found.pool.checked_out, found.pool.idle, found.pool.limit) == (0, 1, 15)


def test_pools_without_counts_or_limits_are_told_as_such(
    db_path: Path, make_engine: EngineFactory
) -> None:
    run(db_path, "CREATE TABLE t (a)")
    endless = make_engine(max_overflow=-1)
    with endless.connect():
        counted = status(endless)

    assert status(make_engine(poolclass=NullPool)).pool is None
    assert counted.pool is not None
    assert counted.pool.limit is None
    assert "connections: 1 in use, 0 idle\n" in counted.summary()


def test_the_turns_of_this_process_are_told_with_waits_and_refusals(
    db_path: Path, make_engine: EngineFactory
) -> None:
    engine = make_engine(timeout=0.02)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.rollback()
    before = status(db_path).totals
    with keeper(db_path, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()"):
        with pytest.raises(DatabaseLockedError), engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")

        found = status(engine)

    assert before is not None
    assert before.rollbacks == 1
    assert before.to_dict()["refused"] == {"turn": 0, "foreign_lock": 0, "stale_snapshot": 0}
    assert found.totals is not None
    assert (found.totals.commits, found.totals.waiting) == (before.commits, 0)
    assert found.totals.refused["foreign_lock"] == 1
    assert found.totals.held > 0
    assert f"turns of this process: {before.commits} committed, " in found.summary()
    assert "waited in all: " in found.summary()
    assert "refused: foreign lock 1\n" in found.summary()


def test_a_process_without_an_engine_has_no_turns_to_tell_of(db_path: Path) -> None:
    run(db_path, "CREATE TABLE t (a)")

    assert status(db_path).totals is None
    assert "turns of this process" not in status(db_path).summary()


def take(engine: Engine, kept: list[object]) -> None:
    kept.append(engine.connect())


def test_a_leak_is_named_with_the_line_where_it_was_taken(make_engine: EngineFactory) -> None:
    engine = make_engine(track_checkouts=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    kept: list[object] = []
    thread = threading.Thread(target=take, args=(engine, kept), name="importer")
    thread.start()
    thread.join()

    with engine.connect():
        found = status(engine)

    assert found.checkouts is not None
    leak, own = found.checkouts
    assert (leak.leaked, leak.thread) == (True, "thread 'importer'")
    assert leak.site is not None
    assert leak.site.function == "take"
    assert (own.leaked, own.thread) == (False, "thread 'MainThread'")
    assert "LEAKED: that thread has ended" in found.summary()
    kept[0].close()  # type: ignore[attr-defined]
    assert status(engine).checkouts == ()


def test_a_detached_connection_is_no_longer_the_pools(make_engine: EngineFactory) -> None:
    engine = make_engine(track_checkouts=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
        connection.commit()
        connection.detach()

        assert status(engine).checkouts == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_does_not_take_the_checkouts_of_its_parent_for_its_own(
    make_engine: EngineFactory,
) -> None:
    from hardlite.checkouts import checkouts_of

    engine = make_engine(track_checkouts=True)
    with engine.connect():
        child = os.fork()
        if child == 0:
            os._exit(len(checkouts_of(engine) or ()))
        _, ended = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(ended) == 0


def test_without_tracking_a_note_says_how_to_get_it(make_engine: EngineFactory) -> None:
    engine = make_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")

    found = status(engine)

    assert found.checkouts is None
    assert any("track_checkouts=True" in note for note in found.notes)


@needs_proc
def test_who_has_the_lock_is_a_part_of_it(db_path: Path) -> None:
    with keeper(
        db_path,
        "c = connect('wal'); c.execute('CREATE TABLE t (a)'); c.execute('BEGIN IMMEDIATE'); hold()",
    ) as child:
        found = status(db_path)

    assert found.locks.writer is not None
    assert found.locks.writer.pid == child.pid
    assert f"write lock: process {child.pid}" in found.summary()
    assert "pages since it started over" in found.summary()


def test_it_is_plain_values_for_json(make_engine: EngineFactory) -> None:
    engine = make_engine(track_checkouts=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    with engine.connect():
        found = status(engine)
    told = json.loads(json.dumps(found.to_dict()))

    names = {field.name for field in dataclasses.fields(found)}
    assert told.keys() == names | {"schema"}
    assert told["schema"] == "hardlite.status/1"
    assert told["tables"] == [{"name": "t", "rows": 0, "counted": "exact", "indexes": 0}]
    assert told["checkouts"][0]["site"].endswith("test_it_is_plain_values_for_json")
    assert told["pool"]["checked_out"] == 1
    assert json.loads(json.dumps(status(found.path).to_dict()))["checkouts"] is None


def test_a_checkout_without_a_line_of_code_is_told_without_one() -> None:
    from hardlite import Checkout

    made = Checkout(thread="thread 'x'", held=1.0, site=None, leaked=False)

    assert made.to_dict()["site"] is None


@pytest.mark.parametrize("content", [b"no database at all" * 99, b"SQLite format 3\0" + b"\7" * 99])
def test_what_is_no_whole_database_is_an_error_with_the_next_step(
    db_path: Path, content: bytes
) -> None:
    db_path.write_bytes(content)

    with pytest.raises(UnreadableDatabaseError, match="hardlite doctor"):
        status(db_path)
    assert db_path.read_bytes() == content


def test_an_unrecovered_wal_is_an_error_and_stays(db_path: Path) -> None:
    with closing(sqlite3.connect(db_path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE t (a)")
        copy = {file.name: file.read_bytes() for file in db_path.parent.iterdir()}
    other = db_path.parent / "other"
    other.mkdir()
    for name in ("app.db", "app.db-wal"):
        (other / name).write_bytes(copy[name])

    with pytest.raises(UnreadableDatabaseError, match="recovered"):
        status(other / "app.db")
    assert (other / "app.db-wal").read_bytes() == copy["app.db-wal"]


@needs_proc
def test_who_keeps_readers_out_is_named(db_path: Path) -> None:
    run(db_path, "CREATE TABLE t (a)")

    exclusive = "c = connect(); c.execute('BEGIN EXCLUSIVE'); hold()"
    with keeper(db_path, exclusive) as child, pytest.raises(UnreadableDatabaseError) as caught:
        status(db_path)

    assert f"process {child.pid}" in str(caught.value)


def test_what_names_no_database_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no database"):
        status(tmp_path / "none.db")
    with pytest.raises(ConfigurationError):
        status(tmp_path)
    with pytest.raises(UnsupportedDatabaseError):
        status("postgresql://host/app")


@pytest.mark.usefixtures("some_pysqlite3")
def test_an_engine_with_another_driver_is_looked_at_with_that_driver(db_path: Path) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}", driver="pysqlite3")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")

    assert [table.name for table in status(engine).tables] == ["t"]
    engine.dispose()


def test_an_async_engine_is_not_asked_for_its_pragmas(db_path: Path) -> None:
    pytest.importorskip("aiosqlite")
    from sqlalchemy.ext.asyncio import create_async_engine

    run(db_path, "CREATE TABLE t (a)")
    engine = create_async_engine(f"sqlite+aiosqlite:///{db_path}", plugins=["hardlite"])

    assert status(engine.sync_engine).pragmas is None


def test_what_was_not_looked_at_is_not_told(db_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(db_path, "PRAGMA journal_mode = wal", "CREATE TABLE t (a)")
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute("SELECT * FROM t").fetchall()
        monkeypatch.setattr(
            sys.modules["hardlite.operations.status"], "read_headers", lambda _: None
        )
        found = status(db_path)

    assert (found.journal, found.wal_pages) == (None, None)
    assert "journal: not looked at" in found.summary()
    assert "WAL file: 0 bytes\n" in found.summary()
