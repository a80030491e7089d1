"""The command line of Alembic, with the URL in alembic.ini."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

command = pytest.importorskip("alembic.command")
config = pytest.importorskip("alembic.config")

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
"""

CREATE_AUTHOR_AND_BOOK = """
    op.create_table(
        "author",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
    )
    op.create_table(
        "book",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author_id", sa.Integer, sa.ForeignKey("author.id", ondelete="CASCADE")),
    )
"""

NAME_BECOMES_REQUIRED = """
    with op.batch_alter_table("author") as batch:
        batch.alter_column("name", nullable=False)
"""

DO_NOTHING = "pass"


class Project:
    """A directory with what `alembic init` makes, and the test's URL in its alembic.ini."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        settings = home / "alembic.ini"
        command.init(config.Config(settings), str(home / "migrations"))
        lines = settings.read_text(encoding="utf-8").splitlines()
        settings.write_text(
            "\n".join(
                f"sqlalchemy.url = {url}" if line.startswith("sqlalchemy.url") else line
                for line in lines
            ),
            encoding="utf-8",
        )

    def add(
        self, revision: str, *, after: str | None = None, upgrade: str, downgrade: str = DO_NOTHING
    ) -> None:
        path = self.home / "migrations" / "versions" / f"{revision}.py"
        text = MIGRATION.format(
            revision=revision, down_revision=after, upgrade=upgrade, downgrade=downgrade
        )
        path.write_text(text, encoding="utf-8")

    def alembic(self, *arguments: str, succeeds: bool = True) -> str:
        """Run the command line; return what it printed."""
        run = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=self.home,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        output = run.stdout + run.stderr
        assert (run.returncode == 0) is succeeds, output
        return output


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    return Project(tmp_path, url)


@pytest.fixture
def raw(db_path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to the same file, as an old program or the `sqlite3` shell has."""
    connection = sqlite3.connect(db_path, isolation_level=None)
    yield connection
    connection.close()


def tables(raw: sqlite3.Connection) -> set[str]:
    return {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def version(raw: sqlite3.Connection) -> str:
    (found,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    return found


def test_upgrade_current_and_downgrade_run_hardened(
    project: Project, raw: sqlite3.Connection
) -> None:
    ask = 'print("enforced:", op.get_bind().exec_driver_sql("PRAGMA foreign_keys").scalar())'
    project.add(
        "one",
        upgrade=f"{ask}{CREATE_AUTHOR_AND_BOOK}",
        downgrade='op.drop_table("book"); op.drop_table("author")',
    )

    assert "enforced: 1" in project.alembic("upgrade", "head")
    assert "one (head)" in project.alembic("current")
    assert tables(raw) == {"alembic_version", "author", "book"}

    project.alembic("downgrade", "base")
    assert tables(raw) == {"alembic_version"}


def test_a_migration_that_fails_leaves_nothing_half_made(
    project: Project, raw: sqlite3.Connection
) -> None:
    project.add("one", upgrade=CREATE_AUTHOR_AND_BOOK)
    project.add(
        "two",
        after="one",
        upgrade='op.create_table("half", sa.Column("id", sa.Integer)); op.drop_table("missing")',
    )
    project.alembic("upgrade", "one")

    assert "no such table: missing" in project.alembic("upgrade", "head", succeeds=False)
    assert tables(raw) == {"alembic_version", "author", "book"}
    assert version(raw) == "one"


def test_batch_mode_keeps_the_rows_that_reference_the_rebuilt_table(
    project: Project, raw: sqlite3.Connection
) -> None:
    project.add("one", upgrade=CREATE_AUTHOR_AND_BOOK)
    project.add("two", after="one", upgrade=NAME_BECOMES_REQUIRED)
    project.alembic("upgrade", "one")
    raw.execute("INSERT INTO author VALUES (1, 'Ada')")
    raw.execute("INSERT INTO book VALUES (10, 1), (11, 1)")

    output = project.alembic("upgrade", "head")

    assert "foreign keys are not enforced until this transaction ends" in output
    assert raw.execute("SELECT id FROM book ORDER BY id").fetchall() == [(10,), (11,)]
    required = "SELECT \"notnull\" FROM pragma_table_info('author') WHERE name = 'name'"
    assert raw.execute(required).fetchone() == (1,)


def test_batch_mode_after_a_write_keeps_the_rows_or_refuses_before_any_damage(
    project: Project, raw: sqlite3.Connection
) -> None:
    """Python 3.12 is the first that can switch foreign keys off inside a transaction."""
    project.add("one", upgrade=CREATE_AUTHOR_AND_BOOK)
    project.add(
        "two",
        after="one",
        upgrade=f"""op.execute("UPDATE author SET name = 'unknown' WHERE name IS NULL")
    {NAME_BECOMES_REQUIRED}""",
    )
    project.alembic("upgrade", "one")
    raw.execute("INSERT INTO author VALUES (1, NULL)")
    raw.execute("INSERT INTO book VALUES (10, 1), (11, 1)")
    can = sys.version_info >= (3, 12)

    output = project.alembic("upgrade", "head", succeeds=can)

    assert can or "hardlite_foreign_keys=off" in output
    assert raw.execute("SELECT name FROM author").fetchall() == [("unknown" if can else None,)]
    assert raw.execute("SELECT id FROM book ORDER BY id").fetchall() == [(10,), (11,)]


def test_a_database_that_grew_up_without_hardlite_is_upgraded_to_the_head(
    project: Project, raw: sqlite3.Connection
) -> None:
    """Its journal is not WAL, and an orphan row is there from the years without enforcement."""
    project.add("one", upgrade=CREATE_AUTHOR_AND_BOOK)
    project.add("two", after="one", upgrade=NAME_BECOMES_REQUIRED)
    project.add("three", after="two", upgrade='op.add_column("book", sa.Column("title", sa.Text))')
    raw.executescript("""
        CREATE TABLE author (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
        CREATE TABLE book (
            id INTEGER NOT NULL PRIMARY KEY,
            author_id INTEGER REFERENCES author (id) ON DELETE CASCADE
        );
        CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
        INSERT INTO alembic_version VALUES ('one');
        INSERT INTO author VALUES (1, 'Ada');
        INSERT INTO book VALUES (10, 1), (11, 99);
    """)

    project.alembic("upgrade", "head")

    assert version(raw) == "three"
    assert raw.execute("SELECT id, author_id, title FROM book ORDER BY id").fetchall() == [
        (10, 1, None),
        (11, 99, None),
    ]
