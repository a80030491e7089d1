"""Databases in the states in which programs leave them, and what tells that they stay so."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_CRASH = """
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA journal_mode = " + sys.argv[2]).fetchall()
c.execute("PRAGMA cache_size = 5")
c.execute("CREATE TABLE IF NOT EXISTS t (a)")
c.executemany("INSERT INTO t VALUES (?)", [("x" * 3000,)] * 50)
c.execute("BEGIN")
c.execute("UPDATE t SET a = a || 'y'")
if sys.argv[2] == "wal":
    c.execute("COMMIT")
os._exit(0)
"""


@pytest.fixture
def crash(db_path: Path) -> Callable[[str], Path]:
    """Let a process die in the midst of its work, and return the file."""

    def crash(journal_mode: str) -> Path:
        subprocess.run([sys.executable, "-c", _CRASH, str(db_path), journal_mode], check=True)
        return db_path

    return crash


def every_byte(path: Path) -> dict[str, bytes]:
    """All files beside a database, with what is in them."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}
