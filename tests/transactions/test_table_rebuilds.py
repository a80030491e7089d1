"""Rows that reference a table survive its rebuild by Alembic's batch mode."""

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, Engine, text

from hardlite.errors import ConfigurationError, DatabaseLockedError
from tests.fixtures.databases import EngineFactory

inside_a_transaction = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="Python 3.12 is the first that can switch them off there"
)

SCRIPT = """
    {begin}
    CREATE TABLE _alembic_tmp_parents (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO _alembic_tmp_parents (id) SELECT id FROM parents;
    DROP TABLE parents;
    ALTER TABLE _alembic_tmp_parents RENAME TO parents;
    {end}
"""


@pytest.fixture
def children(onlooker: sqlite3.Connection) -> Callable[[], list[tuple[int, int]]]:
    """A family of two parents and three children; says which children are left."""
    onlooker.executescript("""
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (
            id INTEGER PRIMARY KEY,
            parent INTEGER NOT NULL REFERENCES parents ON DELETE CASCADE
        );
        INSERT INTO parents VALUES (1), (2);
        INSERT INTO children VALUES (1, 1), (2, 1), (3, 2);
    """)
    return lambda: onlooker.execute("SELECT * FROM children").fetchall()


ALL = [(1, 1), (2, 1), (3, 2)]
Children = Callable[[], list[tuple[int, int]]]


@contextlib.contextmanager
def operations(connection: Connection) -> Iterator[Operations]:
    with Operations.context(MigrationContext.configure(connection)) as op:
        yield op


def rebuild(connection: Connection) -> None:
    """Rebuild the parents, as a migration does."""
    with operations(connection) as op, op.batch_alter_table("parents", recreate="always") as batch:
        batch.add_column(sa.Column("name", sa.String))


def enforced(connection: Connection) -> bool:
    return bool(connection.connection.cursor().execute("PRAGMA foreign_keys").fetchone()[0])


def columns(onlooker: sqlite3.Connection) -> list[str]:
    return [name for _, name, *_ in onlooker.execute("PRAGMA table_info(parents)")]


@pytest.mark.parametrize(
    "mode",
    # In the other modes Alembic's first look at the table has begun a transaction already.
    [
        "relaxed",
        pytest.param("snapshot", marks=inside_a_transaction),
        pytest.param("immediate", marks=inside_a_transaction),
    ],
)
def test_children_survive_and_foreign_keys_are_on_again_after_the_commit(
    make_engine: EngineFactory,
    children: Children,
    onlooker: sqlite3.Connection,
    caplog: pytest.LogCaptureFixture,
    mode: str,
) -> None:
    with make_engine(transaction=mode).connect() as connection:
        connection.begin()
        rebuild(connection)
        assert not enforced(connection)
        connection.commit()
        assert enforced(connection)
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(text("INSERT INTO children VALUES (4, 77)"))
    assert children() == ALL
    assert columns(onlooker) == ["id", "name"]
    assert "run PRAGMA foreign_key_check afterwards" in caplog.text


def test_foreign_keys_are_on_again_after_a_rollback(
    engine: Engine, children: Children, onlooker: sqlite3.Connection
) -> None:
    with engine.connect() as connection:
        connection.begin()
        rebuild(connection)
        connection.rollback()
        assert enforced(connection)
    assert children() == ALL
    assert columns(onlooker) == ["id"]


def test_foreign_keys_are_on_again_after_a_failure(
    engine: Engine, children: Children, onlooker: sqlite3.Connection
) -> None:
    onlooker.execute("CREATE VIEW names AS SELECT * FROM parents")
    with engine.connect() as connection:
        connection.begin()
        with pytest.raises(sa.exc.OperationalError, match="error in view names"):
            rebuild(connection)
        assert not enforced(connection)
        connection.rollback()
        assert enforced(connection)
    assert children() == ALL
    assert columns(onlooker) == ["id"]


def test_foreign_keys_are_on_again_when_the_rebuild_did_not_begin(
    make_engine: EngineFactory, children: Children, onlooker: sqlite3.Connection
) -> None:
    with make_engine(timeout=0, busy_timeout=0).connect() as connection:
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError):
            rebuild(connection)
        assert enforced(connection)
        onlooker.execute("ROLLBACK")
    assert children() == ALL


@inside_a_transaction
def test_foreign_keys_are_on_again_when_a_rebuild_in_the_callers_transaction_did_not_begin(
    make_engine: EngineFactory, children: Children, onlooker: sqlite3.Connection
) -> None:
    with make_engine(timeout=0, busy_timeout=0).connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("SELECT * FROM parents")).all()
        onlooker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLockedError):
            connection.exec_driver_sql("CREATE TABLE _alembic_tmp_parents (id)")
        onlooker.execute("ROLLBACK")
        connection.exec_driver_sql("ROLLBACK")
        assert enforced(connection)
    assert children() == ALL


def in_the_middle(connection: Connection) -> None:
    connection.execute(text("INSERT INTO parents VALUES (3)"))
    rebuild(connection)


def after_the_callers_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
    rebuild(connection)


@inside_a_transaction
@pytest.mark.parametrize("migrate", [in_the_middle, after_the_callers_begin])
def test_children_survive_in_the_middle_of_a_transaction(
    engine: Engine,
    children: Children,
    onlooker: sqlite3.Connection,
    migrate: Callable[[Connection], None],
) -> None:
    with engine.connect() as connection:
        migrate(connection)
        assert not enforced(connection)
        connection.commit()
        assert enforced(connection)
    assert children() == ALL
    assert columns(onlooker) == ["id", "name"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 and newer can do it")
@pytest.mark.parametrize("migrate", [in_the_middle, after_the_callers_begin])
def test_before_python_3_12_a_rebuild_in_the_middle_is_refused_before_any_damage(
    engine: Engine,
    children: Children,
    onlooker: sqlite3.Connection,
    migrate: Callable[[Connection], None],
) -> None:
    with engine.connect() as connection:
        with pytest.raises(ConfigurationError, match="hardlite_foreign_keys=off"):
            migrate(connection)
        assert enforced(connection)
        connection.commit()
    assert children() == ALL
    assert columns(onlooker) == ["id"]


def test_under_autocommit_a_rebuild_is_refused_before_any_damage(
    make_engine: EngineFactory, children: Children, onlooker: sqlite3.Connection
) -> None:
    with make_engine(isolation_level="AUTOCOMMIT").connect() as connection:
        with pytest.raises(ConfigurationError, match="without AUTOCOMMIT"):
            rebuild(connection)
        assert enforced(connection)
    assert children() == ALL
    assert columns(onlooker) == ["id"]


@inside_a_transaction
def test_under_autocommit_a_rebuild_in_a_transaction_of_the_callers_is_fine(
    make_engine: EngineFactory, children: Children
) -> None:
    with make_engine(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("BEGIN")
        rebuild(connection)
        connection.exec_driver_sql("COMMIT")
        assert enforced(connection)
    assert children() == ALL


@pytest.mark.parametrize("isolation_level", ["SERIALIZABLE", "AUTOCOMMIT"])
def test_without_enforcement_nothing_is_switched(
    make_engine: EngineFactory,
    children: Children,
    caplog: pytest.LogCaptureFixture,
    isolation_level: str,
) -> None:
    engine = make_engine(foreign_keys=False, isolation_level=isolation_level)
    with engine.connect() as connection:
        rebuild(connection)
        connection.commit()
        assert not enforced(connection)
    assert children() == ALL
    assert not caplog.records


@pytest.mark.parametrize(("begin", "end"), [("", ""), ("BEGIN;", "COMMIT;")])
def test_children_survive_a_script_of_alembics_offline_mode(
    engine: Engine, children: Children, onlooker: sqlite3.Connection, begin: str, end: str
) -> None:
    with engine.connect() as connection:
        connection.connection.driver_connection.executescript(  # type: ignore[union-attr]
            SCRIPT.format(begin=begin, end=end)
        )
        assert enforced(connection)
    assert children() == ALL
    assert columns(onlooker) == ["id", "name"]


def test_a_script_that_leaves_its_rebuild_open_has_no_enforcement_until_the_commit(
    engine: Engine, children: Children
) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.executescript(SCRIPT.format(begin="BEGIN;", end=""))
        assert not enforced(connection)
        driver.commit()
        assert enforced(connection)
    assert children() == ALL


def test_a_table_of_another_schema_is_recognised(
    engine: Engine, children: Children, onlooker: sqlite3.Connection
) -> None:
    with engine.connect() as connection:
        with (
            operations(connection) as op,
            op.batch_alter_table("parents", schema="main", recreate="always") as batch,
        ):
            batch.add_column(sa.Column("name", sa.String))
        connection.commit()
    assert children() == ALL
    assert columns(onlooker) == ["id", "name"]
