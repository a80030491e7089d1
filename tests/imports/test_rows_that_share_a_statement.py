"""Rows for a table share statements; what comes of each is as if it had one of its own."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, ForeignKey, Integer, MetaData, String, Table, event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.schema import Column

from hardlite import ImportReport, batched_unit_of_work, create_hardened_engine
from hardlite.imports.batches import OnError

NAMES = "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''))"


def names(schema: str | None = None) -> Table:
    metadata = MetaData()
    return Table(
        "names",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String),
        schema=schema,
    )


def rows_with_bad_ones(count: int, bad: Sequence[int]) -> list[dict[str, object]]:
    return [{"id": n, "name": "" if n in bad else f"name {n}"} for n in range(count)]


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def ids(engine: Engine, table: str = "names") -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT id FROM {table} ORDER BY rowid")).scalars())


def rejected(report: ImportReport) -> list[int]:
    return [rejection.position for rejection in report.rejections]


@pytest.fixture
def statements(engine: Engine) -> list[int]:
    """How many rows each INSERT that ran had, whichever way."""
    found: list[int] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cu: object, sql: str, values: Sequence[object], *_: object) -> None:
        if sql.startswith(("INSERT INTO names", "INSERT INTO other.names")):
            found.extend([sql.count("(?")] * len(values))

    return found


def test_fifty_rows_share_a_statement(engine: Engine, statements: list[int]) -> None:
    run(engine, NAMES)

    report = batched_unit_of_work(engine, rows_with_bad_ones(120, ()), names(), batch_size=120)

    assert report.ok
    assert ids(engine) == list(range(120))
    assert statements == [50, 50] + [1] * 20


def test_rows_of_many_columns_share_it_with_fewer(engine: Engine, statements: list[int]) -> None:
    """SQLite limits the parameters of a statement; the oldest limit was 999."""
    extra = [Column(f"c{n}", Integer) for n in range(598)]
    wide = Table("names", MetaData(), Column("id", Integer), Column("name", String), *extra)
    wide.create(engine)

    items = [{column.name: n for column in wide.columns} for n in range(3)]
    assert batched_unit_of_work(engine, items, wide).ok

    assert statements == [1, 1, 1]


@settings(deadline=None)
@given(
    bad=st.sets(st.integers(0, 249), max_size=60),
    batch_size=st.sampled_from([49, 50, 51, 120, 250]),
)
def test_exactly_the_bad_rows_are_left_out(bad: set[int], batch_size: int) -> None:
    engine = create_hardened_engine("sqlite://")
    run(engine, NAMES)

    report = batched_unit_of_work(
        engine,
        rows_with_bad_ones(250, list(bad)),
        names(),
        batch_size=batch_size,
        on_error="isolate",
    )

    assert rejected(report) == sorted(bad)
    assert ids(engine) == [n for n in range(250) if n not in bad]
    assert {rejection.item["name"] for rejection in report.rejections} <= {""}
    engine.dispose()


@pytest.mark.parametrize(("every", "at_most"), [(10, 9), (450, 100)])
def test_among_many_bad_rows_fewer_are_tried_together(
    engine: Engine, every: int, at_most: int
) -> None:
    """A group that fails costs its good rows twice; and one batch learns from the one before."""
    run(engine, NAMES)
    tried: list[str] = []

    @event.listens_for(engine, "connect")
    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_trace_callback(tried.append)

    engine.dispose()
    bad = range(0, 4000, every)

    report = batched_unit_of_work(
        engine, rows_with_bad_ones(4000, bad), names(), batch_size=1000, on_error="isolate"
    )

    assert rejected(report) == list(bad)
    groups = [sql for sql in tried if sql.startswith("INSERT INTO names") and sql.count("(") > 2]
    assert len(groups) <= at_most
    assert (len(groups) > 50) == (every > 50)


def test_the_error_of_a_batch_shows_one_row(engine: Engine) -> None:
    run(engine, NAMES)

    report = batched_unit_of_work(engine, rows_with_bad_ones(200, (130,)), names(), batch_size=200)

    error = report.batches[0].error
    assert isinstance(error, IntegrityError)
    assert str(error.statement).count("(?") == 1
    assert report.committed == 0
    assert ids(engine) == []


@pytest.mark.parametrize("conflict", ["ignore", "update"])
def test_a_key_that_comes_twice_in_a_statement(engine: Engine, conflict: str) -> None:
    run(engine, NAMES, "INSERT INTO names VALUES (3, 'old')")
    items = [{"id": n % 60, "name": f"name {n}"} for n in range(100)]

    report = batched_unit_of_work(engine, items, names(), batch_size=100, conflict=conflict)  # type: ignore[arg-type]

    assert report.ok
    with engine.connect() as connection:
        stored = {row.id: row.name for row in connection.execute(text("SELECT * FROM names"))}
    newest = conflict == "update"
    assert stored[3] == ("name 63" if newest else "old")
    assert stored[39] == ("name 99" if newest else "name 39")
    assert stored[45] == "name 45"
    assert (report.committed, report.skipped) == ((100, 0) if newest else (59, 41))


def test_a_constraint_that_keeps_half_a_statement_gets_a_statement_for_each_row(
    engine: Engine, statements: list[int]
) -> None:
    """ON CONFLICT FAIL keeps the rows of the statement that came before the bad one."""
    run(engine, "CREATE TABLE names (id INTEGER UNIQUE ON CONFLICT FAIL, name TEXT)")
    items = [{"id": n % 70, "name": "x"} for n in range(100)]

    report = batched_unit_of_work(engine, items, names(), batch_size=100, on_error="isolate")

    assert rejected(report) == list(range(70, 100))
    assert ids(engine) == list(range(70))
    assert set(statements) == {1}


def test_a_child_may_not_stand_before_its_parent(engine: Engine, statements: list[int]) -> None:
    """SQLite looks for the parent when the statement ends, and then it would be there."""
    run(engine, "CREATE TABLE names (id INTEGER PRIMARY KEY, name INTEGER REFERENCES NAMES)")
    items = [{"id": n, "name": 40 if n == 20 else None} for n in range(100)]

    report = batched_unit_of_work(engine, items, names(), batch_size=100, on_error="isolate")

    assert rejected(report) == [20]
    assert set(statements) == {1}


def test_a_trigger_that_leaves_a_row_out_leaves_out_that_row(
    engine: Engine, statements: list[int]
) -> None:
    run(
        engine,
        NAMES,
        "CREATE TRIGGER no_sevens BEFORE INSERT ON names WHEN NEW.id % 10 = 7 "
        "BEGIN SELECT RAISE(IGNORE); END",
    )

    assert batched_unit_of_work(engine, rows_with_bad_ones(100, ()), names(), batch_size=100).ok

    assert ids(engine) == [n for n in range(100) if n % 10 != 7]
    assert set(statements) == {1}


def test_a_trigger_is_found_under_a_name_that_python_spells_otherwise(engine: Engine) -> None:
    """To SQLite only A to Z have a small letter."""
    run(
        engine,
        "CREATE TABLE ÄPFEL (id INTEGER)",
        "CREATE TRIGGER watch AFTER INSERT ON ÄPFEL WHEN NEW.id = 5 "
        "BEGIN SELECT RAISE(FAIL, 'not that one'); END",
    )
    table = Table("ÄPFEL", MetaData(), Column("id", Integer))

    report = batched_unit_of_work(
        engine, [{"id": n} for n in range(100)], table, batch_size=100, on_error="isolate"
    )

    assert rejected(report) == [5]
    assert 5 not in ids(engine, "ÄPFEL")


def test_a_table_of_an_attached_file_is_looked_up_there(
    engine: Engine, tmp_path: Path, statements: list[int]
) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE names (id INTEGER UNIQUE ON CONFLICT FAIL, name TEXT)")
    connection.close()
    run(engine, NAMES)

    @event.listens_for(engine, "connect")
    def attach(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("ATTACH ? AS other", (str(other),))

    engine.dispose()
    items = [{"id": n % 70, "name": "x"} for n in range(100)]

    report = batched_unit_of_work(engine, items, names("other"), batch_size=100, on_error="isolate")

    assert rejected(report) == list(range(70, 100))
    assert ids(engine, "other.names") == list(range(70))
    assert set(statements) == {1}


def test_a_foreign_key_of_another_table_is_no_hindrance(
    engine: Engine, statements: list[int]
) -> None:
    metadata = MetaData()
    Table("parents", metadata, Column("id", Integer, primary_key=True))
    child = Table(
        "names",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", ForeignKey("parents.id")),
    )
    metadata.create_all(engine)
    run(engine, "INSERT INTO parents VALUES (1)")

    items = [{"id": n, "name": 2 if n == 55 else 1} for n in range(100)]
    report = batched_unit_of_work(engine, items, child, batch_size=100, on_error="isolate")

    assert rejected(report) == [55]
    assert statements[:2] == [50, 50]


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
@pytest.mark.parametrize("unique", ["", "UNIQUE"])
def test_a_disk_that_is_full_is_no_rows_fault(
    engine: Engine, on_error: OnError, unique: str
) -> None:
    """Where a statement cannot fail for its rows, SQLite rolls the whole transaction back."""
    run(engine, f"CREATE TABLE names (id INTEGER {unique}, name TEXT)")

    @event.listens_for(engine, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 40")

    engine.dispose()
    items = [{"id": n, "name": "x" * 1000} for n in range(200)]

    report = batched_unit_of_work(engine, items, names(), batch_size=100, on_error=on_error)

    assert isinstance(report.error, OperationalError)
    assert "full" in str(report.error)
    assert str(report.error.statement).count("(?") == 1
    assert (report.committed, report.rejected) == (100, 0)
    assert ids(engine) == list(range(100))


@pytest.mark.parametrize("batch_size", [50, 51])
def test_the_only_statement_of_a_batch_can_fail_too(engine: Engine, batch_size: int) -> None:
    """SQLAlchemy hands a single set of parameters to the driver in another way than several."""
    run(engine, NAMES)
    commits: list[None] = []
    event.listen(engine, "commit", lambda _: commits.append(None))

    report = batched_unit_of_work(
        engine,
        rows_with_bad_ones(batch_size, (0, 3, batch_size - 1)),
        names(),
        batch_size=batch_size,
        on_error="isolate",
    )

    assert rejected(report) == [0, 3, batch_size - 1]
    assert len(commits) == 1
