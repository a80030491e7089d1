"""Every checkpoint that hardlite causes runs inside a turn, in whatever words it was asked for.

A checkpoint that meets a commit is what the WAL-reset bug is about (sqlite.org, "Write-Ahead
Logging"); commits have turns too, so no two of them meet.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite.connections.connection import HardenedConnection
from hardlite.errors import LockedByOtherError
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import gate_for
from hardlite.turns.turn import Turn
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

WRITE = "INSERT INTO notes (body) VALUES ('mine')"
CHECKPOINTS = [
    "PRAGMA wal_checkpoint",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA wal_checkpoint = RESTART",
    "pragma main.WAL_CHECKPOINT(full)",
    'PRAGMA "main" . "wal_checkpoint"',
    "/* nightly */ PRAGMA/**/wal_checkpoint -- now",
    "VACUUM",
    "VACUUM main",
    "PRAGMA optimize",
    "PRAGMA optimize(0x10002)",
    "SELECT * FROM pragma_optimize",
    "WITH done AS (SELECT * FROM PRAGMA_OPTIMIZE(0x10002)) SELECT * FROM done",
    "PRAGMA incremental_vacuum",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA main.journal_mode('truncate')",
    "ANALYZE",
    "REINDEX",
]


@pytest.fixture
def gate(db_path: Path) -> Gate:
    return gate_for(os.path.realpath(db_path))


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    return make_engine(wal_autocheckpoint=1)


@pytest.fixture
def driver(engine: Engine) -> Iterator[HardenedConnection]:
    raw = engine.raw_connection()
    connection = raw.driver_connection
    assert isinstance(connection, HardenedConnection)
    yield connection
    raw.close()


@pytest.fixture
def turn_of_another(gate: Gate) -> Iterator[None]:
    """Another thread has the turn."""
    with ThreadPoolExecutor(1) as other:
        turn = other.submit(gate.take, 1.0).result()
        yield
        other.submit(turn.release).result()


@pytest.fixture
def sizes(gate: Gate, db_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of the database each time that a turn is about to end."""
    seen: list[int] = []
    release = gate.release

    def look(turn: Turn) -> None:
        seen.append(db_path.stat().st_size)
        release(turn)

    monkeypatch.setattr(gate, "release", look)
    return seen


@pytest.mark.usefixtures("turn_of_another")
@pytest.mark.parametrize("statement", CHECKPOINTS)
class TestItWaitsForTheTurn:
    def test_as_a_statement(self, driver: HardenedConnection, statement: str) -> None:
        driver.timeout = 0.0
        with pytest.raises(LockedByOtherError, match="for a turn"):
            driver.execute(statement)

    def test_under_autocommit(self, driver: HardenedConnection, statement: str) -> None:
        driver.timeout = 0.0
        driver.isolation_level = None
        with pytest.raises(LockedByOtherError, match="for a turn"):
            driver.cursor().execute(statement)

    def test_in_a_script(self, driver: HardenedConnection, statement: str) -> None:
        driver.timeout = 0.0
        with pytest.raises(LockedByOtherError, match="for a turn"):
            driver.executescript(f"SELECT 1; {statement}\n; SELECT 2")


@pytest.mark.parametrize("statement", CHECKPOINTS)
def test_the_turn_ends_with_it(
    driver: HardenedConnection,
    onlooker: sqlite3.Connection,
    write_locked: Callable[[], bool],
    turn_taken: Callable[[], bool],
    statement: str,
) -> None:
    """Nor is SQLite's own lock kept by a statement that was not read to its end."""
    onlooker.close() if "journal" in statement else None
    driver.isolation_level = None

    cursor = driver.execute(statement)

    assert not turn_taken()
    assert "journal" in statement or not write_locked()
    cursor.close()
    driver.execute("PRAGMA journal_mode = WAL")


def test_what_it_answers_can_be_read(driver: HardenedConnection) -> None:
    driver.execute(WRITE)
    driver.commit()

    busy, frames, moved = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert (busy, frames, moved) == (0, 0, 0)


def test_an_incremental_vacuum_holds_no_lock_beyond_its_turn(
    make_engine: EngineFactory,
    tmp_path: Path,
) -> None:
    """It frees a page with each row that is read, and there are no columns to read."""
    path = tmp_path / "vacuum.db"
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA auto_vacuum = INCREMENTAL")
    made.execute("CREATE TABLE t (a)")
    made.executemany("INSERT INTO t VALUES (?)", [(bytes(3000),)] * 100)
    made.execute("DELETE FROM t")
    raw = make_engine(path).raw_connection()

    cursor = raw.cursor()
    cursor.execute("PRAGMA incremental_vacuum")

    made.execute("BEGIN IMMEDIATE")
    made.close()
    cursor.close()
    raw.close()


@pytest.mark.parametrize("commit", ["commit()", "COMMIT", "END", "RELEASE", "autocommit", "script"])
def test_the_checkpoint_of_a_commit_is_over_before_the_turn(
    driver: HardenedConnection, sizes: list[int], db_path: Path, commit: str
) -> None:
    before = db_path.stat().st_size
    fill = "INSERT INTO notes (body) VALUES (hex(zeroblob(50000)))"

    if commit == "autocommit":
        driver.isolation_level = None
        driver.execute(fill)
    elif commit == "script":
        driver.executescript(f"BEGIN; {fill}; COMMIT;")
    elif commit == "RELEASE":
        driver.isolation_level = None
        driver.execute("SAVEPOINT a")
        driver.execute(fill)
        driver.execute("RELEASE a")
    else:
        driver.execute(fill)
        driver.commit() if commit == "commit()" else driver.execute(commit)

    assert db_path.stat().st_size > before
    assert sizes == [db_path.stat().st_size]


def test_a_profile_that_leaves_wal_does_so_in_its_turn(
    make_engine: EngineFactory,
    engine: Engine,
    onlooker: sqlite3.Connection,
    sizes: list[int],
    db_path: Path,
) -> None:
    with engine.begin() as connection:
        connection.execute(text(WRITE))
    engine.dispose()
    onlooker.close()
    sizes.clear()

    with make_engine(journal_mode="delete").connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "delete"

    assert sizes == [db_path.stat().st_size]


@pytest.mark.usefixtures("turn_of_another")
def test_a_profile_with_wal_opens_without_a_turn(engine: Engine) -> None:
    """Whoever has the turn may open a second connection, to read."""
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA journal_mode = WAL")) == "wal"


def test_the_close_of_a_connection_that_is_not_the_last_runs_none(
    make_engine: EngineFactory, onlooker: sqlite3.Connection, db_path: Path
) -> None:
    engine = make_engine(wal_autocheckpoint=0)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO notes (body) VALUES (hex(zeroblob(50000)))"))
    assert onlooker.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    before = db_path.stat().st_size

    engine.dispose()

    assert db_path.stat().st_size == before
    assert db_path.with_name(f"{db_path.name}-wal").stat().st_size > before
