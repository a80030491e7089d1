"""SQLModel: its `create_engine` and its sessions."""

import sqlite3
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry

from hardlite.connections.connection import HardenedConnection

sqlmodel = pytest.importorskip("sqlmodel")

THREADS = 8
SESSIONS = 25


class Model(sqlmodel.SQLModel, registry=registry()):
    """The base of the tables below, which are no business of any other test."""


class Team(Model, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)


class Hero(Model, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    name: str
    team_id: int | None = sqlmodel.Field(default=None, foreign_key="team.id")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = sqlmodel.create_engine(url)
    Model.metadata.create_all(engine)
    yield engine
    engine.dispose()


def names(engine: Engine) -> list[str]:
    with sqlmodel.Session(engine) as session:
        return sorted(session.exec(sqlmodel.select(Hero.name)).all())


def test_an_engine_that_sqlmodel_made_is_hardened(
    opened: list[type[sqlite3.Connection]], engine: Engine
) -> None:
    with sqlmodel.Session(engine) as session:
        session.add(Hero(name="Ada", team_id=99))
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            session.commit()

    assert names(engine) == []
    assert set(opened) == {HardenedConnection}


def test_sessions_of_threads_keep_every_row(engine: Engine) -> None:
    """A lock error would end its thread, and pytest reports that."""
    start = threading.Barrier(THREADS)

    def add(thread: int) -> None:
        start.wait()
        for number in range(SESSIONS):
            with sqlmodel.Session(engine) as session:
                session.add(Hero(name=f"{thread}-{number}"))
                session.commit()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(names(engine))) == THREADS * SESSIONS
