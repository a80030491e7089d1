"""SQLModel, alone and behind FastAPI."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry

from hardlite.connection import HardenedConnection

sqlmodel = pytest.importorskip("sqlmodel")

CLIENTS = 8
REQUESTS = 25
ALL = CLIENTS * REQUESTS


class Model(sqlmodel.SQLModel, registry=registry()):
    """The base of the tables below, which are no business of any other test."""


class Team(Model, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)


class Hero(Model, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    name: str
    team_id: int | None = sqlmodel.Field(default=None, foreign_key="team.id")


def make_engine(url: str) -> Engine:
    engine = sqlmodel.create_engine(url)
    Model.metadata.create_all(engine)
    return engine


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
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


def add_from_threads(engine: Engine) -> None:
    start = threading.Barrier(CLIENTS)

    def add(thread: int) -> None:
        start.wait()
        for number in range(REQUESTS):
            with sqlmodel.Session(engine) as session:
                session.add(Hero(name=f"{thread}-{number}"))
                session.commit()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_sessions_of_threads_keep_every_row(engine: Engine) -> None:
    """A lock error would end its thread, and pytest reports that."""
    add_from_threads(engine)

    assert len(set(names(engine))) == ALL


def heroes_app(engine: Engine) -> Any:
    """A session for each request, committed when the answer is there.

    FastAPI runs the endpoint and the end of its dependency in threads of a pool: not always in
    the same one, and the first may be at the next request's work before the second commits.
    """
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    def session() -> Iterator[sqlmodel.Session]:
        with sqlmodel.Session(engine) as session:
            yield session
            session.commit()

    @app.post("/heroes/{name}")
    def add(name: str, session: Any = fastapi.Depends(session, scope="function")) -> int:  # noqa: FAST002
        hero = Hero(name=name)
        session.add(hero)
        session.flush()
        return hero.id

    return app


async def post(app: Any, path: str) -> int:
    """Send one request the way a server does; return the status of the answer."""
    statuses: list[int] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    (status,) = statuses
    return status


async def post_from_clients(app: Any) -> list[int | Exception]:
    """Let clients send one request after the other, all clients at once."""
    answers: list[int | Exception] = []

    async def send(client: int) -> None:
        for number in range(REQUESTS):
            try:
                answers.append(await post(app, f"/heroes/{client}-{number}"))
            except Exception as error:  # noqa: BLE001 - a server logs it and serves the next one
                answers.append(error)

    await asyncio.gather(*(send(client) for client in range(CLIENTS)))
    return answers


def test_requests_of_fastapi_lose_nothing_that_a_plain_url_wins(
    engine: Engine, tmp_path: Path, plain_url: str
) -> None:
    plain_engine = make_engine(plain_url)
    asyncio.run(post_from_clients(heroes_app(plain_engine)))
    plain = names(plain_engine)
    plain_engine.dispose()

    answers = asyncio.run(post_from_clients(heroes_app(engine)))

    assert answers == [200] * ALL
    assert len(set(names(engine))) == ALL
    assert len(plain) <= ALL
