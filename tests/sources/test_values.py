"""Which value fits which type of column, and what it becomes there."""

import datetime as dt
import decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import types

from hardlite.sources.values import MisfitError, parser_for, to_integer, to_real, type_name

MORNING = dt.datetime.fromisoformat("2013-11-03 05:15")


def fit(kind: types.TypeEngine[Any], value: object, *, text_only: bool = True) -> object:
    return parser_for(kind, text_only=text_only)(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (types.INTEGER(), "12", 12),
        (types.INTEGER(), " -12 ", -12),
        (types.INTEGER(), "12.0", 12),
        (types.INTEGER(), "9223372036854775807", 2**63 - 1),
        (types.INTEGER(), 12.0, 12),
        (types.INTEGER(), True, 1),
        (types.REAL(), "1.5e3", 1500.0),
        (types.REAL(), "12", 12.0),
        (types.REAL(), 12, 12.0),
        (types.NUMERIC(), "12", 12),
        (types.NUMERIC(), "12.5", 12.5),
        (types.NUMERIC(), "1e300", 1e300),
        (types.INTEGER(), "1e3", 1000),
        (types.INTEGER(), "9007199254740993.0", 2**53 + 1),
        (types.INTEGER(), decimal.Decimal("12.00"), 12),
        (types.REAL(), decimal.Decimal("0.1"), 0.1),
        (types.NUMERIC(), "9007199254740993", 2**53 + 1),
        (types.NUMERIC(), "0.1", 0.1),
        (types.NUMERIC(), "0.30000000000000004", 0.1 + 0.2),
        (types.NUMERIC(), decimal.Decimal("1.50"), 1.5),
        (types.NUMERIC(), 2**70, float(2**70)),
        (types.NUMERIC(), 0.1, 0.1),
        (types.BOOLEAN(), "True", True),
        (types.BOOLEAN(), " T ", True),
        (types.BOOLEAN(), "1", True),
        (types.BOOLEAN(), "Yes", True),
        (types.BOOLEAN(), "f", False),
        (types.BOOLEAN(), "off", False),
        (types.BOOLEAN(), "no", False),
        (types.BOOLEAN(), 0, False),
        (types.DATE(), "2013-11-03", dt.date(2013, 11, 3)),
        (types.DATE(), dt.date(2013, 11, 3), dt.date(2013, 11, 3)),
        (types.DATE(), MORNING.replace(hour=0, minute=0), dt.date(2013, 11, 3)),
        (types.TIME(), "05:15", dt.time(5, 15)),
        (types.TIME(), "05:15:00.1234560", dt.time(5, 15, 0, 123456)),
        (types.TIME(), dt.time(5, 15), dt.time(5, 15)),
        (types.DATETIME(), MORNING, MORNING),
        (types.DATETIME(), "20131103T0515", MORNING),
        (types.DATETIME(), dt.date(2013, 11, 3), MORNING.replace(hour=0, minute=0)),
        (types.DATETIME(), MORNING.replace(tzinfo=dt.UTC), MORNING),
        (types.DATETIME(), "2013-11-03 05:15:00", MORNING),
        (types.TIMESTAMP(), "2013-11-03T05:15:00Z", MORNING),
        (types.DATETIME(), "2013-11-03T05:15+02:00", MORNING - dt.timedelta(hours=2)),
        (types.JSON(), '{"a": [1, null]}', {"a": [1, None]}),
        (types.BLOB(), "CAFE", b"\xca\xfe"),
        (types.BLOB(), " 0xcafe", b"\xca\xfe"),
        (types.BLOB(), "\\xcafe", b"\xca\xfe"),
        (types.BLOB(), "X'cafe'", b"\xca\xfe"),
        (types.BLOB(), "x''", b""),
        (types.BLOB(), b"abc", b"abc"),
        (types.TEXT(), " ünö ", " ünö "),
        (types.VARCHAR(2), "long", "long"),
        (types.NullType(), "12", "12"),
    ],
)
def test_a_value_that_fits_becomes_what_the_type_holds(
    kind: types.TypeEngine[Any], value: object, expected: object
) -> None:
    assert (fit(kind, value), type(fit(kind, value))) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (types.INTEGER(), "12.5"),
        (types.INTEGER(), "1_000"),
        (types.INTEGER(), "٣"),
        (types.INTEGER(), "9223372036854775808"),
        (types.INTEGER(), "inf"),
        (types.INTEGER(), "1,234"),
        (types.INTEGER(), "1 234"),
        (types.INTEGER(), "1'234"),
        (types.INTEGER(), "1\x1f"),
        (types.INTEGER(), "1e999999999"),
        (types.INTEGER(), "0.1e999999999"),
        (types.INTEGER(), decimal.Decimal("0.5")),
        (types.INTEGER(), 2**63),
        (types.INTEGER(), 0.5),
        (types.INTEGER(), [1]),
        (types.INTEGER(), ""),
        (types.REAL(), "nan"),
        (types.REAL(), "1,234.5"),
        (types.REAL(), "1.234,5"),
        (types.REAL(), "0,5"),
        (types.REAL(), "-Infinity"),
        (types.REAL(), "1e999"),
        (types.REAL(), "1_0.5"),
        (types.REAL(), 10**400),
        (types.REAL(), {}),
        (types.NUMERIC(), "twelve"),
        (types.NUMERIC(), "1,234.50"),
        (types.NUMERIC(), "1.2345678901234567890"),
        (types.NUMERIC(), "9223372036854775809"),
        (types.NUMERIC(), decimal.Decimal("0.12345678901234567890")),
        (types.NUMERIC(), 2**64 + 1),
        (types.NUMERIC(), b"1"),
        (types.BOOLEAN(), "maybe"),
        (types.BOOLEAN(), 2),
        (types.DATE(), "03.11.2013"),
        (types.DATE(), "2013-11-03T00:00"),
        (types.DATE(), 20131103),
        (types.DATE(), MORNING),
        (types.DATE(), MORNING.replace(hour=0, minute=0, tzinfo=dt.UTC)),
        (types.TIME(), "05:15+02:00"),
        (types.TIME(), "05:15:00.1234567"),
        (types.TIME(), 5),
        (types.DATETIME(), "2013-11-03T05:15:00.123456001"),
        (types.DATETIME(), 1383455700),
        (types.DATETIME(), "yesterday"),
        (types.DATETIME(), "0001-01-01T00:00:00+05:00"),
        (types.JSON(), "{"),
        (types.JSON(), "NaN"),
        (types.BLOB(), "abc"),
        (types.BLOB(), "YWJj"),
        (types.BLOB(), "ca fe"),
        (types.BLOB(), "0xX'cafe'"),
        (types.BLOB(), 5),
        (types.TEXT(), b"abc"),
    ],
)
def test_a_value_that_would_lose_something_does_not_fit(
    kind: types.TypeEngine[Any], value: object
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that is the promise
        fit(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (types.JSON(), "text", "text"),
        (types.JSON(), [1], [1]),
        (types.TEXT(), "text", "text"),
        (types.TEXT(), 5, "5"),
        (types.TEXT(), True, "true"),
        (types.TEXT(), {"ü": [1]}, '{"ü": [1]}'),
        (types.NullType(), 5, 5),
        (types.NullType(), 5.5, 5.5),
        (types.NullType(), False, "false"),
        (types.NullType(), b"abc", b"abc"),
        (types.NullType(), decimal.Decimal("1.5"), 1.5),
        (types.NullType(), dt.date(2013, 11, 3), "2013-11-03"),
        (types.TEXT(), dt.date(2013, 11, 3), "2013-11-03"),
        (types.TEXT(), dt.time(5, 15), "05:15:00"),
        (types.TEXT(), MORNING, "2013-11-03 05:15:00"),
        (types.TEXT(), decimal.Decimal("1E+3"), "1000"),
        (types.JSON(), dt.date(2013, 11, 3), "2013-11-03"),
        (types.JSON(), None, None),
        (types.JSON(), decimal.Decimal("1.50"), "1.50"),
    ],
)
def test_what_knows_its_type_keeps_it_where_the_column_can(
    kind: types.TypeEngine[Any], value: object, expected: object
) -> None:
    found = fit(kind, value, text_only=False)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (types.JSON(), dt.timedelta(1)),
        (types.JSON(), b"abc"),
        (types.TEXT(), dt.timedelta(1)),
        (types.TEXT(), {"nested": b"abc"}),
        (types.NullType(), dt.timedelta(1)),
    ],
)
def test_a_value_that_cannot_be_told_as_text_does_not_fit(
    kind: types.TypeEngine[Any], value: object
) -> None:
    with pytest.raises(MisfitError):
        fit(kind, value, text_only=False)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        fit(types.TEXT(), "\ud800", text_only=False)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_integer_of_sqlite_survives_being_text(number: int) -> None:
    assert to_integer(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_survives_being_text(number: float) -> None:
    assert to_real(repr(number)) == number


@given(st.text())
def test_text_is_taken_for_an_integer_only_if_it_is_written_like_one(text: str) -> None:
    try:
        number = to_integer(text)
    except ValueError:
        return

    assert float(text) == number


@pytest.mark.parametrize(
    ("kind", "name"), [(types.VARCHAR(3), "VARCHAR(3)"), (types.NullType(), "no type")]
)
def test_a_type_is_called_what_it_was_declared(kind: types.TypeEngine[Any], name: str) -> None:
    assert type_name(kind) == name
