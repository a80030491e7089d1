"""Migration folders of real projects, from an empty file to the head and back, on hardened engines."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from hardlite import create_hardened_engine

command = pytest.importorskip("alembic.command")
config = pytest.importorskip("alembic.config")

# Further down, a script of Optuna uses a model of today's, which has changed.
AS_FAR_AS_IT_GOES = "v3.0.0.c"

ENV = """
from alembic import context
from hardlite.integrations.alembic import run_migrations

run_migrations(context, None)
"""


def optuna_folder() -> Path:
    optuna = pytest.importorskip("optuna")
    return Path(optuna.__file__).parent / "storages" / "_rdb" / "alembic"


def tables(database: Path) -> set[str]:
    engine = create_hardened_engine(f"sqlite:///{database}")
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def settings(folder: Path, url: str) -> object:
    made = config.Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("sqlalchemy.url", url)
    return made


@pytest.mark.skipif(
    sys.version_info < (3, 12),
    reason="Python 3.12 is the first that can switch foreign keys off there",
)
def test_optunas_own_environment_goes_up_and_down_on_a_hardened_url(
    url: str, db_path: Path
) -> None:
    made = settings(optuna_folder(), url)

    command.upgrade(made, "head")
    assert {"studies", "trials", "alembic_version"} <= tables(db_path)

    command.downgrade(made, AS_FAR_AS_IT_GOES)
    command.upgrade(made, "head")
    assert "trials" in tables(db_path)


def test_optunas_revisions_go_up_and_down_with_run_migrations(
    url: str, db_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "env.py").write_text(ENV, encoding="utf-8")
    made = settings(tmp_path / "migrations", url)
    made.set_main_option("path_separator", "newline")
    made.set_main_option("version_locations", str(optuna_folder() / "versions"))

    command.upgrade(made, "head")
    assert {"studies", "trials", "alembic_version"} <= tables(db_path)

    command.downgrade(made, AS_FAR_AS_IT_GOES)
    command.upgrade(made, "head")
    assert "trials" in tables(db_path)
