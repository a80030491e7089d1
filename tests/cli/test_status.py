"""``hardlite status``."""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hardlite import status
from hardlite.cli import status_command
from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.status_command import run_status
from tests.fixtures.databases import EngineFactory

Command = Callable[..., Any]


def test_it_tells_what_is_in_a_database(hardlite: Command, sql: Command, db_path: Path) -> None:
    sql("CREATE TABLE t (a); INSERT INTO t VALUES (1)")

    ran = hardlite("status", db_path)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{db_path}:\ndatabase: 8.0 KiB, 2 pages of 4096\n")
    assert "table t: 1 row, 0 indexes\n" in ran.out


def test_json_is_one_object_with_all_of_it(hardlite: Command, sql: Command, db_path: Path) -> None:
    sql("CREATE TABLE t (a)")

    told = json.loads(hardlite("status", f"sqlite:///{db_path}", "--json", "--exact").out)

    assert told["schema"] == "hardlite.status/1"
    assert told["tables"][0]["name"] == "t"


def test_a_terminal_gets_a_table_and_the_notes(
    make_engine: EngineFactory, db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_engine().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    console = Console(file=io.StringIO(), force_terminal=True, width=90, color_system=None)
    seen = status(db_path)
    told = dataclasses.replace(seen, notes=("something was not seen",))
    monkeypatch.setattr(status_command, "status", lambda *_, **__: told)

    code = run_status(str(db_path), exact=False, as_json=False, out=console)

    assert code is ExitCode.DONE
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert str(db_path) in shown.replace("\n", "")
    assert "0 rows, 0 indexes" in shown
    assert "note: something was not seen" in shown


@pytest.mark.parametrize("name", ["none.db", ":memory:"])
def test_what_is_no_database_file_is_misuse(hardlite: Command, tmp_path: Path, name: str) -> None:
    ran = hardlite("status", name if name.startswith(":") else tmp_path / name)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


def test_what_cannot_be_read_ends_with_three(hardlite: Command, db_path: Path) -> None:
    db_path.write_bytes(b"not a database" * 100)

    ran = hardlite("status", db_path)

    assert (ran.code, ran.out) == (3, "")
    assert "hardlite doctor" in ran.err
