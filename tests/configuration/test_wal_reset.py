"""A SQLite that may have the WAL-reset bug is told of, once, where it matters."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.pool import StaticPool

from hardlite import create_hardened_engine
from hardlite.connections.drivers import SQLITE3, Driver
from hardlite.wal_reset import wal_reset_report

Link = Callable[[tuple[int, int, int]], None]


def linked(version: tuple[int, int, int], name: str = "sqlite3") -> Driver:
    return dataclasses.replace(SQLITE3, version=version, name=name)


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Link:
    """Make engines believe that their driver is linked with another version of SQLite."""
    monkeypatch.setattr("hardlite.wal_reset._told", set())

    def choose(version: tuple[int, int, int]) -> None:
        monkeypatch.setattr("hardlite.engine.driver_named", lambda _: linked(version))

    return choose


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Gives what was said of the bug."""
    caplog.set_level(logging.INFO, logger="hardlite.engine")
    return lambda: [r.getMessage() for r in caplog.records if "WAL-reset" in r.getMessage()]


def test_it_tells_which_version_what_can_happen_and_what_to_do() -> None:
    report = wal_reset_report(linked((3, 40, 1)))

    assert report is not None
    assert "SQLite 3.40.1, with which sqlite3 is linked" in report
    assert "damage the file" in report
    assert "hardlite runs every checkpoint in a turn" in report
    assert "3.51.3 or newer (driver='pysqlite3' brings one)" in report
    assert "no PRAGMA wal_checkpoint from programs without hardlite" in report


def test_whoever_has_the_other_driver_is_not_told_to_take_it() -> None:
    report = wal_reset_report(linked((3, 46, 0), "pysqlite3"))

    assert report is not None
    assert "upgrade pysqlite3" in report
    assert "driver=" not in report


def test_there_is_nothing_to_tell_of_a_mended_one() -> None:
    assert wal_reset_report(linked((3, 51, 3))) is None


def test_an_engine_on_a_file_tells_it_once_in_a_process(
    link: Link, told: Callable[[], list[str]], db_path: Path
) -> None:
    link((3, 40, 1))
    for _ in range(3):
        create_hardened_engine(f"sqlite:///{db_path}")
    assert len(told()) == 1

    link((3, 51, 2))
    create_hardened_engine(f"sqlite:///{db_path}")

    assert [message.split(",")[0] for message in told()] == ["SQLite 3.40.1", "SQLite 3.51.2"]


def test_it_is_information_and_no_warning(
    link: Link, caplog: pytest.LogCaptureFixture, db_path: Path
) -> None:
    link((3, 40, 1))
    caplog.set_level(logging.INFO)

    create_hardened_engine(f"sqlite:///{db_path}")

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("hardlite.engine", logging.INFO)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("sqlite://", {}),
        ("sqlite:///:memory:", {}),
        ("sqlite:///file:shared?mode=memory&cache=shared&uri=true", {"poolclass": StaticPool}),
        ("sqlite:///file:app.db?mode=ro&uri=true", {}),
        ("sqlite:///app.db", {"journal_mode": "delete"}),
    ],
)
def test_who_writes_no_wal_is_told_nothing(
    link: Link, told: Callable[[], list[str]], url: str, settings: dict[str, object]
) -> None:
    link((3, 40, 1))

    create_hardened_engine(url, **settings)

    assert told() == []


def test_nothing_is_said_of_a_mended_sqlite(
    link: Link, told: Callable[[], list[str]], db_path: Path
) -> None:
    link((3, 51, 3))

    create_hardened_engine(f"sqlite:///{db_path}")

    assert told() == []
