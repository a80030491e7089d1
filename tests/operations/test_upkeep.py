"""Checkpoints, `optimize` and `vacuum` take turns, and say what they did."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import (
    DatabaseLockedError,
    backup,
    checkpoint,
    holders,
    optimize,
    vacuum,
    verify,
)
from hardlite.errors import BackupError, ConfigurationError
from hardlite.operations import upkeep
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc
from tests.operations.conftest import ROWS

READS = """
c = connect()
c.execute("BEGIN")
c.execute("SELECT count(*) FROM note").fetchall()
hold()
"""
HAS_TURN = """
from sqlalchemy import text
from hardlite import create_hardened_engine

engine = create_hardened_engine(f"sqlite:///{path}")
with engine.begin() as connection:
    connection.execute(text("DELETE FROM note WHERE id = 1"))
    hold()
engine.dispose()
"""


def test_a_checkpoint_brings_the_wal_into_the_database(notes: Engine, db_path: Path) -> None:
    done = checkpoint(notes)

    assert done.complete
    assert done.wal_before > 0
    assert (done.wal_after, Path(f"{db_path}-wal").stat().st_size) == (0, 0)
    assert done.copied == done.pages > 0
    assert done.to_dict()["readers"] == []
    assert holders(notes).turn is None


@needs_proc
def test_a_checkpoint_tells_who_reads_from_the_wal(notes: Engine, db_path: Path) -> None:
    with keeper(db_path, READS) as process:
        with notes.begin() as connection:
            connection.execute(text("DELETE FROM note WHERE id < 100"))
        done = checkpoint(notes, patience=0.01)

    assert not done.complete
    assert done.copied < done.pages
    assert done.wal_after > 0
    assert [reader.pid for reader in done.readers] == [process.pid]
    assert [told["pid"] for told in done.to_dict()["readers"]] == [process.pid]


def test_a_database_without_a_wal_has_nothing_to_bring(make_engine: EngineFactory) -> None:
    engine = make_engine(journal_mode="delete")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))

    done = checkpoint(engine)

    assert (done.complete, done.pages, done.copied, done.wal_before) == (True, 0, 0, 0)


@pytest.mark.parametrize("work", [checkpoint, optimize, vacuum])
def test_they_wait_for_their_turn_and_name_who_has_it(
    notes: Engine, db_path: Path, work: Callable[..., object]
) -> None:
    with (
        keeper(db_path, HAS_TURN) as process,
        pytest.raises(DatabaseLockedError, match=f"process {process.pid}"),
    ):
        work(notes, timeout=0.05)


@pytest.mark.parametrize("work", [checkpoint, optimize, vacuum])
def test_there_has_to_be_a_database(db_path: Path, work: Callable[..., object]) -> None:
    with pytest.raises(ConfigurationError, match="There is no database"):
        work(db_path)

    assert not db_path.exists()


@pytest.mark.parametrize("work", [optimize, vacuum])
def test_what_is_no_database_is_told(db_path: Path, work: Callable[..., object]) -> None:
    db_path.write_bytes(b"no database" * 1000)

    with pytest.raises(BackupError, match="file is not a database"):
        work(db_path)

    assert db_path.read_bytes() == b"no database" * 1000


@pytest.mark.parametrize("knows_all_tables", [(0, 0, 0), (99, 0, 0)])
def test_optimize_counts_where_indexes_lead(
    notes: Engine, knows_all_tables: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways; the older SQLite knows but one of them."""
    monkeypatch.setattr(upkeep, "_KNOWS_ALL_TABLES", knows_all_tables)
    knows = upkeep.driver_for(notes).version >= (3, 46, 0)

    done = optimize(notes)

    assert done.took >= 0
    with notes.connect() as connection, contextlib.suppress(Exception):
        stat = connection.execute(text("SELECT idx FROM sqlite_stat1")).scalars().all()
        assert stat == ["by_words"] or not knows


def test_vacuum_gives_empty_pages_back(notes: Engine, db_path: Path) -> None:
    with notes.begin() as connection:
        connection.execute(text("DELETE FROM note WHERE id > 10"))

    done = vacuum(notes)
    checkpoint(notes)

    assert done.bytes_after < done.bytes_before / 10
    assert db_path.stat().st_size == done.bytes_after == done.to_dict()["bytes_after"]
    assert verify(notes).content.rows["note"] == 10


def test_a_backup_and_a_vacuum_do_not_meet_in_the_file(notes: Engine, tmp_path: Path) -> None:
    done = []

    def progress(*_: int) -> None:
        if not done:
            done.append(vacuum(notes))

    backup(notes, tmp_path / "copy.db", progress=progress)

    assert verify(tmp_path / "copy.db").content.rows == {"note": ROWS}
    assert verify(notes).ok
