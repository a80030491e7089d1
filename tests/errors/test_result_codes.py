"""What an error asks of the caller, judged by SQLite's result code; the errors are real ones."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, exc

from hardlite.result_codes import Fate, fate_of, primary_code, result_code


@pytest.fixture
def connection(db_path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to a file with a table, in autocommit."""
    connection = sqlite3.connect(db_path, isolation_level=None, timeout=0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body NOT NULL)")
    yield connection
    connection.close()


@pytest.fixture
def other(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A second plain connection to the same file."""
    _, _, path = connection.execute("PRAGMA database_list").fetchone()
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    yield other
    other.close()


def judged(connection: sqlite3.Connection, sql: str) -> tuple[str, Fate]:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(sql).fetchall()
    error = caught.value
    assert primary_code(error) == error.sqlite_errorcode & 0xFF
    return error.sqlite_errorname, fate_of(error)


INSERT = "INSERT INTO note (body) VALUES (1)"


def test_another_writer_is_waited_for(
    connection: sqlite3.Connection, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")

    assert judged(connection, INSERT) == ("SQLITE_BUSY", Fate.WAIT)


def test_a_table_that_is_being_read_here_is_waited_for(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO note (body) VALUES (?)", [(1,), (2,)])
    reading = connection.execute("SELECT * FROM note")
    reading.fetchone()

    assert judged(connection, "DROP TABLE note") == ("SQLITE_LOCKED", Fate.WAIT)
    reading.close()


def test_a_snapshot_that_is_too_old_asks_for_a_new_transaction(
    connection: sqlite3.Connection, other: sqlite3.Connection
) -> None:
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM note").fetchall()
    other.execute(INSERT)

    assert judged(connection, INSERT) == ("SQLITE_BUSY_SNAPSHOT", Fate.RESTART)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("INSERT INTO note VALUES (1, NULL)", "SQLITE_CONSTRAINT_NOTNULL"),
        ("INSERT INTO note VALUES (9, 1), (9, 1)", "SQLITE_CONSTRAINT_PRIMARYKEY"),
        ("INSERT INTO note VALUES ('one', 1)", "SQLITE_MISMATCH"),
        ("SELECT zeroblob(2147483647)", "SQLITE_TOOBIG"),
    ],
)
def test_data_that_is_at_fault_is_rejected(
    connection: sqlite3.Connection, sql: str, name: str
) -> None:
    assert judged(connection, sql) == (name, Fate.REJECT)


def test_a_full_file_stops_everything(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 2")

    sql = "INSERT INTO note (body) VALUES (zeroblob(100000))"
    assert judged(connection, sql) == ("SQLITE_FULL", Fate.STOP)


def test_a_file_that_may_only_be_read_stops_everything(
    connection: sqlite3.Connection, db_path: Path
) -> None:
    connection.close()
    reader = sqlite3.connect(f"file:{db_path}?mode=ro", uri=True)

    assert judged(reader, INSERT) == ("SQLITE_READONLY", Fate.STOP)
    reader.close()


def test_a_file_that_cannot_be_opened_stops_everything(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    sql = f"ATTACH '{tmp_path}' AS folder"
    assert judged(connection, sql) == ("SQLITE_CANTOPEN", Fate.STOP)


def test_a_file_that_is_no_database_stops_everything(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 100, encoding="utf-8")
    connection = sqlite3.connect(path)

    assert judged(connection, "SELECT * FROM note") == ("SQLITE_NOTADB", Fate.STOP)
    connection.close()


def test_a_damaged_file_stops_everything(connection: sqlite3.Connection, db_path: Path) -> None:
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    content = bytearray(db_path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    db_path.write_bytes(content)
    damaged = sqlite3.connect(db_path)

    assert judged(damaged, "SELECT * FROM note") == ("SQLITE_CORRUPT", Fate.STOP)
    damaged.close()


def test_what_is_forbidden_stops_everything(connection: sqlite3.Connection) -> None:
    connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)

    assert judged(connection, INSERT) == ("SQLITE_AUTH", Fate.STOP)


def test_wrong_sql_says_nothing_about_trying_again(connection: sqlite3.Connection) -> None:
    assert judged(connection, "SELEKT 1") == ("SQLITE_ERROR", Fate.UNKNOWN)


def test_the_code_is_found_inside_of_sqlalchemys_error(
    other: sqlite3.Connection, db_path: Path
) -> None:
    other.execute("BEGIN IMMEDIATE")
    engine = create_engine(f"sqlite:///{db_path}", connect_args={"timeout": 0})
    with pytest.raises(exc.OperationalError) as busy, engine.begin() as sqlalchemys:
        sqlalchemys.exec_driver_sql(INSERT)
    other.rollback()
    with pytest.raises(exc.IntegrityError) as integrity, engine.connect() as sqlalchemys:
        sqlalchemys.exec_driver_sql("INSERT INTO note VALUES (1, NULL)")
    engine.dispose()

    assert result_code(busy.value) == sqlite3.SQLITE_BUSY
    assert fate_of(busy.value) is Fate.WAIT
    assert result_code(integrity.value) == sqlite3.SQLITE_CONSTRAINT_NOTNULL
    assert fate_of(integrity.value) is Fate.REJECT


@pytest.mark.parametrize(
    "error",
    [
        ValueError("database is locked"),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
        sqlite3.OperationalError("database is locked"),
        exc.DBAPIError("SELECT 1", {}, None),  # type: ignore[arg-type]
        exc.OperationalError("SELECT 1", {}, ValueError("of another driver")),
        exc.PendingRollbackError("roll back first"),
    ],
)
def test_an_error_without_a_code_is_never_judged_by_its_text(error: Exception) -> None:
    assert result_code(error) is None
    assert primary_code(error) is None
    assert fate_of(error) is Fate.UNKNOWN
