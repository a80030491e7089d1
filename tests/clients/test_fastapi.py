"""FastAPI with SQLModel: a session for each request, committed when its endpoint is done.

FastAPI runs an endpoint and the end of its dependency in threads of a pool, not always in the same
one; and the first thread may be at the next request's work before the other one commits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import registry

fastapi = pytest.importorskip("fastapi")
sqlmodel = pytest.importorskip("sqlmodel")

CLIENTS = 8
REQUESTS = 25

Message = dict[str, object]
Application = Callable[..., Awaitable[None]]


class Model(sqlmodel.SQLModel, registry=registry()):
    """The base of the table below, which is no business of any other test."""


class Hero(Model, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    name: str


def make_application(engine: Engine) -> Application:
    app = fastapi.FastAPI()

    def get_session() -> Iterator[sqlmodel.Session]:
        with sqlmodel.Session(engine) as session:
            yield session
            session.commit()

    @app.post("/heroes/{name}")
    def add(
        name: str, session: Annotated[sqlmodel.Session, fastapi.Depends(get_session)]
    ) -> int | None:
        hero = Hero(name=name)
        session.add(hero)
        session.flush()
        return hero.id

    return app


async def post(app: Application, path: str) -> object:
    """Send a request as a server does; return the status of the answer."""
    statuses: list[object] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    (status,) = statuses
    return status


async def post_from_clients(app: Application) -> list[object]:
    """Let all clients send requests at once, each one after the other; return the answers."""
    answers: list[object] = []

    async def post_all(client: int) -> None:
        for number in range(REQUESTS):
            try:
                answers.append(await post(app, f"/heroes/{client}-{number}"))
            except Exception as error:  # noqa: BLE001 - a server logs it and serves the next request
                answers.append(error)

    await asyncio.gather(*(post_all(client) for client in range(CLIENTS)))
    return answers


def heroes_from_clients(url: str) -> tuple[list[object], set[str]]:
    """Serve the clients; return all answers, and the names that are kept."""
    engine = sqlmodel.create_engine(url)
    Model.metadata.create_all(engine)
    answers = asyncio.run(post_from_clients(make_application(engine)))
    with sqlmodel.Session(engine) as session:
        names = set(session.exec(sqlmodel.select(Hero.name)).all())
    engine.dispose()
    return answers, names


def test_requests_lose_nothing_that_a_plain_url_wins(url: str, plain_url: str) -> None:
    _, plain = heroes_from_clients(plain_url)
    answers, hardened = heroes_from_clients(url)

    assert answers == [200] * (CLIENTS * REQUESTS)
    assert len(hardened) == CLIENTS * REQUESTS
    assert plain <= hardened
