"""What an import stores is, byte for byte, what SQLAlchemy's own INSERT stores."""

import datetime as dt
import enum
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Engine,
    Enum,
    Float,
    Insert,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    PickleType,
    String,
    Table,
    Time,
    TypeDecorator,
    Uuid,
    delete,
    func,
    insert,
    text,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, Session

from hardlite import batched_unit_of_work
from hardlite.imports.batch_units import Work
from tests.fixtures.databases import EngineFactory


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Reversed(TypeDecorator[str]):
    """Text that is stored backwards."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value[::-1]


class Shouted(TypeDecorator[str]):
    """Text that SQLite itself changes on its way in."""

    impl = String
    cache_ok = True

    def bind_expression(self, bindvalue: object) -> ColumnElement[str]:
        return func.upper(bindvalue)


numbers: Iterator[int] = itertools.count()


def column_types() -> list[Column[Any]]:
    return [
        Column("integer", Integer),
        Column("large", BigInteger),
        Column("string", String),
        Column("float", Float),
        Column("numeric", Numeric(12, 4)),
        Column("boolean", Boolean),
        Column("date", Date),
        Column("datetime", DateTime),
        Column("time", Time),
        Column("enum", Enum(Colour)),
        Column("json", JSON),
        Column("json_none", JSON(none_as_null=True)),
        Column("binary", LargeBinary),
        Column("uuid", Uuid),
        Column("reversed", Reversed),
        Column("shouted", Shouted),
        Column("interval", Interval),
        Column("pickle", PickleType),
        Column("served", String, server_default="by the server"),
        Column("renamed in the file", String, key="renamed"),
    ]


class Base(DeclarativeBase):
    metadata = MetaData()


TYPES = Table("types", Base.metadata, Column("id", Integer, primary_key=True), *column_types())
DEFAULTS = Table(
    "defaults",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    *column_types(),
    Column("scalar", Integer, default=5),
    Column("called", Integer, default=lambda: next(numbers)),
    Column("derived", String, default=lambda c: repr(c.get_current_parameters().get("integer"))),
    Column("computed", String, default=func.lower("SQL")),
    Column("touched", String, default="new", onupdate="changed"),
)


class Typed(Base):
    __table__ = TYPES


class Defaulted(Base):
    __table__ = DEFAULTS


def none_or(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


characters = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
json = st.recursive(
    none_or(st.booleans() | st.integers(-(2**53), 2**53) | characters),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(characters, inner, max_size=3),
    max_leaves=5,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": none_or(st.integers(-(2**63), 2**63 - 1)),
    "large": none_or(st.integers(-(2**63), 2**63 - 1)),
    "string": none_or(characters),
    "float": none_or(st.floats(allow_nan=True)),
    "numeric": none_or(st.decimals(-(10**6), 10**6, places=4)),
    "boolean": none_or(st.booleans()),
    "date": none_or(st.dates()),
    "datetime": none_or(st.datetimes()),
    "time": none_or(st.times()),
    "enum": none_or(st.sampled_from(Colour)),
    "json": json,
    "json_none": json,
    "binary": none_or(st.binary(max_size=8)),
    "uuid": none_or(st.uuids()),
    "reversed": none_or(characters),
    "shouted": none_or(characters),
    "interval": none_or(st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999))),
    "pickle": none_or(json),
    "served": none_or(characters),
    "renamed": none_or(characters),
}
KEYS = st.sets(st.sampled_from(sorted(VALUES)), max_size=len(VALUES))


@st.composite
def alike(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows with one set of keys."""
    keys = draw(KEYS | st.just(set(VALUES)))
    return draw(st.lists(st.fixed_dictionaries({key: VALUES[key] for key in keys}), max_size=6))


@st.composite
def mixed(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows with any keys."""
    rows = draw(st.lists(KEYS, max_size=6))
    return [draw(st.fixed_dictionaries({key: VALUES[key] for key in keys})) for keys in rows]


@pytest.fixture
def engines(make_engine: EngineFactory) -> tuple[Engine, Engine]:
    """Two databases with the same tables."""
    both = make_engine(), make_engine("sqlite://")
    for engine in both:
        Base.metadata.create_all(engine)
    return both


def stored(engine: Engine, table: Table) -> list[tuple[Any, ...]]:
    """Every value as SQLite writes it, with its type; and the table is empty again."""
    names = [engine.dialect.identifier_preparer.format_column(column) for column in table.columns]
    parts = ", ".join(f"typeof({name}), quote({name})" for name in names)
    with engine.begin() as connection:
        rows = connection.execute(text(f"SELECT {parts} FROM {table.name} ORDER BY id"))
        found = [tuple(row) for row in rows]
        connection.execute(delete(table))
    return found


WORKS = {
    "a table": TYPES,
    "a class": Typed,
    "an INSERT": insert(TYPES),
    "an INSERT of a class": insert(Typed),
    "a table with defaults": DEFAULTS,
    "a class with defaults": Defaulted,
    "an INSERT with defaults": insert(DEFAULTS),
}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
@given(rows=alike() | mixed(), batch_size=st.integers(1, 7))
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_an_import_stores_what_sqlalchemy_stores(
    engines: tuple[Engine, Engine], work: Work, rows: list[dict[str, Any]], batch_size: int
) -> None:
    global numbers  # noqa: PLW0603 - both count from 0
    ours, theirs = engines
    statement = work if isinstance(work, Insert) else insert(work)
    table = DEFAULTS if work in {DEFAULTS, Defaulted, WORKS["an INSERT with defaults"]} else TYPES

    numbers = itertools.count()
    report = batched_unit_of_work(ours, iter(rows), work, batch_size=batch_size)
    numbers = itertools.count()
    with Session(theirs) as session, session.begin():
        for row in rows:
            session.execute(statement, [row])

    assert report.ok
    assert stored(ours, table) == stored(theirs, table)


@pytest.mark.parametrize(
    "row",
    [
        {"boolean": "perhaps"},
        {"boolean": 7},
        {"date": "yesterday"},
        {"enum": 3},
        {"uuid": "not one"},
        {"numeric": (1, 2)},
        {"json": {1, 2}},
        {"interval": 5},
        {"integer": uuid.UUID(int=1)},
    ],
    ids=repr,
)
def test_a_value_is_refused_with_the_words_of_sqlalchemy(
    engines: tuple[Engine, Engine], row: dict[str, Any]
) -> None:
    ours, theirs = engines
    with Session(theirs) as session, pytest.raises(Exception) as caught:  # noqa: PT011
        session.execute(insert(TYPES), [row])
    cause = getattr(caught.value, "orig", None) or caught.value

    report = batched_unit_of_work(ours, [{"id": 1}, row], TYPES, on_error="isolate")

    assert report.committed == 1
    assert [rejection.reason for rejection in report.rejections] == [
        " ".join(f"{type(cause).__name__}: {cause}".split())
    ]
