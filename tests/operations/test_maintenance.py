"""A keeper does what is due, and what could not be done comes back later."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import Maintenance, verify
from hardlite.errors import ConfigurationError
from hardlite.operations import maintenance as module
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.clocks import SetClock
from tests.fixtures.lock_keepers import keeper
from tests.operations.test_upkeep import HAS_TURN


def wal_of(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


def test_each_task_is_done_when_it_is_due(notes: Engine, db_path: Path, tmp_path: Path) -> None:
    clock = SetClock()
    keeper_ = Maintenance(
        notes,
        checkpoint_every=60,
        optimize_every=100,
        backup_every=500,
        backup_to=tmp_path / "kept-{time}.db",
        keep=1,
        clock=clock,
    )

    assert keeper_.run_due() == 60
    assert wal_of(db_path) > 0
    clock.reading += 60
    assert keeper_.run_due() == 40
    assert wal_of(db_path) == 0
    clock.reading += 40
    assert keeper_.run_due() == 20
    with notes.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sqlite_schema")) >= 2
    assert list(tmp_path.glob("kept-*")) == []
    for _ in range(2):
        clock.reading += 500
        keeper_.run_due()
    (kept,) = tmp_path.glob("kept-*.db")
    assert verify(kept).ok


def test_what_cannot_have_its_turn_is_put_off(
    notes: Engine, db_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.01)
    clock = SetClock()
    work = Maintenance(notes, checkpoint_every=60, clock=clock)
    clock.reading += 60

    with keeper(db_path, HAS_TURN):
        assert work.run_due() == pytest.approx(6)
    clock.reading += 6
    assert work.run_due() == 60

    assert "checkpoint was not done, and is tried again" in caplog.text
    assert wal_of(db_path) == 0


def test_it_works_in_a_thread_until_it_is_stopped(notes: Engine) -> None:
    made = threading.Event()
    work = Maintenance(notes, checkpoint_every=0.001)
    usual = work._tasks[0].run
    work._tasks[0].run = lambda: (usual(), made.set())

    with work:
        work.start()
        assert made.wait(PATIENCE)
        assert [thread.name for thread in threading.enumerate()].count("hardlite-maintenance") == 1
    work.stop()

    assert "hardlite-maintenance" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "nothing to do"),
        ({"checkpoint_every": 0}, "checkpoint_every= cannot be 0"),
        ({"backup_every": 60}, "needs backup_to="),
        ({"backup_every": 60, "backup_to": "app.db"}, "needs backup_to="),
    ],
)
def test_what_makes_no_sense_is_refused(
    notes: Engine, options: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Maintenance(notes, **options)
