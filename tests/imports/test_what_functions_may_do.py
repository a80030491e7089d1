"""What a function of the caller's does with its session, and what becomes of the import then."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import Session

from hardlite import batched_unit_of_work, create_hardened_engine, get_sessionmaker
from hardlite.errors import UsageError
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import OnError
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.databases import EngineFactory
from tests.fixtures.entries import ENTRIES, add_entry, entered, entries, make_entries
from tests.fixtures.library import AUTHORS, Author, author, authors, stored

Item = dict[str, object]
ON_ERROR = ["continue", "stop", "isolate"]


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(
    ("on_error", "kept"),
    [("continue", [0, 1, 4, 5]), ("stop", [0, 1]), ("isolate", [0, 1, 2, 4, 5])],
)
def test_it_may_raise_for_one_item(
    library: Engine, on_error: OnError, kept: list[int], key: str | None
) -> None:
    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        if item["id"] == 3:
            raise LookupError("3 is bad")

    report = batched_unit_of_work(
        library, authors(6), work, batch_size=2, on_error=on_error, resume_key=key
    )

    assert stored(library) == kept
    assert "LookupError: 3 is bad" in {rejection.reason for rejection in report.rejections}


def switches_autoflush_off(session: Session) -> None:
    session.autoflush = False


def expires(session: Session) -> None:
    session.flush()
    session.expire_all()


def expunges(session: Session) -> None:
    session.flush()
    session.expunge_all()


def leaves_a_savepoint_open(session: Session) -> None:
    session.begin_nested()


def leaves_a_result_open(session: Session) -> None:
    session.info["open"] = session.execute(select(AUTHORS))


def reads_in_batches(session: Session) -> None:
    session.execute(select(AUTHORS), execution_options={"yield_per": 1}).fetchmany(1)


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize(
    "deed",
    [
        switches_autoflush_off, expires, expunges, leaves_a_savepoint_open, leaves_a_result_open,
        reads_in_batches,
    ],
)  # fmt: skip
def test_it_may_leave_the_session_in_another_state(
    library: Engine, deed: Callable[[Session], None], on_error: OnError
) -> None:
    """The session is this batch's own; the next one has a new one, as the sessionmaker makes it."""
    states: list[tuple[bool, int]] = []

    def work(session: Session, item: Item) -> None:
        states.append((session.autoflush, len(session.identity_map)))
        session.add(Author(**item))
        deed(session)

    report = batched_unit_of_work(library, authors(6), work, batch_size=2, on_error=on_error)

    assert report.ok, report.summary()
    assert stored(library) == list(range(6))
    assert states[::2] == [(True, 0)] * 3


def test_what_it_takes_out_of_the_session_again_is_not_written(library: Engine) -> None:
    """What an item is, the function alone knows; so it counts as done."""

    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        if item["id"] == 1:
            session.expunge_all()

    report = batched_unit_of_work(library, authors(3), work)

    assert report.committed == 3
    assert stored(library) == [2]


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_it_cannot_change_the_isolation_in_the_middle(library: Engine, on_error: OnError) -> None:
    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        if item["id"] == 1:
            session.connection().execution_options(isolation_level="AUTOCOMMIT")

    report = batched_unit_of_work(library, authors(2), work, on_error=on_error)

    assert "InvalidRequestError: This connection has already initialized" in (
        report.rejections[-1].reason
    )
    assert stored(library) == ([0] if on_error == "isolate" else [])


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("work", [ENTRIES, add_entry])
@pytest.mark.parametrize("key", [None, "k"])
def test_an_engine_without_transactions_is_refused(
    engine: Engine, work: Work, on_error: OnError, key: str | None
) -> None:
    """Each row would be committed by itself, and a batch that fails would leave some."""
    make_entries(engine)
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    with pytest.raises(UsageError, match="isolation level AUTOCOMMIT"):
        batched_unit_of_work(autocommit, entries(4), work, on_error=on_error, resume_key=key)

    assert entered(engine) == []


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK", "END"])
@pytest.mark.parametrize("key", [None, "k"])
def test_it_cannot_end_the_transaction_by_a_statement(
    library: Engine, statement: str, key: str | None
) -> None:
    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        if item["id"] == 3:
            session.flush()
            session.execute(text(statement))

    with pytest.raises(UsageError, match="ended the transaction of its batch"):
        batched_unit_of_work(library, authors(6), work, batch_size=2, resume_key=key)

    # What it committed itself is in the database, and nothing else of that batch.
    assert stored(library) == ([0, 1] if statement == "ROLLBACK" else [0, 1, 2, 3])


def test_it_may_read_in_a_second_session_what_was_committed_before(library: Engine) -> None:
    maker = get_sessionmaker(library)
    seen: list[int] = []

    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        session.flush()
        with maker.reader() as second:
            seen.append(len(second.scalars(select(AUTHORS.c.id)).all()))

    assert batched_unit_of_work(library, authors(4), work, batch_size=2).ok
    assert seen == [0, 0, 2, 2]


def test_it_may_write_to_another_database(library: Engine, make_engine: EngineFactory) -> None:
    """That is committed at once: a batch that is rejected leaves it there."""
    other = make_engine("sqlite://")
    make_entries(other)

    def work(session: Session, item: Item) -> None:
        with get_sessionmaker(other).begin() as second:
            add_entry(second, {"n": item["id"]})
        session.add(Author(**item))

    report = batched_unit_of_work(library, [author(0), author(1, born=-1)], work, resume_key="k")

    assert isinstance(report.batches[0].error, IntegrityError)
    assert stored(library) == []
    assert entered(other) == [0, 1]


def add(session: Session) -> None:
    session.add(Author(**author(99)))


def execute(session: Session) -> None:
    session.execute(text("DELETE FROM authors"))


def begin(session: Session) -> None:
    session.begin()


def commit(session: Session) -> None:
    session.commit()


@pytest.mark.parametrize("deed", [add, execute, begin, commit])
def test_a_session_that_is_used_after_its_batch_is_closed_for_good(
    library: Engine, deed: Callable[[Session], None]
) -> None:
    """It would begin a transaction that no batch ends: what it wrote would get lost."""
    kept: list[Session] = []

    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        kept.append(session)

    report = batched_unit_of_work(library, authors(2), work)

    with pytest.raises(InvalidRequestError, match="permanently closed"):
        deed(kept[0])
    assert report.committed == 2
    assert stored(library) == [0, 1]


def test_a_thread_that_comes_late_with_the_session_is_refused(library: Engine) -> None:
    late, go_on = [], threading.Event()

    def after(session: Session) -> None:
        assert go_on.wait(PATIENCE)
        with pytest.raises(InvalidRequestError):
            session.add(Author(**author(99)))

    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        late.append(threading.Thread(target=after, args=(session,)))
        late[-1].start()

    batched_unit_of_work(library, authors(1), work)
    go_on.set()
    late[0].join(PATIENCE)

    assert stored(library) == [0]


def test_what_it_returns_means_nothing(library: Engine) -> None:
    def work(session: Session, item: Item) -> str:
        session.add(Author(**item))
        return "late"

    assert batched_unit_of_work(library, authors(1), work).committed == 1


def test_an_engine_for_another_file_is_another_gate(library: Engine, tmp_path: str) -> None:
    engine = create_hardened_engine(f"sqlite:///{tmp_path}/other.db")
    make_entries(engine)

    def work(session: Session, item: Item) -> None:
        session.add(Author(**item))
        batched_unit_of_work(engine, [{"n": item["id"]}], ENTRIES)

    assert batched_unit_of_work(library, authors(3), work).ok
    assert entered(engine) == [0, 1, 2]
    engine.dispose()
