"""A column whose values are taken as they are would be the same if each had been looked at."""

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlite.sources.fitting import fit_as_they_are
from hardlite.sources.values import (
    Parser,
    to_boolean,
    to_bytes,
    to_date,
    to_datetime,
    to_integer,
    to_numeric,
    to_real,
    to_text,
    to_time,
    to_untyped,
)

PARSERS = [
    to_boolean, to_bytes, to_date, to_datetime, to_integer, to_numeric, to_real, to_text, to_time,
    to_untyped,
]  # fmt: skip
ZONES = st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=2))])
KINDS = [
    st.booleans(), st.integers(), st.integers(-(2**64), 2**64), st.floats(), st.text(),
    st.text(st.characters(categories=["Cs", "L"])), st.binary(), st.dates(), st.none(),
    st.datetimes(timezones=ZONES), st.times(timezones=ZONES),
]  # fmt: skip
COLUMNS = st.one_of([st.lists(kind, max_size=4) for kind in KINDS])


@pytest.mark.parametrize("parse", PARSERS)
@given(values=COLUMNS)
def test_what_is_taken_as_it_is_would_be_parsed_to_the_same(
    parse: Parser, values: Sequence[object]
) -> None:
    if fit_as_they_are(parse, values):
        parsed = list(map(parse, values))
        assert (parsed, list(map(type, parsed))) == (values, list(map(type, values)))


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (to_boolean, True),
        (to_bytes, b"a"),
        (to_date, dt.date(2013, 11, 3)),
        (to_datetime, dt.datetime(2013, 11, 3)),  # noqa: DTZ001 - it has no zone
        (to_integer, 1),
        (to_numeric, 1),
        (to_real, 0.5),
        (to_text, "a"),
        (to_time, dt.time(5, 15)),
    ],
)
def test_a_column_of_the_right_type_is_taken_as_it_is(parse: Parser, value: object) -> None:
    assert fit_as_they_are(parse, [value, value])
    assert not fit_as_they_are(parse, [value, None])
