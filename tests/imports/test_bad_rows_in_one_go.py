"""Isolation of rows: the driver goes on behind a bad row, wherever that is safe."""

import sqlite3

import pytest
from sqlalchemy import Engine, Integer, MetaData, String, Table, event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import Column

from hardlite import ImportReport, batched_unit_of_work

ROWS = 60
BAD = (0, 7, 8, 31, 59)


@pytest.fixture
def stars(engine: Engine) -> Table:
    """A table that refuses an empty name."""
    table = Table(
        "stars",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("name", String),
    )
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE stars (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> ''))")
        )
    return table


def load(engine: Engine, table: Table, **options: object) -> ImportReport:
    rows = [{"id": n, "name": "" if n in BAD else f"star {n}"} for n in range(ROWS)]
    return batched_unit_of_work(engine, rows, table, batch_size=25, on_error="isolate", **options)  # type: ignore[arg-type]


def kept(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM stars ORDER BY id")).scalars())


def assert_exactly_the_bad_are_missing(engine: Engine, report: ImportReport) -> None:
    assert tuple(rejection.position for rejection in report.rejections) == BAD
    assert {rejection.error_type for rejection in report.rejections} == {"IntegrityError"}
    assert kept(engine) == [n for n in range(ROWS) if n not in BAD]
    assert report.committed == ROWS - len(BAD)


def test_listeners_see_a_batch_until_its_first_bad_row(engine: Engine, stars: Table) -> None:
    """What SQLAlchemy does for an error would take most of the time of an import with many."""
    inserts: list[int] = []

    @event.listens_for(engine, "before_cursor_execute")
    def count(_c: object, _cu: object, sql: str, values: list[object], *_: object) -> None:
        if sql.startswith("INSERT INTO stars"):
            inserts.append(len(values))

    report = load(engine, stars)

    assert_exactly_the_bad_are_missing(engine, report)
    assert inserts == [25, 25, 10]


def test_rows_of_the_same_error_share_it_without_their_values(engine: Engine, stars: Table) -> None:
    errors: list[Exception | None] = []

    report = load(engine, stars, progress=lambda batch: errors.append(batch.error))

    assert {rejection.reason for rejection in report.rejections} == {
        "IntegrityError: CHECK constraint failed: name <> ''"
    }
    first = errors[0]
    assert isinstance(first, IntegrityError)
    assert isinstance(first.orig, sqlite3.IntegrityError)
    assert first.orig.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_CHECK
    assert first.statement == "INSERT INTO stars (id, name) VALUES (?, ?)"
    assert first.params is None


@pytest.mark.parametrize(
    ("check", "pages"),
    [("CHECK (name <> '')", 35), ("", 40), ("CHECK (name <> '')", 40)],
    ids=["among rows one by one", "many to a statement", "many that are undone, then one by one"],
)
def test_a_transaction_that_ends_behind_a_bad_row_is_told_as_sqlalchemy_tells_it(
    engine: Engine, check: str, pages: int
) -> None:
    """A full disk: SQLite rolls all of it back, or the statement if that could fail for its rows."""
    table = Table("stars", MetaData(), Column("id", Integer), Column("name", String))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE stars (id INTEGER, name TEXT {check})"))

    @event.listens_for(engine, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    engine.dispose()
    rows = [{"id": 2**70 if n == 100 else n, "name": "x" * 1000} for n in range(200)]

    report = batched_unit_of_work(engine, rows, table, batch_size=100, on_error="isolate")

    assert isinstance(report.error, OperationalError)
    assert "full" in str(report.error)
    assert str(report.error.statement).count("(?") == 1
    assert (report.committed, report.rejected) == (100, 0)
    assert kept(engine) == list(range(100))


@pytest.mark.parametrize("bad", [(0, 1), (0, 30)])
def test_a_constraint_that_ends_the_transaction_may_meet_the_second_bad_row(
    engine: Engine, bad: tuple[int, ...]
) -> None:
    """Alone, or in a statement of many rows."""
    table = Table("stars", MetaData(), Column("id", Integer), Column("name", String))
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE stars (id INTEGER UNIQUE ON CONFLICT ROLLBACK, name CHECK (name))")
        )
        connection.execute(text("INSERT INTO stars VALUES (1000, 1)"))
    first, second = bad
    rows = [{"id": 1000 if n == second else n, "name": 0 if n == first else 1} for n in range(60)]

    report = batched_unit_of_work(engine, rows, table, batch_size=60, on_error="isolate")

    assert tuple(rejection.position for rejection in report.rejections) == bad
    assert len(kept(engine)) == 59


def test_a_trigger_that_keeps_half_a_row_does_not_spoil_the_account(
    engine: Engine, stars: Table
) -> None:
    """RAISE(FAIL) leaves what the statement has written; so such rows are tried in savepoints."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE log (id INTEGER)"))
        connection.execute(
            text(
                "CREATE TRIGGER watch AFTER INSERT ON stars WHEN NEW.id = 12 BEGIN "
                "INSERT INTO log VALUES (NEW.id); SELECT RAISE(FAIL, 'not that one'); END"
            )
        )

    report = load(engine, stars)

    assert tuple(rejection.position for rejection in report.rejections) == (0, 7, 8, 12, 31, 59)
    assert 12 not in kept(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM log")) == 0


def test_a_constraint_that_ends_the_transaction_costs_its_row_alone(engine: Engine) -> None:
    table = Table("stars", MetaData(), Column("id", Integer), Column("name", String))
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE stars (id INTEGER UNIQUE ON CONFLICT ROLLBACK, name TEXT)")
        )
    rows = [{"id": n % 40, "name": "x"} for n in range(50)]

    report = batched_unit_of_work(engine, rows, table, batch_size=25, on_error="isolate")

    assert tuple(rejection.position for rejection in report.rejections) == tuple(range(40, 50))
    assert kept(engine) == list(range(40))


def test_rows_of_a_class_of_their_own_go_the_same_way(engine: Engine, stars: Table) -> None:
    class Row(dict[str, object]):
        """A row that knows more than its columns."""

    class Greedy(dict[str, object]):
        def __missing__(self, key: str) -> object:
            return "made up"

    rows = [Row(id=n, name="" if n in BAD else "x") for n in range(ROWS)]
    assert batched_unit_of_work(engine, rows, stars, on_error="isolate").rejected == len(BAD)

    greedy = batched_unit_of_work(engine, [Greedy(id=100)], stars, on_error="isolate")

    assert greedy.ok
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT name FROM stars WHERE id = 100")) is None


def test_none_that_means_unset_is_left_out_there_too(engine: Engine) -> None:
    """To a class None stands for the default of the database; and the batch is tried once."""

    class Base(DeclarativeBase):
        pass

    class Star(Base):
        __tablename__ = "stars"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(server_default="nameless")

    Base.metadata.create_all(engine)
    tried: list[None] = []
    event.listen(engine, "savepoint", lambda *_: tried.append(None))

    alike = [{"id": n % 40, "name": None} for n in range(60)]
    report = batched_unit_of_work(engine, alike, Star, on_error="isolate")

    assert tuple(rejection.position for rejection in report.rejections) == tuple(range(40, 60))
    assert tried == []
    mixed = [{"id": 100, "name": None}, {"id": 100, "name": "x"}, {"id": 101, "name": "y"}]
    report = batched_unit_of_work(engine, mixed, Star, on_error="isolate")
    assert [rejection.position for rejection in report.rejections] == [1]
    with engine.connect() as connection:
        names = connection.execute(text("SELECT name, count(*) FROM stars GROUP BY name"))
        assert dict(map(tuple, names)) == {"nameless": 41, "y": 1}


def test_an_item_that_is_no_row_is_rejected_alone(engine: Engine, stars: Table) -> None:
    items = [{"id": 1, "name": "x"}, ("id", "name"), {"id": 2, "name": "y"}]

    report = batched_unit_of_work(engine, items, stars, on_error="isolate")

    assert [rejection.position for rejection in report.rejections] == [1]
    assert "must be a mapping" in report.rejections[0].reason
    assert report.batches[0].attempts == 1
    assert kept(engine) == [1, 2]
