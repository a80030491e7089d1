"""What a migration must not do in the run's transaction, and how it works in batches."""

import pytest
from sqlalchemy import Engine

from hardlite import MigrationFailedError, UsageError
from tests.fixtures.alembic_projects import REBUILD, AlembicProject

ADD = 'op.add_column("child", sa.Column("age", sa.Integer))'


@pytest.mark.parametrize(
    "line",
    [
        'op.execute("PRAGMA foreign_keys=OFF")',
        'op.execute("PRAGMA foreign_keys = ON")',
        'op.execute("pragma main.foreign_keys(0)")',
    ],
)
def test_a_pragma_that_would_do_nothing_is_an_error(project: AlembicProject, line: str) -> None:
    project.family()
    project.add("two", f"{ADD}\n{line}")
    before = project.content()

    with pytest.raises(MigrationFailedError, match="Take the PRAGMA out") as caught:
        project.upgrade()

    assert isinstance(caught.value.__cause__, UsageError)
    assert project.content() == before


@pytest.mark.parametrize(
    "line",
    [
        'op.execute("COMMIT")',
        'op.execute("END TRANSACTION")',
        'op.execute("ROLLBACK")',
        'op.execute("BEGIN")',
        "op.get_bind().commit()",
        "op.get_bind().rollback()",
        "op.get_bind().connection.commit()",
        "op.get_bind().connection.rollback()",
        'op.get_bind().connection.executescript("CREATE TABLE late (id INTEGER)")',
        "op.get_bind().connection.driver_connection.isolation_level = None",
    ],
)
def test_the_end_of_the_transaction_is_refused_before_anything_is_committed(
    project: AlembicProject, line: str
) -> None:
    project.family()
    project.add("two", f"{ADD}\n{line}")
    before = project.content()

    with pytest.raises(MigrationFailedError, match="the run commits once, at its end"):
        project.upgrade()

    assert project.content() == before
    project.add("two", ADD)
    project.upgrade()
    assert project.version() == "two"


def test_savepoints_are_a_migrations_own(project: AlembicProject) -> None:
    project.family()
    project.add(
        "two",
        """
        with op.get_bind().begin_nested() as savepoint:
            op.execute("DELETE FROM parent")
            savepoint.rollback()
        with op.get_bind().begin_nested():
            op.execute("UPDATE parent SET name = 'Bob'")
        """,
    )

    project.upgrade()

    assert project.sql("SELECT name FROM parent") == [("Bob",)]


IN_BATCHES = """
from sqlalchemy import text
from hardlite import batched_unit_of_work

def fill(session, number):
    session.execute(text("INSERT INTO child (id, parent_id) VALUES (:n, 1)"), {"n": number})

with op.get_context().autocommit_block():
    batched_unit_of_work(
        op.get_bind().engine, range(100, 110), fill, batch_size=3, resume_key="two"
    ).raise_for_rejections()
"""


def test_a_migration_in_batches_commits_between_two_transactions(project: AlembicProject) -> None:
    project.family()
    project.add("two", IN_BATCHES)
    project.add("three", REBUILD)

    project.upgrade()

    assert project.version() == "three"
    assert project.sql("SELECT count(*) FROM child") == [(12,)]


def test_what_comes_after_a_failed_migration_in_batches_goes_on_from_there(
    project: AlembicProject,
) -> None:
    project.family()
    project.add("two", IN_BATCHES)
    project.add("three", "raise ValueError")
    with pytest.raises(MigrationFailedError, match="in it, is committed") as caught:
        project.upgrade()
    assert caught.value.statement is None
    # The batches are in, and the version that goes with them is not.
    assert (project.version(), project.sql("SELECT count(*) FROM child")) == ("one", [(12,)])
    project.add("three", REBUILD)

    project.upgrade()

    assert project.version() == "three"
    assert project.sql("SELECT count(*) FROM child") == [(12,)]


def test_a_failure_within_the_batches_leaves_the_version_before_them(
    project: AlembicProject,
) -> None:
    project.family()
    project.add("two", IN_BATCHES.replace("range(100, 110)", "[100, 101, 102, 10]"))

    with pytest.raises(MigrationFailedError, match="Revision two failed"):
        project.upgrade()

    assert project.version() == "one"


def test_foreign_keys_are_enforced_within_the_batches(project: AlembicProject) -> None:
    project.family()
    project.add("two", IN_BATCHES.replace(":n, 1", ":n, 77"))

    with pytest.raises(MigrationFailedError, match="Revision two failed: ImportRejectedError"):
        project.upgrade()

    assert project.sql("SELECT count(*) FROM child") == [(2,)]


@pytest.mark.parametrize("change", [ADD, "op.execute(\"UPDATE parent SET name = 'Bob'\")"])
def test_a_migration_in_batches_does_nothing_before_them(
    project: AlembicProject, change: str
) -> None:
    project.family()
    project.add("two", f"{change}\n{IN_BATCHES}")
    before = project.content()

    with pytest.raises(MigrationFailedError, match="after it has changed something") as caught:
        project.upgrade()

    assert project.content() == before
    assert caught.value.statement in {
        "ALTER TABLE child ADD COLUMN age INTEGER",
        "UPDATE parent SET name = 'Bob'",
    }


def test_references_are_checked_before_a_block_commits(project: AlembicProject) -> None:
    project.family()
    project.add("two", 'op.execute("DELETE FROM parent")')
    project.add("three", IN_BATCHES)
    before = project.content()

    with pytest.raises(MigrationFailedError, match="reference parent"):
        project.upgrade()

    assert project.content() == before


def test_a_block_in_somebody_elses_transaction_is_refused(
    project: AlembicProject, engine: Engine
) -> None:
    project.family()
    project.add("two", IN_BATCHES)

    with (
        pytest.raises(MigrationFailedError, match=r"Pass the engine, or a connection"),
        engine.begin() as connection,
    ):
        project.upgrade(connection=connection)

    assert project.version() == "one"
