"""What a row may be, and which column its keys mean."""

import types
from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Engine,
    ForeignKey,
    Insert,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column

from hardlite import batched_unit_of_work
from hardlite.errors import ConfigurationError
from hardlite.imports.batch_units import Work
from tests.fixtures.databases import EngineFactory

metadata = MetaData()
NOTES = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("body", String),
    Column("kind", String, server_default="plain"),
    Column("really?", Integer),
)
COUNTED = Table(
    "counted",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("n", Integer, default=lambda: 7),
    Column("body", String),
)


class Base(DeclarativeBase):
    metadata = metadata


class Person(Base):
    """Attributes with other names than their columns, two of them crosswise."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column("person_id", primary_key=True)
    first: Mapped[str | None] = mapped_column("last")
    last: Mapped[str | None] = mapped_column("first")
    seen: Mapped[int] = mapped_column(default=lambda: 3)


class Place(Base):
    """Attributes with other names than their columns, and nothing computed in Python."""

    __tablename__ = "places"
    id: Mapped[int] = mapped_column("place_id", primary_key=True)
    north: Mapped[int | None] = mapped_column("east")
    east: Mapped[int | None] = mapped_column("north")
    where: Mapped[int] = mapped_column("extra", server_default="5")


class Animal(Base):
    __tablename__ = "animals"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    called: Mapped[str | None] = mapped_column("name")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012


class Dog(Animal):
    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012


class Cat(Animal):
    __tablename__ = "cats"
    id: Mapped[int] = mapped_column(ForeignKey("animals.id"), primary_key=True)
    lives: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "cat"}  # noqa: RUF012


class Page(Base):
    __tablename__ = "pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __composite_values__(self) -> tuple[int, int]:
        return self.x, self.y


class Dot(Base):
    __tablename__ = "dots"
    id: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int]
    y: Mapped[int]
    point: Mapped[Point] = composite("x", "y")


@pytest.fixture
def engine(make_engine: EngineFactory) -> Engine:
    engine = make_engine()
    metadata.create_all(engine)
    return engine


def rows_of(engine: Engine, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1"))
        return [tuple(row) for row in found]


def test_a_column_that_a_row_leaves_out_gets_its_default(engine: Engine) -> None:
    """Within one batch, and whatever the rows around it name."""
    rows = [
        {"id": 1, "body": "a", "kind": "loud"},
        {"id": 2, "body": "b"},
        {"kind": None, "id": 3},
        {"id": 4, "kind": "soft"},
        {"body": "e", "id": 5},
        {},
    ]

    report = batched_unit_of_work(engine, rows, NOTES)

    assert report.ok
    assert rows_of(engine, "notes", "id, body, kind") == [
        (1, "a", "loud"),
        (2, "b", "plain"),
        (3, None, None),
        (4, None, "soft"),
        (5, "e", "plain"),
        (6, None, "plain"),
    ]


def test_a_default_of_python_fills_what_rows_leave_out(engine: Engine) -> None:
    rows = [{"id": 1}, {"id": 2, "n": 1}, {"id": 3, "body": "c"}, {}]

    assert batched_unit_of_work(engine, rows, COUNTED).ok

    assert rows_of(engine, "counted") == [(1, 7, None), (2, 1, None), (3, 7, "c"), (4, 7, None)]


@pytest.mark.parametrize("table", [NOTES, COUNTED])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"id": 2, "colour": "red"}, "ValueError: {} has no column 'colour'; it has 'id', "),
        ({"id": 2, 5: "red"}, "ValueError: {} has no column 5; it has 'id', "),
        (("id", 2), "TypeError: an item for a table must be a mapping of column names"),
        (2, "TypeError: an item for a table must be a mapping of column names"),
    ],
)
def test_a_row_with_a_key_that_means_nothing_is_rejected_and_not_cut(
    engine: Engine, table: Table, bad: object, reason: str
) -> None:
    """SQLAlchemy would insert the rest of it and say nothing."""
    items = [{"id": 1, "body": "x"}, bad, {"id": 3, "body": "y"}]

    report = batched_unit_of_work(engine, items, table, on_error="isolate")

    assert [(rejection.position, rejection.item) for rejection in report.rejections] == [(1, bad)]
    assert report.rejections[0].reason.startswith(reason.format(table.name))
    assert rows_of(engine, table.name, "id, body") == [(1, "x"), (3, "y")]


def test_rows_may_be_any_mapping(engine: Engine) -> None:
    """A defaultdict would make up what it has not, so its own keys count."""
    with_default: defaultdict[str, object] = defaultdict(lambda: "made up", id=2, kind="loud")
    rows = [
        types.MappingProxyType({"id": 1, "body": "a"}),
        with_default,
        {"id": 3, "body": "c"},
    ]

    assert batched_unit_of_work(engine, rows, NOTES).ok

    assert rows_of(engine, "notes", "id, body, kind") == [
        (1, "a", "plain"),
        (2, None, "loud"),
        (3, "c", "plain"),
    ]
    assert list(with_default) == ["id", "kind"]


def test_equal_counts_of_keys_are_not_equal_keys(engine: Engine) -> None:
    rows = [{"id": 1, "body": "a"}, {"id": 2, "kind": "loud"}]

    assert batched_unit_of_work(engine, rows, NOTES).ok

    assert rows_of(engine, "notes", "id, body, kind") == [(1, "a", "plain"), (2, None, "loud")]


def test_a_column_may_have_any_name(engine: Engine) -> None:
    assert batched_unit_of_work(engine, [{"id": 1, "really?": 5}], NOTES).ok

    assert rows_of(engine, "notes", '"really?"') == [(5,)]


@pytest.mark.parametrize("work", [Place, insert(Place)])
def test_the_keys_of_a_row_for_a_class_are_its_attributes(engine: Engine, work: Work) -> None:
    rows = [{"id": 1, "north": 10, "east": 20}, {"id": 2, "north": 11, "east": 21, "where": 6}]

    assert batched_unit_of_work(engine, rows, work).ok

    stored = rows_of(engine, "places", "place_id, east AS north, north AS east, extra")
    assert stored == [(1, 10, 20, 5), (2, 11, 21, 6)]


@pytest.mark.parametrize("work", [Person, insert(Person)])
def test_attributes_are_meant_also_where_python_computes_a_default(
    engine: Engine, work: Work
) -> None:
    rows = [{"id": 1, "first": "Ada", "last": "Lovelace"}]

    assert batched_unit_of_work(engine, rows, work).ok

    assert rows_of(engine, "people", "person_id, last, first, seen") == [(1, "Ada", "Lovelace", 3)]


def test_rows_for_a_class_may_name_its_columns_too(engine: Engine) -> None:
    assert batched_unit_of_work(engine, [{"place_id": 4, "extra": 1}], Place).ok

    assert rows_of(engine, "places", "place_id, extra") == [(4, 1)]


@pytest.mark.parametrize(
    ("work", "kind"), [(Animal, "animal"), (Dog, "dog"), (insert(Dog), "dog"), (Cat, "cat")]
)
def test_a_polymorphic_class_gives_its_rows_their_identity(
    engine: Engine, work: Work, kind: str
) -> None:
    assert batched_unit_of_work(engine, [{"id": 1, "called": "Rex"}, {"id": 2}], work).ok

    assert rows_of(engine, "animals") == [(1, kind, "Rex"), (2, kind, None)]


def test_a_class_of_two_tables_fills_both(engine: Engine) -> None:
    rows = [{"called": "Tom", "lives": 9}, {"called": "Kit", "lives": 7}]

    assert batched_unit_of_work(engine, rows, Cat).ok

    assert rows_of(engine, "animals") == [(1, "cat", "Tom"), (2, "cat", "Kit")]
    assert rows_of(engine, "cats") == [(1, 9), (2, 7)]


def test_an_attribute_that_a_polymorphic_class_has_not_is_rejected(engine: Engine) -> None:
    report = batched_unit_of_work(engine, [{"id": 1, "wings": 2}], Dog)

    assert report.rejections[0].reason == (
        "ValueError: Dog has no column 'wings'; it has 'id', 'kind', 'called'"
    )


@pytest.mark.parametrize("work", [Page, insert(Page)])
def test_a_versioned_class_starts_with_its_first_version(engine: Engine, work: Work) -> None:
    assert batched_unit_of_work(engine, [{"id": 1}, {"id": 2}], work).ok

    assert rows_of(engine, "pages") == [(1, 1), (2, 1)]


def test_a_composite_attribute_fills_its_columns(engine: Engine) -> None:
    assert batched_unit_of_work(engine, [{"id": 1, "point": Point(3, 4)}], Dot).ok

    assert rows_of(engine, "dots") == [(1, 3, 4)]


@pytest.mark.parametrize(
    ("statement", "row", "expected"),
    [
        (insert(NOTES), {"id": 1, "body": "a"}, (1, "a", "plain")),
        (insert(NOTES).values(kind="fixed"), {"id": 1, "body": "a"}, (1, "a", "fixed")),
        (insert(NOTES).values(kind=func.upper("up")), {"id": 1, "body": "a"}, (1, "a", "UP")),
        (
            insert(NOTES).values(body=bindparam("start") + "!"),
            {"id": 1, "start": "go"},
            (1, "go!", "plain"),
        ),
        (insert(NOTES).prefix_with("OR REPLACE"), {"id": 1, "body": "a"}, (1, "a", "plain")),
        (insert(NOTES).returning(NOTES.c.id), {"id": 1, "body": "a"}, (1, "a", "plain")),
    ],
)
def test_an_insert_statement_means_what_it_says(
    engine: Engine, statement: Insert, row: dict[str, object], expected: tuple[object, ...]
) -> None:
    assert batched_unit_of_work(engine, [row, row | {"id": 2}], statement).ok

    assert rows_of(engine, "notes", "id, body, kind") == [expected, (2, *expected[1:])]


def test_a_class_of_a_query_takes_no_rows(engine: Engine) -> None:
    class Loud(Base):
        __table__ = NOTES.select().where(NOTES.c.kind == "loud").subquery()
        __mapper_args__ = {"primary_key": [__table__.c.id]}  # noqa: RUF012

    with pytest.raises(ConfigurationError, match="Loud is mapped to a query"):
        batched_unit_of_work(engine, [{"id": 1}], Loud)
