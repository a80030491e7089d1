"""The repository's own migrations make the demo's schema, and take it away again."""

import argparse
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from hardlite.demo.schema import Base

INI = Path(__file__).parents[2] / "migrations" / "alembic.ini"


@pytest.fixture
def config(db_path: Path) -> Config:
    return Config(INI, cmd_opts=argparse.Namespace(x=[f"url=sqlite:///{db_path}"]))


def test_upgrade_makes_what_the_models_say(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_downgrade_leaves_no_table_behind(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")

    command.downgrade(config, "base")

    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_a_second_upgrade_finds_nothing_to_do(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")
    before = inspect(engine).get_table_names()

    command.upgrade(config, "head")

    assert inspect(engine).get_table_names() == before


def test_offline_mode_writes_sql_and_touches_no_file(
    config: Config, db_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.upgrade(config, "head", sql=True)

    assert "CREATE TABLE flights" in capsys.readouterr().out
    assert not db_path.exists()
