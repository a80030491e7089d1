"""INSERT ... RETURNING and WITH ... INSERT are writes like all others."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

pytestmark = pytest.mark.usefixtures("notes")

NOTES = sa.Table(
    "notes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("body", sa.String),
)
Bodies = Callable[[], list[str]]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO notes (body) VALUES ('mine') RETURNING body",
        "WITH new(body) AS (VALUES ('mine')) INSERT INTO notes (body) SELECT body FROM new",
        "WITH new AS (SELECT 'mine' AS b) REPLACE INTO notes (body) SELECT b FROM new RETURNING 1",
    ],
)
@pytest.mark.parametrize(("end", "kept"), [("commit", ["mine"]), ("rollback", [])])
def test_it_is_kept_by_a_commit_only(
    engine: Engine,
    bodies: Bodies,
    statement: str,
    end: str,
    kept: list[str],
) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))
        assert bodies() == []
        getattr(connection, end)()
    assert bodies() == kept


def test_rows_that_were_not_fetched_do_not_stop_the_commit(
    engine: Engine, bodies: Bodies, turn_taken: Callable[[], bool]
) -> None:
    with engine.connect() as connection:
        result = connection.execute(sa.insert(NOTES).returning(NOTES.c.id), [{"body": "a"}] * 3)
        assert result.fetchone() == (1,)
        connection.commit()
        assert not turn_taken()
    assert bodies() == ["a", "a", "a"]


def test_many_rows_at_once_come_back_with_their_keys(engine: Engine, bodies: Bodies) -> None:
    rows = [{"body": str(number)} for number in range(2500)]
    with Session(engine) as session:
        ids = session.scalars(sa.insert(NOTES).returning(NOTES.c.id), rows).all()
        session.commit()
    assert ids == list(range(1, 2501))
    assert len(bodies()) == 2500


def test_delete_returning_is_taken_back_too(engine: Engine, bodies: Bodies) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(NOTES), [{"body": "a"}, {"body": "b"}])
    with engine.connect() as connection:
        deleted = connection.scalars(sa.delete(NOTES).returning(NOTES.c.body)).all()
    assert sorted(deleted) == ["a", "b"]
    assert bodies() == ["a", "b"]
