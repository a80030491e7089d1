"""Faults that are nobody's data: they stop the import, and what was committed stays."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, insert, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hardlite import batched_unit_of_work
from hardlite.errors import DatabaseLockedError, ImportRejectedError
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import OnError
from hardlite.reports.batch_results import BatchResult
from hardlite.reports.report import ImportReport
from tests.fixtures.databases import EngineFactory
from tests.fixtures.library import AUTHORS, Author, add_with_books, author, authors, stored
from tests.fixtures.programs import run_program

ON_ERROR = ["continue", "stop", "isolate"]
WORKS = [AUTHORS, Author, insert(AUTHORS), add_with_books]


def require_stopped(report: ImportReport, *, batches: int, committed: int, code: int) -> None:
    """An import that ended with ``batches``, the last of which failed for the database's sake."""
    assert (report.ok, report.stopped) == (False, True)
    assert (len(report.batches), report.committed, report.rejected) == (batches, committed, 0)
    assert report.batches[-1].outcome == "failed"
    assert report.error is report.batches[-1].error
    assert isinstance(report.error, OperationalError)
    assert report.error.orig.sqlite_errorcode & 0xFF == code
    with pytest.raises(ImportRejectedError) as caught:
        report.raise_for_rejections()
    assert caught.value.__cause__ is report.error


def growing(count: int) -> Iterator[dict[str, object]]:
    """Good authors; from the fifth on, their names are too long for a small disk."""
    for number in range(count):
        size = 1_000_000 if number >= 4 else 1
        yield author(number, name=f"{number:0{size}}")


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_full_database_stops_the_import(library: Engine, work: Work, on_error: OnError) -> None:
    with library.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100")

    report = batched_unit_of_work(library, growing(9), work, batch_size=3, on_error=on_error)

    require_stopped(report, batches=2, committed=3, code=sqlite3.SQLITE_FULL)
    assert stored(library) == [0, 1, 2]


def test_an_error_that_is_being_handled_is_not_what_ended_a_batch(library: Engine) -> None:
    """Whoever imports in an `except` block has another error in the context of each."""
    with library.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100")
    try:
        with library.begin() as connection:
            connection.execute(insert(AUTHORS), author(1, born=-1))
    except IntegrityError:
        report = batched_unit_of_work(library, growing(9), add_with_books, on_error="isolate")

    require_stopped(report, batches=1, committed=0, code=sqlite3.SQLITE_FULL)


FULL_DISK = """
    import resource, signal, sys
    from sqlalchemy import Column, Integer, MetaData, String, Table, func, select
    from hardlite import batched_unit_of_work, create_hardened_engine

    engine = create_hardened_engine(f"sqlite:///{sys.argv[1]}")
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("s", String))
    table.create(engine)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    rows = ({"id": n, "s": "x" * 10_000} for n in range(100))
    report = batched_unit_of_work(engine, rows, table, batch_size=10, on_error=sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with engine.connect() as connection:
        stored = connection.scalar(select(func.count()).select_from(table))
    assert 0 < report.committed == stored < 100, (report.committed, stored)
    assert report.rejected == 0, report.rejections
    assert report.batches[-1].outcome == "failed"
    print(report.error.orig.sqlite_errorname)
    engine.dispose()
"""


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_full_disk_stops_the_import(tmp_path: Path, on_error: str) -> None:
    pytest.importorskip("resource", reason="this system limits no file sizes")

    name = run_program(tmp_path, FULL_DISK, tmp_path / "app.db", on_error).strip()

    assert name.startswith(("SQLITE_FULL", "SQLITE_IOERR"))


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_database_that_may_only_be_read_stops_the_import(
    library: Engine, make_engine: EngineFactory, db_path: Path, work: Work, on_error: OnError
) -> None:
    library.dispose()
    read_only = make_engine(f"sqlite:///file:{db_path}?mode=ro&uri=true")

    report = batched_unit_of_work(read_only, authors(5), work, batch_size=2, on_error=on_error)

    require_stopped(report, batches=1, committed=0, code=sqlite3.SQLITE_READONLY)


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_lock_that_is_not_had_in_time_stops_the_import(
    library: Engine, db_path: Path, on_error: OnError
) -> None:
    stranger = sqlite3.connect(db_path, isolation_level=None)

    def lock_after_the_first(batch: BatchResult) -> None:
        if batch.index == 0:
            stranger.execute("BEGIN IMMEDIATE")

    try:
        report = batched_unit_of_work(
            library,
            authors(6),
            AUTHORS,
            batch_size=2,
            timeout=0.05,
            on_error=on_error,
            progress=lock_after_the_first,
        )
    finally:
        stranger.close()

    require_stopped(report, batches=2, committed=2, code=sqlite3.SQLITE_BUSY)
    assert isinstance(report.error, DatabaseLockedError)
    assert stored(library) == [0, 1]
    failed = report.batches[1]
    assert failed.hold == 0
    assert failed.wait >= report.error.waited > 0
    assert "DatabaseLockedError: " in report.summary()
    assert report.error.hint in report.summary()


def test_a_connection_that_is_not_had_is_nobodys_data(make_engine: EngineFactory) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    AUTHORS.metadata.create_all(engine)

    with engine.connect():
        report = batched_unit_of_work(engine, authors(4), AUTHORS, on_error="isolate")

    assert isinstance(report.error, PoolTimeoutError)
    assert report.rejected == 0


class Base(DeclarativeBase):
    metadata = MetaData()


class Nowhere(Base):
    __tablename__ = "nowhere"
    id: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=lambda: 1)


class Kind(Base):
    __tablename__ = "kinds"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "kind"}  # noqa: RUF012


PLAIN = Table("plain", Base.metadata, Column("id", Integer, primary_key=True), Column("s", String))


@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize(
    "work", [PLAIN, Nowhere, Kind, insert(PLAIN), insert(Nowhere), insert(Kind)], ids=str
)
def test_a_table_that_is_not_there_is_said_once_and_not_of_each_item(
    engine: Engine, work: Work, on_error: OnError
) -> None:
    rows = ({"id": number} for number in range(1000))

    report = batched_unit_of_work(engine, rows, work, on_error=on_error)

    require_stopped(report, batches=1, committed=0, code=sqlite3.SQLITE_ERROR)
    assert "no such table" in str(report.error)
    assert len(list(rows)) == 500


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_column_that_only_the_class_has_is_said_once(library: Engine, on_error: OnError) -> None:
    """As after a migration that has not run; rows that do not name it go in."""
    with library.begin() as connection:
        connection.execute(text("CREATE TABLE plain (id INTEGER PRIMARY KEY)"))
    rows = [{"id": 1}, {"id": 2}, {"id": 3, "s": "x"}, {"id": 4, "s": "y"}]

    report = batched_unit_of_work(library, rows, PLAIN, batch_size=2, on_error=on_error)

    require_stopped(report, batches=2, committed=2, code=sqlite3.SQLITE_ERROR)


def test_what_was_kept_of_a_batch_before_it_failed_is_counted(library: Engine) -> None:
    """A batch that COMMIT refuses is written in parts; the disk fills up between two of them."""
    calls: list[object] = []

    def work(session: Session, item: dict[str, object]) -> None:
        calls.append(item["id"])
        if item["id"] == 2 and calls.count(2) == 2:
            # The second time that the second half begins, the disk is full.
            session.connection().exec_driver_sql("PRAGMA max_page_count = 1")
            item = {**item, "name": "x" * 1_000_000}
        session.add(Author(**item))

    items = [author(0), author(1), author(2), author(3, mentor_id=99)]

    report = batched_unit_of_work(library, items, work, on_error="isolate")

    require_stopped(report, batches=1, committed=2, code=sqlite3.SQLITE_FULL)
    assert stored(library) == [0, 1]
    assert report.batches[0].items == 4


def test_nothing_is_written_after_a_part_of_a_batch_that_failed(library: Engine) -> None:
    calls: list[object] = []

    def work(session: Session, item: dict[str, object]) -> None:
        calls.append(item["id"])
        if item["id"] == 0 and calls.count(0) == 2:
            session.connection().exec_driver_sql("PRAGMA max_page_count = 1")
            item = {**item, "name": "x" * 1_000_000}
        session.add(Author(**item))

    items = [author(0), author(1), author(2), author(3, mentor_id=99)]

    report = batched_unit_of_work(library, items, work, on_error="isolate")

    require_stopped(report, batches=1, committed=0, code=sqlite3.SQLITE_FULL)
    assert stored(library) == []
    assert calls.count(3) == 1
