"""The setting ``driver``: another SQLite for a program, and never two for one file."""

import os
import pickle
import sqlite3
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from hardlite import ConfigurationError, Profile, create_hardened_engine
from hardlite.connections.connection import (
    AnyHardenedConnection,
    HardenedConnection,
    connection_class,
)
from hardlite.connections.drivers import SQLITE3, driver_named, driver_of
from hardlite.database_names import file_of
from hardlite.errors import FileReplacedError, LockedByOtherError, MissingExtraError
from tests.fixtures.databases import EngineFactory
from tests.fixtures.programs import run_program


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS note (n)")
        connection.exec_driver_sql("INSERT INTO note VALUES (1)")


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        found: int = connection.exec_driver_sql("SELECT count(*) FROM note").scalar_one()
        return found


@pytest.fixture
def open_plainly(db_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of the default driver that has the test's file open, without an engine."""
    connection = sqlite3.connect(db_path, factory=HardenedConnection)
    yield connection
    connection.close()


WAYS: dict[str, Callable[[str], Engine]] = {
    "a keyword": lambda url: create_hardened_engine(url, driver="pysqlite3"),
    "the URL": lambda url: create_engine(f"{url}?plugin=hardlite&hardlite_driver=pysqlite3"),
    "a profile": lambda url: create_hardened_engine(url, profile=Profile(driver="pysqlite3")),
    "the URL of such an engine": lambda url: create_engine(
        create_hardened_engine(url, driver="pysqlite3").url
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_driver_comes_by(
    db_path: Path, pysqlite3: types.ModuleType, way: Callable[[str], Engine]
) -> None:
    engine = way(f"sqlite:///{db_path}")

    write(engine)

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar()
    engine.dispose()
    assert engine.dialect.loaded_dbapi is pysqlite3
    assert isinstance(driver, AnyHardenedConnection)
    assert isinstance(driver, pysqlite3.Connection)
    assert not isinstance(driver, HardenedConnection)
    assert version == pysqlite3.sqlite_version


def test_the_default_driver_is_pythons_own(engine: Engine) -> None:
    with engine.connect() as connection:
        assert type(connection.connection.driver_connection) is HardenedConnection
    assert engine.dialect.loaded_dbapi.sqlite_version == sqlite3.sqlite_version


@pytest.mark.usefixtures("pysqlite3")
def test_a_driver_has_one_class_of_connections() -> None:
    driver = driver_named("pysqlite3")

    assert driver is driver_named("pysqlite3")
    assert connection_class(driver) is connection_class(driver)
    assert connection_class(SQLITE3) is HardenedConnection


@pytest.mark.usefixtures("pysqlite3")
def test_a_pragma_is_set_by_this_driver_too(make_engine: EngineFactory) -> None:
    with make_engine(driver="pysqlite3", busy_timeout=2).connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]

    assert settings == ["wal", 1, 2000]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysqlite3.dbapi2", None)

    with pytest.raises(MissingExtraError) as caught:
        create_hardened_engine("sqlite://", driver="pysqlite3")

    assert "pip install 'hardlite[pysqlite3]'" in caught.value.hint


def test_a_driver_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="driver cannot be 'apsw'"):
        create_hardened_engine("sqlite://", driver="apsw")


@pytest.mark.usefixtures("pysqlite3")
def test_an_async_engine_has_the_default_driver_only() -> None:
    with pytest.raises(ConfigurationError, match="is for sync engines") as caught:
        create_hardened_engine("sqlite+aiosqlite://", driver="pysqlite3")

    assert "sqlite+aiosqlite:" in caught.value.hint


def test_the_module_may_be_given_as_well(
    make_engine: EngineFactory, pysqlite3: types.ModuleType
) -> None:
    engine = make_engine(driver="pysqlite3", module=pysqlite3)

    write(engine)

    assert count(engine) == 1


@pytest.mark.usefixtures("pysqlite3")
def test_another_module_than_the_drivers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite3\.Connection.*is that of pysqlite3"):
        create_hardened_engine("sqlite://", driver="pysqlite3", module=sqlite3)


@pytest.mark.usefixtures("pysqlite3")
def test_a_connection_of_another_driver_is_refused(make_engine: EngineFactory) -> None:
    engine = make_engine(
        "sqlite://",
        driver="pysqlite3",
        creator=lambda: sqlite3.connect(":memory:", factory=HardenedConnection),
    )

    with pytest.raises(ConfigurationError, match="that hardlite did not open"):
        engine.connect()


def test_a_plain_connection_of_its_own_is_refused(
    make_engine: EngineFactory, pysqlite3: types.ModuleType
) -> None:
    engine = make_engine(
        "sqlite://", driver="pysqlite3", creator=lambda: pysqlite3.connect(":memory:")
    )

    with pytest.raises(ConfigurationError, match="that hardlite did not open"):
        engine.connect()


class TestTwoLibraries:
    """Each would drop the locks of the other as it closes the file."""

    @pytest.mark.usefixtures("pysqlite3")
    @pytest.mark.parametrize("second", ["sqlite3", "pysqlite3"])
    def test_a_file_is_opened_by_one_of_them_at_a_time(
        self, make_engine: EngineFactory, db_path: Path, second: str
    ) -> None:
        first = "pysqlite3" if second == "sqlite3" else "sqlite3"
        one, other = make_engine(driver=first), make_engine(driver=second)
        write(one)

        with pytest.raises(ConfigurationError) as caught:
            write(other)

        assert f"driver={second!r} was about to open {db_path}" in str(caught.value)
        assert "engine.dispose()" in caught.value.hint
        one.dispose()
        write(other)
        assert count(other) == 2

    @pytest.mark.skipif(sys.platform != "linux", reason="the table of locks is Linux's")
    @pytest.mark.usefixtures("pysqlite3")
    def test_the_second_is_refused_before_it_drops_a_lock(
        self, make_engine: EngineFactory, db_path: Path
    ) -> None:
        def locks() -> list[str]:
            inode = f":{db_path.stat().st_ino} "
            lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
            return [line.partition(": ")[2] for line in lines if inode in line]

        with make_engine().begin() as connection:
            connection.exec_driver_sql("CREATE TABLE note (n)")
            before = locks()
            with pytest.raises(ConfigurationError):
                make_engine(driver="pysqlite3").connect()
            assert before
            assert locks() == before

    @pytest.mark.usefixtures("pysqlite3", "open_plainly")
    def test_another_spelling_is_the_same_file(
        self, make_engine: EngineFactory, db_path: Path
    ) -> None:
        link = db_path.with_name("link.db")
        link.symlink_to(db_path)
        spellings = [
            f"sqlite:///{link}",
            f"sqlite:///{os.path.relpath(db_path)}",
            f"sqlite:///file:{db_path}?mode=ro&uri=true",
        ]

        for url in spellings:
            with pytest.raises(ConfigurationError, match="was about to open"):
                make_engine(url, driver="pysqlite3").connect()

    @pytest.mark.usefixtures("pysqlite3", "open_plainly")
    def test_another_file_and_memory_are_nobodys_affair(
        self, make_engine: EngineFactory, tmp_path: Path
    ) -> None:
        for url in (f"sqlite:///{tmp_path / 'other.db'}", "sqlite://"):
            write(make_engine(url, driver="pysqlite3"))

    @pytest.mark.usefixtures("pysqlite3")
    def test_a_connection_that_was_collected_is_in_nobodys_way(
        self, make_engine: EngineFactory, db_path: Path
    ) -> None:
        connection = sqlite3.connect(db_path, factory=HardenedConnection)
        connection.close()
        del connection

        write(make_engine(driver="pysqlite3"))


@pytest.mark.parametrize(
    ("database", "file"),
    [
        ("/srv/app.db", "/srv/app.db"),
        (b"/srv/app.db", "/srv/app.db"),
        (Path("/srv/./app.db"), "/srv/app.db"),
        ("file:///srv/app.db", "/srv/app.db"),
        ("file:/srv/my%20app.db?mode=ro", "/srv/my app.db"),
        ("", ""),
        (":memory:", ""),
        ("file::memory:", ""),
        ("file:shared?mode=memory&cache=shared", ""),
        ("file:/shared?vfs=memdb", ""),
    ],
)
def test_a_name_is_read_as_sqlite_reads_it(database: str | bytes | Path, file: str) -> None:
    assert file_of(database) == file


FORKED = """
import os, sqlite3, sys
sys.path.insert(0, sys.argv[2])
from hardlite.connections.connection import HardenedConnection, connection_class
from hardlite.database_names import file_of
from hardlite.connections.drivers import driver_named
from tests.fixtures.drivers import stand_in
sys.modules["pysqlite3.dbapi2"] = stand_in()
connection = sqlite3.connect(sys.argv[1], factory=HardenedConnection)
process = os.fork()
if process == 0:
    connection_class(driver_named("pysqlite3"))(sys.argv[1]).close()
    os._exit(0)
print(os.waitpid(process, 0)[1])
connection.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_what_the_parent_has_open_binds_no_child(tmp_path: Path, db_path: Path) -> None:
    """POSIX locks are not inherited, and the child never uses the connection."""
    root = Path(__file__).parents[2]

    assert run_program(tmp_path, FORKED, db_path, root).split() == ["0"]


class TestErrors:
    """What hardlite raises on a connection is an error of its driver, so SQLAlchemy wraps it."""

    @pytest.fixture
    def foreign(self) -> types.ModuleType:
        """A module whose errors are not those of Python's own sqlite3, as those of pysqlite3."""
        module = types.ModuleType("pysqlite3.dbapi2")
        module.Connection, module.Cursor = sqlite3.Connection, sqlite3.Cursor
        module.sqlite_version_info = sqlite3.sqlite_version_info
        module.OperationalError = type("OperationalError", (Exception,), {})
        return module

    def test_they_are_of_both_kinds(self, foreign: types.ModuleType) -> None:
        driver = driver_of(foreign)
        error = driver.locked_error("database is locked", hint="wait", waited=2.0)
        replaced = driver.replaced_error("it was replaced", hint="stop that")

        assert isinstance(error, foreign.OperationalError)
        assert isinstance(error, LockedByOtherError)
        assert isinstance(replaced, foreign.OperationalError)
        assert isinstance(replaced, FileReplacedError)
        assert type(error).__module__ == "hardlite.errors"
        assert type(error).__name__ == "LockedByOtherError"
        assert driver.name == "pysqlite3"

    def test_those_of_the_default_driver_are_the_classes_themselves(self) -> None:
        assert SQLITE3.locked_error is LockedByOtherError
        assert SQLITE3.replaced_error is FileReplacedError

    def test_a_process_without_the_driver_can_read_them(self, foreign: types.ModuleType) -> None:
        driver = driver_of(foreign)
        errors = (
            driver.locked_error("locked", hint="wait", waited=2.0, stale=True),
            driver.replaced_error("replaced", hint="stop"),
        )

        locked, replaced = pickle.loads(pickle.dumps(errors))  # noqa: S301 - of our own making

        assert type(locked) is LockedByOtherError
        assert (str(locked), locked.hint, locked.waited, locked.stale) == (
            "locked",
            "wait",
            2.0,
            True,
        )
        assert type(replaced) is FileReplacedError
        assert (str(replaced), replaced.hint) == ("replaced", "stop")
