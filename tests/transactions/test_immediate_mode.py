"""Immediate: the turn is taken at the first statement, for read-modify-write."""

import sqlite3
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

READ = text("SELECT count(*) FROM notes")


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    return make_engine(transaction="immediate")


def test_a_read_takes_the_turn_and_sqlites_lock(
    engine: Engine, turn_taken: Callable[[], bool], write_locked: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        assert not turn_taken()
        connection.execute(READ)
        assert turn_taken()
        assert write_locked()
        connection.rollback()
        assert not turn_taken()
        assert not write_locked()


def test_nobody_commits_between_a_read_and_the_write_that_follows_from_it(
    engine: Engine, onlooker: sqlite3.Connection, bodies: Callable[[], list[str]]
) -> None:
    with engine.begin() as connection:
        count = connection.scalar(READ)
        with pytest.raises(sqlite3.OperationalError):
            onlooker.execute("INSERT INTO notes (body) VALUES ('theirs')")
        connection.execute(text("INSERT INTO notes (body) VALUES (:n)"), {"n": f"after {count}"})
    assert bodies() == ["after 0"]


@pytest.mark.parametrize("statement", ["PRAGMA user_version", "SELECT 1"])
def test_a_question_about_the_connection_takes_no_turn(
    engine: Engine, turn_taken: Callable[[], bool], statement: str
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
        assert not turn_taken()


def test_autocommit_goes_before_the_mode(engine: Engine, turn_taken: Callable[[], bool]) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(READ)
        assert not turn_taken()
