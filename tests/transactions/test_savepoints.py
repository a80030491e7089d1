"""A savepoint is part of a transaction, also when it is the first statement."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("notes")

WRITE = text("INSERT INTO notes (body) VALUES (:body)")


def test_releasing_a_savepoint_that_came_first_commits_nothing(
    engine: Engine, bodies: Callable[[], list[str]]
) -> None:
    with engine.connect() as connection:
        with connection.begin_nested():
            connection.execute(WRITE, {"body": "inner"})
        assert bodies() == []
        connection.rollback()
    assert bodies() == []


def test_a_savepoint_that_came_first_takes_the_turn_until_the_commit(
    engine: Engine, turn_taken: Callable[[], bool], bodies: Callable[[], list[str]]
) -> None:
    with engine.connect() as connection:
        with connection.begin_nested():
            assert turn_taken()
            connection.execute(WRITE, {"body": "inner"})
        assert turn_taken()
        connection.commit()
        assert not turn_taken()
    assert bodies() == ["inner"]


def test_only_what_a_savepoint_covers_is_taken_back(
    engine: Engine, bodies: Callable[[], list[str]]
) -> None:
    with Session(engine) as session, session.begin():
        session.execute(WRITE, {"body": "outer"})
        with session.begin_nested():
            session.execute(WRITE, {"body": "first"})
            innermost = session.begin_nested()
            session.execute(WRITE, {"body": "second"})
            innermost.rollback()
    assert bodies() == ["outer", "first"]


def test_an_outer_savepoint_takes_inner_ones_back_with_it(
    engine: Engine, bodies: Callable[[], list[str]]
) -> None:
    with engine.begin() as connection:
        outer = connection.begin_nested()
        with connection.begin_nested():
            connection.execute(WRITE, {"body": "inner"})
        outer.rollback()
        connection.execute(WRITE, {"body": "after"})
    assert bodies() == ["after"]


def test_in_snapshot_mode_a_savepoint_begins_the_snapshot(
    make_engine: EngineFactory, turn_taken: Callable[[], bool], bodies: Callable[[], list[str]]
) -> None:
    with make_engine(transaction="snapshot").connect() as connection:
        with connection.begin_nested():
            assert not turn_taken()
            connection.execute(WRITE, {"body": "inner"})
            assert turn_taken()
        assert bodies() == []
        connection.commit()
    assert bodies() == ["inner"]


def test_a_savepoint_on_a_file_that_cannot_be_written_waits_for_no_turn(
    db_path: object, make_engine: EngineFactory, turn_taken: Callable[[], bool]
) -> None:
    reading = make_engine(f"sqlite:///file:{db_path}?mode=ro&uri=true")
    with reading.connect() as connection, connection.begin_nested():
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 0
        assert not turn_taken()
        assert connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]


def test_under_autocommit_a_savepoint_is_a_transaction_of_its_own(
    engine: Engine, turn_taken: Callable[[], bool], bodies: Callable[[], list[str]]
) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with connection.begin_nested():
            connection.execute(WRITE, {"body": "inner"})
            assert turn_taken()
            assert bodies() == []
        assert bodies() == ["inner"]
        assert not turn_taken()
