"""What the tests of the doctor share: databases made by plain SQL, and names of findings."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hardlite.doctor import Finding, diagnose

ENVIRONMENT = {"wal-reset-bug", "in-memory-filesystem", "disk-nearly-full"}
"""Findings about the machine that the tests run on: true there, and no test's affair."""


def run(path: Path, *statements: str) -> None:
    """Run statements on a database without hardlite, and close it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def found_in(target: Path | Engine | str) -> dict[str, Finding]:
    """Return the findings of a database by name, but for those of the machine."""
    found = {finding.name: finding for finding in diagnose(target).findings}
    return {name: finding for name, finding in found.items() if name not in ENVIRONMENT}


def every_byte(path: Path) -> dict[str, bytes]:
    """All files beside a database, with what is in them."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}


@pytest.fixture
def wal_db(db_path: Path) -> Path:
    """A good database that nobody uses."""
    run(
        db_path,
        "PRAGMA journal_mode = wal",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id REFERENCES parent (id))",
        "CREATE INDEX child_parent ON child (parent_id)",
        "INSERT INTO parent VALUES (1, 'a')",
        "INSERT INTO child VALUES (1, 1)",
    )
    return db_path


@pytest.fixture
def unprivileged() -> Callable[[], None]:
    """Skip a test that root would pass whatever the rights are."""

    def skip() -> None:
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            pytest.skip("root may do everything")

    return skip
