"""The repository's own migrations make the demo's schema and hardlite's table, and undo that."""

import argparse
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, inspect, text

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
    """As far as there are neither rows to be looked at nor tables to be reflected."""
    command.upgrade(config, "0003", sql=True)

    assert "CREATE TABLE flights" in capsys.readouterr().out
    assert not db_path.exists()


FLIGHT = """
    INSERT INTO flights (
        id, year, month, day, sched_dep_time, sched_arr_time, carrier, flight, origin, dest,
        distance, time_hour
    ) VALUES (:id, 2013, 1, 1, :time, 700, 'UA', :id, 'JFK', 'LAX', 2475, '2013-01-01 05:00:00')
"""


def fill_the_old_schema(engine: Engine) -> None:
    """Flights without their scheduled hour, and desks with visits, one of which never served."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO airlines VALUES ('UA', 'United')"))
        for code in ("JFK", "LAX"):
            connection.execute(
                text("INSERT INTO airports VALUES (:code, 'x', 0, 0, 0, 0, 'A', NULL)"),
                {"code": code},
            )
        times = [{"id": number, "time": 500 + number % 60} for number in range(1, 2501)]
        connection.execute(text(FLIGHT), times)
        connection.execute(text("INSERT INTO desks VALUES (1, 7), (2, NULL)"))
        connection.execute(text("INSERT INTO visits VALUES (1, 1, 1), (2, 2, 1)"))


def test_old_rows_go_through_all_revisions_and_none_is_lost(config: Config, engine: Engine) -> None:
    command.upgrade(config, "0002")
    fill_the_old_schema(engine)

    command.upgrade(config, "head")

    with engine.connect() as connection:
        wrong = connection.execute(
            text("SELECT count(*) FROM flights WHERE hour * 100 + minute IS NOT sched_dep_time")
        )
        assert wrong.scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM flights")).scalar() == 2500
        assert connection.execute(text("SELECT served FROM desks")).all() == [(7,), (0,)]
        assert connection.execute(text("SELECT id FROM visits")).all() == [(1,), (2,)]


def test_the_hours_are_filled_again_after_a_downgrade(config: Config, engine: Engine) -> None:
    command.upgrade(config, "0002")
    fill_the_old_schema(engine)
    command.upgrade(config, "head")
    command.downgrade(config, "0002")

    command.upgrade(config, "head")

    assert [point.key for point in resume_points(engine)] == ["migration 0004"]
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM flights WHERE hour = 5"))
        assert found.scalar() == 2500
        assert connection.execute(text("SELECT count(*) FROM visits")).scalar() == 2
