"""What a program with Starlette answers when its database is locked, and about its health."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from hardlite import (
    ConfigurationError,
    MissingExtraError,
    create_hardened_async_engine,
    create_hardened_engine,
    get_sessionmaker,
)
from hardlite.integrations.starlette import handle_locks, health_route, lifespan
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc


def application(engine: Engine) -> Starlette:
    """A program whose requests want a turn, and do not wait for it."""

    def write(_: Request) -> Response:
        with get_sessionmaker(engine).writer(timeout=0):
            return Response("written")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        with get_sessionmaker(engine).writer(timeout=0):
            await socket.close()

    routes = [Route("/write\x07", write), WebSocketRoute("/talk", talk), health_route(engine)]
    app = Starlette(routes=routes, lifespan=lifespan(engine))
    handle_locks(app, retry_after=2)
    return app


@pytest.fixture
def client(make_engine: EngineFactory) -> Iterator[TestClient]:
    with TestClient(application(make_engine())) as client:
        yield client


def test_a_lock_is_answered_with_503_and_logged_with_its_holder(
    client: TestClient, make_engine: EngineFactory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "hardlite.web"), get_sessionmaker(make_engine()).writer():
        answer = client.get("/write%07")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "held by" not in answer.text
    assert "/write? was answered with 503: database is locked" in caplog.text
    assert "held by thread 'MainThread'" in caplog.text
    assert client.get("/write%07").text == "written"


def test_a_websocket_is_asked_to_try_again_later(
    client: TestClient, make_engine: EngineFactory
) -> None:
    with (
        get_sessionmaker(make_engine()).writer(),
        client.websocket_connect("/talk") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()

    assert closed.value.code == 1013


def test_the_health_of_a_database_that_can_be_written_is_200(client: TestClient) -> None:
    answer = client.get("/health/database")

    assert (answer.status_code, answer.json()["ok"], answer.json()["holder"]) == (200, True, None)


@needs_proc
def test_the_health_of_a_locked_one_is_503_with_who_has_it(
    client: TestClient, db_path: Path
) -> None:
    with keeper(db_path, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()") as child:
        answer = client.get("/health/database")

    assert (answer.status_code, answer.json()["ok"]) == (503, False)
    assert answer.json()["holder"]["pid"] == child.pid
    assert "command" not in answer.json()["holder"]


def test_the_health_of_one_that_is_gone_is_503(client: TestClient, db_path: Path) -> None:
    for path in db_path.parent.iterdir():
        path.unlink()

    answer = client.get("/health/database")

    assert (answer.status_code, answer.json()["problems"]) == (503, ["no-database"])


def test_a_program_of_tasks_has_its_health_asked_for_too(db_path: Path) -> None:
    engine = create_hardened_async_engine(f"sqlite+aiosqlite:///{db_path}")
    app = Starlette(routes=[health_route(engine, path="/ready")], lifespan=lifespan(engine))

    with TestClient(app) as client:
        assert client.get("/ready").status_code == 200


def test_a_program_does_not_start_on_a_file_that_is_no_database(db_path: Path) -> None:
    db_path.write_bytes(b"something else " * 100)
    app = Starlette(lifespan=lifespan(create_hardened_engine(f"sqlite:///{db_path}")))

    with pytest.raises(Exception, match="not a database"), TestClient(app):
        pass


def test_engines_are_closed_with_the_program(make_engine: EngineFactory) -> None:
    engine = make_engine()

    with TestClient(Starlette(lifespan=lifespan(engine))):
        during = engine.pool.checkedin()

    assert (during, engine.pool.checkedin()) == (1, 0)


def test_a_database_in_memory_has_no_health() -> None:
    with pytest.raises(ConfigurationError, match="in memory"):
        health_route(create_hardened_engine("sqlite://"))


@pytest.mark.parametrize("use", [handle_locks, health_route])
def test_without_the_package_the_extra_is_named(
    use: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "starlette.responses", None)

    with pytest.raises(MissingExtraError, match=r"hardlite\[starlette\]"):
        use(create_hardened_engine("sqlite:///app.db"))
