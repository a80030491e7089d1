"""kill -9 at each moment of a run: the file is at the old or the new revision, and whole.

benchmarks/migrations.py does the same at random moments, a hundred times for each revision.
"""

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from tests.fixtures.lock_keepers import keeper

INI = Path(__file__).parents[2] / "migrations" / "alembic.ini"

PROGRAM = """
import argparse
from alembic import command
from alembic.config import Config
from hardlite.integrations.alembic.orders import ATTRIBUTE, Orders

ini, moment = sys.argv[2:]

def tell(happening):
    if str(happening).startswith(moment):
        hold("there")

options = argparse.Namespace(x=[f"url=sqlite:///{path}"])
config = Config(ini, cmd_opts=options, attributes={ATTRIBUTE: Orders(tell=tell)})
command.upgrade(config, "head")
"""


def upgrade(database: Path, revision: str) -> None:
    options = argparse.Namespace(x=[f"url=sqlite:///{database}"])
    command.upgrade(Config(INI, cmd_opts=options), revision)


def facts(database: Path) -> tuple[object, ...]:
    """The revision, and what a damaged or half migrated file would have otherwise."""
    with closing(sqlite3.connect(database)) as connection:
        return tuple(
            connection.execute(sql).fetchone()[0]
            for sql in (
                "SELECT version_num FROM alembic_version",
                "SELECT integrity_check FROM pragma_integrity_check",
                "SELECT count(*) FROM pragma_foreign_key_check",
                "SELECT count(*) FROM sqlite_master WHERE name LIKE '%alembic_tmp%'",
                "SELECT count(*) FROM desks",
                "SELECT count(*) FROM visits",
            )
        )


@pytest.mark.parametrize(
    ("moment", "left_at"),
    [
        ("backing up", "0002"),
        ("revision 0003", "0002"),
        ("revision 0004", "0002"),
        # What came before the batches of 0004 was committed for them.
        ("revision 0005", "0003"),
        ("rebuilding flights", "0003"),
        ("rebuilding desks", "0003"),
        ("done", "0005"),
    ],
)
def test_a_killed_run_leaves_a_revision_and_the_next_run_succeeds(
    db_path: Path, moment: str, left_at: str
) -> None:
    upgrade(db_path, "0002")
    with closing(sqlite3.connect(db_path)) as connection:
        connection.executescript(
            "INSERT INTO desks VALUES (1, 7), (2, NULL); INSERT INTO visits VALUES (1, 1, 1)"
        )

    with keeper(db_path, PROGRAM, INI, moment, word="there") as process:
        process.kill()

    assert facts(db_path) == (left_at, "ok", 0, 0, 2, 1)
    upgrade(db_path, "head")
    assert facts(db_path) == ("0005", "ok", 0, 0, 2, 1)
