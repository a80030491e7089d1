"""The scripts in docs/howto/migrate.md that only Alembic can run: it runs them, in a project."""

import re
import sys
import types
from pathlib import Path

import pytest
from sqlalchemy.orm import declarative_base

from tests.fixtures.alembic_projects import AlembicProject

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "migrate.md"
FOR_ALEMBIC = re.compile(
    r"^<!--- skip: next [^\n]*-->\n```python\n(?P<script>.*?)^```", re.MULTILINE | re.DOTALL
)
FLIGHTS = """
op.execute("CREATE TABLE flights (id INTEGER PRIMARY KEY, dep_time INTEGER, hour INTEGER)")
op.execute("INSERT INTO flights VALUES (0, 517, NULL), (999, 1530, NULL), (399999, 42, NULL)")
"""


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program whose models the page imports."""
    module = types.ModuleType("myapp.models")
    vars(module)["Base"] = declarative_base()
    monkeypatch.setitem(sys.modules, "myapp", types.ModuleType("myapp"))
    monkeypatch.setitem(sys.modules, "myapp.models", module)


@pytest.mark.usefixtures("models")
def test_alembic_runs_the_environment_and_the_revision(tmp_path: Path, db_path: Path) -> None:
    env, revision = (found["script"] for found in FOR_ALEMBIC.finditer(PAGE.read_text("utf-8")))
    project = AlembicProject(tmp_path, db_path)
    project.env(body=env)
    project.add("0003", FLIGHTS)
    script = tmp_path / "migrations" / "versions" / "0004.py"
    script.write_text(f'revision = "0004"\ndown_revision = "0003"\n\n{revision}', encoding="utf-8")

    project.upgrade()

    assert project.version() == "0004"
    found = project.sql("SELECT id, hour FROM flights ORDER BY id")
    assert found == [(0, 5), (999, 15), (399_999, 0)]
