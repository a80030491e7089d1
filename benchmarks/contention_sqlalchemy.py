"""SQLAlchemy for contention.py: plain, by the recipe, and hardened. Only the engine differs."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from contention_systems import (
    CHILDREN,
    TIMEOUT,
    Inside,
    Prepare,
    Teller,
    configure,
    load_until_committed,
)
from sqlalchemy import (
    Connection,
    Engine,
    ForeignKey,
    Table,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    sessionmaker,
)

__all__ = ["hardened", "plain", "recipe"]

_BATCH = 10
_WORKERS = 4
"""Threads that prepare the items of an import; one transaction has nothing to do beside it."""


class Model(DeclarativeBase):
    """What the mapped classes share."""


class Counter(Model):
    """One row: how many notes there should be."""

    __tablename__ = "counter"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


class Note(Model):
    """A row for each unit of work."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[int]


class Item(Model):
    """What is imported."""

    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    name: Mapped[str]
    children: Mapped[list["Child"]] = relationship()


class Child(Model):
    """What belongs to an item."""

    __tablename__ = "child"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    name: Mapped[str]


_ADD_NOTE = insert(cast("Table", Note.__table__))
_COUNT = update(cast("Table", Counter.__table__)).values(value=Counter.value + 1)


class Plain:
    """Any engine and its sessions, as programs use them."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError,)

    def __init__(self, engine: Engine, session: sessionmaker[Session]) -> None:
        self._engine = engine
        self._session = session

    def connect(self, meet: Callable[[], object]) -> None:
        """Read the counter."""
        with self._engine.connect() as connection:
            connection.execute(select(Counter)).all()
            connection.rollback()
            meet()

    def write(self, worker: int, inside: Inside) -> None:
        """Write with two statements in a block that commits at its end."""
        with self._engine.begin() as connection:
            connection.execute(_ADD_NOTE, {"worker": worker})
            inside()
            connection.execute(_COUNT)

    def load(self, number: int, items: Sequence[int], prepare: Prepare, told: Teller) -> None:
        """Import in one transaction, each item prepared when it is its turn."""

        def attempt() -> tuple[float, float]:
            asked = began = 0.0
            with self._session.begin() as session:
                for item in items:
                    name = prepare(item)
                    asked = asked or time.perf_counter()
                    session.add(_item(number, name))
                    session.flush()
                    began = began or time.perf_counter()
            return began - asked, time.perf_counter() - began

        load_until_committed(attempt, self.errors, told)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


class Hardened(Plain):
    """The same; imports in batches, prepared outside of any transaction."""

    def load(self, number: int, items: Sequence[int], prepare: Prepare, told: Teller) -> None:
        """Import in batches."""
        from hardlite import BatchResult, batched_unit_of_work

        def progress(batch: BatchResult) -> None:
            if batch.error is None:
                told.committed(wait=batch.wait, hold=batch.hold)
            else:
                told.refused(batch.error, waited=batch.wait)

        def work(session: Session, name: str) -> None:
            session.add(_item(number, name))

        while items:
            report = batched_unit_of_work(
                self._session, items, work, prepare=prepare, prepare_workers=_WORKERS,
                batch_size=_BATCH, timeout=TIMEOUT, progress=progress,
            )  # fmt: skip
            if report.rejections:
                report.raise_for_rejections()
            items = items[report.committed :]


def _item(number: int, name: str) -> Item:
    children = [Child(name=f"{name}.{child}") for child in range(CHILDREN)]
    return Item(number=number, name=name, children=children)


def plain(path: Path, threads: int) -> Plain:
    """As `create_engine` gives it, with a connection for each thread."""
    engine = create_engine(f"sqlite:///{path}", pool_size=threads)
    return Plain(engine, sessionmaker(engine))


def recipe(path: Path, threads: int) -> Plain:
    """As SQLAlchemy's page on SQLite and many others tell people to."""
    engine = create_engine(
        f"sqlite:///{path}", pool_size=threads, connect_args={"timeout": TIMEOUT}
    )

    def connect(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        configure(connection, record)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    return Plain(engine, sessionmaker(engine))


def hardened(path: Path, threads: int) -> Hardened:
    """The same with `create_hardened_engine`."""
    from hardlite import create_hardened_engine, get_sessionmaker

    engine = create_hardened_engine(f"sqlite:///{path}", pool_size=threads, timeout=TIMEOUT)
    return Hardened(engine, get_sessionmaker(engine))
