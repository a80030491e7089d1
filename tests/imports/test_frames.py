"""Rows of pandas and polars frames and of Arrow data, and what their values become."""

import datetime as dt
import decimal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Interval, MetaData, Table, select, types

from hardlite import BatchResult, ConfigurationError, batched_unit_of_work
from hardlite.rows.item_sources import item_source
from hardlite.rows.plain_values import Unholdable
from tests.fixtures.library import AUTHORS, add_with_books, authors, stored

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
compute = pytest.importorskip("pyarrow.compute")
dataset = pytest.importorskip("pyarrow.dataset")
parquet = pytest.importorskip("pyarrow.parquet")

BERLIN = "Europe/Berlin"
NEW_YEAR = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - it has no zone
IN_UTC = dt.datetime(2019, 12, 31, 23, tzinfo=dt.UTC)


def arrow(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows)


def parquet_file(rows: list[dict[str, object]], directory: Path) -> Path:
    path = directory / "t.parquet"
    parquet.write_table(arrow(rows), path, row_group_size=7000)
    return path


SOURCES: dict[str, Callable[[list[dict[str, object]], Path], object]] = {
    "pandas": lambda rows, _: pd.DataFrame(rows),
    "polars": lambda rows, _: pl.DataFrame(rows),
    "lazy polars": lambda rows, _: pl.LazyFrame(rows),
    "table": lambda rows, _: arrow(rows),
    "batch": lambda rows, _: arrow(rows).combine_chunks().to_batches()[0],
    "reader": lambda rows, _: arrow(rows).to_reader(max_chunksize=7000),
    "parquet": lambda rows, path: parquet.ParquetFile(parquet_file(rows, path)),
    "dataset": lambda rows, path: dataset.dataset(parquet_file(rows, path)),
    "scanner": lambda rows, path: dataset.dataset(parquet_file(rows, path)).scanner(),
}
KNOWN_TOTALS = {"pandas", "polars", "table", "batch", "parquet"}


@pytest.mark.parametrize("source", SOURCES)
def test_the_rows_of_each_source_are_items_in_order(
    library: Engine, source: str, tmp_path: Path
) -> None:
    rows = list(authors(12_345))
    rows[11_000]["born"] = -1
    rows[11_001]["born"] = None

    report = batched_unit_of_work(
        library, SOURCES[source](rows, tmp_path), AUTHORS, batch_size=5000, on_error="isolate"
    )

    assert [rejection.position for rejection in report.rejections] == [11_000]
    assert report.rejections[0].item == rows[11_000]
    assert stored(library) == [number for number in range(12_345) if number != 11_000]


@pytest.mark.parametrize("source", SOURCES)
def test_the_bar_knows_how_many_rows_there_are_where_the_source_says_it(
    source: str, tmp_path: Path
) -> None:
    rows = list(authors(3))

    found = item_source(SOURCES[source](rows, tmp_path))

    assert found.total == (3 if source in KNOWN_TOTALS else None)
    assert list(found.items) == rows


@pytest.mark.parametrize("source", SOURCES)
def test_a_function_gets_each_row_as_a_dict(library: Engine, source: str, tmp_path: Path) -> None:
    items = SOURCES[source](list(authors(3)), tmp_path)

    report = batched_unit_of_work(library, items, add_with_books, prepare=dict)

    assert (report.committed, stored(library)) == (3, [0, 1, 2])


def test_a_polars_that_cannot_collect_in_batches_collects_at_once(
    library: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(pl.LazyFrame, "collect_batches", raising=False)

    report = batched_unit_of_work(library, pl.LazyFrame(list(authors(3))), AUTHORS)

    assert report.committed == 3


@pytest.mark.parametrize("source", ["pandas", "polars", "table"])
def test_a_frame_without_rows_or_columns_is_no_item(source: str, tmp_path: Path) -> None:
    found = item_source(SOURCES[source]([], tmp_path))

    assert (list(found.items), found.total) == ([], 0)


def test_rows_without_columns_are_as_many_empty_dicts() -> None:
    assert list(item_source(pd.DataFrame(index=[1, 2])).items) == [{}, {}]


def test_a_frame_that_has_another_class_of_its_own_is_a_frame() -> None:
    class Frame(pd.DataFrame):
        """As other libraries make them."""

    assert list(item_source(Frame({"n": [1]})).items) == [{"n": 1}]


def test_the_index_of_a_frame_is_no_column() -> None:
    frame = pd.DataFrame({"n": [1]}, index=pd.Index([7], name="id"))

    assert list(item_source(frame).items) == [{"n": 1}]
    assert list(item_source(frame.reset_index()).items) == [{"id": 7, "n": 1}]


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns called 'a'"),
        (pd.DataFrame([[1]]), "a column whose name is no text: 0"),
        (pa.table([[1], [2]], ["a", "a"]), "two columns called 'a'"),
        (pa.table({"a": pa.nulls(1, pa.month_day_nano_interval())}), "'a' is of the Arrow type"),
    ],
)
def test_columns_that_make_no_row_are_refused_at_once(
    library: Engine, items: object, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        batched_unit_of_work(library, items, AUTHORS)


def series(values: list[object], kind: object) -> pd.DataFrame:
    return pd.DataFrame({"c": pd.Series(values, dtype=kind)})


def column(values: list[object], kind: pa.DataType) -> pa.Table:
    return pa.table({"c": pa.array(values, kind)})


def physical(values: list[object], kind: object) -> pl.DataFrame:
    return pl.DataFrame({"c": pl.Series(values, dtype=kind)})


PLAIN = [
    (series([1.5, float("nan")], "float64"), [1.5, None]),
    (series([1.5, None], "float32"), [1.5, None]),
    (series([1, 2], "uint8"), [1, 2]),
    (series([True, False], "bool"), [True, False]),
    (series([1, None], "Int64"), [1, None]),
    (series([1.5, None], "Float64"), [1.5, None]),
    # Some pandas tell this NaN from a value that is missing.
    (series([0.0, 1.0], "Float64") % 0, [None, None]),
    (series([True, None], "boolean"), [True, None]),
    (series(["a", None], "string"), ["a", None]),
    (series(["a", None], "category"), ["a", None]),
    (series(["a", None], object), ["a", None]),
    (series([1, None], "int64[pyarrow]"), [1, None]),
    (series([0, 1], pd.SparseDtype("int64", 0)), [0, 1]),
    (series([NEW_YEAR, None], "datetime64[ns]"), [NEW_YEAR, None]),
    (series([NEW_YEAR, None], "datetime64[s]"), [NEW_YEAR, None]),
    (series([NEW_YEAR, None], f"datetime64[ns, {BERLIN}]"), [IN_UTC, None]),
    (series([dt.timedelta(1), None], "timedelta64[ns]"), [dt.timedelta(1), None]),
    (series([decimal.Decimal("1.50"), None], object), [decimal.Decimal("1.50"), None]),
    (series([pd.Timestamp(NEW_YEAR), pd.NaT], object), [NEW_YEAR, None]),
    (series([pd.Timestamp(NEW_YEAR, tz=BERLIN), 1], object), [IN_UTC, 1]),
    (series([pd.Timedelta(days=1), pd.NA], object), [dt.timedelta(1), None]),
    (series([np.int64(1), np.float32(0.5)], object), [1, 0.5]),
    (series([np.datetime64("2020-01-01T00:00", "s"), np.array([1])], object), [NEW_YEAR, [1]]),
    (column([1.5, None, float("nan")], pa.float32()), [1.5, None, None]),
    (column([1, None], pa.uint64()), [1, None]),
    (column(["a", None], pa.large_string()), ["a", None]),
    (column(["a", None], pa.dictionary(pa.int8(), pa.string())), ["a", None]),
    (pa.table({"c": compute.run_end_encode(pa.array([1, 1]))}), [1, 1]),
    (column([b"a", None], pa.binary()), [b"a", None]),
    (column([0, None], pa.date32()), [dt.date(1970, 1, 1), None]),
    (column([NEW_YEAR, None], pa.timestamp("ns")), [NEW_YEAR, None]),
    (column([NEW_YEAR, None], pa.timestamp("s", BERLIN)), [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None]),
    (column([1, None], pa.time32("s")), [dt.time(0, 0, 1), None]),
    (column([1, None], pa.duration("ms")), [dt.timedelta(milliseconds=1), None]),
    (column([[("k", [1])], [], None], pa.map_(pa.string(), pa.list_(pa.int8()))), [{"k": [1]}, {}, None]),
    (
        column(
            [{"d": dt.date(2020, 1, 1), "n": decimal.Decimal("1.50"), "x": [b"\0", None], "f": float("nan")}],
            pa.struct([("d", pa.date32()), ("n", pa.decimal128(5, 2)), ("x", pa.list_(pa.binary())), ("f", pa.float64())]),
        ),
        [{"d": "2020-01-01", "n": "1.50", "x": ["00", None], "f": None}],
    ),
    (pa.table({"c": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16)))}), [b"0" * 16]),
    (physical([1.5, None, float("nan")], pl.Float64), [1.5, None, None]),
    (physical(["a", None], pl.Categorical), ["a", None]),
    (physical([b"a", None], pl.Binary), [b"a", None]),
    (physical([NEW_YEAR, None], pl.Datetime("ns")), [NEW_YEAR, None]),
    (physical([IN_UTC, None], pl.Datetime("us", BERLIN)), [IN_UTC, None]),
    (physical([NEW_YEAR.date(), None], pl.Date), [NEW_YEAR.date(), None]),
    (physical([dt.time(1), None], pl.Time), [dt.time(1), None]),
    (physical([dt.timedelta(1), None], pl.Duration("ms")), [dt.timedelta(1), None]),
    (physical([[1.5, float("nan")], None], pl.List(pl.Float64)), [[1.5, None], None]),
    (physical([{"d": NEW_YEAR.date()}], pl.Struct({"d": pl.Date})), [{"d": "2020-01-01"}]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "expected"), PLAIN)
def test_values_become_plain_ones_of_python(items: object, expected: list[object]) -> None:
    values = [row["c"] for row in item_source(items).items]

    assert values == expected
    assert list(map(type, values)) == list(map(type, expected))


UNHOLDABLE = [
    (series([1, 1000], "datetime64[ns]"), "1970-01-01T00:00:00.000000001"),
    (series([1, 1000], f"datetime64[ns, {BERLIN}]"), "1970-01-01T00:00:00.000000001"),
    (series([2**40, 0], "datetime64[s]"), "36812-02-20T00:36:16"),
    (series([1, 1000], "timedelta64[ns]"), "1 nanoseconds"),
    (series([pd.Timestamp(1), NEW_YEAR], object), "1970-01-01 00:00:00.000000001"),
    (series([pd.Timedelta(1), NEW_YEAR], object), "0 days 00:00:00.000000001"),
    (series([dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))), 1], object), "0001-01-01 00:00:00+01:00"),
    (column([1, 1000], pa.timestamp("ns", BERLIN)), "1970-01-01 01:00:00.000000001+0100"),
    (column([2**40, 0], pa.timestamp("s")), "1099511627776"),
    (column([1, 1000], pa.time64("ns")), "00:00:00.000000001"),
    (column([2**30, 0], pa.date32()), "1073741824"),
    (column([1, 1000], pa.duration("ns")), "1"),
    (column([[float("inf")], []], pa.list_(pa.float64())), "[inf]"),
    (column([[2**30], []], pa.list_(pa.date32())), "a value of the type list<item: date32[day]>"),
    (physical([1, 1000], pl.Datetime("ns")), "1 ns"),
    (physical([2**60, 0], pl.Datetime("us", BERLIN)), "1152921504606846976 us"),
    (physical([2**30, 0], pl.Date), "1073741824 days"),
    (physical([1, 1000], pl.Time), "1 ns"),
    (physical([1, 1000], pl.Duration("ns")), "1 ns"),
    (physical([[float("-inf")], []], pl.List(pl.Float64)), "[-inf]"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "written"), UNHOLDABLE)
def test_a_value_that_python_cannot_hold_exactly_rejects_its_row_alone(
    engine: Engine, items: object, written: str
) -> None:
    table = Table("t", MetaData(), Column("c", types.String()))
    table.create(engine)

    def storable(row: dict[str, object]) -> dict[str, object]:
        return row if isinstance(row["c"], Unholdable) else {"c": str(row["c"])}

    report = batched_unit_of_work(engine, items, table, prepare=storable, on_error="isolate")

    assert report.committed == 1
    assert [rejection.reason for rejection in report.rejections] == [
        f"ValueError: {written} cannot be stored without losing something of it"
    ]


def test_a_duration_goes_where_sqlalchemy_has_a_type_for_it(engine: Engine) -> None:
    lasting = Table("lasting", MetaData(), Column("c", Interval()))
    counted = Table("counted", MetaData(), Column("c", types.Integer()))
    frame = series([dt.timedelta(hours=1)], "timedelta64[s]")
    for table in (lasting, counted):
        table.create(engine)

    kept = batched_unit_of_work(engine, frame, lasting)
    refused = batched_unit_of_work(engine, frame, counted)

    assert kept.ok
    with engine.connect() as connection:
        assert connection.scalars(select(lasting.c.c)).all() == [dt.timedelta(hours=1)]
    assert "type 'datetime.timedelta' is not supported" in refused.rejections[0].reason


def test_a_number_of_more_than_64_bits_rejects_its_row_alone(library: Engine) -> None:
    frame = pd.DataFrame({"id": [1, 2], "name": "x", "born": [2**64 - 1, 1900], "country_id": 1})
    frame["name"] = ["a", "b"]

    report = batched_unit_of_work(library, frame, AUTHORS, on_error="isolate")

    assert [rejection.reason for rejection in report.rejections] == [
        "OverflowError: Python int too large to convert to SQLite INTEGER"
    ]
    assert stored(library) == [2]


def test_a_frame_is_turned_into_rows_as_they_are_needed(library: Engine) -> None:
    made: list[int] = []

    class Counted(pd.DataFrame):
        """A frame that knows which of its parts were asked for."""

        @property
        def iloc(self) -> Any:  # noqa: ANN401
            made.append(len(seen))
            return super().iloc

    seen: list[BatchResult] = []
    frame = Counted(list(authors(25_000)))
    made.clear()

    batched_unit_of_work(library, frame, AUTHORS, batch_size=5000, progress=seen.append)

    assert made == [0, 2, 4]


LOADED = """
import sys
from hardlite import batched_unit_of_work, create_hardened_engine
from sqlalchemy import Column, Integer, MetaData, Table

engine = create_hardened_engine("sqlite://")
numbers = Table("numbers", MetaData(), Column("n", Integer))
numbers.create(engine)
assert batched_unit_of_work(engine, [{"n": 1}], numbers).ok
engine.dispose()
print(*sorted(sys.modules.keys() & {"numpy", "pandas", "polars", "pyarrow"}))
"""


def test_no_library_of_frames_is_loaded_for_rows_that_are_plain() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, encoding="utf-8", check=True
    )

    assert run.stdout.split() == []
