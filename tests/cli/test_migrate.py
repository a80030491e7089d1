"""`hardlite migrate`."""

import io
import re
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.migration_steps import upgrade
from tests.fixtures.alembic_projects import FAMILY, REBUILD, AlembicProject

Command = Callable[..., Any]

PLAIN_ENV = """
from alembic import context

if context.is_offline_mode():
    context.configure(url=context.config.get_main_option("sqlalchemy.url"))
    with context.begin_transaction():
        context.run_migrations()
else:
    raise AssertionError("it is not to come to this")
"""


@pytest.fixture
def project(tmp_path: Path, db_path: Path, monkeypatch: pytest.MonkeyPatch) -> AlembicProject:
    monkeypatch.chdir(tmp_path)
    return AlembicProject(tmp_path, db_path)


def test_upgrade_goes_to_the_head_and_keeps_the_children(
    project: AlembicProject, hardlite: Command
) -> None:
    project.family()
    project.add("two", REBUILD)

    ran = hardlite("migrate", "upgrade")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        f"backing up {project.database}",
        "revision two",
        "rebuilding parent (1 rows)",
        "done",
    ]
    assert project.version() == "two"
    assert project.sql("SELECT id FROM child") == [(10,), (11,)]


def test_upgrade_and_downgrade_go_where_they_are_told(
    project: AlembicProject, hardlite: Command
) -> None:
    project.add("one", FAMILY, 'op.drop_table("child"); op.drop_table("parent")')
    project.add("two", REBUILD)

    assert hardlite("migrate", "upgrade", "one").code == 0
    assert project.version() == "one"
    assert hardlite("migrate", "downgrade", "base").code == 0
    assert project.version() is None


def test_current_says_which_revision_it_is(project: AlembicProject, hardlite: Command) -> None:
    project.family()

    assert hardlite("migrate", "current").out == "one (head)\n"


def test_another_database_and_other_settings_may_be_named(
    project: AlembicProject, hardlite: Command, tmp_path: Path
) -> None:
    project.add("one", FAMILY)
    project.ini.rename(tmp_path / "other.ini")

    ran = hardlite(
        "migrate", "upgrade", "-c", "other.ini", "--url", f"sqlite:///{tmp_path}/50%25.db"
    )

    assert ran.code == 0
    assert not project.database.exists()
    assert list(tmp_path.glob("50*.db"))


def test_check_tells_what_a_copy_lost_and_leaves_the_database_alone(
    project: AlembicProject, hardlite: Command
) -> None:
    project.family()
    project.sql("CREATE TABLE toy (id INTEGER); INSERT INTO toy VALUES (1), (2)")
    project.add(
        "two",
        f"""{REBUILD}
op.drop_table("toy")
op.execute("DELETE FROM child WHERE id = 10")
op.create_table("kite", sa.Column("id", sa.Integer, primary_key=True))
""",
    )
    before = project.content()

    ran = hardlite("migrate", "check")

    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines() == [
        f"{project.database}: to run two. This is what became of a copy:",
        "two rebuilds parent, 1 rows; referenced by child (2 rows, ON DELETE CASCADE)",
        "lost: 1 of 2 rows of child",
        "lost: the table toy, with 2 rows",
        "new: the table kite, with 0 rows",
    ]
    assert project.content() == before
    assert project.backups() == []


def test_check_says_that_nothing_would_be_lost(project: AlembicProject, hardlite: Command) -> None:
    project.family()
    project.add(
        "two",
        """
        with op.batch_alter_table("child") as batch:
            batch.alter_column("parent_id", nullable=False)
        """,
    )

    ran = hardlite("migrate", "check")

    assert ran.code == 0
    assert ran.out.splitlines()[1:] == ["two rebuilds child, 2 rows", "No row would be lost."]


def test_check_says_that_there_is_nothing_to_do(project: AlembicProject, hardlite: Command) -> None:
    project.family()

    ran = hardlite("migrate", "check")

    assert (ran.code, ran.out) == (0, f"{project.database}: nothing to do.\n")


def test_check_tells_of_a_migration_that_will_fail(
    project: AlembicProject, hardlite: Command
) -> None:
    project.family()
    project.add("two", 'op.drop_table("missing")')
    before = project.content()

    ran = hardlite("migrate", "check")

    assert ran.code == 3
    assert "Revision two failed: OperationalError: no such table: missing" in ran.err
    assert project.content() == before


def test_a_database_in_memory_cannot_be_checked(project: AlembicProject, hardlite: Command) -> None:
    project.add("one", FAMILY)

    ran = hardlite("migrate", "check", "--url", "sqlite://")

    assert (ran.code, ran.out) == (2, "")
    assert "Give the URL of a file" in ran.err


def test_a_failure_is_one_line_with_the_backup_in_it(
    project: AlembicProject, hardlite: Command
) -> None:
    project.family()
    project.add("two", "raise ValueError('not today')")

    ran = hardlite("migrate", "upgrade")

    assert ran.code == 3
    message = ran.err.splitlines()[-1]
    assert message.startswith("hardlite: Revision two failed: ValueError: not today; ")
    assert str(project.backups()[0]) in message


def test_an_environment_without_hardlite_is_refused_before_anything_runs(
    project: AlembicProject, hardlite: Command
) -> None:
    project.add("one", FAMILY)
    project.env(body=PLAIN_ENV)

    ran = hardlite("migrate", "upgrade")

    assert (ran.code, ran.out) == (2, "")
    assert "does not use hardlite" in ran.err
    assert not project.database.exists()


def test_an_environment_may_have_its_own_engine_and_no_url(
    project: AlembicProject, hardlite: Command
) -> None:
    project.settings("")
    project.add("one", FAMILY)
    project.env(f'url=None if context.is_offline_mode() else "sqlite:///{project.database}"')

    assert hardlite("migrate", "upgrade").code == 0
    assert project.version() == "one"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["upgrade", "-c", "none.ini"], "There is no none.ini"),
        (["upgrade", "nine"], "Can't locate revision identified by 'nine'"),
        (["init"], "alembic.ini is there already"),
    ],
)
def test_what_is_wrong_is_misuse(
    project: AlembicProject, hardlite: Command, arguments: list[str], complaint: str
) -> None:
    project.family()

    ran = hardlite("migrate", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err


def test_init_makes_an_environment_that_uses_hardlite(
    hardlite: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert hardlite("migrate", "init", "steps", "--url", "sqlite:///notes.db").code == 0
    assert hardlite("migrate", "upgrade").code == 0

    assert "run_migrations(context, None)" in (tmp_path / "steps" / "env.py").read_text("utf-8")
    assert "sqlalchemy.url = sqlite:///notes.db\n" in (tmp_path / "alembic.ini").read_text("utf-8")


def test_without_the_extra_it_says_which_one(
    hardlite: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alembic.util", None)

    ran = hardlite("migrate", "current")

    assert (ran.code, ran.out) == (3, "")
    assert "pip install 'hardlite[alembic]'" in ran.err


def test_a_terminal_counts_the_seconds_of_each_step(project: AlembicProject) -> None:
    project.family()
    project.add("two", REBUILD)
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)

    assert upgrade(project.ini, None, "head", console) is ExitCode.DONE

    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue().split("backing up")[-1]
    assert re.search(r"rebuilding parent \(1 rows\) +0:00:00", last)


def test_a_lock_that_does_not_end_could_not_be_waited_for(
    project: AlembicProject, hardlite: Command
) -> None:
    project.family()
    project.add("two", REBUILD)
    other = sqlite3.connect(project.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    ran = hardlite(
        "migrate", "upgrade", "--url", f"sqlite:///{project.database}?hardlite_timeout=0"
    )

    other.close()
    assert ran.code == 3
    assert "outside of hardlite" in ran.err
