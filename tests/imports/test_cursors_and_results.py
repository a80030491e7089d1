"""Rows of database cursors and of SQLAlchemy's results."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MappingResult, Result, select, text
from sqlalchemy.orm import Session

from hardlite import ConfigurationError, batched_unit_of_work
from tests.fixtures.library import AUTHORS, Author, author, authors, stored

QUERY = "SELECT id, name, country_id FROM authors ORDER BY id"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with 2,500 authors."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE authors (id INTEGER, name TEXT, country_id INTEGER)")
        connection.executemany(
            "INSERT INTO authors VALUES (:id, :name, :country_id)", authors(2500)
        )
        yield connection


class Rows:
    """A cursor as other drivers have it: it hands out what it is given."""

    description = (("id", None), ("name", None), ("country_id", None))

    def __init__(self, rows: Sequence[object], end: Sequence[object]) -> None:
        self._parts = [rows, end]

    def fetchmany(self, _size: int) -> Sequence[object]:
        return self._parts.pop(0)


@pytest.mark.parametrize("row_factory", [None, sqlite3.Row])
def test_the_rows_of_a_cursor_are_named_by_its_columns(
    library: Engine, other: sqlite3.Connection, row_factory: type | None
) -> None:
    other.row_factory = row_factory

    report = batched_unit_of_work(library, other.execute(QUERY), AUTHORS)

    assert report.committed == 2500
    assert stored(library) == list(range(2500))


@pytest.mark.parametrize("end", [(), []])
@pytest.mark.parametrize(
    "row", [(1, "Ann", 1), [1, "Ann", 1], author(1, name="Ann")], ids=lambda row: type(row).__name__
)
def test_the_cursors_of_other_drivers_have_rows_too(
    library: Engine, row: Sequence[object], end: Sequence[object]
) -> None:
    items: list[object] = []

    batched_unit_of_work(library, Rows([row], end), lambda _, item: items.append(item))

    assert [item["name"] for item in items] == ["Ann"]


def test_a_cursor_is_not_read_ahead_of_the_batches(
    library: Engine, other: sqlite3.Connection
) -> None:
    batched_unit_of_work(library, authors(1), AUTHORS)
    cursor = other.execute(QUERY)
    report = batched_unit_of_work(library, cursor, AUTHORS, batch_size=500, on_error="stop")

    assert (report.committed, report.stopped) == (0, True)
    assert len(cursor.fetchall()) == 1500, "one part of a thousand rows was taken"


def selected(session: Session) -> Result[Any]:
    return session.execute(select(Author.id, Author.name, Author.country_id).order_by(Author.id))


@pytest.mark.parametrize("rows", [selected, lambda session: selected(session).mappings()])
def test_the_rows_of_a_result_are_dicts(
    library: Engine, rows: Callable[[Session], Result[Any] | MappingResult]
) -> None:
    batched_unit_of_work(library, authors(3), AUTHORS)
    items: list[object] = []

    with Session(library) as session:
        found = rows(session)
        session.rollback()
    batched_unit_of_work(library, found, lambda _, item: items.append(item))

    assert items == [{"id": n, "name": f"author {n}", "country_id": 1} for n in range(3)]
    assert {type(item) for item in items} == {dict}


def test_what_has_no_name_for_each_column_is_refused_before_anything_is_read(
    library: Engine, other: sqlite3.Connection
) -> None:
    twice = other.execute("SELECT id, name AS id FROM authors")
    with pytest.raises(ConfigurationError, match="items= has two columns called 'id'"):
        batched_unit_of_work(library, twice, AUTHORS)
    assert len(twice.fetchall()) == 2500

    with pytest.raises(ConfigurationError, match="items= is a cursor without rows"):
        batched_unit_of_work(library, other.cursor(), AUTHORS)

    with Session(library) as session:
        unnamed = session.execute(text("SELECT 1 AS id, 2 AS id"))
        with pytest.raises(ConfigurationError, match="items= has two columns called 'id'"):
            batched_unit_of_work(library, unnamed, AUTHORS)
