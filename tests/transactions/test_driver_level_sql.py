"""SQL that goes past SQLAlchemy's constructs, down to the driver, is in the same transactions."""

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import PoolProxiedConnection

from hardlite.connections.connection import HardenedConnection
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

WRITE = "INSERT INTO notes (body) VALUES ('mine')"
TurnTaken = Callable[[], bool]
Bodies = Callable[[], list[str]]


@pytest.fixture
def raw(engine: Engine) -> Iterator[PoolProxiedConnection]:
    raw = engine.raw_connection()
    yield raw
    raw.close()


@pytest.fixture
def driver(raw: PoolProxiedConnection) -> HardenedConnection:
    driver = raw.driver_connection
    assert isinstance(driver, HardenedConnection)
    return driver


@pytest.mark.parametrize(("end", "kept"), [("commit", ["mine"]), ("rollback", [])])
def test_exec_driver_sql_is_in_the_transaction(
    engine: Engine, bodies: Bodies, turn_taken: TurnTaken, end: str, kept: list[str]
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(WRITE)
        assert turn_taken()
        getattr(connection, end)()
        assert not turn_taken()
    assert bodies() == kept


def test_a_raw_connection_that_goes_back_to_its_pool_is_rolled_back(
    raw: PoolProxiedConnection, bodies: Bodies, turn_taken: TurnTaken
) -> None:
    raw.cursor().execute(WRITE)
    assert turn_taken()
    raw.close()
    assert not turn_taken()
    assert bodies() == []


def test_table_and_rows_written_as_pandas_does_are_taken_back_together(
    raw: PoolProxiedConnection, onlooker: sqlite3.Connection
) -> None:
    cursor = raw.cursor()
    cursor.execute("DROP TABLE notes")
    cursor.execute('CREATE TABLE "notes" ("index" INTEGER, "body" TEXT)')
    cursor.executemany('INSERT INTO "notes" VALUES (?, ?)', [(1, "a"), (2, "b")])
    assert cursor.rowcount == 2
    raw.rollback()
    assert cursor.execute("SELECT * FROM notes").fetchall() == []
    columns = [name for _, name, *_ in onlooker.execute("PRAGMA table_info(notes)")]
    assert columns == ["id", "body"]


def test_the_drivers_own_shortcuts_take_turns_too(
    driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    driver.execute(WRITE)
    assert turn_taken()
    driver.executemany("INSERT INTO notes (body) VALUES (?)", [("a",), ("b",)])
    assert bodies() == []
    driver.commit()
    assert bodies() == ["mine", "a", "b"]


def test_nothing_at_all_is_nothing(driver: HardenedConnection, turn_taken: TurnTaken) -> None:
    assert driver.execute(" -- nothing").fetchall() == []
    with pytest.raises(sqlite3.ProgrammingError, match="DML"):
        driver.executemany("/* nothing */", [()])
    assert not driver.in_transaction
    assert not turn_taken()


def test_a_cursor_class_of_the_callers_takes_turns(
    driver: HardenedConnection, turn_taken: TurnTaken
) -> None:
    class Shouting(sqlite3.Cursor):
        """A cursor of somebody's own."""

        def fetchone(self) -> object:
            return str(super().fetchone()[0]).upper()

    cursor = driver.cursor(Shouting)
    assert isinstance(cursor, Shouting)
    assert cursor.execute("SELECT 'quiet'").fetchone() == "QUIET"
    cursor.execute(WRITE)
    assert turn_taken()
    # What it was made into is a class like any other, and asks once.
    assert type(driver.cursor(type(cursor))) is type(cursor)


class TestAConnectionAsContextManager:
    def test_it_commits(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
    ) -> None:
        with driver as same:
            assert same is driver
            driver.execute(WRITE)
            assert turn_taken()
        assert not turn_taken()
        assert bodies() == ["mine"]

    def test_it_rolls_back_after_an_error(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
    ) -> None:
        def fail() -> None:
            with driver:
                driver.execute(WRITE)
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            fail()
        assert not turn_taken()
        assert bodies() == []

    def test_it_rolls_back_what_cannot_be_committed(
        self, driver: HardenedConnection, turn_taken: TurnTaken
    ) -> None:
        driver.executescript("""
            CREATE TABLE child (parent REFERENCES notes DEFERRABLE INITIALLY DEFERRED);
        """)
        with pytest.raises(sqlite3.IntegrityError), driver:
            driver.execute("INSERT INTO child VALUES (1)")
        assert not driver.in_transaction
        assert not turn_taken()


class TestTheCallersOwnBegin:
    """BEGIN, COMMIT and ROLLBACK written as text mean what they say."""

    def test_it_takes_no_turn_before_it_writes(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
    ) -> None:
        driver.execute("BEGIN")
        driver.execute("SELECT body FROM notes").fetchall()
        assert not turn_taken()
        driver.execute(WRITE)
        assert turn_taken()
        assert bodies() == []
        driver.execute("COMMIT")
        assert not turn_taken()
        assert bodies() == ["mine"]

    @pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
    def test_one_that_says_immediate_takes_the_turn(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies, begin: str
    ) -> None:
        driver.execute(begin)
        assert turn_taken()
        driver.execute(WRITE)
        driver.execute("ROLLBACK")
        assert not turn_taken()
        assert bodies() == []

    def test_it_can_be_written_with_savepoints(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
    ) -> None:
        for statement in ("BEGIN", "SAVEPOINT a", WRITE, "ROLLBACK TO a", WRITE, "RELEASE a"):
            driver.execute(statement)
        assert turn_taken()
        driver.execute("END")
        assert not turn_taken()
        assert bodies() == ["mine"]

    def test_a_write_on_what_it_read_too_long_ago_is_refused(
        self, driver: HardenedConnection, onlooker: sqlite3.Connection, turn_taken: TurnTaken
    ) -> None:
        driver.execute("BEGIN")
        driver.execute("SELECT body FROM notes").fetchall()
        onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        with pytest.raises(sqlite3.OperationalError) as caught:
            driver.execute(WRITE)
        assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT
        assert driver.in_transaction
        assert not turn_taken()

    def test_a_second_one_fails_as_it_does_without_hardlite(
        self, driver: HardenedConnection, turn_taken: TurnTaken
    ) -> None:
        driver.execute(WRITE)
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            driver.execute("BEGIN")
        assert turn_taken()

    def test_a_refused_one_leaves_no_turn(
        self, driver: HardenedConnection, onlooker: sqlite3.Connection, turn_taken: TurnTaken
    ) -> None:
        driver.execute("PRAGMA busy_timeout = 0")
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError):
            driver.execute("BEGIN IMMEDIATE")
        assert not turn_taken()

    def test_maintenance_in_it_fails_and_keeps_what_it_wrote(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies
    ) -> None:
        driver.execute("BEGIN")
        driver.execute(WRITE)
        with pytest.raises(sqlite3.OperationalError, match="VACUUM"):
            driver.execute("VACUUM")
        assert turn_taken()
        driver.execute("COMMIT")
        assert bodies() == ["mine"]

    def test_text_of_sqlalchemy_can_begin_too(
        self, engine: Engine, turn_taken: TurnTaken, bodies: Bodies
    ) -> None:
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            connection.execute(text(WRITE))
            assert turn_taken()
            connection.execute(text("COMMIT"))
            assert not turn_taken()
        assert bodies() == ["mine"]


def test_sqlalchemys_recipe_with_a_begin_of_its_own_composes(
    make_engine: EngineFactory, turn_taken: TurnTaken, bodies: Bodies
) -> None:
    """SQLAlchemy, "Enabling Non-Legacy SQLite Transactional Modes": the recipe with two events."""
    engine = make_engine()

    @event.listens_for(engine, "connect")
    def stop_the_drivers_begin(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN")  # type: ignore[attr-defined]

    with engine.connect() as connection:
        connection.execute(text("SELECT body FROM notes")).all()
        assert not turn_taken()
        connection.execute(text(WRITE))
        assert turn_taken()
        connection.rollback()
        assert bodies() == []
        connection.execute(text(WRITE))
        connection.commit()
        assert not turn_taken()
    assert bodies() == ["mine"]


class TestBlobs:
    """A value opened as a file is written in the transaction."""

    @pytest.fixture
    def row(self, onlooker: sqlite3.Connection) -> int:
        onlooker.execute("INSERT INTO notes (id, body) VALUES (5, 'aaa')")
        return 5

    def test_one_that_can_be_written_takes_the_turn(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies, row: int
    ) -> None:
        with driver.blobopen("notes", "body", row) as blob:
            blob.write(b"bbb")
        assert turn_taken()
        driver.rollback()
        assert bodies() == ["aaa"]

    def test_one_that_is_only_read_takes_no_turn(
        self, driver: HardenedConnection, turn_taken: TurnTaken, row: int
    ) -> None:
        with driver.blobopen("notes", "body", row, readonly=True) as blob:
            assert blob.read() == b"aaa"
        assert not turn_taken()

    def test_under_autocommit_one_is_kept_at_once(
        self, driver: HardenedConnection, turn_taken: TurnTaken, bodies: Bodies, row: int
    ) -> None:
        driver.isolation_level = None
        with driver.blobopen("notes", "body", row) as blob:
            blob.write(b"bbb")
        assert bodies() == ["bbb"]
        assert not turn_taken()
        driver.isolation_level = ""

    @pytest.mark.parametrize("readonly", [True, False])
    def test_one_that_is_not_there_leaves_no_turn(
        self, driver: HardenedConnection, turn_taken: TurnTaken, *, readonly: bool
    ) -> None:
        with pytest.raises(sqlite3.OperationalError, match="no such rowid"):
            driver.blobopen("notes", "body", 77, readonly=readonly)
        assert not driver.in_transaction
        assert not turn_taken()

    def test_one_that_is_not_there_takes_back_nothing_that_was_written_before(
        self, driver: HardenedConnection, bodies: Bodies
    ) -> None:
        driver.execute(WRITE)
        with pytest.raises(sqlite3.OperationalError, match="no such rowid"):
            driver.blobopen("notes", "body", 77)
        driver.commit()
        assert bodies() == ["mine"]


def test_a_lock_error_of_a_raw_connection_is_the_drivers_own(
    driver: HardenedConnection, onlooker: sqlite3.Connection
) -> None:
    driver.timeout = 0
    onlooker.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        driver.execute(WRITE)
    assert not isinstance(caught.value, OperationalError)
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
