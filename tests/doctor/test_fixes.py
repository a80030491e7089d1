"""The commands that findings name mend what they were found for."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hardlite import backup
from hardlite.doctor import Finding
from tests.doctor.conftest import found_in, run

pytest.importorskip("typer", reason="the command line is not installed")

COMMAND = re.compile(
    r"hardlite (?:backup|checkpoint|optimize|restore|vacuum|verify) [^,:]*?app\.db"
)

CRASH = """
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA cache_size = 5")
c.execute(sys.argv[2])
c.executemany("INSERT INTO parent (name) VALUES (?)", [(str(n) * 500,) for n in range(2000)])
os._exit(0)
"""


def crash(path: Path, first: str) -> None:
    subprocess.run([sys.executable, "-c", CRASH, str(path), first], check=True)


def leave_wal(path: Path) -> None:
    crash(path, "SELECT 1")


def leave_journal(path: Path) -> None:
    run(path, "PRAGMA journal_mode = delete")
    crash(path, "BEGIN")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 2 + 200] = b"\xff" * 200
    path.write_bytes(content)


def overwrite(path: Path) -> None:
    path.write_bytes(b"something else" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete_much(path: Path) -> None:
    run(path, "CREATE TABLE wide (a)", "INSERT INTO wide VALUES (zeroblob(9000000))")
    run(path, "DELETE FROM wide")


def fill(path: Path) -> None:
    run(
        path,
        "WITH n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
        "INSERT INTO child SELECT i, 1 FROM n",
    )


def command_of(finding: Finding, good: Path) -> list[str]:
    """The one command that a fix names, with a good backup for ``BACKUP``."""
    (command,) = COMMAND.findall(finding.fix)
    return shlex.split(command.replace("BACKUP", shlex.quote(str(good))))


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("wal-left-behind", leave_wal),
        ("hot-journal", leave_journal),
        ("damaged", damage),
        ("not-a-database", overwrite),
        ("empty-file", empty),
        ("many-free-pages", delete_much),
        ("never-analyzed", fill),
    ],
)
def test_the_command_that_a_finding_names_mends_it(
    wal_db: Path, name: str, plant: Callable[[Path], None]
) -> None:
    good = wal_db.with_name("good of yesterday")
    backup(wal_db, good)
    plant(wal_db)
    planted = found_in(wal_db)[name]

    _, *arguments = command_of(planted, good)
    ran = subprocess.run(
        [sys.executable, "-m", "hardlite", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert name not in found_in(wal_db)
