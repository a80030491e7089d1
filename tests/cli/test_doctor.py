"""``hardlite doctor``."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hardlite.cli.doctor_command import run_doctor
from hardlite.cli.exit_codes import ExitCode

Command = Callable[..., Any]


@pytest.fixture
def no_wal(sql: Command, db_path: Path) -> Path:
    """A database with a rollback journal."""
    sql("CREATE TABLE t (a)")
    return db_path


def test_the_exit_code_says_whether_there_is_something_to_do(
    run_process: Command, hardlite: Command, sql: Command, no_wal: Path
) -> None:
    bad = run_process("doctor", no_wal)
    sql("PRAGMA journal_mode = wal")
    good = hardlite("doctor", no_wal, "--quick")

    assert (bad.code, bad.err) == (1, "")
    assert bad.out.startswith(f"{no_wal}: readiness 6 of 10, ")
    assert "[HIGH] not-wal (WAL Config)\n" in bad.out
    assert "First: not-wal" in bad.out
    assert good.code == 0
    assert "not-wal" not in good.out


def test_json_is_one_object_with_all_of_it(hardlite: Command, no_wal: Path) -> None:
    told = json.loads(hardlite("doctor", f"sqlite:///{no_wal}", "--json").out)

    assert (told["schema"], told["score"]) == ("hardlite.doctor/1", 6)
    assert told["findings"][0]["name"] == "not-wal"


def test_a_page_is_written_as_a_whole(hardlite: Command, no_wal: Path, tmp_path: Path) -> None:
    page = tmp_path / "health.html"

    assert hardlite("doctor", no_wal, "--html", page).code == 1
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_page_never_replaces_the_database(hardlite: Command, no_wal: Path, suffix: str) -> None:
    before = no_wal.read_bytes()

    ran = hardlite("doctor", no_wal, "--html", f"{no_wal}{suffix}")

    assert ran.code == 2
    assert "which the command needs" in ran.err
    assert no_wal.read_bytes() == before


def test_a_terminal_gets_colours_and_the_plan(no_wal: Path) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=90, color_system="standard")

    code = run_doctor(str(no_wal), quick=False, as_json=False, html=None, out=console)

    assert code is ExitCode.SOMETHING_TO_DO
    assert "\x1b[31mHIGH not-wal" in file.getvalue()
    assert "Fix now" in file.getvalue()


@pytest.mark.parametrize("name", ["none.db", ":memory:"])
def test_what_is_no_database_file_is_misuse(hardlite: Command, tmp_path: Path, name: str) -> None:
    ran = hardlite("doctor", name if name.startswith(":") else tmp_path / name)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


def test_a_path_that_cannot_be_followed_could_not_be_looked_at(
    hardlite: Command, tmp_path: Path
) -> None:
    loop = tmp_path / "app.db"
    loop.symlink_to(loop)

    assert hardlite("doctor", loop).code == 3
