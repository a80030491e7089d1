"""Files and directories that may be read but not written, seen by a process without privileges."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permission bits are POSIX's")

# Permission bits do not bind root, so the process gives its privileges up before it opens the file.
# What SQLAlchemy and hardlite import late has to be there by then: the files may be out of reach.
PROGRAM = """
import json, logging, os, sys
from sqlalchemy import exc
from hardlite import create_hardened_engine

warm = create_hardened_engine("sqlite://")
warm.connect().close()
warm.dispose()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

said = []
logging.getLogger("hardlite").addHandler(type("Keep", (logging.Handler,), {
    "emit": lambda self, record: said.append(record.getMessage())})())

def attempt(sql):
    try:
        with engine.begin() as connection:
            result = connection.exec_driver_sql(sql)
            return result.scalar() if result.returns_rows else "done"
    except exc.DBAPIError as error:
        return error.orig.sqlite_errorname

engine = create_hardened_engine(sys.argv[1], timeout=1)
answers = {
    "read": attempt("SELECT count(*) FROM note"),
    "journal_mode": attempt("PRAGMA journal_mode"),
    "foreign_keys": attempt("PRAGMA foreign_keys"),
    "write": attempt("INSERT INTO note VALUES (1)"),
}
engine.dispose()
print(json.dumps({**answers, "said": said}))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty directory that every user may enter, made writable again when the test ends."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents):
        shutil.rmtree(path)
        pytest.skip("the directory for temporary files is closed to other users")
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


def make_database(path: Path, journal_mode: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute("CREATE TABLE note (n)")
    connection.commit()
    connection.close()


def open_without_privileges(url: str) -> dict[str, object]:
    # The process could not write its coverage where this one writes.
    environment = {name: v for name, v in os.environ.items() if not name.startswith("COVERAGE")}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, url],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers: dict[str, object] = json.loads(run.stdout)
    return answers


@pytest.mark.parametrize("folder_mode", [0o755, 0o555], ids=["folder too", "file alone"])
def test_a_file_that_may_only_be_read_is_read_and_left_in_its_journal_mode(
    folder: Path, folder_mode: int
) -> None:
    file = folder / "notes.db"
    make_database(file, "delete")
    file.chmod(0o444)
    folder.chmod(folder_mode)

    answers = open_without_privileges(f"sqlite:///{file}")

    assert answers == {
        "read": 0,
        "journal_mode": "delete",
        "foreign_keys": 1,
        "write": "SQLITE_READONLY",
        "said": [],
    }


def test_a_writable_file_in_a_folder_that_is_not_is_read_and_the_loss_of_wal_told_once(
    folder: Path,
) -> None:
    """A journal is a second file, which cannot be made there (sqlite.org, "Temporary Files")."""
    file = folder / "notes.db"
    make_database(file, "delete")
    file.chmod(0o666)
    folder.chmod(0o555)

    answers = open_without_privileges(f"sqlite:///{file}")

    assert answers == {
        "read": 0,
        "journal_mode": "delete",
        "foreign_keys": 1,
        "write": "SQLITE_READONLY_DIRECTORY",
        "said": [
            (
                f"no WAL for {file}: SQLite answered: attempt to write a readonly database. "
                "Readers and writers will wait for each other."
            ),
            (
                f"writers to {file} in other processes are not ordered, because [Errno 13] "
                f"Permission denied: '{file}-gate': the threads of this process take turns, and "
                "SQLite's own lock keeps processes apart"
            ),
        ],
    }


def test_a_wal_file_that_sqlite_cannot_read_there_is_read_with_immutable(folder: Path) -> None:
    """SQLite needs the -shm file beside it, or the promise that nobody writes.

    sqlite.org, "Write-Ahead Logging", section "Read-Only Databases".
    """
    file = folder / "notes.db"
    make_database(file, "wal")
    file.chmod(0o444)
    folder.chmod(0o555)

    as_it_is = open_without_privileges(f"sqlite:///{file}")
    immutable = open_without_privileges(f"sqlite:///file:{file}?immutable=1&uri=true")

    assert as_it_is["read"] == "SQLITE_READONLY_DIRECTORY"
    assert immutable["read"] == 0
    assert immutable["foreign_keys"] == 1
    assert immutable["write"] == "SQLITE_READONLY"
    assert immutable["said"] == []


def test_a_new_file_where_none_may_be_made_is_sqlites_own_error(folder: Path) -> None:
    folder.chmod(0o555)

    answers = open_without_privileges(f"sqlite:///{folder / 'notes.db'}")

    assert answers["read"] == "SQLITE_CANTOPEN"
