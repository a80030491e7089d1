"""AUTOCOMMIT is what it was: each statement is kept at once, in a turn of its own."""

import sqlite3
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hardlite.connections.connection import HardenedConnection
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

WRITE = text("INSERT INTO notes (body) VALUES (:body)")
THREE = "INSERT INTO notes (body) VALUES ('a'), ('b'), ('c') RETURNING body"
TurnTaken = Callable[[], bool]
Bodies = Callable[[], list[str]]


@pytest.fixture
def autocommit(make_engine: EngineFactory) -> Engine:
    return make_engine(isolation_level="AUTOCOMMIT")


def test_a_write_is_kept_at_once_and_a_rollback_changes_nothing(
    autocommit: Engine, bodies: Bodies, turn_taken: TurnTaken
) -> None:
    with autocommit.connect() as connection:
        connection.execute(WRITE, {"body": "kept"})
        assert bodies() == ["kept"]
        assert not turn_taken()
        connection.rollback()
    assert bodies() == ["kept"]


def test_it_is_chosen_for_one_connection_and_put_back_at_checkin(
    make_engine: EngineFactory, bodies: Bodies
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(WRITE, {"body": "kept"})
    with engine.connect() as connection:
        connection.execute(WRITE, {"body": "taken back"})
    assert bodies() == ["kept"]


def test_it_is_chosen_for_one_engine_beside_another(engine: Engine, bodies: Bodies) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(WRITE, {"body": "kept"})
    with engine.connect() as connection:
        connection.execute(WRITE, {"body": "taken back"})
    assert bodies() == ["kept"]


def test_it_is_chosen_for_one_session(engine: Engine, bodies: Bodies) -> None:
    with Session(engine) as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        session.execute(WRITE, {"body": "kept"})
        session.rollback()
    assert bodies() == ["kept"]


def test_it_is_chosen_by_what_the_driver_is_given(
    make_engine: EngineFactory, bodies: Bodies
) -> None:
    with make_engine(connect_args={"isolation_level": None}).connect() as connection:
        connection.execute(WRITE, {"body": "kept"})
    assert bodies() == ["kept"]


def test_a_statement_has_the_turn_while_it_runs(autocommit: Engine, turn_taken: TurnTaken) -> None:
    raw = autocommit.raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    seen: list[bool] = []
    driver.create_function("look", 0, lambda: seen.append(turn_taken()))
    driver.execute("INSERT INTO notes (body) VALUES (look())")
    driver.execute("SELECT look()")
    raw.close()
    assert seen == [True, False]


@pytest.mark.parametrize("statement", ["VACUUM", "PRAGMA wal_checkpoint", "PRAGMA optimize"])
def test_maintenance_works_and_leaves_no_turn(
    autocommit: Engine, turn_taken: TurnTaken, statement: str
) -> None:
    with autocommit.connect() as connection:
        connection.execute(text("SELECT body FROM notes"))
        connection.execute(text(statement)).close()
        assert not turn_taken()


def test_a_failed_write_leaves_no_turn(autocommit: Engine, turn_taken: TurnTaken) -> None:
    with autocommit.connect() as connection:
        connection.execute(text("INSERT INTO notes (id) VALUES (1)"))
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO notes (id) VALUES (1)"))
        assert not turn_taken()


def test_for_update_has_the_turn_only_while_it_reads(
    autocommit: Engine, turn_taken: TurnTaken
) -> None:
    with autocommit.connect() as connection:
        connection.execute(text("SELECT * FROM notes /* hardlite: for update */")).all()
        assert not turn_taken()


def test_going_to_autocommit_commits_what_is_open(
    engine: Engine, bodies: Bodies, turn_taken: TurnTaken
) -> None:
    raw = engine.raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    driver.execute("INSERT INTO notes (body) VALUES ('open')")
    driver.isolation_level = None
    assert driver.isolation_level is None
    assert bodies() == ["open"]
    assert not turn_taken()
    driver.isolation_level = ""
    driver.execute("INSERT INTO notes (body) VALUES ('taken back')")
    raw.close()
    assert bodies() == ["open"]


class TestReturning:
    """The rows of a RETURNING are there, however they are fetched, and nobody waits for it."""

    @pytest.fixture
    def driver(self, autocommit: Engine) -> HardenedConnection:
        # Detached, so that it stays open for as long as the test looks at it.
        raw = autocommit.raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, HardenedConnection)
        raw.detach()
        yield driver
        driver.close()

    @pytest.fixture
    def cursor(self, driver: HardenedConnection) -> sqlite3.Cursor:
        return driver.cursor().execute(THREE)

    def test_it_is_committed_before_the_first_row_is_fetched(
        self,
        cursor: sqlite3.Cursor,
        bodies: Bodies,
        turn_taken: TurnTaken,
        write_locked: Callable[[], bool],
    ) -> None:
        assert bodies() == ["a", "b", "c"]
        assert not turn_taken()
        assert not write_locked()
        assert cursor.description is not None

    def test_rows_come_one_by_one(self, cursor: sqlite3.Cursor) -> None:
        fetched = [cursor.fetchone() for _ in range(4)]
        assert fetched == [("a",), ("b",), ("c",), None]

    def test_rows_come_in_pieces(self, cursor: sqlite3.Cursor) -> None:
        assert cursor.fetchmany(2) == [("a",), ("b",)]
        assert cursor.fetchmany(2) == [("c",)]
        assert cursor.fetchmany(2) == []

    def test_a_piece_is_as_large_as_the_cursor_says(self, cursor: sqlite3.Cursor) -> None:
        assert cursor.fetchmany() == [("a",)]
        cursor.arraysize = 5
        assert cursor.fetchmany() == [("b",), ("c",)]

    def test_rows_come_all_at_once(self, cursor: sqlite3.Cursor) -> None:
        assert cursor.fetchone() == ("a",)
        assert cursor.fetchall() == [("b",), ("c",)]
        assert cursor.fetchall() == []

    def test_rows_come_by_iteration(self, cursor: sqlite3.Cursor) -> None:
        assert next(cursor) == ("a",)
        assert list(cursor) == [("b",), ("c",)]

    def test_rows_are_made_by_the_row_factory(self, driver: HardenedConnection) -> None:
        driver.row_factory = sqlite3.Row
        assert driver.cursor().execute(THREE).fetchone()["body"] == "a"

    def test_the_cursor_can_be_used_again_to_read(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute("SELECT count(*) FROM notes")
        assert cursor.fetchall() == [(3,)]

    def test_the_cursor_can_be_used_again_to_write(
        self, cursor: sqlite3.Cursor, bodies: Bodies
    ) -> None:
        cursor.executemany("INSERT INTO notes (body) VALUES (?)", [("d",), ("e",)])
        assert cursor.fetchall() == []
        cursor.execute(THREE)
        assert cursor.fetchone() == ("a",)
        assert bodies() == ["a", "b", "c", "d", "e", "a", "b", "c"]

    def test_sqlalchemy_gets_them(self, autocommit: Engine, turn_taken: TurnTaken) -> None:
        with autocommit.connect() as connection:
            result = connection.execute(text(THREE))
            assert not turn_taken()
            assert result.scalars().all() == ["a", "b", "c"]
