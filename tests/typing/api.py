"""What type checkers make of programs that use hardlite; checked by mypy and pyright, never run."""

import sqlite3
from collections.abc import AsyncIterator
from typing import assert_type

from sqlalchemy import Column, Engine, Integer, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from hardlite import (
    BatchResult,
    ImportReport,
    Profile,
    async_batched_unit_of_work,
    async_run_in_transaction,
    batched_unit_of_work,
    create_hardened_async_engine,
    create_hardened_engine,
    get_async_sessionmaker,
    get_sessionmaker,
    retry_on_locked,
    run_in_transaction,
)

assert_type(create_hardened_engine("sqlite:///app.db"), Engine)
engine = create_hardened_engine(
    "sqlite:///app.db", profile=Profile.durable(), busy_timeout=10, echo=True
)

factory: sessionmaker[Session] = get_sessionmaker(engine)

with get_sessionmaker(engine).reader() as reader:
    assert_type(reader, Session)
with get_sessionmaker(engine).writer(timeout=10) as writer:
    assert_type(writer, Session)


def count(session: Session) -> int:
    return int(session.execute(text("SELECT count(*) FROM note")).scalar_one())


assert_type(run_in_transaction(engine, count), int)


@retry_on_locked(max_attempts=3, base_delay=0.1, max_delay=1.0, idempotent_only=True)
def rename(name: str, *, loudly: bool = False) -> bytes:
    return (name.upper() if loudly else name).encode()


assert_type(rename("a", loudly=True), bytes)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)


def add_note(session: Session, number: int) -> None:
    session.add(Note(id=number))


def show(batch: BatchResult) -> None:
    print(batch.index, batch.committed, batch.outcome)


table = Table("note", MetaData(), Column("id", Integer, primary_key=True))

assert_type(batched_unit_of_work(engine, [{"id": 1}], table, conflict="ignore"), ImportReport)
assert_type(batched_unit_of_work(factory, iter([{"id": 1}]), Note, progress=True), ImportReport)
assert_type(batched_unit_of_work(engine, [{"id": 1}], table.insert(), total=1), ImportReport)
other = sqlite3.connect("other.db")
assert_type(batched_unit_of_work(engine, other.execute("SELECT 1 AS id"), table), ImportReport)
with factory() as reading:
    found = reading.execute(text("SELECT 1 AS id"))
    assert_type(batched_unit_of_work(engine, found, table), ImportReport)


class Frame:
    """As pandas, polars and pyarrow have them."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise NotImplementedError

    def __len__(self) -> int:
        return 0


def checked(row: dict[str, object]) -> dict[str, object]:
    return row


assert_type(batched_unit_of_work(engine, Frame(), table, prepare=checked), ImportReport)
assert_type(batched_unit_of_work(engine, found.mappings(), table, prepare=dict), ImportReport)
report = batched_unit_of_work(
    engine,
    ["1"],
    add_note,
    prepare=int,
    describe=str.strip,
    batch_size=100,
    on_error="isolate",
    progress=show,
)
assert_type(report, ImportReport)
assert_type(report.ok, bool)
assert_type(report.committed, int)
assert_type(report.batches, tuple[BatchResult, ...])
assert_type(report.error, Exception | None)
assert_type(report.summary(), str)

async_engine = create_hardened_async_engine("sqlite+aiosqlite:///app.db", busy_timeout=10)
assert_type(async_engine, AsyncEngine)
async_factory: async_sessionmaker[AsyncSession] = get_async_sessionmaker(async_engine)


async def count_awaited(session: AsyncSession) -> int:
    return int((await session.execute(text("SELECT count(*) FROM note"))).scalar_one())


async def add_awaited(session: AsyncSession, number: int) -> None:
    session.add(Note(id=number))


async def parse(text: str) -> int:
    return int(text)


async def texts() -> AsyncIterator[str]:
    yield "1"


@retry_on_locked(max_attempts=3)
async def rename_awaited(name: str) -> bytes:
    return name.encode()


async def awaited() -> None:
    async with get_async_sessionmaker(async_engine).reader() as reader:
        assert_type(reader, AsyncSession)
    async with get_async_sessionmaker(async_engine).writer(timeout=10) as writer:
        assert_type(writer, AsyncSession)
    assert_type(await async_run_in_transaction(async_factory, count_awaited), int)
    assert_type(await rename_awaited("a"), bytes)
    report = await async_batched_unit_of_work(
        async_engine, texts(), add_awaited, prepare=parse, prepare_workers=2
    )
    assert_type(report, ImportReport)
