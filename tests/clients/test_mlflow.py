"""MLflow: its migrations, with rows in the tables, on a URL that says ?plugin=hardlite."""

import dataclasses
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("mlflow") is None, reason="MLflow is not installed")

OWN_ENVIRONMENT_NEEDS_312 = pytest.mark.skipif(
    sys.version_info < (3, 12),
    reason="Python 3.12 is the first that can switch foreign keys off there",
)

ENV = """
from alembic import context
from hardlite.integrations.alembic import run_migrations
from mlflow.store.db.base_sql_model import Base

run_migrations(context, Base.metadata)
"""

PROGRAM = """
import json, sys
from alembic import command
from alembic.config import Config
from mlflow.store.tracking.dbmodels.initial_models import Base
from sqlalchemy import create_engine, inspect, text

url, environment, versions = sys.argv[1:]
config = Config()
config.set_main_option("sqlalchemy.url", url)
config.set_main_option("path_separator", "newline")
config.set_main_option("script_location", environment)
config.set_main_option("version_locations", versions)
engine = create_engine(url)

def content():
    with engine.connect() as connection:
        return {
            name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in sorted(inspect(connection).get_table_names())
        }

# As the first MLflow with a database made it.
Base.metadata.create_all(engine)
with engine.begin() as connection:
    for statement in (
        "INSERT INTO experiments VALUES (7, 'wine', '/wine', 'active')",
        "INSERT INTO runs (run_uuid, experiment_id, lifecycle_stage, status, source_type, user_id)"
        " VALUES ('one', 7, 'active', 'FINISHED', 'LOCAL', 'ada')",
        "INSERT INTO tags VALUES ('colour', 'red', 'one')",
        "INSERT INTO params VALUES ('depth', '4', 'one')",
        "INSERT INTO metrics VALUES ('loss', 0.5, 1, 'one')",
    ):
        connection.execute(text(statement))
command.upgrade(config, "heads")
up, downs, end = content(), 0, ""
while not end:
    try:
        command.downgrade(config, "-1")
        downs += 1
    except Exception as error:
        end = str(error)
command.upgrade(config, "heads")
engine.dispose()
print(json.dumps({"up": up, "downs": downs, "end": end, "again": content()}))
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What became of a database.

    Attributes:
        up: the rows of each table at the head.
        downs: how many revisions it could be downgraded by.
        end: why not further.
        again: the rows of each table, back at the head.
    """

    up: dict[str, int]
    downs: int
    end: str
    again: dict[str, int]


def own_folder() -> Path:
    found = find_spec("mlflow")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "store" / "db_migrations"


def migrated(url: str, environment: Path) -> Migrated:
    """Migrate in a process of its own: MLflow warns while it is imported."""
    versions = str(own_folder() / "versions")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, str(environment), versions],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return Migrated(**json.loads(run.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """What becomes of it without hardlite."""
    return migrated(f"sqlite:///{tmp_path_factory.mktemp('plain') / 'plain.db'}", own_folder())


@OWN_ENVIRONMENT_NEEDS_312
@pytest.mark.timeout(300)
def test_an_old_database_comes_to_the_head_and_down_as_far_as_a_plain_one(
    url: str, plain: Migrated
) -> None:
    hardened = migrated(url, own_folder())

    assert (hardened.up["runs"], hardened.up["params"], hardened.up["metrics"]) == (1, 1, 1)
    assert hardened.downs == plain.downs, hardened.end
    assert (hardened.up, hardened.again) == (plain.up, plain.again)


@pytest.mark.timeout(300)
def test_run_migrations_brings_it_as_far(url: str, plain: Migrated, tmp_path: Path) -> None:
    environment = tmp_path / "migrations"
    environment.mkdir()
    (environment / "env.py").write_text(ENV, encoding="utf-8")

    hardened = migrated(url, environment)

    assert hardened.downs == plain.downs, hardened.end
    assert (hardened.up, hardened.again) == (plain.up, plain.again)


@OWN_ENVIRONMENT_NEEDS_312
@pytest.mark.timeout(300)
def test_the_command_of_mlflow_fills_an_empty_file(url: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", url],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "Updating database tables" in run.stderr
