"""Turns and refusals are counted, by whoever has them, and told to those who ask."""

import asyncio
import re
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text
from sqlalchemy.pool import QueuePool

from hardlite import (
    DatabaseLockedError,
    MissingExtraError,
    StaleSnapshotError,
    create_hardened_async_engine,
)
from hardlite.integrations.prometheus import HardliteCollector, register
from hardlite.metrics import DatabaseMetrics, collect
from hardlite.turns.figures import (
    BOUNDS,
    Histogram,
    TurnFigures,
    figures_for,
    listen,
)
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper

MONITORING = Path(__file__).parents[2] / "examples" / "monitoring"

WRITES = """
c = connect()
c.execute("BEGIN IMMEDIATE")
hold()
"""


@pytest.fixture
def notes(engine: Engine) -> Engine:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    return engine


def write(engine: Engine, times: int = 1) -> None:
    for _ in range(times):
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO note VALUES ('a')"))


def counted(path: Path) -> DatabaseMetrics:
    return next(each for each in collect() if each.database == str(path.resolve()))


def test_each_turn_is_counted_with_its_wait_and_its_hold(notes: Engine, db_path: Path) -> None:
    before = counted(db_path)

    write(notes, 3)
    after = counted(db_path)

    assert after.commits - before.commits == 3
    assert after.rollbacks == before.rollbacks
    for one, other in ((before.waits, after.waits), (before.holds, after.holds)):
        assert other.count - one.count == 3
        assert other.buckets[-1][1] == other.count
        assert [bound for bound, _ in other.buckets] == list(BOUNDS)
    assert after.holds.total > before.holds.total
    assert after.database_bytes == db_path.stat().st_size
    assert after.wal_bytes == Path(f"{db_path}-wal").stat().st_size
    assert after.waiting == 0


@pytest.mark.usefixtures("notes")
def test_the_turns_of_tasks_are_counted_too(db_path: Path) -> None:
    before = counted(db_path)

    async def write_in_a_task() -> None:
        engine = create_hardened_async_engine(f"sqlite+aiosqlite:///{db_path}")
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO note VALUES ('a')"))
        await engine.dispose()

    asyncio.run(write_in_a_task())
    after = counted(db_path)

    assert after.commits - before.commits == 1
    assert after.holds.count - before.holds.count == 1


def test_what_is_rolled_back_is_counted_apart(notes: Engine, db_path: Path) -> None:
    before = counted(db_path)

    with notes.connect() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a')"))
        connection.rollback()
    after = counted(db_path)

    assert (after.commits - before.commits, after.rollbacks - before.rollbacks) == (0, 1)


def test_reads_are_no_turns(notes: Engine, db_path: Path) -> None:
    before = counted(db_path)

    with notes.connect() as connection:
        connection.execute(text("SELECT * FROM note")).all()

    assert counted(db_path).holds == before.holds


def test_a_wait_is_as_long_as_the_hold_before_it(notes: Engine, db_path: Path) -> None:
    before = counted(db_path).waits.total
    gate = gate_for(str(db_path.resolve()))
    turn = gate.take(PATIENCE)
    writer = threading.Thread(target=write, args=(notes,))
    writer.start()
    while not gate.waiting():
        pass
    assert counted(db_path).waiting == 1
    turn.release()
    writer.join()

    assert counted(db_path).waits.total > before


def test_refusals_are_counted_by_their_cause(
    make_engine: EngineFactory, notes: Engine, db_path: Path
) -> None:
    hasty = make_engine(timeout=0.02, transaction="snapshot")
    gate = gate_for(str(db_path.resolve()))
    turn = gate.take(PATIENCE)
    refused = []

    def try_to_write() -> None:
        with pytest.raises(DatabaseLockedError) as caught:
            write(hasty)
        refused.append(caught.value)

    thread = threading.Thread(target=try_to_write)
    thread.start()
    thread.join()
    turn.release()
    with keeper(db_path, WRITES):
        try_to_write()
    with hasty.connect() as connection:
        connection.execute(text("SELECT * FROM note")).all()
        write(notes)
        with pytest.raises(StaleSnapshotError):
            connection.execute(text("INSERT INTO note VALUES ('b')"))

    assert len(refused) == 2
    assert counted(db_path).refused == {"turn": 1, "foreign_lock": 1, "stale_snapshot": 1}


def test_figures_last_as_long_as_the_engine_and_no_longer(
    make_engine: EngineFactory, tmp_path: Path
) -> None:
    path = tmp_path / "other.db"
    engine = make_engine(path)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    engine.dispose()

    assert counted(path).commits > 0
    assert figures_for("a database that nobody has").commits == 0
    assert "a database that nobody has" not in [each.database for each in collect()]


def test_a_shared_database_in_memory_has_no_file(make_engine: EngineFactory) -> None:
    engine = make_engine(
        "sqlite:///file:shared?mode=memory&cache=shared&uri=true", poolclass=QueuePool
    )
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
        (found,) = [each for each in collect() if "shared" in each.database]

    assert (found.database_bytes, found.wal_bytes) == (None, 0)


def test_a_duration_counts_in_the_bucket_that_it_fits() -> None:
    histogram = Histogram()

    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, 10**9):
        histogram.add(seconds)

    assert histogram.counts == [2, 1, *[0] * (len(BOUNDS) - 2), 1]
    assert histogram.total > 10**9


def test_figures_without_a_gate_are_told_too() -> None:
    figures = figures_for("nobody waits here")
    figures.ends(0.0, 0.1, kept=True)

    (found,) = [each for each in collect() if each.database == "nobody waits here"]

    assert (found.commits, found.waiting) == (1, 0)
    assert isinstance(figures, TurnFigures)


class Broken:
    def turn_ended(self, *_: object, **__: object) -> None:
        raise OSError("no space left")

    def writer_refused(self, *_: object) -> None:
        raise OSError("no space left")


def test_what_cannot_be_told_to_others_fails_no_writer(
    make_engine: EngineFactory, notes: Engine, db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted(db_path)
    hasty = make_engine(timeout=0.02)
    stop = listen(Broken())
    try:
        write(notes)
        with keeper(db_path, WRITES), pytest.raises(DatabaseLockedError):
            write(hasty)
    finally:
        stop()
    after = counted(db_path)

    assert after.commits - before.commits == 1
    assert after.refused["foreign_lock"] == 1
    told = {record.message for record in caplog.records if record.name == "hardlite.metrics"}
    path = db_path.resolve()
    assert told == {
        f"a turn on {path} was not counted everywhere",
        f"a refusal on {path} was not counted everywhere",
    }


# Prometheus


@pytest.fixture
def scrape() -> Iterator[Callable[[], dict[tuple[str, str], float]]]:
    """Serve what is registered, and fetch it as Prometheus does."""
    registry = CollectorRegistry()
    assert isinstance(register(registry), HardliteCollector)
    server, thread = start_http_server(0, "127.0.0.1", registry=registry)

    def scrape() -> dict[tuple[str, str], float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return {
            (
                sample.name,
                ",".join(value for _, value in sorted(sample.labels.items())),
            ): sample.value
            for family in families
            for sample in family.samples
        }

    yield scrape
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_scrape_has_what_was_counted(
    notes: Engine, db_path: Path, scrape: Callable[[], dict[tuple[str, str], float]]
) -> None:
    path = str(db_path.resolve())
    write(notes, 2)
    expected = counted(db_path)

    found = scrape()

    assert found["hardlite_turns_total", f"{path},commit"] == expected.commits
    assert found["hardlite_turns_total", f"{path},rollback"] == 0
    assert found["hardlite_turn_hold_seconds_count", path] == expected.holds.count
    assert found["hardlite_turn_hold_seconds_sum", path] == pytest.approx(expected.holds.total)
    assert found["hardlite_turn_hold_seconds_bucket", f"{path},30.0"] == expected.holds.count
    assert found["hardlite_turn_wait_seconds_bucket", f"{path},+Inf"] == expected.waits.count
    assert found["hardlite_refused_total", f"turn,{path}"] == 0
    assert found["hardlite_turns_waiting", path] == 0
    assert found["hardlite_wal_bytes", path] == expected.wal_bytes
    assert found["hardlite_database_bytes", path] == expected.database_bytes


def test_a_database_without_a_file_has_no_size(
    make_engine: EngineFactory, scrape: Callable[[], dict[tuple[str, str], float]]
) -> None:
    engine = make_engine(
        "sqlite:///file:sizeless?mode=memory&cache=shared&uri=true", poolclass=QueuePool
    )
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
        found = scrape()

    sizes = [labels for name, labels in found if name == "hardlite_database_bytes"]
    assert not any("sizeless" in labels for labels in sizes)


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alerts.yml"])
def test_dashboards_and_alerts_ask_for_what_is_exported(
    file: str, notes: Engine, scrape: Callable[[], dict[tuple[str, str], float]]
) -> None:
    write(notes)
    asked = set(re.findall(r"hardlite_[a-z_]+", (MONITORING / file).read_text("utf-8")))

    assert asked
    assert asked <= {name for name, _ in scrape()}


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(MissingExtraError, match="prometheus"):
        register()
