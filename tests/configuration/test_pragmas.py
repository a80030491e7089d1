"""Pragmas are set, read back and compared on whatever kind of database a URL names."""

import logging
import sqlite3
import sys
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, exc
from sqlalchemy.pool import NullPool, QueuePool

from hardlite import ConfigurationError, PragmaRejectedError, Profile
from hardlite.connections.connection import HardenedConnection
from hardlite.filesystems import is_network
from hardlite.wal_reset import wal_reset_bug
from tests.fixtures.databases import EngineFactory

MEBIBYTE = 1024 * 1024
ON_A_FILE = {
    "journal_mode": "wal",
    "synchronous": 1,
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "cache_size": -64000,
    "temp_store": 2,
    "wal_autocheckpoint": 1000,
    "journal_size_limit": 64 * MEBIBYTE,
}
IN_MEMORY = {
    name: value
    for name, value in ON_A_FILE.items()
    if name not in {"journal_mode", "journal_size_limit"}
}


def held(engine: Engine, names: dict[str, object]) -> dict[str, object]:
    """What SQLite answers when it is asked for these pragmas."""
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


def make_database(path: Path, journal_mode: str = "delete") -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute("CREATE TABLE note (n)")
    connection.commit()
    connection.close()


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_defaults_are_in_force_on_a_file(engine: Engine) -> None:
    assert held(engine, ON_A_FILE) == ON_A_FILE


def test_every_setting_of_a_profile_is_in_force_on_a_file(make_engine: EngineFactory) -> None:
    engine = make_engine(
        profile=Profile(
            journal_mode="truncate",
            synchronous="extra",
            foreign_keys=False,
            busy_timeout=0.25,
            cache_size=77,
            temp_store="file",
            wal_autocheckpoint=0,
            journal_size_limit=-1,
            mmap_size=MEBIBYTE,
        )
    )
    expected: dict[str, object] = {
        "journal_mode": "truncate",
        "synchronous": 3,
        "foreign_keys": 0,
        "busy_timeout": 250,
        "cache_size": 77,
        "temp_store": 1,
        "wal_autocheckpoint": 0,
        "journal_size_limit": -1,
        "mmap_size": MEBIBYTE,
    }

    assert held(engine, expected) == expected


@pytest.mark.parametrize("preset", [Profile.durable(), Profile.strict()], ids=["durable", "strict"])
def test_a_preset_is_in_force(make_engine: EngineFactory, preset: Profile) -> None:
    synchronous = {"normal": 1, "full": 2}[preset.synchronous]

    assert held(make_engine(profile=preset), ON_A_FILE) == {**ON_A_FILE, "synchronous": synchronous}


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "memory", "off"])
def test_another_journal_mode_than_wal_is_in_force(make_engine: EngineFactory, mode: str) -> None:
    engine = make_engine(journal_mode=mode)

    assert held(engine, {"journal_mode": mode}) == {"journal_mode": mode}


def test_every_connection_of_the_pool_is_configured(make_engine: EngineFactory) -> None:
    engine = make_engine(poolclass=QueuePool, pool_size=3)
    connections = [engine.connect() for _ in range(3)]

    answers = [c.exec_driver_sql("PRAGMA foreign_keys").scalar() for c in connections]
    for connection in connections:
        connection.close()

    assert answers == [1, 1, 1]


def test_mmap_is_off_where_this_sqlite_may_lose_frames(make_engine: EngineFactory) -> None:
    """Mapping is for SQLite without the WAL-reset bug, on a local disk, in 64 bits, on Linux."""
    safe = (
        sys.platform == "linux"
        and sys.maxsize > 2**32
        and not wal_reset_bug(sqlite3.sqlite_version_info)
    )
    expected = 256 * MEBIBYTE if safe else 0

    assert held(make_engine(), {"mmap_size": 0}) == {"mmap_size": expected}


def test_mmap_is_on_where_sqlite_is_mended_and_the_disk_local(
    make_engine: EngineFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardlite.pragmas.wal_reset_bug", lambda _: False)
    monkeypatch.setattr("sys.platform", "linux")

    assert held(make_engine(), {"mmap_size": 0}) == {"mmap_size": 256 * MEBIBYTE}


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_the_versions_with_the_wal_reset_bug_are_known(
    version: tuple[int, int, int], *, affected: bool
) -> None:
    assert wal_reset_bug(version) is affected


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:/shelf?vfs=memdb&uri=true",
    ],
)
def test_a_database_in_memory_is_configured_without_a_file(
    make_engine: EngineFactory, url: str
) -> None:
    assert held(make_engine(url), IN_MEMORY) == IN_MEMORY


def test_a_shared_cache_in_memory_is_one_database_for_all_connections(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine(
        "sqlite:///file:shelf?mode=memory&cache=shared&uri=true", poolclass=QueuePool
    )
    with engine.connect() as first, engine.connect() as second:
        first.exec_driver_sql("CREATE TABLE note (n)")
        first.commit()
        second.exec_driver_sql("INSERT INTO note VALUES (1)")
        second.commit()
        notes = first.exec_driver_sql("SELECT count(*) FROM note").scalar()

    assert notes == 1
    assert held(engine, IN_MEMORY) == IN_MEMORY


@pytest.mark.parametrize("name", ["with space.db", "größe-数据.db", "100%.db", "it's mine.db"])
def test_any_name_a_file_may_have_will_do(
    make_engine: EngineFactory, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    engine = make_engine(f"sqlite:///file:{quote(str(path))}?uri=true")

    assert held(engine, ON_A_FILE) == ON_A_FILE
    assert path.is_file()


def test_a_plain_path_may_have_spaces_and_any_letters(
    make_engine: EngineFactory, tmp_path: Path
) -> None:
    path = tmp_path / "büro ordner" / "größe 数据.db"
    path.parent.mkdir()

    assert held(make_engine(path), ON_A_FILE) == ON_A_FILE
    assert path.is_file()


@pytest.mark.parametrize("query", ["mode=ro", "immutable=1", "mode=ro&immutable=1"])
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_read_only_database_is_configured_and_never_changed(
    make_engine: EngineFactory,
    db_path: Path,
    caplog: pytest.LogCaptureFixture,
    query: str,
    journal_mode: str,
) -> None:
    make_database(db_path, journal_mode)
    before = db_path.read_bytes()
    engine = make_engine(f"sqlite:///file:{db_path}?{query}&uri=true")
    expected = {name: value for name, value in ON_A_FILE.items() if name != "journal_mode"}

    assert held(engine, expected) == expected
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM note").scalar() == 0
        with pytest.raises(exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("INSERT INTO note VALUES (1)")
    engine.dispose()
    assert db_path.read_bytes() == before
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    ("setting", "held_instead"),
    [
        # The bound of a default build (sqlite.org, "Implementation Limits").
        ({"mmap_size": 2**40}, r"\d+"),
        ({"cache_size": 2**40}, "0"),
        ({"wal_autocheckpoint": -1}, "0"),
        ({"journal_size_limit": -5}, "-1"),
    ],
)
def test_a_value_that_sqlite_bends_is_refused(
    make_engine: EngineFactory, setting: dict[str, int], held_instead: str
) -> None:
    ((name, value),) = setting.items()
    engine = make_engine(**setting)

    with pytest.raises(
        PragmaRejectedError, match=f"{name} was set to {value}, but SQLite .* holds {held_instead}"
    ) as caught:
        engine.connect()

    assert f"give the engine {name}= a value it accepts" in caught.value.hint


def test_a_refused_connection_is_closed(make_engine: EngineFactory) -> None:
    """Early releases of SQLAlchemy 2.0 forget it, so nobody else would close it."""
    refused: list[HardenedConnection] = []

    class Noticed(HardenedConnection):
        def close(self) -> None:
            refused.append(self)
            super().close()

    engine = make_engine(
        cache_size=2**40, creator=lambda: sqlite3.connect(":memory:", factory=Noticed)
    )
    with pytest.raises(PragmaRejectedError):
        engine.connect()

    assert refused
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        refused[0].execute("SELECT 1")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has no setconfig before 3.12")
def test_a_journal_mode_that_sqlite_keeps_is_refused(
    make_engine: EngineFactory, db_path: Path
) -> None:
    """A defensive connection never switches its journal off.

    sqlite.org, "Database Connection Configuration Options".
    """

    def defensive() -> sqlite3.Connection:
        connection = sqlite3.connect(db_path, factory=HardenedConnection)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)
        return connection

    engine = make_engine(journal_mode="off", creator=defensive)

    with pytest.raises(PragmaRejectedError, match=r"set to off, but SQLite .* holds delete"):
        engine.connect()


def test_a_file_that_others_have_open_in_wal_does_not_leave_it(
    make_engine: EngineFactory, db_path: Path
) -> None:
    """To leave WAL a connection must be the only one (sqlite.org, "Write-Ahead Logging")."""
    make_database(db_path, "wal")
    other = sqlite3.connect(db_path)
    other.execute("SELECT * FROM note").fetchall()
    engine = make_engine(journal_mode="delete", timeout=0, busy_timeout=0)

    with pytest.raises(exc.OperationalError, match="database is locked") as caught:
        engine.connect()
    other.close()

    assert caught.value.orig is not None
    assert caught.value.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY  # type: ignore[attr-defined]
    assert held(engine, {"journal_mode": "delete"}) == {"journal_mode": "delete"}


@pytest.mark.parametrize("connections", [1, 3])
def test_where_sqlite_has_no_wal_that_is_said_once_and_the_file_works(
    make_engine: EngineFactory, db_path: Path, caplog: pytest.LogCaptureFixture, connections: int
) -> None:
    """Without locks SQLite has no WAL either (sqlite.org, "Uniform Resource Identifiers")."""
    engine = make_engine(f"sqlite:///file:{db_path}?nolock=1&uri=true", poolclass=QueuePool)
    opened = [engine.connect() for _ in range(connections)]
    for connection in opened:
        connection.close()

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")

    # NORMAL is safe in WAL only, so a rollback journal gets FULL.
    expected: dict[str, object] = {"journal_mode": "delete", "synchronous": 2}
    assert held(engine, expected) == expected
    assert warnings_of(caplog) == [
        (
            f"no WAL for {db_path}: SQLite stays at journal_mode delete. "
            "Readers and writers will wait for each other."
        )
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="names have another bound there")
def test_where_no_second_file_can_be_made_the_loss_of_wal_is_said_once(
    make_engine: EngineFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A name may have 255 characters, and "-journal" does not fit behind this one any more."""
    path = tmp_path / f"{'n' * 247}.db"
    engine = make_engine(path, poolclass=NullPool)

    expected: dict[str, object] = {"journal_mode": "delete", "foreign_keys": 1, "synchronous": 2}
    assert held(engine, expected) == expected
    assert warnings_of(caplog) == [
        (
            f"no WAL for {path}: SQLite answered: unable to open database file. "
            "Readers and writers will wait for each other."
        )
    ]


@pytest.fixture
def network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's directory, declared to be a network file system by a list of mounts."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:50 / {tmp_path} rw - nfs4 server:/x rw\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("hardlite.pragmas.is_network", partial(is_network, mounts=mounts))


@pytest.mark.usefixtures("network_disk")
def test_on_a_network_disk_a_rollback_journal_is_used_and_that_is_said_once(
    make_engine: EngineFactory, db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected: dict[str, object] = {"journal_mode": "delete", "mmap_size": 0, "synchronous": 2}

    assert held(make_engine(), expected) == expected
    assert held(make_engine(), expected) == expected
    assert held(make_engine(synchronous="off"), {"synchronous": 0}) == {"synchronous": 0}
    assert warnings_of(caplog) == [
        (
            f"no WAL for {db_path}: it is on a network file system, where WAL loses data. "
            "Readers and writers will wait for each other."
        )
    ]


@pytest.mark.usefixtures("network_disk")
def test_a_network_disk_is_refused_where_that_is_asked_for(
    make_engine: EngineFactory, db_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="is on a network file system") as caught:
        make_engine(network="refuse").connect()

    assert str(db_path) in str(caught.value)
    assert "local disk" in caught.value.hint


def test_a_file_with_two_names_gets_a_rollback_journal_and_that_is_said_once(
    make_engine: EngineFactory, db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each name would have a WAL of its own, and the commits in one are not seen in the other."""
    other = db_path.with_name("other.db")
    make_database(db_path, "delete")
    other.hardlink_to(db_path)

    for path in (db_path, db_path, other):
        assert held(make_engine(path), {"journal_mode": "delete"}) == {"journal_mode": "delete"}

    assert [text.partition(" (a hard link)")[0] for text in warnings_of(caplog)] == [
        f"no WAL for {path}: the file has another name" for path in (db_path, other)
    ]


def test_a_local_disk_is_not_refused(make_engine: EngineFactory) -> None:
    assert held(make_engine(network="refuse"), {"journal_mode": "wal"}) == {"journal_mode": "wal"}


@pytest.mark.usefixtures("network_disk")
def test_on_a_network_disk_a_file_in_wal_is_taken_out_of_it(
    make_engine: EngineFactory, db_path: Path
) -> None:
    make_database(db_path, "wal")

    assert held(make_engine(), {"journal_mode": "delete"}) == {"journal_mode": "delete"}


def test_what_is_no_database_is_sqlites_own_error(
    make_engine: EngineFactory, db_path: Path
) -> None:
    db_path.write_text("city,country\nBern,Switzerland\n" * 100, encoding="utf-8")

    with pytest.raises(exc.DatabaseError, match="file is not a database") as caught:
        make_engine().connect()

    assert caught.value.orig is not None
    assert caught.value.orig.sqlite_errorcode == sqlite3.SQLITE_NOTADB  # type: ignore[attr-defined]


def test_a_directory_is_sqlites_own_error(make_engine: EngineFactory, tmp_path: Path) -> None:
    with pytest.raises(exc.OperationalError, match="unable to open database file"):
        make_engine(tmp_path).connect()


def test_a_missing_directory_is_sqlites_own_error_and_is_not_made(
    make_engine: EngineFactory, tmp_path: Path
) -> None:
    with pytest.raises(exc.OperationalError, match="unable to open database file"):
        make_engine(tmp_path / "missing" / "app.db").connect()

    assert not (tmp_path / "missing").exists()


def test_an_empty_file_becomes_a_database(make_engine: EngineFactory, db_path: Path) -> None:
    db_path.touch()

    assert held(make_engine(), ON_A_FILE) == ON_A_FILE
