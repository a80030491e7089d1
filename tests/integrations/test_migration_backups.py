"""The backup before the first change."""

import contextlib
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from hardlite import (
    ConfigurationError,
    MigrationFailedError,
    create_hardened_engine,
    restore,
    verify,
)
from hardlite.integrations.alembic import Backups
from tests.fixtures.alembic_projects import FAMILY, REBUILD, AlembicProject


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
    verify(backup).raise_for_problems()
    beside = {path.name for path in project.home.glob("*-before-migration-*")}
    assert beside == {backup.name, f"{backup.name}.manifest.json"}


def test_a_migration_is_taken_back_by_a_restore(project: AlembicProject) -> None:
    project.family()
    project.add("two", 'op.drop_table("child")')
    before = project.content()
    project.upgrade()

    (backup,) = project.backups()
    restore(backup, project.database)

    assert (project.content(), project.version()) == (before, "one")


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
    project.env("backups=Backups(keep=None, keep_for=1e-9)")
    project.family()
    project.add("two", "pass")
    project.upgrade()
    (old,) = project.backups()
    project.add("three", "pass")

    project.upgrade()

    assert len(project.backups()) == 1
    assert not old.exists()


def test_a_backup_with_a_rollback_journal_does_not_wait_for_the_runs_own_turn(
    project: AlembicProject,
) -> None:
    """There a backup takes a turn, so that no writer fails at its COMMIT; the run has it already."""
    engine = create_hardened_engine(f"sqlite:///{project.database}", journal_mode="delete")
    project.add("one", FAMILY)
    project.upgrade(connection=engine)
    before = project.content()
    project.add("two", REBUILD)

    project.upgrade(connection=engine)
    engine.dispose()

    (backup,) = project.backups()
    assert dump(backup) == before


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 is the first that can")
def test_what_the_caller_has_not_committed_is_nothing_to_back_up(project: AlembicProject) -> None:
    engine = create_hardened_engine(f"sqlite:///{project.database}", journal_mode="delete")
    project.add("one", REBUILD)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)")
        project.upgrade(connection=connection)
    engine.dispose()

    assert (project.version(), project.backups()) == ("one", [])


def test_backups_go_where_they_are_told(project: AlembicProject, tmp_path: Path) -> None:
    project.env(f"backups=Backups(folder={str(tmp_path / 'kept')!r})")
    project.family()
    project.add("two", REBUILD)

    project.upgrade()

    assert project.backups() == []
    assert len(list((tmp_path / "kept").glob("*Z"))) == 1


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


def test_a_database_that_is_damaged_is_not_migrated(project: AlembicProject) -> None:
    """An index of the database lacks a row, so that of the copy does."""
    project.family()
    project.sql("""
        CREATE INDEX by_name ON parent (name);
        PRAGMA writable_schema = ON;
        CREATE TEMP TABLE kept AS SELECT * FROM sqlite_master WHERE name = 'by_name';
        DELETE FROM sqlite_master WHERE name = 'by_name';
        PRAGMA writable_schema = RESET;
        INSERT INTO parent VALUES (2, 'Ben');
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master SELECT * FROM kept;
        PRAGMA writable_schema = RESET
    """)
    project.add("two", REBUILD)

    with pytest.raises(MigrationFailedError, match="is not good, so it is no backup"):
        project.upgrade()

    assert (project.version(), project.backups()) == ("one", [])


@pytest.mark.parametrize("wrong", [{"keep": 0}, {"keep_for": 0.0}])
def test_numbers_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be 0"):
        Backups(**wrong)  # type: ignore[arg-type]
