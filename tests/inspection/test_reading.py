"""A database is read without a trace, whatever state it is in."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hardlite.connections.drivers import SQLITE3
from hardlite.errors import ConfigurationError
from hardlite.inspection.headers import Headers, read_headers
from hardlite.inspection.reading import Unread, read, way_to_read
from tests.fixtures.lock_keepers import keeper
from tests.inspection.conftest import every_byte

COUNT = "SELECT count(*) FROM t"


def count(connection: sqlite3.Connection) -> int:
    (rows,) = connection.execute(COUNT).fetchone()
    return int(rows)


def rows_in(path: Path) -> int:
    return read(str(path), read_headers(str(path)), SQLITE3, count)


def make(path: Path, journal_mode: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate", "persist"])
def test_a_database_that_nobody_uses_stays_as_it_is(db_path: Path, mode: str) -> None:
    make(db_path, mode)
    before = every_byte(db_path)

    assert rows_in(db_path) == 1
    assert every_byte(db_path) == before


def test_what_a_crash_left_in_the_wal_is_read_and_left_there(
    crash: Callable[[str], Path],
) -> None:
    path = crash("wal")
    before = every_byte(path)

    assert rows_in(path) == 50
    assert every_byte(path) == before
    assert len(before["app.db-wal"]) > 0


def test_a_wal_that_only_a_writer_could_recover_is_left_alone(
    crash: Callable[[str], Path],
) -> None:
    path = crash("wal")
    path.with_name("app.db-shm").unlink()
    before = every_byte(path)

    with pytest.raises(Unread, match="recovered"):
        rows_in(path)
    assert every_byte(path) == before


def test_a_journal_that_has_to_be_rolled_back_is_left_alone(
    crash: Callable[[str], Path],
) -> None:
    path = crash("delete")
    before = every_byte(path)

    with pytest.raises(sqlite3.OperationalError) as caught:
        rows_in(path)
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK
    assert every_byte(path) == before
    headers = read_headers(str(path))
    assert headers is not None
    assert headers.has_journal


def test_a_database_in_use_is_read_as_its_last_commit_left_it(db_path: Path) -> None:
    make(db_path, "wal")

    with keeper(
        db_path,
        "c = connect('wal'); c.execute('INSERT INTO t VALUES (2)'); c.execute('BEGIN IMMEDIATE');"
        "c.execute('INSERT INTO t VALUES (3)'); hold()",
    ):
        assert rows_in(db_path) == 2


def test_a_change_in_the_meantime_is_seen_and_it_is_read_again(db_path: Path) -> None:
    make(db_path, "wal")
    looks: list[int] = []

    def look(connection: sqlite3.Connection) -> int:
        looks.append(count(connection))
        if len(looks) == 1:
            with closing(sqlite3.connect(db_path)) as other:
                other.execute("INSERT INTO t VALUES (2)")
                other.commit()
            raise sqlite3.DatabaseError("as if it had met two states at once")
        return looks[-1]

    assert read(str(db_path), read_headers(str(db_path)), SQLITE3, look) == 2
    assert looks == [1, 2]


def test_a_file_that_never_rests_is_given_up(db_path: Path) -> None:
    make(db_path, "wal")

    def look(_: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(db_path)) as other:
            other.execute("INSERT INTO t VALUES (2)")
            other.commit()

    with pytest.raises(Unread, match="kept changing"):
        read(str(db_path), read_headers(str(db_path)), SQLITE3, look)


def test_an_error_of_a_file_that_rests_is_raised_at_once(db_path: Path) -> None:
    make(db_path, "wal")
    looks: list[None] = []

    def look(connection: sqlite3.Connection) -> None:
        looks.append(None)
        connection.execute("SELECT nothing FROM nowhere")

    with pytest.raises(sqlite3.OperationalError):
        read(str(db_path), read_headers(str(db_path)), SQLITE3, look)
    assert len(looks) == 1


def test_without_headers_only_a_database_in_use_is_read(db_path: Path) -> None:
    make(db_path, "wal")

    with pytest.raises(Unread, match="could not be looked at"):
        way_to_read(str(db_path), None)
    with keeper(db_path, f"c = connect(); c.execute({COUNT!r}).fetchall(); hold()"):
        assert read(str(db_path), None, SQLITE3, count) == 1


@pytest.mark.parametrize("python", ["/usr/bin/app", "", "/nowhere/python3"])
def test_headers_are_not_known_where_no_interpreter_can_be_started(
    db_path: Path, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    make(db_path, "wal")
    monkeypatch.setattr(sys, "executable", python)

    assert read_headers(str(db_path)) is None


def test_headers_of_a_file_that_is_gone_are_not_known(db_path: Path) -> None:
    assert read_headers(str(db_path)) is None


def test_the_pages_of_a_wal_are_those_since_it_started_over(crash: Callable[[str], Path]) -> None:
    headers = read_headers(str(crash("wal")))

    assert headers is not None
    assert headers.in_wal_mode
    assert not headers.wal_is_damaged
    assert headers.frames > 50


def test_a_wal_with_a_wrong_header_is_damaged() -> None:
    magic = bytes.fromhex("377f0682")

    for wal in (b"short", b"\0" * 32, magic + b"\1" * 28):
        assert Headers(database=b"", wal=wal).wal_is_damaged
    assert not Headers(database=b"", wal=b"").wal_is_damaged


@pytest.mark.usefixtures("some_pysqlite3")
def test_another_driver_is_refused_before_it_opens_the_file(db_path: Path) -> None:
    from hardlite.connections.drivers import driver_named
    from hardlite.connections.one_library import use_file

    make(db_path, "wal")
    use = use_file(str(db_path), driver_named("pysqlite3"))

    with pytest.raises(ConfigurationError, match="pysqlite3"):
        rows_in(db_path)
    del use
    assert rows_in(db_path) == 1
