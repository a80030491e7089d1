"""The pieces of everyday work that overhead.py measures."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy
from sqlalchemy import Engine, ForeignKey, insert, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    sessionmaker,
)

__all__ = ["UNITS", "Call", "Side", "fill"]

_ROWS = 10_000

Call = Callable[[], object]


class Model(DeclarativeBase):
    """What the mapped classes share."""


class Note(Model):
    """A row of a few columns, as programs have them."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]
    stars: Mapped[int]
    comments: Mapped[list["Comment"]] = relationship()


class Comment(Model):
    """One of the children of a note."""

    __tablename__ = "comment"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("note.id"), index=True)
    text: Mapped[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """An engine and its sessionmaker, and keys to ask for that are the same on both sides."""

    engine: Engine
    session: sessionmaker[Session]
    keys: Iterator[int] = dataclasses.field(
        default_factory=lambda: itertools.cycle(range(1, _ROWS, 7))
    )


@contextmanager
def select_on_open_connection(side: Side) -> Iterator[Call]:
    """A row by its key, within a transaction."""
    statement = select(Note.__table__).where(Note.id == sqlalchemy.bindparam("key"))
    with side.engine.connect() as connection:
        yield lambda: connection.execute(statement, {"key": next(side.keys)}).one()


@contextmanager
def select_with_checkout(side: Side) -> Iterator[Call]:
    """A row by its key, the connection taken from the pool and given back."""
    statement = select(Note.__table__).where(Note.id == sqlalchemy.bindparam("key"))

    def call() -> None:
        with side.engine.connect() as connection:
            connection.execute(statement, {"key": next(side.keys)}).one()

    yield call


@contextmanager
def orm_read(side: Side) -> Iterator[Call]:
    """A session that loads one object."""

    def call() -> None:
        with side.session() as session:
            session.get_one(Note, next(side.keys))

    yield call


@contextmanager
def orm_add(side: Side) -> Iterator[Call]:
    """A session that adds one object: the least that one can write."""

    def call() -> None:
        with side.session.begin() as session:
            session.add(Note(title="new", body="a body of some words", stars=0))

    yield call


@contextmanager
def orm_modify(side: Side) -> Iterator[Call]:
    """A session that loads one object and changes it."""

    def call() -> None:
        with side.session.begin() as session:
            session.get_one(Note, next(side.keys)).stars += 1

    yield call


@contextmanager
def orm_add_with_children(side: Side) -> Iterator[Call]:
    """A session that adds an object and its ten children."""

    def call() -> None:
        with side.session.begin() as session:
            note = Note(title="new", body="a body of some words", stars=0)
            note.comments = [Comment(text=f"comment {number}") for number in range(10)]
            session.add(note)

    yield call


UNITS: dict[str, Callable[[Side], AbstractContextManager[Call]]] = {
    "SELECT one row, connection open": select_on_open_connection,
    "SELECT one row, with checkout": select_with_checkout,
    "ORM unit: get": orm_read,
    "ORM unit: add, commit": orm_add,
    "ORM unit: get, modify, commit": orm_modify,
    "ORM unit: add with 10 children": orm_add_with_children,
}


def fill(engine: Engine) -> None:
    """Create the tables, and put notes into them."""
    Model.metadata.create_all(engine)
    note = {"title": "a title", "body": "a body of some words", "stars": 3}
    with engine.begin() as connection:
        connection.execute(insert(Note), [note] * _ROWS)
