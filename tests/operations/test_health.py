"""`health`: yes or no, and why."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hardlite import ConfigurationError, health
from tests.fixtures.clocks import SetClock
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc


def test_a_good_database_is_healthy_while_it_is_written(make_engine: EngineFactory) -> None:
    engine = make_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")

        found = health(engine, clock=SetClock())

    assert (found.ok, found.holder) == (True, None)
    assert found.to_dict()["holder"] is None
    assert "not-wal" not in found.to_dict()["problems"]


@needs_proc
def test_one_whose_writer_is_stopped_is_not(db_path: Path) -> None:
    source = (
        "c = connect('wal'); c.execute('CREATE TABLE t (a)'); c.execute('BEGIN IMMEDIATE'); hold()"
    )
    with keeper(db_path, source) as child:
        child.stop()
        found = health(db_path, clock=SetClock())
        child.go_on()

    assert not found.ok
    assert found.problems[0].name == "stopped-holder"
    assert found.holder is not None
    assert found.holder.stopped


@needs_proc
def test_a_program_that_keeps_the_write_lock_is_named(db_path: Path) -> None:
    source = (
        "c = connect('wal'); c.execute('CREATE TABLE t (a)'); c.execute('BEGIN IMMEDIATE'); hold()"
    )
    with keeper(db_path, source) as child:
        found = health(db_path, clock=SetClock())

    assert found.ok
    assert found.holder is not None
    assert found.to_dict()["holder"]["pid"] == child.pid


def test_what_is_grave_and_not_critical_is_told_and_it_is_healthy(db_path: Path) -> None:
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute("CREATE TABLE t (a)")

    told = json.loads(json.dumps(health(db_path).to_dict()))

    assert (told["schema"], told["path"], told["ok"]) == ("hardlite.health/1", str(db_path), True)
    assert "not-wal" in told["problems"]


def test_what_is_no_database_is_not_healthy_and_what_is_missing_is_an_error(db_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no database"):
        health(db_path)
    db_path.write_bytes(b"something else " * 100)

    assert [problem.name for problem in health(db_path).problems] == ["not-a-database"]
