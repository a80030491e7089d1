"""Ways to run a command, and files and tables for it."""

import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hardlite.cli.app import app

_TIMEOUT = 60.0
"""Seconds after which a command hangs: then the test fails, and the run goes on."""


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def hardlite() -> Callable[..., Ran]:
    """Run a command in this process."""

    def hardlite(*arguments: object) -> Ran:
        # Wide enough that no message is wrapped.
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return hardlite


@pytest.fixture
def run_process() -> Callable[..., Ran]:
    """Run ``python -m hardlite`` as a process of its own, with warnings as errors."""

    def run_process(*arguments: object, stdin: bytes = b"") -> Ran:
        done = subprocess.run(
            [sys.executable, "-Werror", "-m", "hardlite", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_process


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file and return its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def sql(db_path: Path) -> Callable[[str], list[tuple[object, ...]]]:
    """Run statements on the test's database without hardlite."""

    def sql(statements: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(db_path)
        try:
            *before, last = statements.split(";")
            for statement in before:
                connection.execute(statement)
            rows = connection.execute(last).fetchall()
            connection.commit()
        finally:
            connection.close()
        return rows

    return sql
