"""`hardlite backup` and `hardlite verify`."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hardlite.cli.copy_bar import copy_bar
from tests.fixtures.lock_keepers import keeper, needs_proc

Command = Callable[..., Any]


@pytest.fixture
def notes(sql: Callable[[str], object], db_path: Path) -> Path:
    sql("CREATE TABLE note (words TEXT); INSERT INTO note VALUES ('a'), ('b')")
    return db_path


def test_a_backup_is_made_checked_and_told(
    run_process: Command, notes: Path, tmp_path: Path
) -> None:
    target = tmp_path / "backup.db"

    made = run_process("backup", notes, target)
    found = run_process("verify", target)

    assert (made.code, made.err, found.code, found.err) == (0, "", 0, "")
    assert made.out.startswith(f"{target}: 8,192 bytes, 1 tables, 2 rows, checked, in ")
    assert found.out.startswith(f"{target}: good, the state of 2")
    assert "; 1 tables, 2 rows, looked at in " in found.out


def test_json_has_all_of_it(hardlite: Command, notes: Path, tmp_path: Path) -> None:
    made = json.loads(hardlite("backup", "--json", notes, tmp_path / "backup.db").out)
    found = json.loads(hardlite("verify", "--json", "--quick", notes).out)

    assert made["manifest"]["content"]["rows"] == {"note": 2}
    assert (found["schema"], found["ok"]) == ("hardlite.verification/1", True)


def test_old_backups_are_removed_and_told(hardlite: Command, notes: Path, tmp_path: Path) -> None:
    pattern = tmp_path / "b-{time}.db"
    first = json.loads(hardlite("backup", "--json", "--quick", notes, pattern).out)["path"]

    second = hardlite("backup", notes, pattern, "--keep", "1").out
    third = hardlite("backup", notes, pattern, "--keep", "1", "--keep-for", "2h").out

    assert f"removed {first}\n" in second
    assert "\nremoved " not in third
    assert len(list(tmp_path.glob("b-*.db"))) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("{db}", "{db}"), "would replace the database itself"),
        (("{dir}/none.db", "{dir}/b.db"), "There is no database"),
        (("{db}", "{dir}/b-{{time}}.db", "--keep-for", "ever"), "--keep-for cannot be 'ever'"),
        (("postgresql://host/db", "{dir}/b.db"), "is not a SQLite database"),
    ],
)
def test_misuse_is_one_line(
    hardlite: Command, notes: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    ran = hardlite("backup", *(part.format(db=notes, dir=tmp_path) for part in options))

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert told in ran.err


def test_a_damaged_database_gives_no_backup(hardlite: Command, tmp_path: Path) -> None:
    damaged, target = tmp_path / "app.db", tmp_path / "b.db"
    damaged.write_bytes(b"no database" * 100)

    made, found = hardlite("backup", damaged, target), hardlite("verify", damaged)

    assert (made.code, made.out, found.code) == (3, "", 1)
    assert "file is not a database" in made.err
    assert found.out == f"{damaged}: NOT GOOD\nSQLite cannot read it: file is not a database\n"
    assert not target.exists()


def test_references_that_lead_nowhere_are_noted(
    hardlite: Command, sql: Callable[[str], object], db_path: Path, tmp_path: Path
) -> None:
    sql("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a);"
        "INSERT INTO b VALUES (1)")  # fmt: skip

    made = hardlite("backup", db_path, tmp_path / "b.db")

    assert "\nnote: 1 rows of 'b' refer to rows of 'a' that are not there\n" in made.out


def test_what_cannot_be_looked_at_is_no_finding(hardlite: Command, tmp_path: Path) -> None:
    missing = hardlite("verify", tmp_path / "none.db")
    loop = tmp_path / "loop.db"
    loop.symlink_to(loop)

    assert (missing.code, hardlite("verify", loop, "--on-copy").code) == (2, 3)


def test_a_terminal_gets_a_bar() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)

    with copy_bar(console, "copying") as progress:
        assert progress is not None
        progress(5_000_000, 10_000_000)

    assert isinstance(console.file, io.StringIO)
    assert "5.0/10.0 MB" in console.file.getvalue()


def test_a_backup_is_restored_and_the_old_state_kept(
    run_process: Command,
    sql: Callable[[str], list[tuple[object, ...]]],
    notes: Path,
    tmp_path: Path,
) -> None:
    target = tmp_path / "backup.db"
    run_process("backup", notes, target)
    sql("DELETE FROM note; SELECT 1")

    done = run_process("restore", target, notes)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{notes}: restored, 1 tables, 2 rows, checked, in ")
    assert f"; what was there before is {notes}.before-restore-2" in done.out
    assert sql("SELECT count(*) FROM note") == [(2,)]


def test_a_restore_to_where_nothing_was_keeps_nothing(
    hardlite: Command, notes: Path, tmp_path: Path
) -> None:
    done = hardlite("restore", notes, tmp_path / "new.db")
    told = json.loads(hardlite("restore", "--json", notes, tmp_path / "more.db").out)

    assert "what was there before" not in done.out
    assert (told["kept"], told["rows"]) == (None, {"note": 2})


def test_a_restore_that_cannot_be_is_one_line(
    hardlite: Command, notes: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database" * 100)

    itself, bad = hardlite("restore", notes, notes), hardlite("restore", damaged, notes)

    assert (itself.code, bad.code) == (2, 3)
    assert itself.err.count("\n") == bad.err.count("\n") == 1
    assert "cannot be restored from itself" in itself.err
    assert "is not good" in bad.err


def test_upkeep_is_told(run_process: Command, notes: Path) -> None:
    checkpoint = run_process("checkpoint", notes)
    optimize = run_process("optimize", notes)
    vacuum = run_process("vacuum", notes)

    assert (checkpoint.code, optimize.code, vacuum.code) == (0, 0, 0)
    assert checkpoint.out.startswith(
        f"{notes}: 0 of 0 pages of the WAL are in the database; it had "
    )
    assert optimize.out.startswith(f"{notes}: optimized, 8,192 bytes before and ")
    assert vacuum.out.startswith(f"{notes}: vacuumed, ")


def test_upkeep_as_json(hardlite: Command, notes: Path) -> None:
    assert json.loads(hardlite("checkpoint", "--json", notes).out)["complete"]
    assert json.loads(hardlite("vacuum", "--json", notes).out)["path"] == str(notes)
    assert hardlite("optimize", notes.with_name("none.db")).code == 2


@needs_proc
def test_who_keeps_the_wal_is_told(hardlite: Command, notes: Path) -> None:
    reads = """
    c = connect("wal")
    c.execute("INSERT INTO note VALUES ('c')")
    c.execute("BEGIN")
    c.execute("SELECT count(*) FROM note").fetchall()
    hold()
    """
    with keeper(notes, reads) as process:
        done = hardlite("checkpoint", notes)

    assert done.code == 1
    assert "\nThe WAL cannot start over yet.\nreading: process " + str(process.pid) in done.out
