"""What goes from Parquet into a new table comes out of SQLite as it was."""

import datetime as dt
import decimal
import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hardlite import batched_unit_of_work, create_hardened_engine
from hardlite.sources import checked, declare_table, match, open_source, rows_for

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

DECIMALS = st.decimals(
    min_value=decimal.Decimal(-9999999999999),
    max_value=decimal.Decimal(9999999999999),
    places=2,
)
MOMENTS = st.datetimes()
KINDS = {
    "i": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "f": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "b": (pa.bool_(), st.booleans()),
    "n": (pa.decimal128(15, 2), DECIMALS),
    "d": (pa.date32(), st.dates()),
    "m": (pa.timestamp("us"), MOMENTS),
    "z": (pa.timestamp("us", "UTC"), MOMENTS),
    "t": (pa.time64("us"), st.times()),
    "s": (pa.string(), st.text()),
    "x": (pa.binary(), st.binary()),
    "e": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "b"])),
    "l": (pa.list_(pa.int64()), st.lists(st.integers(-(2**53), 2**53))),
    "o": (pa.null(), st.none()),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, (_, values) in KINDS.items()}),
    max_size=5,
)
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in KINDS.items()])


def through_sqlite(content: bytes) -> Sequence[dict[str, Any]]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "t.parquet"
        path.write_bytes(content)
        engine = create_hardened_engine(f"sqlite:///{directory}/app.db")
        try:
            with open_source(str(path)) as source:
                table = declare_table("t", source, frozenset())
                table.create(engine)
                rows = rows_for(match(source, table), source, frozenset())
                batched_unit_of_work(engine, rows, table, prepare=checked).raise_for_rejections()
            with engine.connect() as connection:
                stored = connection.execute(select(table)).mappings()
                return [dict(row) for row in stored]
        finally:
            engine.dispose()


@pytest.mark.filterwarnings("ignore:Dialect sqlite.pysqlite does .not. support Decimal")
@given(ROWS)
def test_every_value_survives(rows: list[dict[str, Any]]) -> None:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)

    stored = through_sqlite(file.getvalue())

    assert stored == rows


def test_a_moment_with_a_zone_is_stored_in_utc() -> None:
    file = io.BytesIO()
    moment = dt.datetime(2013, 11, 3, 5, 15, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    parquet.write_table(pa.table({"m": pa.array([moment], pa.timestamp("s", "+02:00"))}), file)

    assert through_sqlite(file.getvalue()) == [{"m": dt.datetime(2013, 11, 3, 3, 15)}]  # noqa: DTZ001
