"""What holds for imports by threads and by tasks alike: one body, run on each side."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy import select, text

from hardlite import ConfigurationError, DatabaseLockedError, RetryPolicy, UsageError
from hardlite.reports.batch_results import BatchResult
from hardlite.reports.rejections import Rejection
from tests.fixtures.bodies import locked, prepared
from tests.fixtures.library import Author, Book, Country, author
from tests.fixtures.sides import Side


async def library(side: Side, **settings: object) -> Any:
    """A sessionmaker of a library with the country that authors come from."""
    maker = await prepared(side, **settings)
    async with maker.writer() as session:
        session.add(Country(id=1))
    return maker


async def authors_in(maker: Any) -> list[int]:
    async with maker.reader() as session:
        return list(await session.scalars(select(Author.id).order_by(Author.id)))


async def add_with_book(session: Any, item: dict[str, Any]) -> None:
    session.add(Author(**item, books=[Book(title="One")]))
    await session.flush()


def test_rows_go_into_a_table_and_the_bad_ones_are_told(side: Side) -> None:
    async def body() -> None:
        maker = await library(side)
        rows = [author(n) for n in range(1, 200)]
        rows[20] = author(21, born=-1)
        rows[90] = author(91, country_id=7)
        report = await side.import_items(
            side_engine(maker),
            rows,
            Author.__table__,
            batch_size=150,
            on_error="isolate",
        )
        assert (report.committed, report.rejected, len(report.batches)) == (197, 2, 2)
        assert [rejection.position for rejection in report.rejections] == [20, 90]
        assert report.rejections[1].constraint is not None
        assert report.rejections[1].constraint.parent == "countries"
        assert len(await authors_in(maker)) == 197

    side.run(body())


def side_engine(maker: Any) -> Any:
    """The engine of a sessionmaker, as the side has it."""
    real = getattr(maker, "real", maker)
    return real.engine if real is maker else type(maker)(real.engine)


@pytest.mark.parametrize("conflict", ["update", "ignore"])
def test_rows_that_are_there_already_are_written_over_or_skipped(side: Side, conflict: str) -> None:
    async def body() -> None:
        maker = await library(side)
        await side.import_items(maker, [author(n) for n in range(1, 4)], Author)
        rows = [author(n, name=f"new {n}") for n in range(2, 6)]
        rows.append(author(9, born=-1))
        report = await side.import_items(maker, rows, Author, conflict=conflict, on_error="isolate")
        async with maker.reader() as session:
            names = list(await session.scalars(select(Author.name).order_by(Author.id)))
        changed = [name.startswith("new") for name in names]
        if conflict == "update":
            assert (report.committed, report.skipped) == (4, 0)
            assert changed == [False, True, True, True, True]
        else:
            assert (report.committed, report.skipped) == (2, 2)
            assert changed == [False, False, False, True, True]
        assert report.rejected == 1

    side.run(body())


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
def test_a_function_adds_items_with_their_children(side: Side, on_error: str) -> None:
    async def body() -> None:
        maker = await library(side)
        items = [author(n) for n in range(1, 8)]
        items[3] = author(4, born=-1)
        report = await side.import_items(
            maker, items, add_with_book, batch_size=5, on_error=on_error
        )
        kept = [1, 2, 3, 5, 6, 7] if on_error == "isolate" else [6, 7]
        assert await authors_in(maker) == kept
        assert report.committed == len(kept)
        async with maker.reader() as session:
            assert await session.scalar(text("SELECT count(*) FROM books")) == len(kept)

    side.run(body())


@pytest.mark.parametrize("workers", [0, 3])
def test_items_are_prepared_in_order_and_what_cannot_be_is_rejected(
    side: Side, workers: int
) -> None:
    async def prepare(number: int) -> dict[str, object]:
        if number == 5:
            raise ValueError(number)
        return author(number)

    async def body() -> None:
        maker = await library(side)
        report = await side.import_items(
            maker,
            range(1, 12),
            Author,
            prepare=prepare,
            prepare_workers=workers,
            batch_size=4,
        )
        assert await authors_in(maker) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
        assert [(one.position, one.item) for one in report.rejections] == [(4, 5)]

    side.run(body())


def test_each_batch_and_each_rejection_is_told_when_it_is_done(side: Side) -> None:
    told: list[BatchResult | Rejection] = []

    async def body() -> None:
        maker = await library(side)
        rows = [author(1), author(2, born=-1), author(3)]
        await side.import_items(
            maker, rows, Author, batch_size=2, progress=told.append, on_rejection=told.append
        )

    side.run(body())
    assert [type(one) for one in told] == [Rejection, Rejection, BatchResult, BatchResult]


def test_an_import_that_was_cut_short_goes_on_where_it_stood(side: Side) -> None:
    def items(broken: int) -> Any:
        for number in range(1, 10):
            if number == broken:
                raise ConnectionError(number)
            yield author(number)

    async def body() -> None:
        maker = await library(side)
        with pytest.raises(ConnectionError) as caught:
            await side.import_items(maker, items(6), add_with_book, batch_size=2, resume_key="new")
        assert "4 items committed" in caught.value.__notes__[0]
        report = await side.import_items(
            maker, items(0), add_with_book, batch_size=2, resume_key="new"
        )
        assert report.committed == 5
        assert await authors_in(maker) == list(range(1, 10))

    side.run(body())


def test_a_batch_that_met_a_lock_is_tried_again(side: Side) -> None:
    async def body() -> None:
        maker = await library(side)
        tries = []

        async def add(session: Any, item: dict[str, Any]) -> None:
            tries.append(item)
            if len(tries) == 1:
                raise locked()
            session.add(Author(**item))

        retry = RetryPolicy(base_delay=0.001)
        report = await side.import_items(maker, [author(1)], add, retry=retry)
        assert (report.committed, report.batches[0].attempts) == (1, 2)

    side.run(body())


def test_a_lock_that_is_not_had_stops_the_import_and_is_reported(side: Side) -> None:
    async def body() -> None:
        maker = await library(side)
        other = sqlite3.connect(side.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        report = await side.import_items(
            maker, [author(1)], Author, timeout=0.01, retry=RetryPolicy(max_attempts=1)
        )
        other.close()
        assert isinstance(report.error, DatabaseLockedError)
        assert (report.ok, report.committed) == (False, 0)

    side.run(body())


def test_work_that_commits_is_refused(side: Side) -> None:
    async def body() -> None:
        maker = await library(side)

        async def add(session: Any, _: object) -> None:
            await session.commit()

        with pytest.raises(UsageError, match="ended the transaction"):
            await side.import_items(maker, [1], add)

    side.run(body())


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"prepare_workers": 2},
        {"on_error": "ignore"},
        {"timeout": -1},
        {"resume_key": ""},
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(side: Side, wrong: dict[str, Any]) -> None:
    async def body() -> None:
        maker = side.maker(side.engine())
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            await side.import_items(maker, [], Author, **wrong)

    side.run(body())
