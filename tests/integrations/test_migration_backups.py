"""The backup before the first change."""

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from hardlite import ConfigurationError, MigrationFailedError
from hardlite.clock import system_clock
from hardlite.connections.drivers import SQLITE3
from hardlite.integrations.alembic import Backups
from hardlite.integrations.alembic.backups import make_backup, prune_backups
from tests.fixtures.alembic_projects import REBUILD, AlembicProject


def dump(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_the_backup_is_the_file_as_it_was_before_the_run(project: AlembicProject) -> None:
    project.family()
    project.database.chmod(0o640)
    project.add("two", REBUILD)
    before = project.content()

    project.upgrade()

    (backup,) = project.backups()
    assert dump(backup) == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert not list(project.home.glob("*.part"))
    assert not list(project.home.glob("*-before-migration-*-wal"))


def test_a_new_file_has_nothing_to_back_up(project: AlembicProject) -> None:
    project.add("one", "pass")

    project.upgrade()

    assert project.backups() == []


def test_the_newest_stay(project: AlembicProject) -> None:
    project.env("backups=Backups(keep=2)")
    project.family()

    for number in range(4):
        project.add(f"more{number}", f'op.create_table("t{number}", sa.Column("id", sa.Integer))')
        project.upgrade()

    backups = project.backups()
    assert len(backups) == 2
    assert "CREATE TABLE t2 (\n\tid INTEGER\n);" in dump(backups[-1])
    assert "CREATE TABLE t3 (\n\tid INTEGER\n);" not in dump(backups[-1])


def test_those_that_are_too_old_go_but_never_the_runs_own(project: AlembicProject) -> None:
    project.env("backups=Backups(keep=None, keep_for=0)")
    project.family()
    project.add("two", "pass")
    project.upgrade()
    (old,) = project.backups()
    project.add("three", "pass")

    project.upgrade()

    assert len(project.backups()) == 1
    assert not old.exists()


def test_other_files_are_left_alone(tmp_path: Path, db_path: Path) -> None:
    for name in (
        "app.db-before-migration-notes",
        "other.db-before-migration-20200101T000000000000Z",
    ):
        (tmp_path / name).touch()
    with contextlib.closing(sqlite3.connect(db_path)) as connection:
        connection.execute("CREATE TABLE note (words TEXT)")
    policy = Backups(keep=1, keep_for=0)
    newest = make_backup(str(db_path), policy, SQLITE3, system_clock)

    assert prune_backups(str(db_path), policy, newest, system_clock) == []


def test_backups_go_where_they_are_told(project: AlembicProject, tmp_path: Path) -> None:
    project.env(f"backups=Backups(folder={str(tmp_path / 'kept')!r})")
    project.family()
    project.add("two", REBUILD)

    project.upgrade()

    assert project.backups() == []
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_without_backups_none_is_made(project: AlembicProject) -> None:
    project.env("backups=None")
    project.family()
    project.add("two", "raise ValueError")

    with pytest.raises(MigrationFailedError) as caught:
        project.upgrade()

    assert (caught.value.backup, project.backups()) == (None, [])
    assert "the backup from before" not in str(caught.value)


def test_a_backup_that_fails_stops_the_run_before_it_changes_anything(
    project: AlembicProject, tmp_path: Path
) -> None:
    (tmp_path / "kept").touch()
    project.env(f"backups=Backups(folder={str(tmp_path / 'kept')!r})")
    project.family()
    project.add("two", REBUILD)
    before = project.content()

    with pytest.raises(MigrationFailedError, match="The backup before it failed"):
        project.upgrade()

    assert project.content() == before


def test_a_copy_that_is_not_whole_is_no_backup(tmp_path: Path) -> None:
    """An index of the database lacks a row, so that of the copy does."""
    damaged = tmp_path / "damaged.db"
    with contextlib.closing(sqlite3.connect(damaged, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE note (words TEXT)")
        connection.execute("CREATE INDEX by_words ON note (words)")
        connection.execute("INSERT INTO note VALUES ('lost')")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = sql || ' DESC' WHERE name = 'x'")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'by_words'")
        connection.execute("PRAGMA writable_schema = RESET")

    with pytest.raises(sqlite3.DatabaseError, match="not whole"):
        make_backup(str(damaged), Backups(), SQLITE3, system_clock)

    assert [path.name for path in tmp_path.iterdir()] == ["damaged.db"]


@pytest.mark.parametrize("wrong", [{"keep": 0}, {"keep_for": -1.0}])
def test_numbers_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="Backups can"):
        Backups(**wrong)  # type: ignore[arg-type]
