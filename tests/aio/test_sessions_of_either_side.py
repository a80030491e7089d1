"""What holds for sessions of threads and of tasks alike: one body, run on each side."""

import inspect
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from hardlite import (
    ConfigurationError,
    DatabaseLockedError,
    ReadOnlySessionError,
    ReentrantWriteError,
    SessionmakerConflictError,
    StaleSnapshotError,
)
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import gate_for
from tests.fixtures import sides
from tests.fixtures.bodies import locked, prepared
from tests.fixtures.library import Country
from tests.fixtures.sides import Side


@pytest.fixture
def gate(db_path: Path) -> Gate:
    return gate_for(str(db_path.resolve()))


async def ids(maker: Any) -> list[int]:
    async with maker.reader() as session:
        return list(await session.scalars(select(Country.id).order_by(Country.id)))


def test_an_engine_has_one_sessionmaker(side: Side) -> None:
    async def body() -> None:
        engine = side.engine()
        first, second = side.maker(engine, autoflush=False), side.maker(engine)
        assert getattr(first, "real", first) is getattr(second, "real", second)
        with pytest.raises(SessionmakerConflictError):
            side.maker(engine, autoflush=True)

    side.run(body())


def test_a_writer_has_the_turn_before_its_first_statement_and_commits_at_the_end(
    side: Side, gate: Gate
) -> None:
    async def body() -> None:
        maker = await prepared(side)
        async with maker.writer() as session:
            holder = gate.holder()
            session.add(Country(id=1))
        assert holder is not None
        assert holder.site is not None
        assert holder.site.file in {__file__, sides.__file__}
        assert (await ids(maker), gate.holder()) == ([1], None)

    side.run(body())


def test_a_writer_rolls_back_what_ended_in_an_error(side: Side, gate: Gate) -> None:
    async def body() -> None:
        maker = await prepared(side)

        async def fail() -> None:
            async with maker.writer() as session:
                session.add(Country(id=1))
                await session.flush()
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert (await ids(maker), gate.holder()) == ([], None)

    side.run(body())


def test_what_a_writer_made_can_be_read_afterwards(side: Side, gate: Gate) -> None:
    async def body() -> None:
        maker = await prepared(side)
        async with maker.writer() as session:
            country = Country(id=1)
            session.add(country)
        assert (country.id, gate.holder()) == (1, None)

    side.run(body())


def test_a_reader_sees_one_snapshot_and_refuses_to_write(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)
        async with maker.reader() as session:
            assert list(await session.scalars(select(Country.id))) == []
            async with maker.writer() as other:
                other.add(Country(id=1))
            assert list(await session.scalars(select(Country.id))) == []
            session.add(Country(id=2))
            with pytest.raises(ReadOnlySessionError):
                await session.flush()
        assert await ids(maker) == [1]

    side.run(body())


def test_a_second_writer_of_the_same_thread_or_task_is_refused_at_once(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)
        async with maker.writer() as session:
            session.add(Country(id=1))
            with pytest.raises(ReentrantWriteError) as caught:
                async with maker.writer():
                    pytest.fail("it would wait for itself")
            session.add(Country(id=2))
        assert sum(str(caught.value).count(f"{file}:") for file in (__file__, sides.__file__)) == 2
        assert await ids(maker) == [1, 2]

    side.run(body())


def test_a_first_statement_takes_the_turn_and_a_second_session_is_refused(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)
        async with maker() as first, maker() as second:
            await first.execute(text("DELETE FROM countries"))
            with pytest.raises(ReentrantWriteError):
                await second.execute(text("DELETE FROM countries"))
            await first.commit()
            await second.rollback()
            await second.execute(text("DELETE FROM countries"))

    side.run(body())


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(side: Side, timeout: float) -> None:
    async def body() -> None:
        with pytest.raises(ConfigurationError, match="0 or more"):
            async with side.maker(side.engine()).writer(timeout=timeout):
                pytest.fail("this would wait for ever, or not at all")

    side.run(body())


def test_a_lock_of_another_program_is_told_with_the_time_it_took(side: Side, db_path: Path) -> None:
    async def body() -> None:
        maker = await prepared(side)
        other = sqlite3.connect(db_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError, match="outside of hardlite") as caught:
            async with maker.writer(timeout=0.01):
                pytest.fail("the lock is taken")
        assert caught.value.waited > 0
        assert caught.value.statement == "BEGIN IMMEDIATE"
        other.close()

    side.run(body())


def test_a_transaction_is_run_and_returns_what_its_work_returns(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)

        async def add(session: Any) -> str:
            session.add(Country(id=1))
            return "added"

        assert await side.run_in_transaction(maker, add) == "added"
        assert await ids(maker) == [1]

    side.run(body())


def test_a_transaction_that_a_lock_stopped_is_run_again(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)
        runs = []

        async def add(session: Any) -> int:
            runs.append(session)
            session.add(Country(id=len(runs)))
            await session.flush()
            if len(runs) < 3:
                raise locked()
            return len(runs)

        assert await side.run_in_transaction(maker, add) == 3
        assert await ids(maker) == [3]

    side.run(body())


def test_a_transaction_is_not_run_again_when_the_time_is_up_or_it_committed_something(
    side: Side,
) -> None:
    async def body() -> None:
        maker = await prepared(side)
        runs = []

        async def add(_: Any) -> None:
            runs.append(1)
            raise locked()

        with pytest.raises(DatabaseLockedError):
            await side.run_in_transaction(maker, add, timeout=0)

        async def commit(session: Any) -> None:
            runs.append(2)
            await session.execute(text("INSERT INTO countries (id) VALUES (7)"))
            await session.commit()
            raise locked()

        with pytest.raises(DatabaseLockedError):
            await side.run_in_transaction(maker, commit)
        assert runs == [1, 2]
        assert await ids(maker) == [7]

    side.run(body())


def test_a_sessionmaker_of_sqlalchemys_own_will_do_and_nothing_else(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)
        real = getattr(maker, "real", maker)
        base = next(kind for kind in type(real).__mro__ if kind.__module__.startswith("sqlalchemy"))
        plain = base(bind=real.engine)

        async def count(session: Any) -> Any:
            return await session.scalar(text("SELECT count(*) FROM countries"))

        handed = type(maker)(plain) if real is not maker else plain
        assert await side.run_in_transaction(handed, count) == 0
        for wrong in (base(), "app.db"):
            handed = type(maker)(wrong) if real is not maker else wrong
            with pytest.raises(ConfigurationError):
                await side.run_in_transaction(handed, count)

    side.run(body())


def test_an_engine_that_is_not_hardened_has_no_sessionmaker_here(side: Side, db_path: Path) -> None:
    async def body() -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.ext.asyncio import create_async_engine

        plain: Any = create_async_engine(f"sqlite+aiosqlite:///{db_path}")
        if hasattr(side.engine(), "real"):
            plain = type(side.engine())(create_engine(f"sqlite:///{db_path}"))
        with pytest.raises(ConfigurationError, match="not a hardened one"):
            side.maker(plain)

    side.run(body())


@pytest.mark.parametrize("committed", [False, True])
def test_a_function_runs_again_unless_it_has_committed_something(
    side: Side, *, committed: bool
) -> None:
    async def body() -> None:
        maker = await prepared(side)
        runs = []

        async def close_month(month: int) -> int:
            """Close one month."""
            runs.append(month)
            async with maker() as session:
                await session.execute(text("INSERT INTO countries (id) VALUES (:n)"), {"n": month})
                await (session.commit() if committed else session.rollback())
            if len(runs) < 3:
                raise locked()
            return month

        retried = side.retried(close_month, base_delay=0, max_delay=0)
        assert (retried.__name__, retried.__doc__) == ("close_month", "Close one month.")
        assert inspect.iscoroutinefunction(retried)
        if committed:
            with pytest.raises(DatabaseLockedError):
                await retried(3)
        else:
            assert await retried(3) == 3
        assert len(runs) == (1 if committed else 3)

    side.run(body())


def test_a_stale_snapshot_says_so(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side, transaction="snapshot")
        async with maker() as session:
            await session.scalar(text("SELECT count(*) FROM countries"))
            async with maker.writer() as other:
                other.add(Country(id=1))
            with pytest.raises(StaleSnapshotError):
                await session.execute(text("DELETE FROM countries"))

    side.run(body())


def test_the_session_of_a_writer_is_closed_for_good(side: Side) -> None:
    async def body() -> None:
        maker = await prepared(side)
        async with maker.writer() as session:
            pass
        real: Session = getattr(session, "real", None) or session.sync_session
        with pytest.raises(Exception, match="permanently closed"):
            real.add(Country(id=1))

    side.run(body())
