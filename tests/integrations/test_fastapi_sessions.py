"""Sessions of FastAPI's endpoints: what is committed when, by whom, and what becomes of failures."""

import concurrent.futures
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from sqlalchemy import Engine, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hardlite import (
    ConfigurationError,
    MissingExtraError,
    UsageError,
    create_hardened_async_engine,
    create_hardened_engine,
    get_async_sessionmaker,
    get_sessionmaker,
)
from hardlite.integrations.fastapi import (
    handle_locks,
    health_router,
    lifespan,
    reader_session,
    writer_session,
)

AT_ONCE = 60
"""More than the threads that FastAPI runs plain functions in."""


class Base(DeclarativeBase):
    """The base of the table below."""


class Author(Base):
    """Whether there is such a mentor is asked at COMMIT."""

    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    mentor_id: Mapped[int | None] = mapped_column(
        ForeignKey("authors.id", deferrable=True, initially="DEFERRED")
    )


def sync_app(engine: Engine, seen: list[object]) -> FastAPI:
    app = FastAPI(lifespan=lifespan(engine))
    reader, writer = reader_session(engine), writer_session(engine)

    @app.post("/authors/{name}")
    def add(
        name: str, session: Annotated[Session, writer], background: BackgroundTasks
    ) -> dict[str, object]:
        before = session.scalars(select(Author.name)).all()
        author = Author(name=name)
        session.add(author)
        session.flush()
        background.add_task(lambda: seen.append(kept(engine, name)))
        return {"before": len(before), "id": author.id}

    @app.post("/late/{name}")
    def add_late(name: str, session: Annotated[Session, writer]) -> None:
        session.add(Author(name=name))

    @app.post("/refused/{name}")
    def refuse(name: str, session: Annotated[Session, writer]) -> None:
        session.add(Author(name=name))
        session.flush()
        raise HTTPException(422, "no such author")

    @app.get("/authors")
    def authors(session: Annotated[Session, reader]) -> list[str]:
        return list(session.scalars(select(Author.name)))

    return app


def async_app(engine: AsyncEngine, seen: list[object]) -> FastAPI:
    app = FastAPI(lifespan=lifespan(engine))
    reader, writer = reader_session(engine), writer_session(engine, timeout=20)

    @app.post("/authors/{name}")
    async def add(
        name: str, session: Annotated[AsyncSession, writer], background: BackgroundTasks
    ) -> dict[str, object]:
        before = (await session.scalars(select(Author.name))).all()
        author = Author(name=name)
        session.add(author)
        await session.flush()

        async def look() -> None:
            async with get_async_sessionmaker(engine).reader() as another:
                found = await another.scalar(select(Author.id).where(Author.name == name))
            seen.append(found)

        background.add_task(look)
        return {"before": len(before), "id": author.id}

    @app.post("/late/{name}")
    async def add_late(name: str, session: Annotated[AsyncSession, writer]) -> None:
        session.add(Author(name=name))

    @app.post("/refused/{name}")
    async def refuse(name: str, session: Annotated[AsyncSession, writer]) -> None:
        session.add(Author(name=name))
        await session.flush()
        raise HTTPException(422, "no such author")

    @app.get("/authors")
    async def authors(session: Annotated[AsyncSession, reader]) -> list[str]:
        return list(await session.scalars(select(Author.name)))

    return app


def kept(engine: Engine, name: str) -> int | None:
    with get_sessionmaker(engine).reader() as session:
        return session.scalar(select(Author.id).where(Author.name == name))


@pytest.fixture
def seen() -> list[object]:
    """What background tasks found in the database."""
    return []


@pytest.fixture(params=["def", "async def"])
def app(request: pytest.FixtureRequest, db_path: Path, seen: list[object]) -> FastAPI:
    """The same program with plain endpoints and with coroutine functions."""
    tables = create_hardened_engine(f"sqlite:///{db_path}")
    Base.metadata.create_all(tables)
    tables.dispose()
    if request.param == "def":
        return sync_app(create_hardened_engine(f"sqlite:///{db_path}"), seen)
    return async_app(create_hardened_async_engine(f"sqlite+aiosqlite:///{db_path}"), seen)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_what_an_endpoint_wrote_is_kept_when_it_answers(client: TestClient) -> None:
    answer = client.post("/authors/Anne")

    assert (answer.status_code, answer.json()["before"]) == (200, 0)
    assert client.get("/authors").json() == ["Anne"]


def test_what_was_never_flushed_is_kept_too(client: TestClient) -> None:
    assert client.post("/late/Anne").status_code == 200
    assert client.get("/authors").json() == ["Anne"]


def test_an_endpoint_that_raises_leaves_nothing(client: TestClient) -> None:
    assert client.post("/refused/Anne").status_code == 422
    assert client.get("/authors").json() == []
    # Nor the turn: the next one gets it.
    assert client.post("/authors/Ben").status_code == 200


def test_a_background_task_finds_what_was_committed_before_it(
    client: TestClient, seen: list[object]
) -> None:
    answer = client.post("/authors/Anne")

    assert seen == [answer.json()["id"]]


def test_more_writers_at_once_than_threads_all_get_their_turn(client: TestClient) -> None:
    """They would stand still if those who wait had the threads that who has the turn needs."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(
            threads.map(lambda n: client.post(f"/authors/{n}").status_code, range(AT_ONCE))
        )

    assert answers == [200] * AT_ONCE
    assert len(client.get("/authors").json()) == AT_ONCE


def test_a_commit_that_fails_is_no_answer_of_200(db_path: Path) -> None:
    """The answer is not on its way yet when the COMMIT is tried."""
    engine = create_hardened_engine(f"sqlite:///{db_path}")
    Base.metadata.create_all(engine)
    app = FastAPI(lifespan=lifespan(engine))

    @app.post("/authors/{name}")
    def add(name: str, session: Annotated[Session, writer_session(engine)]) -> str:
        session.add(Author(name=name, mentor_id=99))
        return "added"

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.post("/authors/Anne").status_code == 500


def test_a_turn_that_cannot_be_had_in_time_is_answered_with_503(db_path: Path) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}")
    Base.metadata.create_all(engine)
    app = FastAPI(lifespan=lifespan(engine))
    handle_locks(app, retry_after=3)

    @app.post("/authors/{name}")
    def add(name: str, session: Annotated[Session, writer_session(engine, timeout=0)]) -> str:
        session.add(Author(name=name))
        return "added"

    with TestClient(app) as client:
        with get_sessionmaker(engine).writer():
            answer = client.post("/authors/Anne")
        again = client.post("/authors/Anne")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert again.status_code == 200


def test_a_stream_does_not_keep_the_session_of_its_endpoint(db_path: Path) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}")
    Base.metadata.create_all(engine)
    app = FastAPI(lifespan=lifespan(engine))
    out: list[int] = []

    @app.get("/stream")
    def stream(session: Annotated[Session, reader_session(engine)]) -> StreamingResponse:
        session.scalars(select(Author.name)).all()

        async def parts() -> AsyncIterator[bytes]:
            out.append(engine.pool.checkedout())
            yield b"part"

        return StreamingResponse(parts())

    with TestClient(app) as client:
        assert client.get("/stream").content == b"part"

    assert out == [0]


def test_a_sync_session_is_refused_in_a_coroutine_function(db_path: Path) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}")
    app = FastAPI(lifespan=lifespan(engine))

    @app.get("/")
    async def wrong(session: Annotated[Session, writer_session(engine)]) -> None:
        raise AssertionError(session)

    @app.get("/read")
    async def wrong_too(session: Annotated[Session, reader_session(engine)]) -> None:
        raise AssertionError(session)

    with TestClient(app) as client:
        for path in ("/", "/read"):
            with pytest.raises(UsageError, match="would block the event loop"):
                client.get(path)


def test_wrong_arguments_are_refused_when_the_program_is_made(db_path: Path) -> None:
    plain = create_hardened_engine(f"sqlite:///{db_path}")

    with pytest.raises(ConfigurationError, match="wait -1 seconds"):
        writer_session(plain, timeout=-1)
    with pytest.raises(ConfigurationError, match="in memory"):
        health_router(create_hardened_engine("sqlite://"))


@pytest.mark.parametrize("make", [reader_session, writer_session, health_router])
def test_without_the_package_the_extra_is_named(
    make: Callable[[Engine], Any], db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)

    with pytest.raises(MissingExtraError, match=r"hardlite\[fastapi\]"):
        make(create_hardened_engine(f"sqlite:///{db_path}"))


@pytest.mark.parametrize("path", ["/health/database", "/ready"])
def test_the_health_router_has_the_dependencies_it_is_included_with(
    db_path: Path, path: str
) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}")
    app = FastAPI(lifespan=lifespan(engine))

    def refuse() -> None:
        raise HTTPException(403)

    router = health_router(engine, path=path)
    app.include_router(router)
    app.include_router(router, prefix="/admin", dependencies=[Depends(refuse)])

    with TestClient(app) as client:
        assert client.get(path).json()["ok"]
        assert client.get(f"/admin{path}").status_code == 403
