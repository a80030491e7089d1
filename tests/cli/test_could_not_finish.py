"""What stops an import in the middle: exit code 3, one message, what was committed stays."""

import gzip
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

TABLE = "PRAGMA journal_mode=wal;CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"


@contextmanager
def on(name: str, listener: Callable[..., object]) -> Iterator[None]:
    """Listen to an event of every engine."""
    event.listen(Engine, name, listener)
    try:
        yield
    finally:
        event.remove(Engine, name, listener)


def one_line(text: str) -> str:
    """The last line; those before it are progress."""
    return text.splitlines()[-1]


def test_a_full_disk_ends_the_import_after_the_batches_that_fitted(
    hardlite: Command, write: Write, sql: Sql, db_path: Path, tmp_path: Path
) -> None:
    sql(TABLE)
    path = write("people.csv", "id,name\n" + "".join(f"{n},{'x' * 100}\n" for n in range(1000)))

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=10").close()

    with on("connect", limit):
        ran = hardlite("import", path, db_path, "--batch-size", 50, "--report", tmp_path / "r.json")

    kept = sql("SELECT count(*) FROM people")[0][0]
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert 0 < kept < 1000
    assert ran.code == 3
    assert one_line(ran.err) == (
        f"hardlite: database or disk is full. Rows committed before: {kept}; they stay."
    )
    assert (report["ok"], report["imports"][0]["committed"]) == (False, kept)
    assert "database or disk is full" in report["imports"][0]["error"]


def test_a_lock_that_is_not_had_in_time_ends_the_import(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    holder = sqlite3.connect(db_path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    ran = hardlite(
        "import",
        write("people.csv", "id,name\n1,Ann\n"),
        f"sqlite:///{db_path}?hardlite_timeout=0.01&hardlite_busy_timeout=0.01",
    )
    holder.close()

    assert ran.code == 3
    assert one_line(ran.err).startswith("hardlite: database is locked: it was this writer's turn")
    assert one_line(ran.err).endswith("Rows committed before: 0; they stay.")


def test_a_lock_that_keeps_the_table_from_being_made_ends_the_import(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    holder = sqlite3.connect(db_path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    ran = hardlite(
        "import",
        write("towns.csv", "id,name\n1,Ulm\n"),
        f"sqlite:///{db_path}?hardlite_timeout=0.01&hardlite_busy_timeout=0.01",
        "--create",
    )
    holder.close()

    assert (ran.code, ran.out) == (3, "")
    assert one_line(ran.err).startswith("hardlite: database is locked")


def test_a_read_only_database_ends_the_import(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)

    ran = hardlite(
        "import",
        write("people.csv", "id,name\n1,Ann\n"),
        f"sqlite:///file:{db_path}?mode=ro&uri=true",
    )

    assert ran.code == 3
    assert one_line(ran.err).startswith("hardlite: attempt to write a readonly database.")


def test_wrong_encoding_in_the_middle_is_told_by_line_and_position(
    hardlite: Command, write: Write, sql: Sql, db_path: Path, tmp_path: Path
) -> None:
    sql(TABLE)
    rows = "".join(f"{number},Ann\n" for number in range(40)).encode()
    path = write("people.csv", b"id,name\n" + rows + b"99,B\xf6b\n")

    ran = hardlite("import", path, db_path, "--batch-size", 10, "--report", tmp_path / "r.json")

    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["imports"][0]
    assert ran.code == 3
    assert one_line(ran.err) == (
        f"hardlite: {path} is not UTF-8: byte 0xf6 at position 5 of line 42. Convert it first, "
        "for example: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW. [source] "
        "Rows committed before: 40; they stay."
    )
    assert sql("SELECT count(*) FROM people") == [(40,)]
    assert (report["ok"], report["stopped"], report["committed"]) == (False, True, 40)
    assert "is not UTF-8" in report["error"]


def test_a_file_that_is_cut_off_ends_the_import(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    rows = "".join(f"{number},{os.urandom(60).hex()}\n" for number in range(20_000))
    packed = gzip.compress(f"id,name\n{rows}".encode())

    ran = hardlite("import", write("people.csv.gz", packed[: len(packed) // 2]), db_path)

    kept = sql("SELECT count(*) FROM people")[0][0]
    assert kept > 0
    assert ran.code == 3
    assert "people.csv.gz is damaged or cut off" in one_line(ran.err)
    assert one_line(ran.err).endswith(f"Rows committed before: {kept:,}; they stay.")


def test_a_failure_keeps_the_sources_after_it_from_being_begun(
    hardlite: Command, write: Write, sql: Sql, db_path: Path
) -> None:
    sql(TABLE)
    rows = b"".join(b"%d,Ann\n" % number for number in range(1000))
    bad = write("bad.csv", b"id,name\n" + rows + b"1001,\xff\n")
    good = write("good.csv", "id,name\n5000,Bob\n")

    ran = hardlite("import", bad, good, db_path, "--table", "people")

    assert (ran.code, sql("SELECT max(id) FROM people")) == (3, [(999,)])
    assert "good.csv" not in ran.out


def test_a_report_that_cannot_be_written_in_the_end_takes_no_row_back(
    hardlite: Command, write: Write, sql: Sql, db_path: Path, tmp_path: Path
) -> None:
    sql(TABLE)
    report = tmp_path / "r.json"
    path = write("people.csv", "id,name\n1,Ann\n")

    with on("commit", lambda _: report.mkdir()):
        ran = hardlite("import", path, db_path, "--report", report)

    assert (ran.code, sql("SELECT count(*) FROM people")) == (3, [(1,)])
    assert one_line(ran.err) == (
        "hardlite: The report could not be written: Is a directory. Rows committed before: 1; they stay."
    )
