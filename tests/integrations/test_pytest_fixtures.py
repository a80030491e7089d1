"""The fixtures of the pytest plugin."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import ConfigurationError, MissingExtraError
from hardlite.engine import profile_of
from hardlite.integrations.pytest.databases import migrated_template, template_path
from tests.fixtures.alembic_projects import FAMILY, AlembicProject

ADD = text("INSERT INTO desks (id, served) VALUES (1, 1)")
COUNT = text("SELECT count(*) FROM desks")


@pytest.fixture(scope="session")
def hardlite_alembic_ini() -> Path:
    return Path(__file__).parents[2] / "migrations" / "alembic.ini"


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_has_a_migrated_database_for_itself(hardlite_engine: Engine, time: str) -> None:
    with hardlite_engine.begin() as connection:
        assert connection.execute(COUNT).scalar() == 0, time
        connection.execute(ADD)


def test_the_engine_is_a_hardened_one_on_the_tests_own_file(
    hardlite_engine: Engine, hardlite_database: Path, tmp_path: Path
) -> None:
    assert profile_of(hardlite_engine) is not None
    assert hardlite_database.parent == tmp_path
    assert hardlite_engine.url.database == str(hardlite_database)


def test_tests_may_share_a_database_of_their_worker(
    hardlite_worker_engine: Engine, hardlite_worker_database: Path, hardlite_database: Path
) -> None:
    with hardlite_worker_engine.begin() as connection:
        assert connection.execute(COUNT).scalar() == 0

    assert hardlite_worker_database != hardlite_database


def test_workers_share_the_template_of_an_ini(tmp_path: Path) -> None:
    ini, other = tmp_path / "alembic.ini", tmp_path / "other.ini"
    alone = template_path(tmp_path, ini, None)

    assert alone.parent == tmp_path
    assert {template_path(tmp_path / name, ini, name) for name in ("gw0", "gw1")} == {alone}
    assert template_path(tmp_path, other, None) != alone


def test_without_settings_it_says_which_fixture_to_override(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Override the fixture hardlite_alembic_ini"):
        migrated_template(tmp_path / "alembic.ini", tmp_path / "template.db")


def test_an_environment_that_migrates_something_else_is_refused(project: AlembicProject) -> None:
    project.add("one", FAMILY)
    project.env(body="pass")

    with pytest.raises(ConfigurationError, match="has not migrated the engine"):
        migrated_template(project.ini, project.home / "template.db")


def test_without_alembic_it_says_which_extra_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alembic.config", None)

    with pytest.raises(MissingExtraError, match=r"hardlite\[pytest\]"):
        migrated_template(tmp_path / "alembic.ini", tmp_path / "template.db")


TESTS = """
import pytest
from sqlalchemy import text

@pytest.mark.parametrize("number", range(6))
def test_it(hardlite_engine, hardlite_worker_engine, number):
    with hardlite_engine.begin() as connection:
        connection.execute(text("INSERT INTO parent VALUES (1, 'Ada')"))
"""


def test_a_project_uses_them_with_xdist_and_migrates_once(project: AlembicProject) -> None:
    project.add("one", f"{FAMILY}\nopen({str(project.home / 'ran')!r}, 'a').write('x')")
    (project.home / "conftest.py").write_text(
        'pytest_plugins = ["hardlite.integrations.pytest"]', encoding="utf-8"
    )
    (project.home / "test_it.py").write_text(TESTS, encoding="utf-8")
    (project.home / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]

    ran = subprocess.run(
        command, cwd=project.home, capture_output=True, encoding="utf-8", check=False
    )

    assert "6 passed" in ran.stdout, ran.stdout + ran.stderr
    assert (project.home / "ran").read_text(encoding="utf-8") == "x"
