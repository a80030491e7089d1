"""`run_migrations`: one transaction, without foreign keys, and nothing is lost."""

import asyncio
import contextlib
import logging
import sqlite3
import sys

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from hardlite import (
    ConfigurationError,
    LeftoverTableError,
    MigrationFailedError,
    ReadOnlySessionError,
)
from tests.fixtures.alembic_projects import FAMILY, REBUILD, AlembicProject
from tests.fixtures.databases import EngineFactory

CHILDREN = "SELECT id FROM child ORDER BY id"
CLEAR = "UPDATE parent SET name = coalesce(name, 'unknown')"


def test_the_rebuild_of_a_parent_keeps_every_child(project: AlembicProject) -> None:
    project.family()
    project.add("two", f'op.execute("{CLEAR}"){REBUILD}')

    project.upgrade()

    assert project.version() == "two"
    assert project.sql(CHILDREN) == [(10,), (11,)]
    required = "SELECT \"notnull\" FROM pragma_table_info('parent') WHERE name = 'name'"
    assert project.sql(required) == [(1,)]


def test_foreign_keys_are_off_in_the_run_and_on_after_it(
    project: AlembicProject, make_engine: EngineFactory
) -> None:
    project.family()
    project.add(
        "two", 'assert op.get_bind().exec_driver_sql("PRAGMA foreign_keys").scalar() == 0' + REBUILD
    )
    engine = make_engine()
    with engine.connect() as connection:
        project.upgrade(connection=connection)
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1

    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("fault", ["raise KeyboardInterrupt", "raise ValueError", "1 / 0"])
def test_foreign_keys_are_on_after_a_run_that_failed(
    project: AlembicProject, make_engine: EngineFactory, fault: str
) -> None:
    project.family()
    project.add("two", f"{REBUILD}\n{fault}")
    before = project.content()

    with make_engine().connect() as connection:
        with pytest.raises((KeyboardInterrupt, MigrationFailedError)):
            project.upgrade(connection=connection)
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1

    assert project.content() == before


def test_a_failed_run_leaves_the_file_as_it_was_and_says_where_it_failed(
    project: AlembicProject,
) -> None:
    project.family()
    project.add("two", f'op.add_column("child", sa.Column("age", sa.Integer)){REBUILD}')
    project.add("three", "op.execute(\"INSERT INTO parent VALUES (1, 'Bob')\")")
    before = project.content()

    with pytest.raises(MigrationFailedError) as caught:
        project.upgrade()

    assert project.content() == before
    (backup,) = project.backups()
    error = caught.value
    assert (error.revision, error.backup) == ("three", str(backup))
    assert error.statement == "INSERT INTO parent VALUES (1, 'Bob')"
    for part in ("Revision three failed", "UNIQUE constraint", str(error.statement), str(backup)):
        assert part in str(error)
    assert f"{project.database} is as it was before the run" in str(error)


def test_an_error_of_a_script_that_ran_no_statement_blames_none(project: AlembicProject) -> None:
    project.family()
    project.add("two", REBUILD)
    project.add("three", "raise TypeError('a column too many')")

    with pytest.raises(MigrationFailedError, match="three failed: TypeError") as caught:
        project.upgrade()

    assert caught.value.statement is None


def test_a_migration_that_fails_can_be_run_again(project: AlembicProject) -> None:
    project.family()
    project.add("two", f"{REBUILD}\nraise ValueError('half way')")
    with pytest.raises(MigrationFailedError, match="Revision two failed: ValueError: half way"):
        project.upgrade()
    project.add("two", REBUILD)

    project.upgrade()

    assert (project.version(), project.sql(CHILDREN)) == ("two", [(10,), (11,)])


def test_a_downgrade_that_fails_names_the_revision_that_it_takes_back(
    project: AlembicProject,
) -> None:
    project.family()
    project.add("two", "pass", 'op.drop_table("missing")')
    project.upgrade()

    with pytest.raises(MigrationFailedError) as caught:
        project.downgrade("one")

    assert caught.value.revision == "two"
    assert project.version() == "two"


def test_downgrade_goes_back_to_the_base(project: AlembicProject) -> None:
    project.family()

    project.downgrade("base")

    assert project.version() is None
    assert project.sql("SELECT name FROM sqlite_master WHERE name = 'parent'") == []


def test_references_that_a_migration_breaks_stop_it_before_the_commit(
    project: AlembicProject,
) -> None:
    project.family()
    project.add("two", 'op.execute("DELETE FROM parent")')
    before = project.content()

    with pytest.raises(MigrationFailedError, match="2 rows of child reference parent") as caught:
        project.upgrade()

    assert project.content() == before
    assert (caught.value.revision, caught.value.statement) == ("two", None)


def test_old_orphans_are_told_and_not_blamed_on_the_migration(
    project: AlembicProject, caplog: pytest.LogCaptureFixture
) -> None:
    project.family()
    project.sql("INSERT INTO child VALUES (99, 7)")
    project.add("two", REBUILD + '\nop.rename_table("child", "kid")')

    with caplog.at_level(logging.WARNING, "hardlite.migrations"):
        project.upgrade()

    assert project.version() == "two"
    assert "1 rows of child reference what is not in parent" in caplog.text


def test_a_key_that_sqlite_cannot_check_is_no_hindrance(
    project: AlembicProject, caplog: pytest.LogCaptureFixture
) -> None:
    """It references a column that is no key, and did so before."""
    project.family()
    project.sql("CREATE TABLE odd (name TEXT REFERENCES parent (name))")
    project.sql("INSERT INTO odd VALUES ('Ada')")
    project.add("two", 'op.add_column("child", sa.Column("age", sa.Integer))')

    with caplog.at_level(logging.WARNING, "hardlite.migrations"):
        project.upgrade()

    assert project.version() == "two"
    assert "foreign key mismatch" in caplog.text


@pytest.mark.parametrize("original", ["there", "gone"])
def test_what_a_rebuild_left_behind_is_explained_before_anything_runs(
    project: AlembicProject, original: str
) -> None:
    project.family()
    project.sql(
        "CREATE TABLE _alembic_tmp_toy (id INTEGER); INSERT INTO _alembic_tmp_toy VALUES (1)"
    )
    if original == "there":
        project.sql("CREATE TABLE toy (id INTEGER)")
    project.add("two", REBUILD)
    before = project.content()

    with pytest.raises(LeftoverTableError) as caught:
        project.upgrade()

    assert project.content() == before
    assert project.backups() == []
    drop, keep = 'DROP TABLE "_alembic_tmp_toy"', 'ALTER TABLE "_alembic_tmp_toy" RENAME TO "toy"'
    assert (drop in str(caught.value), keep in str(caught.value)) == (
        original == "there",
        original == "gone",
    )


def test_nothing_pending_takes_no_turn_and_makes_no_backup(project: AlembicProject) -> None:
    project.family()
    with contextlib.closing(sqlite3.connect(project.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.upgrade()
        other.rollback()

    assert project.backups() == []
    assert project.version() == "one"


def test_looking_waits_for_nobody(
    project: AlembicProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.family()
    project.add("two", REBUILD)
    with contextlib.closing(sqlite3.connect(project.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        command.current(project.config())
        with pytest.raises(CommandError, match="not up to date"):
            command.check(project.config())
        other.rollback()

    assert "one" in capsys.readouterr().out


def test_a_revision_that_does_not_exist_is_alembics_own_error(project: AlembicProject) -> None:
    project.family()

    with pytest.raises(CommandError, match="Can't locate revision"):
        project.upgrade("nine")


def test_stamp_moves_the_version_alone(project: AlembicProject) -> None:
    project.family()
    project.add("two", "raise ValueError")

    command.stamp(project.config(), "two")

    assert project.version() == "two"


# Where the connection comes from


def test_an_engine_may_be_passed(project: AlembicProject, engine: Engine) -> None:
    project.add("one", FAMILY)

    project.upgrade(connection=engine)

    assert inspect(engine).has_table("child")


def test_the_environment_may_name_an_engine_of_its_own(
    project: AlembicProject, engine: Engine
) -> None:
    project.add("one", FAMILY)
    project.env("connectable=context.config.attributes['own']")

    project.upgrade(own=engine, connection="nothing that could be migrated")

    assert inspect(engine).has_table("child")


def test_the_transaction_of_a_passed_connection_is_its_owners(
    project: AlembicProject, engine: Engine
) -> None:
    project.family()
    project.add("two", REBUILD)

    with engine.connect() as connection, connection.begin() as transaction:
        project.upgrade(connection=connection)
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0
        transaction.rollback()
        assert connection.connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert project.version() == "one"
    with engine.begin() as connection:
        project.upgrade(connection=connection)

    assert (project.version(), project.sql(CHILDREN)) == ("two", [(10,), (11,)])


def test_a_failure_in_a_passed_transaction_leaves_the_rollback_to_its_owner(
    project: AlembicProject, engine: Engine
) -> None:
    project.family()
    project.add("two", "raise ValueError")

    with (
        pytest.raises(MigrationFailedError, match="whoever passed the connection"),
        engine.begin() as connection,
    ):
        project.upgrade(connection=connection)

    assert project.version() == "one"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 is the first that can")
def test_a_passed_transaction_may_have_written_already(
    project: AlembicProject, engine: Engine
) -> None:
    project.family()
    project.add("two", REBUILD)

    with engine.begin() as connection:
        connection.execute(text("INSERT INTO parent VALUES (2, 'Bob')"))
        project.upgrade(connection=connection)

    assert project.sql(CHILDREN) == [(10,), (11,)]
    assert project.sql("SELECT count(*) FROM parent") == [(2,)]


def test_the_url_of_an_asynchronous_program_will_do(project: AlembicProject) -> None:
    project.settings(f"sqlite+aiosqlite:///{project.database}")
    project.add("one", FAMILY)

    project.upgrade()

    assert project.version() == "one"


def test_an_asynchronous_engine_may_be_passed(project: AlembicProject) -> None:
    project.family()
    project.add("two", REBUILD)
    engine = create_async_engine(f"sqlite+aiosqlite:///{project.database}?plugin=hardlite")

    project.upgrade(connection=engine)
    asyncio.run(engine.dispose())

    assert (project.version(), project.sql(CHILDREN)) == ("two", [(10,), (11,)])


def test_a_connection_from_within_an_event_loop_may_be_passed(project: AlembicProject) -> None:
    project.family()
    project.add("two", REBUILD)

    async def main() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{project.database}?plugin=hardlite")
        async with engine.connect() as connection:
            await connection.run_sync(lambda sync: project.upgrade(connection=sync))
            enforced = await connection.exec_driver_sql("PRAGMA foreign_keys")
            assert enforced.scalar() == 1
        await engine.dispose()

    asyncio.run(main())

    assert (project.version(), project.sql(CHILDREN)) == ("two", [(10,), (11,)])


def test_a_database_in_memory_is_migrated_without_a_backup(
    project: AlembicProject, make_engine: EngineFactory
) -> None:
    project.add("one", FAMILY)
    project.add("two", REBUILD)
    engine = make_engine("sqlite://")

    project.upgrade("one", connection=engine)
    project.upgrade(connection=engine)

    assert inspect(engine).has_table("child")
    assert project.backups() == []


def test_a_connection_that_is_not_hardened_is_refused(project: AlembicProject) -> None:
    project.add("one", FAMILY)
    engine = create_engine(f"sqlite:///{project.database}")

    with pytest.raises(ConfigurationError, match="not a hardened one"):
        project.upgrade(connection=engine)
    engine.dispose()


def test_a_connection_in_autocommit_is_refused(project: AlembicProject, engine: Engine) -> None:
    project.add("one", FAMILY)

    with pytest.raises(ConfigurationError, match="AUTOCOMMIT"):
        project.upgrade(connection=engine.execution_options(isolation_level="AUTOCOMMIT"))


def test_a_reader_is_refused_and_keeps_its_foreign_keys(
    project: AlembicProject, engine: Engine
) -> None:
    project.add("one", FAMILY)
    with engine.connect().execution_options(hardlite_transaction="reader") as connection:
        with pytest.raises(ReadOnlySessionError):
            project.upgrade(connection=connection)
        connection.rollback()
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_without_a_url_it_says_where_one_belongs(project: AlembicProject) -> None:
    project.settings("")
    project.add("one", FAMILY)

    with pytest.raises(ConfigurationError, match="Nothing says which database"):
        project.upgrade()


def test_options_that_it_decides_itself_are_refused(project: AlembicProject) -> None:
    project.add("one", FAMILY)
    project.env("transaction_per_migration=True")

    with pytest.raises(ConfigurationError, match="decides transaction_per_migration itself"):
        project.upgrade()


def test_other_options_are_alembics(project: AlembicProject) -> None:
    project.add("one", FAMILY)
    project.env('version_table="steps"')

    project.upgrade()

    assert project.sql("SELECT version_num FROM steps") == [("one",)]


def test_a_profile_without_foreign_keys_stays_without_them(
    project: AlembicProject, make_engine: EngineFactory
) -> None:
    project.family()
    project.add("two", REBUILD)

    with make_engine(foreign_keys=False).connect() as connection:
        project.upgrade(connection=connection)
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0


def test_what_another_program_has_migrated_meanwhile_is_not_done_again(
    project: AlembicProject, engine: Engine
) -> None:
    """It does not know of the lock file, and comes between the first look and the turn."""
    project.family()
    project.add("two", "raise AssertionError")
    done: list[object] = []

    def another_program(_: Connection) -> None:
        if not done:
            done.append(project.sql("UPDATE alembic_version SET version_num = 'two'"))

    event.listen(engine, "rollback", another_program)
    project.upgrade(connection=engine)

    assert done
    assert (project.version(), project.backups()) == ("two", [])


def test_another_database_is_migrated_as_alembic_does_it(project: AlembicProject) -> None:
    project.settings(f"other:///{project.database}")
    project.add("one", FAMILY)
    project.add("two", 'op.execute("PRAGMA foreign_keys=OFF")')

    project.upgrade()

    assert project.version() == "two"
    assert project.backups() == []


# Without a connection


def test_offline_sql_switches_foreign_keys_off_round_one_transaction(
    project: AlembicProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.add("one", FAMILY)

    command.upgrade(project.config(), "head", sql=True)

    words = [
        line.rstrip(";")
        for line in capsys.readouterr().out.splitlines()
        if line.startswith(("PRAGMA", "BEGIN", "COMMIT", "CREATE TABLE parent"))
    ]
    assert words == [
        "PRAGMA foreign_keys = OFF",
        "BEGIN",
        "CREATE TABLE parent (",
        "PRAGMA foreign_key_check",
        "COMMIT",
        "PRAGMA foreign_keys = ON",
    ]
    assert not project.database.exists()


def test_offline_sql_runs_in_another_program(
    project: AlembicProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.add("one", FAMILY)
    command.upgrade(project.config(), "head", sql=True)

    with contextlib.closing(sqlite3.connect(project.database)) as connection:
        connection.executescript(capsys.readouterr().out)

    assert project.version() == "one"


def test_sql_for_another_database_is_alembics_own(
    project: AlembicProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.settings("postgresql://host/app")
    project.add("one", FAMILY)

    command.upgrade(project.config(), "head", sql=True)

    assert "PRAGMA" not in capsys.readouterr().out
