"""When an import has the turn, and when it leaves it to others."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from hardlite import batched_unit_of_work, get_sessionmaker
from hardlite.errors import ReentrantWriteError, UsageError
from hardlite.imports.batches import OnError
from hardlite.reports.batch_results import BatchResult
from hardlite.turns.gate_registry import gate_for
from hardlite.turns.holder import Holder
from tests.fixtures.arrivals import PATIENCE, listening
from tests.fixtures.databases import EngineFactory
from tests.fixtures.library import (
    AUTHORS,
    Author,
    Book,
    add_with_books,
    author,
    authors,
    empty,
    stored,
)


def test_the_turn_is_not_held_while_items_are_collected_or_prepared(
    library: Engine, db_path: Path
) -> None:
    gate = gate_for(str(db_path))
    seen: dict[str, list[Holder | None]] = {"source": [], "prepare": [], "work": [], "after": []}

    def source() -> Iterator[int]:
        for number in range(4):
            seen["source"].append(gate.holder())
            yield number

    def prepare(number: int) -> dict[str, object]:
        seen["prepare"].append(gate.holder())
        return author(number)

    def work(session: Session, item: dict[str, object]) -> None:
        seen["work"].append(gate.holder())
        add_with_books(session, item)

    def progress(_: BatchResult) -> None:
        seen["after"].append(gate.holder())

    batched_unit_of_work(library, source(), work, prepare=prepare, batch_size=2, progress=progress)

    assert seen["source"] == seen["prepare"] == [None] * 4
    assert seen["after"] == [None] * 2
    assert all(holder is not None for holder in seen["work"])
    assert len(seen["work"]) == 4


def test_a_writer_that_waits_gets_in_between_two_batches(make_engine: EngineFactory) -> None:
    """A batch leaves the turn to whoever came before the next one.

    import                        writer
    batch 0 begins
                  -- started -->
                                  joins the queue
                  <-- arrives --
    batch 0 commits
                                  writes
    batch 1
    """
    engine = make_engine(warn_wait=0)
    empty(engine)
    maker = get_sessionmaker(engine)

    def write() -> None:
        with maker.writer() as session:
            session.add(Author(**author(100)))

    order: list[list[int]] = []
    with ThreadPoolExecutor(1) as pool, listening() as arrivals:

        def work(session: Session, item: dict[str, object]) -> None:
            if item["id"] == 0:
                pool.submit(write)
                arrivals.meet()
            if item["id"] == 2:
                order.append(list(session.scalars(select(AUTHORS.c.id).order_by(AUTHORS.c.id))))
            add_with_books(session, item)

        batched_unit_of_work(engine, authors(4), work, batch_size=2)

    assert order == [[0, 1, 100]]


def test_the_same_thread_may_write_between_two_batches(library: Engine) -> None:
    maker = get_sessionmaker(library)

    def progress(batch: BatchResult) -> None:
        with maker.writer() as session:
            session.add(Author(**author(100 + batch.index)))

    report = batched_unit_of_work(library, authors(4), AUTHORS, batch_size=2, progress=progress)

    assert report.ok
    assert stored(library) == [0, 1, 2, 3, 100, 101]


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
def test_a_caller_that_has_the_turn_is_told(library: Engine, on_error: OnError) -> None:
    maker = get_sessionmaker(library)

    with maker.writer() as session:
        session.add(Author(**author(50)))
        with pytest.raises(ReentrantWriteError) as caught:
            batched_unit_of_work(library, authors(2), AUTHORS, on_error=on_error)

    assert "0 items committed" in caught.value.__notes__[0]
    assert stored(library) == [50]


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
def test_a_function_that_takes_a_turn_of_its_own_is_told(
    library: Engine, on_error: OnError
) -> None:
    maker = get_sessionmaker(library)

    def work(_: Session, item: dict[str, object]) -> None:
        with maker.writer() as own:
            own.add(Author(**item))

    with pytest.raises(ReentrantWriteError):
        batched_unit_of_work(library, authors(2), work, on_error=on_error)

    assert stored(library) == []


def commits(session: Session) -> None:
    session.commit()


def rolls_back(session: Session) -> None:
    session.rollback()


def closes(session: Session) -> None:
    session.close()


def commits_and_fails(session: Session) -> None:
    session.commit()
    raise ValueError("after the commit")


@pytest.mark.parametrize("on_error", ["continue", "stop", "isolate"])
@pytest.mark.parametrize("ending", [commits, rolls_back, closes, commits_and_fails])
def test_a_function_that_ends_the_transaction_is_stopped(
    library: Engine, ending: Callable[[Session], None], on_error: OnError
) -> None:
    """What it committed is in the database and in no report, so it cannot go on."""

    def work(session: Session, item: dict[str, object]) -> None:
        add_with_books(session, item)
        if item["id"] == 3:
            ending(session)

    with pytest.raises(UsageError, match="ended the transaction of its batch") as caught:
        batched_unit_of_work(library, authors(6), work, batch_size=2, on_error=on_error)

    assert "the first 1 batches are done" in caught.value.__notes__[0]
    assert set(stored(library)) <= {0, 1, 2, 3}
    assert isinstance(caught.value.__cause__, ValueError) is (ending is commits_and_fails)


def test_a_function_may_use_savepoints_and_read_what_it_wrote(library: Engine) -> None:
    def work(session: Session, item: dict[str, object]) -> None:
        with session.begin_nested():
            add_with_books(session, item)
        session.flush()
        assert session.get(Author, item["id"]) is not None

    assert batched_unit_of_work(library, authors(5), work, batch_size=2).committed == 5


def test_what_a_function_loaded_can_be_read_after_the_commit(library: Engine) -> None:
    made: list[Author] = []

    def work(session: Session, item: dict[str, object]) -> None:
        made.append(Author(**item))
        session.add(made[-1])

    batched_unit_of_work(library, authors(2), work)

    assert [row.name for row in made] == ["author 0", "author 1"]


def test_a_batch_that_holds_the_turn_too_long_is_warned_of(
    library: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    report = batched_unit_of_work(library, authors(4), AUTHORS, batch_size=2, max_hold=0)

    records = [record for record in caplog.records if record.name == "hardlite.batches"]
    assert [record.levelno for record in records] == [logging.WARNING] * 2
    assert "batch 1 (items 2 to 3) committed: waited " in records[1].getMessage()
    assert "over max_hold=0: make batches smaller" in records[1].getMessage()
    assert all(batch.hold > 0 for batch in report.batches)


def test_each_batch_is_logged(library: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hardlite.batches")

    batched_unit_of_work(library, authors(3), AUTHORS, batch_size=2, max_hold=600)

    records = [record for record in caplog.records if record.name == "hardlite.batches"]
    assert [record.levelno for record in records] == [logging.INFO] * 2
    assert "max_hold" not in records[0].getMessage()


def test_a_database_in_memory_takes_imports(make_engine: EngineFactory) -> None:
    engine = make_engine("sqlite://")
    empty(engine)

    for work, first in [(AUTHORS, 0), (add_with_books, 10)]:
        items = [author(number) for number in range(first, first + 5)]
        assert batched_unit_of_work(engine, items, work, batch_size=2).ok

    assert len(stored(engine)) == 10


class Marked(Session):
    """A session class of the caller's own."""


@pytest.mark.parametrize("make", [get_sessionmaker, sessionmaker])
def test_a_sessionmaker_makes_the_sessions_of_its_import(
    library: Engine, make: Callable[..., sessionmaker[Session]]
) -> None:
    maker = make(library, class_=Marked, info={"tenant": 7}, autoflush=False)
    seen: list[tuple[object, ...]] = []

    def work(session: Session, item: dict[str, object]) -> None:
        seen.append((isinstance(session, Marked), session.info["tenant"], session.autoflush))
        add_with_books(session, item)

    assert batched_unit_of_work(maker, authors(1), work).ok

    assert seen == [(True, 7, False)]


def test_listeners_on_the_sessionmaker_see_the_commits(library: Engine) -> None:
    maker = get_sessionmaker(library)
    commits: list[Session] = []
    event.listen(maker, "after_commit", commits.append)

    batched_unit_of_work(maker, authors(4), AUTHORS, batch_size=2)

    assert len(commits) == 2


def test_five_imports_and_eight_writers_all_get_everything_in(library: Engine) -> None:
    """The scene hardlite comes from: 100 items with children each, beside interactive writers."""
    maker = get_sessionmaker(library)
    start = threading.Barrier(13, timeout=PATIENCE)

    def run_import(number: int) -> bool:
        items = (author(1000 * number + place) for place in range(100))
        start.wait()
        return batched_unit_of_work(library, items, add_with_books, batch_size=10).ok

    def click(number: int) -> bool:
        start.wait()
        for place in range(20):
            with maker.begin() as session:
                session.add(Author(**author(10_000 + 1000 * number + place)))
        return True

    with ThreadPoolExecutor(13) as pool:
        imports = [pool.submit(run_import, number) for number in range(5)]
        clicks = [pool.submit(click, number) for number in range(8)]
        assert all(done.result() for done in imports + clicks)

    assert len(stored(library)) == 5 * 100 + 8 * 20
    with library.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Book)) == 5 * 100 * 2
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"


def test_a_reader_sees_whole_batches_only(library: Engine) -> None:
    seen: list[int] = []

    def work(session: Session, item: dict[str, object]) -> None:
        session.execute(insert(AUTHORS), item)
        seen.append(len(stored(library)))

    batched_unit_of_work(library, authors(6), work, batch_size=3)

    assert seen == [0, 0, 0, 3, 3, 3]
