"""Imports that only tasks can have: sources that are awaited, and a loop that goes on meanwhile."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from hardlite import (
    ImportReport,
    RetryPolicy,
    async_batched_unit_of_work,
    batched_unit_of_work,
    create_hardened_async_engine,
    create_hardened_engine,
    get_async_sessionmaker,
)
from hardlite.clock import SystemClock
from hardlite.turns.gate import Gate
from tests.aio.conftest import Run
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.bodies import locked
from tests.fixtures.library import Author, Base, Country, author


@pytest.fixture
def on_library(run: Run, db_path: Path) -> Callable[..., Any]:
    """Runs a coroutine function of an engine on a library, and returns what that returns."""
    sync = create_hardened_engine(f"sqlite:///{db_path}")
    Base.metadata.create_all(sync)
    with Session(sync) as session, session.begin():
        session.add(Country(id=1))
    sync.dispose()

    def call(body: Callable[[AsyncEngine], Any]) -> Any:
        async def main() -> Any:
            engine = create_hardened_async_engine(f"sqlite+aiosqlite:///{db_path}")
            try:
                return await body(engine)
            finally:
                await engine.dispose()

        return run(main())

    return call


async def authors(count: int) -> AsyncIterator[dict[str, object]]:
    for number in range(1, count + 1):
        await asyncio.sleep(0)
        yield author(number)


async def ids(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT id FROM authors ORDER BY id")))


def test_an_async_iterable_is_awaited_item_by_item(on_library: Callable[..., Any]) -> None:
    async def body(engine: AsyncEngine) -> tuple[ImportReport, list[int]]:
        report = await async_batched_unit_of_work(engine, authors(7), Author, batch_size=3)
        return report, await ids(engine)

    report, found = on_library(body)
    assert (report.committed, len(report.batches)) == (7, 3)
    assert found == [1, 2, 3, 4, 5, 6, 7]


def test_rows_of_a_streamed_select_are_items(on_library: Callable[..., Any]) -> None:
    select = text("SELECT value AS id, 'n' || value AS name, 1 AS country_id FROM generate")

    async def body(engine: AsyncEngine) -> list[int]:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE generate (value INTEGER)"))
            await connection.execute(text("INSERT INTO generate VALUES (1), (2), (3), (4)"))
        for half, mappings in (("value < 3", False), ("value > 2", True)):
            async with get_async_sessionmaker(engine).reader() as session:
                rows: Any = await session.stream(text(f"{select} WHERE {half}"))
                source = rows.mappings() if mappings else rows
                await async_batched_unit_of_work(engine, source, Author)
        return await ids(engine)

    assert on_library(body) == [1, 2, 3, 4]


class Counted:
    """A source that knows how many items it has."""

    def __len__(self) -> int:
        return 2

    def __aiter__(self) -> AsyncIterator[dict[str, object]]:
        return authors(2)


def test_the_length_of_a_source_is_the_total_of_the_bar(
    on_library: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    async def body(engine: AsyncEngine) -> ImportReport:
        return await async_batched_unit_of_work(engine, Counted(), Author, progress=True)

    assert on_library(body).committed == 2
    assert "2/2" in capfd.readouterr().err


def test_a_plain_function_is_given_a_plain_session(on_library: Callable[..., Any]) -> None:
    given: list[object] = []

    def add(session: Session, item: dict[str, Any]) -> None:
        given.append(session)
        session.add(Author(**item))
        session.flush()

    async def body(engine: AsyncEngine) -> list[int]:
        await async_batched_unit_of_work(get_async_sessionmaker(engine), authors(2), add)
        return await ids(engine)

    assert on_library(body) == [1, 2]
    assert all(type(one) is not AsyncSession and isinstance(one, Session) for one in given)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_prepare_runs_in_threads_beside_the_loop(
    on_library: Callable[..., Any], workers: int
) -> None:
    """It waits for what the loop does meanwhile."""
    threads: set[int] = set()
    ticked = threading.Event()

    def prepare(number: int) -> dict[str, object]:
        threads.add(threading.get_ident())
        assert ticked.wait(PATIENCE)
        return author(number)

    async def body(engine: AsyncEngine) -> list[int]:
        asyncio.get_running_loop().call_later(0.01, ticked.set)
        await async_batched_unit_of_work(
            engine, range(1, 5), Author, prepare=prepare, prepare_workers=workers
        )
        return await ids(engine)

    assert on_library(body) == [1, 2, 3, 4]
    assert threading.get_ident() not in threads


def test_as_many_items_are_prepared_at_once_as_was_asked_for(
    on_library: Callable[..., Any],
) -> None:
    async def body(engine: AsyncEngine) -> list[int]:
        together = asyncio.Barrier(3)

        async def prepare(number: int) -> dict[str, object]:
            # Ends only if three are at it.
            await together.wait()
            return author(number)

        await async_batched_unit_of_work(
            engine, range(1, 7), Author, prepare=prepare, prepare_workers=3
        )
        return await ids(engine)

    assert on_library(body) == [1, 2, 3, 4, 5, 6]


def test_what_is_told_may_be_awaited(on_library: Callable[..., Any]) -> None:
    told: list[object] = []

    async def tell(one: object) -> None:
        await asyncio.sleep(0)
        told.append(one)

    async def body(engine: AsyncEngine) -> ImportReport:
        rows = [author(1), author(2, born=-1)]
        return await async_batched_unit_of_work(
            engine, rows, Author, batch_size=1, progress=tell, on_rejection=tell
        )

    report = on_library(body)
    assert told == [report.batches[0], report.rejections[0], report.batches[1]]


def test_a_cancelled_import_keeps_its_batches_and_leaves_nothing_else(
    on_library: Callable[..., Any], gate: Gate
) -> None:
    async def body(engine: AsyncEngine) -> tuple[list[str], list[int], int]:
        at_third, begun = asyncio.Event(), []

        async def add(session: AsyncSession, item: dict[str, Any]) -> None:
            session.add(Author(**item))
            await session.flush()
            if item["id"] == 6:
                at_third.set()
                await asyncio.Event().wait()

        async def prepare(item: dict[str, Any]) -> dict[str, Any]:
            begun.append(item)
            if len(begun) > 6:
                await asyncio.Event().wait()
            return item

        importing = asyncio.create_task(
            async_batched_unit_of_work(
                engine, authors(20), add, batch_size=2, prepare=prepare, prepare_workers=1
            )
        )
        await at_third.wait()
        importing.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await importing
        assert gate.holder() is None
        return caught.value.__notes__, await ids(engine), len(asyncio.all_tasks())

    notes, found, tasks = on_library(body)
    assert found == [1, 2, 3, 4]
    assert "4 items committed" in notes[-1]
    assert tasks == 1


def test_the_loop_goes_on_while_an_import_pauses_before_it_tries_again(
    on_library: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(_self: SystemClock, _seconds: float) -> None:
        pytest.fail("the loop stands still")

    monkeypatch.setattr(SystemClock, "sleep", sleep)

    async def body(engine: AsyncEngine) -> tuple[int, bool]:
        tries = []

        async def add(session: AsyncSession, item: dict[str, Any]) -> None:
            tries.append(item)
            if len(tries) == 1:
                raise locked()
            session.add(Author(**item))

        report = await async_batched_unit_of_work(
            engine, [author(1)], add, retry=RetryPolicy(base_delay=0.001)
        )
        return report.batches[0].attempts, report.ok

    assert on_library(body) == (2, True)


def test_threads_and_tasks_go_on_with_each_others_imports(
    on_library: Callable[..., Any], db_path: Path
) -> None:
    def some(count: int) -> Any:
        for number in range(1, count + 1):
            yield author(number)
        if count < 6:
            raise ConnectionError

    async def begin(engine: AsyncEngine) -> None:
        with pytest.raises(ConnectionError):
            await async_batched_unit_of_work(engine, some(4), Author, batch_size=2, resume_key="k")

    on_library(begin)
    sync = create_hardened_engine(f"sqlite:///{db_path}")
    report = batched_unit_of_work(sync, some(6), Author, batch_size=2, resume_key="k")
    sync.dispose()

    assert report.committed == 2


def test_a_database_in_memory_takes_rows_good_and_bad(run: Run) -> None:
    """Its connection may be used in its own thread alone."""

    async def main() -> tuple[int, int]:
        engine = create_hardened_async_engine("sqlite+aiosqlite://")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await async_batched_unit_of_work(engine, [{"id": 1}], Country)
        rows = [author(1), author(2, country_id=7), author(1), author(3, born=-1)]
        report = await async_batched_unit_of_work(
            engine, rows, Author, conflict="update", on_error="isolate"
        )
        await engine.dispose()
        return report.committed, report.rejected

    assert run(main()) == (2, 2)
