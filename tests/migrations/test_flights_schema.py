"""The repository's own migrations make the demo's schema and hardlite's table, and undo that."""

import argparse
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, inspect

from hardlite import batched_unit_of_work, resume_points
from hardlite.demo.schema import Base
from hardlite.resume.resume_points import progress_table
from tests.fixtures.databases import EngineFactory
from tests.fixtures.entries import ENTRIES, entries, make_entries

INI = Path(__file__).parents[2] / "migrations" / "alembic.ini"


@pytest.fixture
def config(db_path: Path) -> Config:
    return Config(INI, cmd_opts=argparse.Namespace(x=[f"url=sqlite:///{db_path}"]))


def test_upgrade_makes_what_the_models_say(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")

    everything = MetaData()
    for table in (*Base.metadata.sorted_tables, progress_table):
        table.to_metadata(everything)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, everything) == []


def test_the_table_of_the_progress_is_what_an_import_would_make(
    config: Config, engine: Engine, make_engine: EngineFactory, tmp_path: Path
) -> None:
    command.upgrade(config, "head")
    other = make_engine(tmp_path / "other.db")
    progress_table.create(other)

    looks = [inspect(one) for one in (engine, other)]
    columns = [look.get_columns("hardlite_progress") for look in looks]
    keys = [look.get_pk_constraint("hardlite_progress") for look in looks]
    assert str(columns[0]) == str(columns[1])
    assert keys[0] == keys[1]


def test_a_table_that_an_import_has_made_stays_as_it_is(config: Config, engine: Engine) -> None:
    make_entries(engine)
    batched_unit_of_work(engine, entries(3), ENTRIES, resume_key="k")

    command.upgrade(config, "head")

    assert resume_points(engine)[0].position == 3


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
