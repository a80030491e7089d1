"""Prefect: its own commands migrate the database of its server, whose URL says ?plugin=hardlite.

Its environment is asynchronous, and it commits, switches foreign keys off and begins by itself.
"""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("prefect") is None, reason="Prefect is not installed")


def prefect(command: str, url: str, home: Path) -> None:
    """Run a command for databases, in a process of its own."""
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    run = subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", *command.split()],
        env=os.environ | settings,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in found}


@pytest.mark.timeout(400)
def test_its_database_goes_up_to_the_head_and_down_to_nothing(
    db_path: Path, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{db_path}?plugin=hardlite"

    prefect("upgrade -y", url, tmp_path)
    assert {"flow_run", "task_run", "work_pool"} <= tables(db_path)
    # What only writers of hardlite leave.
    assert Path(f"{db_path}-gate").exists()

    prefect("downgrade -y -r base", url, tmp_path)
    assert "flow_run" not in tables(db_path)
