"""One process has the database; a second is told who that is, reads, or waits."""

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from hardlite import SingleInstance
from hardlite.errors import (
    ConfigurationError,
    DatabaseInUseError,
    ReadOnlySessionError,
    UsageError,
)
from tests.fixtures.lock_keepers import Keeper, keeper

FIRST = """
from sqlalchemy import text
from hardlite import SingleInstance

with SingleInstance(path) as instance:
    engine = instance.create_engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS note (words TEXT)"))
        connection.execute(text("INSERT INTO note VALUES ('first')"))
    hold()
    engine.dispose()
"""


class Waits:
    """A clock that does something while somebody sleeps by it."""

    def __init__(self, other: Keeper | None = None) -> None:
        self._other = other
        self.slept = 0.0

    def now(self) -> float:
        return self.slept

    def wall(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        if self._other is not None:
            self._other.end()


def count(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM note"))


def test_the_first_has_the_database(db_path: Path) -> None:
    with SingleInstance(db_path) as instance:
        engine = instance.create_engine(busy_timeout=7)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE note (words TEXT)"))
            assert connection.scalar(text("PRAGMA busy_timeout")) == 7000
        assert (instance.is_first, instance.first) == (True, None)
        engine.dispose()

    assert not Path(f"{db_path}-instance").exists()


def test_the_second_is_refused_with_who_the_first_is(db_path: Path) -> None:
    with keeper(db_path, FIRST) as first:
        with pytest.raises(DatabaseInUseError) as caught, SingleInstance(db_path):
            pass

        told = str(caught.value)
        assert (
            f"belongs to another instance of this program: thread 'MainThread' of process {first.pid} ("
            in told
        )


def test_the_second_may_read_and_is_told_why_no_more(db_path: Path) -> None:
    with (
        keeper(db_path, FIRST) as first,
        SingleInstance(db_path, second="read_only") as instance,
    ):
        engine = instance.create_engine()
        assert count(engine) == 1
        with (
            pytest.raises(ReadOnlySessionError, match=f"it belongs to .*process {first.pid}"),
            engine.begin() as connection,
        ):
            connection.execute(text("INSERT INTO note VALUES ('second')"))
        with pytest.raises(OperationalError, match="no such table"), engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM none_such"))
        assert not instance.is_first
        assert instance.first.pid == first.pid
        engine.dispose()


def test_the_second_may_wait_for_the_end_of_the_first(db_path: Path) -> None:
    with (
        keeper(db_path, FIRST) as first,
        SingleInstance(db_path, "wait", clock=Waits(first)) as instance,
    ):
        assert (instance.is_first, instance.first) == (True, None)


def test_the_second_does_not_wait_for_ever_if_it_has_a_timeout(db_path: Path) -> None:
    clock = Waits()
    with (
        keeper(db_path, FIRST),
        pytest.raises(DatabaseInUseError),
        SingleInstance(db_path, "wait", timeout=3, clock=clock),
    ):
        pass

    assert 3 <= clock.slept < 3.1


def test_a_killed_first_leaves_nothing_to_clean_up(db_path: Path) -> None:
    with keeper(db_path, FIRST) as first:
        os.kill(first.pid, signal.SIGKILL)
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)

        with SingleInstance(db_path) as instance:
            assert instance.is_first
        first.kill()


def test_every_spelling_is_the_same_database(db_path: Path) -> None:
    link = db_path.parent / "link.db"
    link.symlink_to(db_path)

    with (
        SingleInstance(f"sqlite:///{db_path}"),
        pytest.raises(DatabaseInUseError),
        SingleInstance(link),
    ):
        pass


def test_an_engine_belongs_into_the_block(db_path: Path) -> None:
    instance = SingleInstance(db_path)

    with pytest.raises(UsageError, match="outside of the block"):
        instance.create_engine()

    instance.__exit__(None, None, None)


def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="Nobody can be kept from"),
        SingleInstance(tmp_path / "none" / "app.db"),
    ):
        pass


def test_another_fate_of_the_second_is_not_known(db_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="second= cannot be 'fight'"):
        SingleInstance(db_path, "fight")
