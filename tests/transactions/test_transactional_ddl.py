"""Tables are created, changed and dropped in the transaction, and taken back with it."""

import sqlite3
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

pytestmark = pytest.mark.usefixtures("notes")


def tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (a)",
        "CREATE TABLE other AS SELECT * FROM notes",
        "DROP TABLE notes",
        "ALTER TABLE notes RENAME TO other",
    ],
)
def test_a_rollback_takes_a_change_of_the_schema_back(
    engine: Engine, onlooker: sqlite3.Connection, statement: str
) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))
        assert tables(onlooker) == ["notes"]
        connection.rollback()
    assert tables(onlooker) == ["notes"]


def test_rows_and_tables_are_committed_together(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    with Session(engine) as session:
        session.execute(text("INSERT INTO notes (body) VALUES ('mine')"))
        session.execute(text("CREATE TABLE other AS SELECT * FROM notes"))
        assert tables(onlooker) == ["notes"]
        session.commit()
    assert onlooker.execute("SELECT body FROM other").fetchall() == [("mine",)]


def test_an_error_halfway_through_create_all_leaves_no_table(
    engine: Engine, onlooker: sqlite3.Connection
) -> None:
    metadata = sa.MetaData()
    sa.Table("alpha", metadata, sa.Column("a", sa.Integer))
    broken = sa.Table("beta", metadata, sa.Column("a", sa.Integer))
    broken.append_constraint(sa.CheckConstraint("no_such_function(a) > 0"))

    with pytest.raises(sa.exc.OperationalError, match="no_such_function"):
        metadata.create_all(engine)
    assert tables(onlooker) == ["notes"]


def test_a_change_of_the_schema_takes_the_turn(
    engine: Engine, turn_taken: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE other (a)"))
        assert turn_taken()
