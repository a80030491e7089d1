"""Cancellation while the driver is at something: it is delivered when that has an end."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hardlite import create_hardened_async_engine, get_async_sessionmaker
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.execution_options import hardened
from hardlite.turns.gate import Gate
from tests.aio.conftest import Run
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.lock_keepers import until

INSERT = text("INSERT INTO number VALUES (:n)")
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
Opened = Callable[..., contextlib.AbstractAsyncContextManager[AsyncEngine]]


class Stop:
    """Stops the driver's thread as it begins a statement, until it may go on."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, sql: str) -> None:
        if sql.startswith(self._beginning) and not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(PATIENCE)


@pytest.fixture
def stop_at() -> Iterator[Callable[[AsyncEngine, str], Stop]]:
    """Lets the connections of an engine stop at a statement."""
    stops: list[Stop] = []

    def listen(engine: AsyncEngine, beginning: str) -> Stop:
        stop = Stop(beginning)
        stops.append(stop)

        def trace(dbapi_connection: object, *_: object) -> None:
            connection = hardened(dbapi_connection)
            assert isinstance(connection, AnyHardenedConnection)
            connection.set_trace_callback(stop)

        event.listen(engine.sync_engine, "checkout", trace)
        return stop

    yield listen
    for stop in stops:
        stop.go_on.set()


async def cancelled_at(stop: Stop, task: asyncio.Task[None]) -> asyncio.CancelledError:
    """Cancel a task while its driver stands still, and see that it waits for that."""
    assert await asyncio.to_thread(stop.reached.wait, PATIENCE)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    stop.go_on.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


async def numbers(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT n FROM number ORDER BY rowid")))


async def insert(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(INSERT, {"n": 1})


async def roll_back(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(INSERT, {"n": 1})
        await connection.rollback()


@contextlib.asynccontextmanager
async def unharmed(engine: AsyncEngine, gate: Gate) -> AsyncIterator[None]:
    """See that the block leaves no turn, and an engine that reads and writes."""
    yield
    assert (gate.holder(), gate.waiting()) == (None, 0)
    async with get_async_sessionmaker(engine).writer(timeout=0) as session:
        await session.execute(INSERT, {"n": 7})


def test_a_commit_that_was_under_way_is_committed_when_its_task_is_cancelled(
    run: Run, opened: Opened, gate: Gate, stop_at: Callable[[AsyncEngine, str], Stop]
) -> None:
    async def main() -> tuple[list[str], list[int]]:
        async with opened() as engine:
            stop = stop_at(engine, "COMMIT")
            async with unharmed(engine, gate):
                error = await cancelled_at(stop, asyncio.create_task(insert(engine)))
            return error.__notes__, await numbers(engine)

    notes, found = run(main())
    assert found == [1, 7]
    assert notes == ["hardlite: COMMIT was under way and has returned: it is committed"]


def test_a_commit_that_failed_when_its_task_was_cancelled_says_so(
    run: Run, opened: Opened, gate: Gate, stop_at: Callable[[AsyncEngine, str], Stop]
) -> None:
    async def main() -> tuple[list[str], list[int]]:
        async with opened() as engine:
            async with engine.begin() as connection:
                await connection.execute(
                    text("CREATE TABLE child (n REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
                )
                await connection.execute(text("CREATE TABLE parent (n INTEGER PRIMARY KEY)"))
            stop = stop_at(engine, "COMMIT")

            async def orphan() -> None:
                async with engine.begin() as connection:
                    await connection.execute(INSERT, {"n": 1})
                    await connection.execute(text("INSERT INTO child VALUES (1)"))

            async with unharmed(engine, gate):
                error = await cancelled_at(stop, asyncio.create_task(orphan()))
            return error.__notes__, await numbers(engine)

    notes, found = run(main())
    assert found == [7]
    assert notes[0].endswith("it failed: FOREIGN KEY constraint failed")


@pytest.mark.parametrize("beginning", ["ROLLBACK", "INSERT", "BEGIN IMMEDIATE"])
def test_what_was_not_committed_is_rolled_back_when_its_task_is_cancelled(
    run: Run,
    opened: Opened,
    gate: Gate,
    stop_at: Callable[[AsyncEngine, str], Stop],
    beginning: str,
) -> None:
    async def main() -> list[int]:
        async with opened() as engine:
            stop = stop_at(engine, beginning)
            async with unharmed(engine, gate):
                await cancelled_at(stop, asyncio.create_task(roll_back(engine)))
            return await numbers(engine)

    assert run(main()) == [7]


def test_a_statement_that_would_never_end_is_interrupted(
    run: Run, opened: Opened, gate: Gate, stop_at: Callable[[AsyncEngine, str], Stop]
) -> None:
    async def ask(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.execute(INSERT, {"n": 1})
            await connection.execute(text(ENDLESS))

    async def main() -> list[int]:
        async with opened() as engine:
            stop = stop_at(engine, "WITH RECURSIVE")
            async with unharmed(engine, gate):
                await cancelled_at(stop, asyncio.create_task(ask(engine)))
            return await numbers(engine)

    assert run(main()) == [7]


def test_a_statement_ends_with_the_timeout_around_it(run: Run, opened: Opened) -> None:
    async def main() -> None:
        async with opened() as engine, engine.connect() as connection:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.execute(text(ENDLESS))

    run(main())


def test_a_writer_session_whose_begin_was_cancelled_gives_back_a_connection_that_is_whole(
    run: Run, opened: Opened, gate: Gate, stop_at: Callable[[AsyncEngine, str], Stop]
) -> None:
    async def main() -> object:
        async with opened() as engine:
            maker = get_async_sessionmaker(engine)

            async def write() -> None:
                async with maker.writer():
                    pytest.fail("it was cancelled before")

            stop = stop_at(engine, "BEGIN IMMEDIATE")
            async with unharmed(engine, gate):
                await cancelled_at(stop, asyncio.create_task(write()))
            async with engine.connect() as connection:
                return await connection.scalar(text("PRAGMA busy_timeout"))

    assert run(main()) == 5000


def test_a_connection_that_opened_for_a_cancelled_task_is_closed(
    run: Run, db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread of the driver that stayed would keep the file open."""
    stop = Stop("")
    plain = AnyHardenedConnection.__init__

    def slowly(self: AnyHardenedConnection, *arguments: object, **options: object) -> None:
        stop("")
        plain(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(AnyHardenedConnection, "__init__", slowly)
    before = threading.active_count()

    async def main() -> None:
        engine = create_hardened_async_engine(f"sqlite+aiosqlite:///{db_path}")

        async def connect() -> None:
            async with engine.connect():
                pytest.fail("it was cancelled before")

        await cancelled_at(stop, asyncio.create_task(connect()))
        await engine.dispose()

    run(main())
    until(lambda: threading.active_count() <= before)


def test_a_file_that_cannot_be_opened_leaves_no_thread(run: Run, tmp_path: Path) -> None:
    before = threading.active_count()

    async def main() -> None:
        engine = create_hardened_async_engine(f"sqlite+aiosqlite:///{tmp_path}/none/app.db")
        with pytest.raises(Exception, match="unable to open"):
            async with engine.connect():
                pytest.fail("there is no such directory")
        await engine.dispose()

    run(main())
    until(lambda: threading.active_count() <= before)


def test_a_statement_of_another_task_on_a_shared_connection_is_not_interrupted(run: Run) -> None:
    """A database in memory is one connection, and the tasks share its thread."""

    async def main() -> tuple[object, bool]:
        engine = create_hardened_async_engine("sqlite+aiosqlite://")
        async with engine.connect() as connection:
            stop = Stop("SELECT 'long'")
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.set_trace_callback(stop)
            asking = asyncio.create_task(connection.scalar(text("SELECT 'long'")))
            assert await asyncio.to_thread(stop.reached.wait, PATIENCE)
            other = asyncio.create_task(raw.execute("SELECT 2"))
            await asyncio.sleep(0)
            other.cancel()
            stop.go_on.set()
            found = await asking
            with pytest.raises(asyncio.CancelledError):
                await other
        await engine.dispose()
        return found, other.cancelled()

    assert run(main()) == ("long", True)
