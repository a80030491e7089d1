"""Tasks that await their turn: the loop goes on, and whoever stops waiting leaves nothing behind."""

import asyncio
import contextlib
import gc
import math
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hardlite import (
    DatabaseLockedError,
    ReentrantWriteError,
    create_hardened_engine,
    get_async_sessionmaker,
    get_sessionmaker,
)
from hardlite.turns import gate as gate_module
from hardlite.turns.claims import ProcessClaim
from hardlite.turns.gate import Gate
from hardlite.turns.hold_watch import look_at_holds
from hardlite.turns.turn import Turn
from hardlite.turns.turn_files import TurnFiles
from hardlite.turns.waiting import WaitingTask
from tests.aio.conftest import Run
from tests.fixtures.arrivals import PATIENCE, Arrivals, listening
from tests.fixtures.lock_keepers import needs_proc, until
from tests.fixtures.writers import in_line, writer

INSERT = text("INSERT INTO number VALUES (:n)")
Opened = Callable[..., contextlib.AbstractAsyncContextManager[AsyncEngine]]


async def insert(engine: AsyncEngine, number: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(INSERT, {"n": number})


async def numbers(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT n FROM number ORDER BY rowid")))


@contextlib.asynccontextmanager
async def writing(engine: AsyncEngine, number: int = 0) -> AsyncIterator[AsyncConnection]:
    """Have the turn, in a task of its own, until the block ends."""
    has, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with engine.begin() as connection:
            await connection.execute(INSERT, {"n": number})
            has.set()
            await may_end.wait()

    task = asyncio.create_task(hold(), name="holder")
    await has.wait()
    try:
        yield None  # type: ignore[misc]
    finally:
        may_end.set()
        await task


def threads_of_drivers() -> int:
    return sum("_connection_worker" in thread.name for thread in threading.enumerate())


async def aside(function: Callable[[], None]) -> None:
    function()


def test_the_loop_goes_on_while_a_task_waits(run: Run, opened: Opened, arrivals: Arrivals) -> None:
    async def main() -> list[int]:
        async with opened(warn_wait=0) as engine:
            async with writing(engine, 1):
                waiting = asyncio.create_task(insert(engine, 2))
                await asyncio.to_thread(arrivals.meet)
                assert await numbers(engine) == []
                assert not waiting.done()
            await waiting
            return await numbers(engine)

    assert run(main()) == [1, 2]


@pytest.mark.parametrize("way", ["cancel", "timeout", "wait_for"])
def test_a_task_that_stops_waiting_leaves_no_place_no_turn_and_no_thread(
    run: Run, opened: Opened, gate: Gate, arrivals: Arrivals, way: str
) -> None:
    async def stopped(engine: AsyncEngine) -> None:
        if way == "timeout":
            async with asyncio.timeout(0.01):
                await insert(engine, 2)
        elif way == "wait_for":
            await asyncio.wait_for(insert(engine, 2), 0.01)
        else:
            waiting = asyncio.create_task(insert(engine, 2))
            await asyncio.to_thread(arrivals.meet)
            waiting.cancel()
            await waiting

    async def main() -> list[int]:
        async with opened(warn_wait=0) as engine:
            async with writing(engine, 1):
                before = threads_of_drivers()
                with pytest.raises(asyncio.CancelledError if way == "cancel" else TimeoutError):
                    await stopped(engine)
                assert gate.waiting() == 0
                holder = gate.holder()
                assert holder is not None
                assert holder.thread == "task 'holder'"
                await asyncio.to_thread(until, lambda: threads_of_drivers() <= before)
            await insert(engine, 3)
            assert gate.holder() is None
            return await numbers(engine)

    assert run(main()) == [1, 3]


def test_a_writer_session_that_stops_waiting_gives_its_connection_back(
    run: Run, opened: Opened, gate: Gate
) -> None:
    async def main() -> None:
        async with opened() as engine, writing(engine):
            maker = get_async_sessionmaker(engine)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), maker.writer():
                    pytest.fail("the turn is taken")
            assert gate.waiting() == 0
            assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]

    run(main())


def test_a_turn_that_is_not_had_in_time_is_an_error_that_names_the_task_that_has_it(
    run: Run, opened: Opened
) -> None:
    async def main() -> None:
        async with opened() as engine, writing(engine):
            with pytest.raises(DatabaseLockedError) as caught:
                async with get_async_sessionmaker(engine).writer(timeout=0.01):
                    pytest.fail("the turn is taken")
            holder = caught.value.holder
            assert holder is not None
            assert holder.site is not None
            assert (holder.thread, holder.site.function) == ("task 'holder'", "hold")
            assert holder.site.file == __file__

    run(main())


def test_tasks_queue_in_order_with_threads(
    run: Run, opened: Opened, db_path: Path, arrivals: Arrivals
) -> None:
    sync = create_hardened_engine(f"sqlite:///{db_path}", warn_wait=0)

    def insert_by_thread(number: int) -> None:
        with sync.begin() as connection:
            connection.execute(INSERT, {"n": number})

    async def main() -> list[int]:
        async with opened(warn_wait=0) as engine:
            loop, waiting = asyncio.get_running_loop(), []
            with ThreadPoolExecutor(4) as pool:
                async with writing(engine, 0):
                    for number in range(1, 9):
                        if number % 2:
                            waiting.append(asyncio.ensure_future(insert(engine, number)))
                        else:
                            waiting.append(loop.run_in_executor(pool, insert_by_thread, number))
                        await asyncio.to_thread(arrivals.meet)
                await asyncio.gather(*waiting)
            return await numbers(engine)

    assert run(main()) == list(range(9))
    sync.dispose()


@needs_proc
def test_tasks_queue_with_other_processes(run: Run, opened: Opened, db_path: Path) -> None:
    async def main() -> list[int]:
        async with opened() as engine:
            async with engine.begin() as connection:
                await connection.execute(text("CREATE TABLE counter (number INTEGER)"))
                await connection.execute(text("INSERT INTO counter VALUES (0)"))
            with writer(db_path) as other:
                await asyncio.to_thread(other.do, "begin")
                waiting = asyncio.create_task(insert(engine, 1))
                await asyncio.to_thread(until, lambda: in_line(db_path) == 1)
                assert await numbers(engine) == []
                await asyncio.to_thread(other.do, "commit")
                await waiting
                # And the other way round.
                async with writing(engine, 2):
                    other.ask("add", 1)
                    await asyncio.to_thread(until, lambda: in_line(db_path) == 1)
                    assert not other.has_answered()
                assert await asyncio.to_thread(other.answer) is None
            return await numbers(engine)

    assert run(main()) == [1, 2]


def test_another_task_waits_where_the_same_one_is_refused(run: Run, opened: Opened) -> None:
    async def main() -> list[int]:
        async with opened() as engine:
            async with engine.begin() as connection:
                await connection.execute(INSERT, {"n": 1})
                child = asyncio.create_task(insert(engine, 2))
                with pytest.raises(ReentrantWriteError, match="This task already has the turn"):
                    await insert(engine, 3)
            await child
            return await numbers(engine)

    assert run(main()) == [1, 2]


def test_threads_and_tasks_that_would_wait_for_themselves_are_told_in_either_order(
    run: Run, opened: Opened, db_path: Path
) -> None:
    sync = get_sessionmaker(create_hardened_engine(f"sqlite:///{db_path}"))

    async def main() -> list[int]:
        async with opened() as engine:
            async with engine.begin() as connection:
                await connection.execute(INSERT, {"n": 1})
                with pytest.raises(ReentrantWriteError, match="This thread"), sync.writer():
                    pytest.fail("the loop would stand still for ever")
            with sync.writer() as session:
                session.execute(INSERT, {"n": 2})
                child = asyncio.create_task(insert(engine, 3))
                with pytest.raises(ReentrantWriteError, match="This task"):
                    await insert(engine, 4)
            await child
            return await numbers(engine)

    assert run(main()) == [1, 2, 3]
    sync.engine.dispose()


def test_a_turn_that_came_when_its_task_was_cancelled_goes_to_the_next(
    run: Run, gate: Gate
) -> None:
    """Nothing runs between the grant and the cancellation."""

    async def main() -> None:
        held = await asyncio.to_thread(gate.take, 0)
        waiting = asyncio.create_task(gate.take_awaited(math.inf, aside=aside))
        await asyncio.sleep(0)
        assert gate.waiting() == 1
        held.release()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert gate.holder() is None
        gate.take(timeout=0).release()

    run(main())


def test_a_turn_that_comes_as_the_time_runs_out_is_kept(run: Run, gate: Gate) -> None:
    async def main() -> None:
        held = await asyncio.to_thread(gate.take, 0)

        async def at_the_last_moment(give_up: Callable[[], None]) -> None:
            held.release()
            give_up()

        turn = await gate.take_awaited(0, aside=at_the_last_moment)
        assert gate.turn is turn
        turn.release()

    run(main())


def test_a_turn_that_comes_as_the_last_moment_is_over_is_kept(
    run: Run, db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has given it back when the time is over; it comes a moment later."""
    monkeypatch.setattr(gate_module, "_ON_ITS_WAY", 0)
    db_path.touch()
    other = TurnFiles(str(db_path))
    assert other.try_claim()
    gate = Gate(str(db_path), claim=ProcessClaim(TurnFiles(str(db_path))))
    moments = iter(["the time is over", "so is the moment"])

    async def at_the_last_moment(give_up: Callable[[], None]) -> None:
        if next(moments) == "so is the moment":
            other.release()
            until(lambda: gate.turn is not None)
        give_up()

    async def main() -> None:
        turn = await gate.take_awaited(0, aside=at_the_last_moment)
        assert gate.turn is turn
        turn.release()

    run(main())


def test_a_task_that_is_told_twice_hears_it_once(run: Run, gate: Gate) -> None:
    """Whoever was interrupted in telling it leaves that to the next."""

    async def main() -> bool:
        waiting = WaitingTask(await gate.take_awaited(0, aside=aside))
        assert waiting.tell()
        assert waiting.tell()
        await asyncio.sleep(0)
        waiting.turn.release()
        return await waiting.is_told(0)

    assert run(main())


def test_a_loop_that_was_closed_under_a_waiting_task_keeps_nobody_from_the_turn(
    gate: Gate,
) -> None:
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        held = first.submit(gate.take, 0).result(PATIENCE)
        waiting = loop.create_task(gate.take_awaited(math.inf, aside=aside))
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert gate.waiting() == 1
        loop.close()
        with listening() as arrivals:
            turn = second.submit(gate.take, PATIENCE, warn_wait=0)
            arrivals.meet()
            held.release()
        turn.result(PATIENCE).release()
    assert gate.holder() is None
    # A loop complains of a task that is left so; this one is left so on purpose.
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    waiting.get_coro().close()  # type: ignore[union-attr]


def test_what_is_told_of_a_turn_names_its_task_as_long_as_there_is_one(
    run: Run, gate: Gate
) -> None:
    async def take() -> Turn:
        return await gate.take_awaited(0, aside=aside)

    async def main() -> None:
        task = asyncio.create_task(take(), name="import")
        turn = await task
        assert turn.user() == "task 'import'"
        del task
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
        assert turn.user() == "a task that has ended"
        assert look_at_holds([gate])
        turn.release()

    run(main())


def test_a_turn_that_is_held_for_long_is_logged_with_the_line_where_its_task_waits(
    run: Run, opened: Opened, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with opened() as engine, writing(engine):
            # Not sooner: the thread that looks at holds would tell of what was before.
            assert gate.turn is not None
            gate.turn.warn_hold = 0
            assert await asyncio.to_thread(look_at_holds, [gate])

    run(main())
    (said,) = [one.getMessage() for one in caplog.records if "is still held" in one.getMessage()]
    assert "task 'holder'" in said
    assert f"its task is now at {__file__}" in said
    assert said.endswith("in hold")


def test_a_lock_of_another_program_is_awaited_and_can_be_given_up(
    run: Run, opened: Opened, gate: Gate, db_path: Path
) -> None:
    async def main() -> list[int]:
        # Longer than any test lasts.
        async with opened(timeout=10_000) as engine:
            other = sqlite3.connect(db_path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(insert(engine, 1))
            await asyncio.to_thread(until, lambda: gate.holder() is not None)
            assert await numbers(engine) == []
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert gate.holder() is None
            other.close()
            await insert(engine, 2)
            return await numbers(engine)

    assert run(main()) == [2]


def test_many_tasks_in_two_loops_lose_nothing(db_path: Path, run: Run, opened: Opened) -> None:
    async def write(offset: int) -> None:
        async with opened() as engine:
            await asyncio.gather(*(insert(engine, offset + n) for n in range(20)))

    async def main() -> list[int]:
        await asyncio.gather(write(0), asyncio.to_thread(run, write(100)))
        async with opened() as engine:
            return sorted(await numbers(engine))

    assert run(main()) == [*range(20), *range(100, 120)]
    assert os.path.exists(db_path)  # noqa: PTH110


async def driver_of(connection: AsyncConnection) -> Any:
    """The connection of aiosqlite behind one of SQLAlchemy."""
    return (await connection.get_raw_connection()).driver_connection


def test_a_script_on_the_drivers_own_connection_awaits_its_turn(
    run: Run, opened: Opened, arrivals: Arrivals
) -> None:
    async def main() -> list[int]:
        async with opened(warn_wait=0) as engine, engine.connect() as connection:
            driver = await driver_of(connection)
            async with writing(engine, 1):
                script = "INSERT INTO number VALUES (2); INSERT INTO number VALUES (3);"
                waiting = asyncio.create_task(driver.executescript(script))
                await asyncio.to_thread(arrivals.meet)
                assert not waiting.done()
            await waiting
            return await numbers(engine)

    assert run(main()) == [1, 2, 3]


def test_a_connection_that_was_closed_meanwhile_gives_the_turn_back(
    run: Run, opened: Opened, arrivals: Arrivals, gate: Gate
) -> None:
    async def main() -> None:
        async with opened(warn_wait=0) as engine:
            connection = await engine.connect()
            driver = await driver_of(connection)
            async with writing(engine, 1):
                waiting = asyncio.create_task(driver.execute("INSERT INTO number VALUES (2)"))
                await asyncio.to_thread(arrivals.meet)
                await driver.close()
            with pytest.raises(ValueError, match="closed"):
                await waiting
            assert gate.holder() is None
            await connection.invalidate()
            await connection.close()

    run(main())
