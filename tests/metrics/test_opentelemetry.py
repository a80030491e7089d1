"""What was counted is exported by OpenTelemetry's own SDK."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    NumberDataPoint,
)
from sqlalchemy import Engine, text
from sqlalchemy.pool import QueuePool

from hardlite import MissingExtraError
from hardlite.integrations.opentelemetry import instrument
from hardlite.metrics import collect
from hardlite.turns.figures import BOUNDS
from tests.fixtures.databases import EngineFactory


@pytest.fixture
def reader() -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    stop = instrument(provider)
    yield reader
    stop()
    provider.shutdown()


Points = dict[tuple[str, ...], NumberDataPoint | HistogramDataPoint]


def points(reader: InMemoryMetricReader) -> Points:
    """By name, database and the value of another attribute if there is one."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        (metric.name, *(str(value) for _, value in sorted(point.attributes.items()))): point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def exported(reader: InMemoryMetricReader) -> dict[tuple[str, ...], float]:
    """The values of counters and gauges."""
    return {
        key: point.value
        for key, point in points(reader).items()
        if isinstance(point, NumberDataPoint)
    }


def test_an_export_has_what_was_counted(
    engine: Engine, db_path: Path, reader: InMemoryMetricReader
) -> None:
    path = str(db_path.resolve())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    expected = next(each for each in collect() if each.database == path)

    found = exported(reader)

    assert found["hardlite.turns", path, "commit"] == expected.commits > 0
    assert found["hardlite.turns", path, "rollback"] == 0
    assert found["hardlite.refused", "foreign_lock", path] == 0
    assert found["hardlite.turns.waiting", path] == 0
    assert found["hardlite.database.size", path] == db_path.stat().st_size
    assert found["hardlite.wal.size", path] == expected.wal_bytes


@pytest.mark.parametrize("name", ["hardlite.turn.wait", "hardlite.turn.hold"])
def test_waits_and_holds_are_histograms(
    engine: Engine, db_path: Path, reader: InMemoryMetricReader, name: str
) -> None:
    path = str(db_path.resolve())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a')"))
        connection.rollback()
    counted = next(each for each in collect() if each.database == path)
    expected = counted.waits if name.endswith("wait") else counted.holds

    found = points(reader)
    kept, undone = found[name, path, "commit"], found[name, path, "rollback"]

    assert isinstance(kept, HistogramDataPoint)
    assert isinstance(undone, HistogramDataPoint)
    assert tuple(kept.explicit_bounds) == BOUNDS
    assert (kept.count, undone.count) == (counted.commits, counted.rollbacks)
    assert kept.sum + undone.sum == pytest.approx(expected.total)


def test_what_was_stopped_records_no_more(engine: Engine) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    instrument(provider)()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))

    assert "hardlite.turn.hold" not in {name for name, *_ in points(reader)}
    provider.shutdown()


def test_a_database_without_a_file_has_no_size(
    make_engine: EngineFactory, reader: InMemoryMetricReader
) -> None:
    engine = make_engine(
        "sqlite:///file:unsized?mode=memory&cache=shared&uri=true", poolclass=QueuePool
    )
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
        found = exported(reader)

    assert not any("unsized" in key[1] for key in found if key[0] == "hardlite.database.size")
    assert any("unsized" in key[1] for key in found if key[0] == "hardlite.wal.size")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(MissingExtraError, match="opentelemetry"):
        instrument()
