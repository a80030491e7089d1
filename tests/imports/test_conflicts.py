"""A row whose key is there already: rejected, skipped, or written over what is there."""

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Engine,
    Insert,
    Integer,
    MetaData,
    String,
    Table,
    event,
    insert,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hardlite import batched_unit_of_work
from hardlite.errors import ConfigurationError
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import OnError
from hardlite.inserts.fast_insert import Conflict
from hardlite.reports.report import ImportReport
from tests.fixtures.databases import EngineFactory
from tests.fixtures.library import add_with_books


class Base(DeclarativeBase):
    metadata = MetaData()


USERS = Table(
    "users",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String, unique=True),
    Column("city", String, server_default="nowhere"),
    Column("visits", Integer, default=lambda: 1),
)


class User(Base):
    __table__ = USERS
    mail = USERS.c.email
    town = USERS.c.city


PLAIN = Table(
    "plain",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String, unique=True),
    Column("city", String, server_default="nowhere"),
)


SERVED = Table(
    "served",
    Base.metadata,
    Column("id", String, primary_key=True, server_default=text("(hex(randomblob(8)))")),
    Column("email", String, unique=True),
)


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "tag"}  # noqa: RUF012


class Special(Tag):
    __mapper_args__ = {"polymorphic_identity": "special"}  # noqa: RUF012


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    engine = make_engine()
    Base.metadata.create_all(engine)
    return engine


def rows_of(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        query = text(f"SELECT id, email, city FROM {table} ORDER BY 1")
        return [tuple(row) for row in connection.execute(query)]


BEFORE = {"id": 1, "email": "one@x", "city": "Rome"}
COMING = [
    {"id": 1, "email": "new@x", "city": "Oslo"},  # its primary key is there
    {"id": 2, "email": "two@x", "city": "Bonn"},
    {"id": 3, "email": "one@x", "city": "Lima"},  # its unique key is there
    {"id": 2, "email": "dos@x", "city": "Kyiv"},  # its primary key came with the batch
]


def as_user(row: dict[str, object]) -> dict[str, object]:
    return {"id": row["id"], "mail": row["email"], "town": row["city"]}


def imported(
    engine: Engine, work: Work, conflict: Conflict, on_error: OnError = "continue"
) -> ImportReport:
    named = as_user if work is User else dict
    batched_unit_of_work(engine, [named(BEFORE)], work)
    return batched_unit_of_work(
        engine, map(named, COMING), work, conflict=conflict, on_error=on_error
    )


@pytest.mark.parametrize("work", [PLAIN, USERS, User])
def test_ignore_skips_what_is_there_and_counts_it(engine: Engine, work: Work) -> None:
    report = imported(engine, work, "ignore")

    assert (report.committed, report.skipped, report.rejected, report.ok) == (1, 3, 0, True)
    assert report.batches[0].outcome == "committed"
    table = "plain" if work is PLAIN else "users"
    assert rows_of(engine, table) == [(1, "one@x", "Rome"), (2, "two@x", "Bonn")]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_what_is_skipped_is_counted_also_where_the_database_makes_the_key(
    engine: Engine, batch_size: int
) -> None:
    """SQLAlchemy asks for such a key with RETURNING, and then rows are not counted."""
    rows = [{"email": address} for address in ("a", "b", "a")]

    report = batched_unit_of_work(engine, rows, SERVED, conflict="ignore", batch_size=batch_size)

    assert (report.committed, report.skipped) == (2, 1)


@pytest.mark.parametrize("work", [PLAIN, USERS, User])
def test_error_rejects_what_is_there(engine: Engine, work: Work) -> None:
    report = imported(engine, work, "error", on_error="isolate")

    assert (report.committed, report.skipped, report.rejected) == (1, 0, 3)
    assert [rejection.position for rejection in report.rejections] == [0, 2, 3]


@pytest.mark.parametrize("work", [PLAIN, USERS, User])
def test_update_writes_the_other_columns_over_what_is_there(engine: Engine, work: Work) -> None:
    """Also when the row conflicts on a unique key: the primary key of the one there stays."""
    named = as_user if work is User else dict
    batched_unit_of_work(engine, [named(BEFORE)], work)
    coming = [
        {"id": 1, "email": "new@x", "city": "Oslo"},
        {"id": 2, "email": "two@x", "city": "Bonn"},
        {"id": 3, "email": "two@x", "city": "Lima"},
    ]

    report = batched_unit_of_work(engine, map(named, coming), work, conflict="update")

    assert (report.committed, report.skipped, report.rejected) == (3, 0, 0)
    assert (report.updated, report.batches[0].updated) == (2, 2)
    table = "plain" if work is PLAIN else "users"
    assert rows_of(engine, table) == [(1, "new@x", "Oslo"), (2, "two@x", "Lima")]


def test_update_leaves_columns_alone_that_a_row_does_not_name(engine: Engine) -> None:
    batched_unit_of_work(engine, [BEFORE], PLAIN)

    report = batched_unit_of_work(engine, [{"id": 1, "email": "new@x"}], PLAIN, conflict="update")

    assert report.committed == 1
    assert rows_of(engine, "plain") == [(1, "new@x", "Rome")]


@pytest.mark.parametrize("conflict", ["ignore", "update"])
def test_a_row_of_nothing_but_its_key_changes_nothing(engine: Engine, conflict: Conflict) -> None:
    batched_unit_of_work(engine, [BEFORE], PLAIN)

    report = batched_unit_of_work(engine, [{"id": 1}, {"id": 2}], PLAIN, conflict=conflict)

    counts = (1, 0) if conflict == "ignore" else (0, 1)
    assert (report.ok, report.skipped, report.updated) == (True, *counts)
    assert rows_of(engine, "plain") == [(1, "one@x", "Rome"), (2, None, "nowhere")]


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_what_is_written_over_is_counted_whatever_the_batches(
    engine: Engine, batch_size: int, on_error: OnError
) -> None:
    """Among them rows that came in the same batch, and with several rows to a statement."""
    there = [{"id": number, "email": f"{number}@x"} for number in range(0, 500, 3)]
    batched_unit_of_work(engine, there, PLAIN)
    coming = [{"id": number % 450, "email": f"new {number}@x"} for number in range(500)]

    report = batched_unit_of_work(
        engine, coming, PLAIN, conflict="update", batch_size=batch_size, on_error=on_error
    )

    assert (report.committed, report.updated, report.skipped) == (500, 150 + 50, 0)


@pytest.mark.parametrize("conflict", ["ignore", "update"])
def test_rows_that_may_conflict_share_statements_too(engine: Engine, conflict: Conflict) -> None:
    """As rows do that may not: it is what makes an import fast."""
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    rows = [{"id": number % 90, "email": f"{number}@x"} for number in range(100)]

    report = batched_unit_of_work(engine, rows, PLAIN, conflict=conflict)

    assert report.ok
    assert sum("VALUES (?, ?), (?, ?)" in statement for statement in statements) == 1


def test_rows_that_are_rejected_are_not_counted_as_written_over(engine: Engine) -> None:
    """Each of those would break a CHECK after SQLite has found that its key is there."""
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE checked (id INTEGER PRIMARY KEY, n INT CHECK (n <> 13))")
        )
    checked = Table("checked", MetaData(), Column("id", Integer, primary_key=True), Column("n"))
    batched_unit_of_work(engine, ({"id": n, "n": 0} for n in range(0, 600, 2)), checked)
    bad = {0, 1, 52, 53, 54, 149, 230, 399, 598, 599}
    rows = [{"id": n, "n": 13 if n in bad else 1} for n in range(600)]

    report = batched_unit_of_work(engine, rows, checked, conflict="update", on_error="isolate")

    assert [rejection.position for rejection in report.rejections] == sorted(bad)
    assert (report.committed, report.updated) == (590, 300 - 5)


def test_a_row_that_cannot_be_written_over_is_rejected_and_not_counted(engine: Engine) -> None:
    """Its key is there, and its address is another row's."""
    there = [{"id": number, "email": f"{number}@x"} for number in range(100)]
    batched_unit_of_work(engine, there, PLAIN)
    coming = [{"id": number, "email": f"new {number}@x"} for number in range(100)]
    coming[3]["email"] = "77@x"

    report = batched_unit_of_work(engine, coming, PLAIN, conflict="update", on_error="isolate")

    assert [rejection.position for rejection in report.rejections] == [3]
    assert (report.committed, report.updated) == (99, 99)


@pytest.mark.parametrize("on_error", ["continue", "isolate"])
def test_triggers_are_not_mistaken_for_rows_that_are_written_over(
    engine: Engine, on_error: OnError
) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT)"))
        for event in ("INSERT", "UPDATE"):
            connection.execute(
                text(
                    f"CREATE TRIGGER on_{event} AFTER {event} ON plain "
                    f"BEGIN INSERT INTO log (what) VALUES ('{event}'); END"
                )
            )
    batched_unit_of_work(engine, [BEFORE], PLAIN)

    report = batched_unit_of_work(engine, COMING, PLAIN, conflict="update", on_error=on_error)

    assert (report.committed, report.updated) == (4, 2)


def test_the_summary_tells_inserted_and_updated_apart(engine: Engine) -> None:
    report = imported(engine, PLAIN, "update")

    assert report.summary().startswith("4 committed (2 inserted, 2 updated), 0 rejected in 1 b")


@pytest.mark.parametrize("conflict", ["ignore", "update"])
def test_a_row_of_defaults_alone_has_no_key_to_conflict(engine: Engine, conflict: Conflict) -> None:
    report = batched_unit_of_work(engine, [{}, {}], PLAIN, conflict=conflict, batch_size=1)

    assert report.ok
    assert rows_of(engine, "plain") == [(1, None, "nowhere"), (2, None, "nowhere")]


@pytest.mark.parametrize("conflict", ["ignore", "update"])
def test_other_faults_are_no_conflict(engine: Engine, conflict: Conflict) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE strict (id INTEGER PRIMARY KEY, n INT NOT NULL)"))
    strict = Table("strict", MetaData(), Column("id", Integer, primary_key=True), Column("n"))
    rows = [{"id": 1, "n": 1}, {"id": 2, "n": None}, {"id": 1, "n": 3}]

    report = batched_unit_of_work(engine, rows, strict, conflict=conflict, on_error="isolate")

    assert [rejection.position for rejection in report.rejections] == [1]
    assert report.committed + report.skipped == 2


def from_select() -> Insert:
    return insert(PLAIN).from_select(["id"], USERS.select().with_only_columns(USERS.c.id))


@pytest.mark.parametrize("conflict", ["ignore", "update"])
@pytest.mark.parametrize("work", [insert(PLAIN), insert(User), add_with_books, Tag, Special])
def test_what_no_on_conflict_clause_fits_is_refused_before_anything_is_read(
    engine: Engine, work: Work, conflict: Conflict
) -> None:
    source = iter([BEFORE])

    with pytest.raises(ConfigurationError, match=f"conflict='{conflict}'"):
        batched_unit_of_work(engine, source, work, conflict=conflict)

    assert list(source) == [BEFORE]


def test_an_insert_from_a_select_takes_no_rows(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="takes no rows"):
        batched_unit_of_work(engine, [BEFORE], from_select())
