"""Of healthy databases the doctor says nothing that is false, and leaves no trace on them."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from hardlite import batched_unit_of_work, create_hardened_engine
from hardlite.doctor import diagnose
from tests.doctor.conftest import every_byte, found_in, run
from tests.fixtures.entries import ENTRIES, entries, make_entries
from tests.fixtures.library import Base
from tests.fixtures.lock_keepers import keeper

HOLD = "c = connect(); c.execute('SELECT * FROM t').fetchall(); hold()"


def closed(path: Path, _: ExitStack) -> None:
    run(path, "PRAGMA journal_mode = wal", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")


def without_tables(path: Path, _: ExitStack) -> None:
    run(path, "PRAGMA journal_mode = wal")


def hardened(path: Path, stack: ExitStack) -> None:
    engine = create_hardened_engine(f"sqlite:///{path}")
    stack.callback(engine.dispose)
    make_entries(engine)
    batched_unit_of_work(engine, entries(3000), ENTRIES)


def hardened_and_closed(path: Path, _: ExitStack) -> None:
    with ExitStack() as inner:
        hardened(path, inner)


def open_elsewhere(path: Path, stack: ExitStack) -> None:
    closed(path, stack)
    stack.enter_context(keeper(path, HOLD))


def written_elsewhere(path: Path, stack: ExitStack) -> None:
    closed(path, stack)
    source = "c = connect(); c.execute('INSERT INTO t VALUES (2)'); hold()"
    stack.enter_context(keeper(path, source))


def read_elsewhere(path: Path, stack: ExitStack) -> None:
    closed(path, stack)
    source = "c = connect(); c.execute('BEGIN'); c.execute('SELECT * FROM t').fetchall(); hold()"
    stack.enter_context(keeper(path, source))


def with_relations(path: Path, stack: ExitStack) -> None:
    engine = create_hardened_engine(f"sqlite:///{path}")
    stack.callback(engine.dispose)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for table, column in (
            ("authors", "country_id"),
            ("authors", "mentor_id"),
            ("books", "author_id"),
        ):
            connection.exec_driver_sql(f"CREATE INDEX {table}_{column} ON {table} ({column})")


def with_odd_schema(path: Path, _: ExitStack) -> None:
    run(
        path,
        "PRAGMA journal_mode = wal",
        'CREATE TABLE "a ""table" ("a ""column" PRIMARY KEY) WITHOUT ROWID',
        'CREATE TABLE child (a PRIMARY KEY REFERENCES "a ""table", b, c)',
        "CREATE INDEX by_b ON child (b)",
        "CREATE INDEX by_b_down ON child (b DESC, c)",
        "CREATE INDEX by_b_nocase ON child (b COLLATE NOCASE, c)",
        "CREATE INDEX some_b ON child (b) WHERE c",
        "CREATE INDEX by_words ON child (lower(b), c)",
        "CREATE UNIQUE INDEX one_c ON child (c)",
        "CREATE INDEX c_and_b ON child (c, b)",
        "CREATE VIEW v AS SELECT * FROM child",
        "CREATE VIRTUAL TABLE words USING fts5 (text)",
        "CREATE TABLE keys (x REFERENCES child (c) )",
        "CREATE INDEX keys_x ON keys (x) WHERE x IS NOT NULL",
        "CREATE TABLE of_rowid (id INTEGER PRIMARY KEY REFERENCES child (c))",
    )


def with_many_rows(path: Path, _: ExitStack) -> None:
    run(
        path,
        "PRAGMA journal_mode = wal",
        "CREATE TABLE t (a PRIMARY KEY, b)",
        "INSERT INTO t WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
        "SELECT i, 'x' FROM n",
        "DELETE FROM t WHERE a > 19000",
        "ANALYZE",
    )


def with_a_name_to_quote(path: Path, stack: ExitStack) -> None:
    closed(path, stack)


HEALTHY = [
    closed,
    without_tables,
    hardened,
    hardened_and_closed,
    open_elsewhere,
    written_elsewhere,
    read_elsewhere,
    with_relations,
    with_odd_schema,
    with_many_rows,
    with_a_name_to_quote,
]


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
def test_a_healthy_database_has_no_findings_and_stays_as_it_is(
    make: Callable[[Path, ExitStack], None], tmp_path: Path
) -> None:
    path = tmp_path / ("a name & 'more' %41?.db" if make is with_a_name_to_quote else "app.db")
    with ExitStack() as stack:
        make(path, stack)
        before = every_byte(path)

        assert found_in(path) == {}
        after = every_byte(path)
        # A reader leaves its mark in the memory that processes share; nothing else changes.
        before.pop("app.db-shm", None), after.pop("app.db-shm", None)
        assert after == before
        assert diagnose(path).ok
        assert diagnose(path).score >= 9
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_an_engine_in_use_has_no_findings(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hardened(tmp_path / "app.db", stack)
        engine = create_hardened_engine(f"sqlite:///{tmp_path / 'app.db'}", track_checkouts=True)
        stack.callback(engine.dispose)
        with engine.connect() as connection, engine.connect() as other:
            connection.exec_driver_sql("SELECT * FROM entries LIMIT 1").fetchall()
            other.close()

            assert found_in(engine) == {}
        assert found_in(engine) == {}
