"""Several processes write down what they count, and one scrape has all of it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from hardlite.integrations.prometheus.processes import ProcessMetrics
from tests.fixtures.clocks import SetClock

WRITES = """
import json, sqlite3, sys
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from hardlite import create_hardened_engine
from hardlite.integrations.prometheus import register
from hardlite.metrics import collect

path = sys.argv[1]
assert register() is None
assert register() is None

def work(times):
    engine = create_hardened_engine(f"sqlite:///{path}", timeout=30)
    for number in range(times):
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO note VALUES ('a')"))
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO note VALUES ('b')"))
        connection.rollback()
    (each,) = collect()
    print(json.dumps([each.commits, each.rollbacks, each.holds.count, each.holds.total]), flush=True)
    engine.dispose()
"""
ALONE = f"{WRITES}\nwork(int(sys.argv[2]))\n"
FORKED = f"""{WRITES}
import os
children = []
for times in (3, 5):
    child = os.fork()
    if not child:
        work(times)
        os._exit(0)
    children.append(child)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
"""
REFUSED = f"""{WRITES}
engine = create_hardened_engine(f"sqlite:///{{path}}", timeout=0.02)
other = sqlite3.connect(path, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
try:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES ('a')"))
except OperationalError:
    print("refused")
other.close()
engine.dispose()
"""


@pytest.fixture
def notes(db_path: Path) -> Path:
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE note (words TEXT)")
    return db_path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "prometheus"
    made.mkdir()
    return made


def start(directory: Path, program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
    )


def said(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate()
    assert process.returncode == 0
    return out.splitlines()


def scrape(directory: Path) -> dict[tuple[str, str], float]:
    """What whoever answers a scrape makes of the files of all processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, ",".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def require_sums(found: dict[tuple[str, str], float], path: Path, counted: list[str]) -> None:
    """Every number is the sum of what the processes themselves have counted."""
    commits, rollbacks, holds, seconds = map(sum, zip(*map(json.loads, counted), strict=True))
    assert found["hardlite_turns_total", f"{path},commit"] == commits
    assert found["hardlite_turns_total", f"{path},rollback"] == rollbacks
    assert found["hardlite_turn_hold_seconds_count", str(path)] == holds
    assert found["hardlite_turn_hold_seconds_sum", str(path)] == pytest.approx(seconds)
    assert found["hardlite_turn_wait_seconds_bucket", f"{path},+Inf"] == holds
    assert found["hardlite_turn_hold_seconds_bucket", f"{path},30.0"] == holds


def test_a_scrape_adds_up_what_processes_count(notes: Path, directory: Path) -> None:
    started = [start(directory, ALONE, notes, times) for times in (3, 5)]
    counted = [line for process in started for line in said(process)]

    found = scrape(directory)

    assert len(counted) == 2
    require_sums(found, notes.resolve(), counted)
    assert found["hardlite_database_bytes", str(notes.resolve())] > 0
    assert ("hardlite_wal_bytes", str(notes.resolve())) in found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_who_registered_before_a_fork_counts_in_each_child(notes: Path, directory: Path) -> None:
    counted = said(start(directory, FORKED, notes))

    assert len(counted) == 2
    require_sums(scrape(directory), notes.resolve(), counted)


def test_a_refusal_is_written_down_with_its_cause(notes: Path, directory: Path) -> None:
    assert said(start(directory, REFUSED, notes)) == ["refused"]

    assert scrape(directory)["hardlite_refused_total", f"foreign_lock,{notes.resolve()}"] == 1


def test_sizes_are_looked_at_once_a_second_at_the_most(tmp_path: Path) -> None:
    clock, path = SetClock(), tmp_path / "app.db"
    metrics = ProcessMetrics(clock)

    def after(size: int, seconds: float) -> float:
        path.write_bytes(b"a" * size)
        clock.sleep(seconds)
        metrics.turn_ended(str(path), 0.0, 0.1, kept=True)
        (family,) = metrics._sizes[0][1].collect()
        (sample,) = family.samples
        return sample.value

    assert [after(10, 0.0), after(20, 0.5), after(30, 0.6)] == [10, 10, 30]
    (wal,) = metrics._sizes[1][1].collect()
    assert wal.samples == []
