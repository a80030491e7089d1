"""Moments that come again are written once; what is stored is the same."""

import datetime as dt
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Date, DateTime, Integer, String, Time
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from hardlite.inserts.column_processors import column_processor

DIALECT = sqlite.dialect()
NOON = dt.datetime(2013, 1, 1, 12)  # noqa: DTZ001 - SQLite has no zones
EAST = dt.timezone(dt.timedelta(hours=2))


class Numbered(TypeDecorator[dt.datetime]):
    """Moments that are stored with how many came before."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        self.count += 1
        return f"{self.count} {value}"


def bound(column_type: TypeEngine[object], values: list[object]) -> list[object]:
    processor = column_processor(column_type, DIALECT)
    assert processor is not None
    return list(processor(values))


def bound_one_by_one(column_type: TypeEngine[object], values: list[object]) -> list[object]:
    process = column_type.dialect_impl(DIALECT).bind_processor(DIALECT)
    assert process is not None
    return list(map(process, values))


moments = st.sampled_from(
    [
        None,
        NOON,
        NOON.replace(fold=1),
        NOON.replace(microsecond=1),
        NOON.replace(tzinfo=dt.UTC),
        # The same moment, in other figures: equal, and to be written otherwise.
        NOON.replace(tzinfo=dt.UTC).astimezone(EAST),
    ]
)


@given(st.lists(moments, max_size=20))
def test_moments_are_written_as_each_by_itself(values: list[object]) -> None:
    assert bound(DateTime(), values) == bound_one_by_one(DateTime(), values)


@pytest.mark.parametrize(
    ("column_type", "values"),
    [(DateTime(), [NOON, None] * 5), (Date(), [NOON.date()] * 9), (Time(), [dt.time(12)] * 9)],
    ids=repr,
)
def test_dates_and_times_are_written_as_each_by_itself(
    column_type: TypeEngine[object], values: list[object]
) -> None:
    assert bound(column_type, values) == bound_one_by_one(column_type, values)
    assert len({id(text) for text in bound(column_type, values)}) <= 2


def test_a_value_of_another_kind_is_handed_on() -> None:
    class Moment(dt.datetime):
        """Equal to a plain one, and written in its own way."""

        @property
        def year(self) -> int:
            return 1

    values: list[object] = [NOON, Moment(2013, 1, 1, 12)] * 3

    assert bound(DateTime(), values) == bound_one_by_one(DateTime(), values)
    assert len(set(bound(DateTime(), values))) == 2


def test_a_type_of_the_callers_own_is_asked_for_each_value() -> None:
    assert bound(Numbered(), [NOON] * 3) == [f"{number} {NOON}" for number in (1, 2, 3)]


class Counting(sqlite.DATETIME):
    """Another's moments, of a class of SQLAlchemy's."""

    def bind_processor(self, dialect: Dialect) -> Callable[[object], object]:  # noqa: ARG002
        numbers = itertools.count()
        return lambda _: next(numbers)


def test_a_class_made_of_sqlalchemys_is_asked_for_each_value_too() -> None:
    assert bound(Counting(), [NOON] * 3) == [0, 1, 2]


def test_a_type_that_changes_nothing_has_no_processor() -> None:
    assert column_processor(Integer(), DIALECT) is None
