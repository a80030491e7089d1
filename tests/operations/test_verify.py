"""What is wrong with a database or a backup is found and told; nothing is changed."""

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import BackupError, DatabaseLockedError, backup, verify
from hardlite.errors import ConfigurationError
from tests.fixtures.lock_keepers import keeper, locks_of, needs_proc
from tests.operations.conftest import ROWS

Spoil = Callable[[Path], None]


@pytest.fixture
def made(notes: Engine, tmp_path: Path) -> Path:
    """A good backup."""
    return Path(backup(notes, tmp_path / "backup.db").path)


@pytest.fixture
def packed(notes: Engine, tmp_path: Path) -> Path:
    """A good backup that is packed."""
    return Path(backup(notes, tmp_path / "backup.db.gz").path)


def test_a_sound_database_has_no_problems(notes: Engine, db_path: Path) -> None:
    found = verify(notes)

    assert found.ok
    assert found.content is not None
    assert found.content.rows == {"note": ROWS}
    assert found.manifest is None
    found.raise_for_problems()
    told = found.to_dict()
    assert (told["path"], told["ok"], told["created"]) == (os.path.realpath(db_path), True, None)


def test_a_backup_is_what_its_manifest_says(made: Path, packed: Path) -> None:
    for each in (made, packed):
        found = verify(each)

        assert found.ok, found.problems
        assert found.manifest is not None
        assert found.to_dict()["created"] == found.manifest.created


def test_a_writing_transaction_is_no_obstacle(notes: Engine) -> None:
    with notes.begin() as connection:
        connection.execute(text("DELETE FROM note"))

        assert verify(notes).content.rows == {"note": ROWS}


@pytest.mark.parametrize("on_copy", [False, True])
def test_damage_is_found_in_place_and_on_a_copy(
    notes: Engine, db_path: Path, spoil: Spoil, *, on_copy: bool
) -> None:
    notes.dispose()
    spoil(db_path)

    found = verify(db_path, on_copy=on_copy)

    assert not found.ok
    assert found.content is None
    with pytest.raises(BackupError, match="is not good: "):
        found.raise_for_problems()


def test_a_sound_database_is_sound_on_a_copy(notes: Engine) -> None:
    assert verify(notes, on_copy=True, check="quick").ok


def test_a_truncated_database_is_found(notes: Engine, db_path: Path) -> None:
    notes.dispose()
    with db_path.open("r+b") as file:
        file.truncate(db_path.stat().st_size // 2)

    assert not verify(db_path).ok


@pytest.mark.parametrize("content", [b"no database" * 100, b"\0" * 5000])
def test_what_is_no_database_is_told(db_path: Path, content: bytes) -> None:
    db_path.write_bytes(content)

    assert verify(db_path).problems == ("SQLite cannot read it: file is not a database",)


def test_an_empty_file_is_told(db_path: Path) -> None:
    db_path.touch()

    assert verify(db_path).problems == ("it is empty",)


def test_garbage_in_the_wal_is_no_part_of_the_database(notes: Engine, db_path: Path) -> None:
    """SQLite's checksums leave it out (sqlite.org, "WAL-mode File Format")."""
    notes.dispose()
    Path(f"{db_path}-wal").write_bytes(b"garbage" * 10_000)

    found = verify(db_path)

    assert found.ok
    assert found.content.rows == {"note": ROWS}


@pytest.mark.parametrize("name", ["made", "packed"])
def test_a_backup_that_was_changed_is_told(
    name: str, request: pytest.FixtureRequest, spoil: Spoil
) -> None:
    path: Path = request.getfixturevalue(name)
    spoil(path)

    found = verify(path)

    assert "its SHA-256 is not that of its manifest" in found.problems


def test_a_backup_that_was_written_to_is_told_with_what_differs(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("DELETE FROM note WHERE id > 7")

    assert verify(made).problems == (
        "its SHA-256 is not that of its manifest",
        f"the table 'note' has 7 rows instead of {ROWS}",
    )


def test_a_packed_backup_without_its_end_is_told(packed: Path) -> None:
    with packed.open("r+b") as file:
        file.truncate(packed.stat().st_size // 2)

    assert verify(packed).problems[1].startswith("it cannot be unpacked: ")


def test_what_only_has_the_name_of_a_packed_backup_is_told(tmp_path: Path) -> None:
    path = tmp_path / "backup.db.gz"
    path.write_bytes(b"no gzip")

    assert verify(path).problems[0].startswith("it cannot be unpacked: ")


@pytest.mark.parametrize(
    "manifest",
    ["", "{", "[]", '{"schema": "other/1"}', '{"schema": "hardlite.backup/1", "content": 5}'],
)
def test_a_manifest_that_is_none_is_told(made: Path, manifest: str) -> None:
    path = made.with_name("backup.db.manifest.json")
    path.write_text(manifest, encoding="utf-8")

    assert verify(made).problems == (f"{path} is no manifest of a backup",)


def test_a_backup_without_its_manifest_is_still_a_database(made: Path) -> None:
    made.with_name("backup.db.manifest.json").unlink()

    assert verify(made).ok


@needs_proc
@pytest.mark.skipif(sys.platform == "win32", reason="other locks")
def test_no_lock_of_this_process_is_dropped(made: Path) -> None:
    """To read the file here, and close it, would drop them all."""
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        before = locks_of(os.getpid())

        assert verify(made).ok

        assert locks_of(os.getpid()) == before != []


def test_a_file_that_another_process_cannot_read_is_told(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(BackupError, match="could not be read by another process"):
        verify(made)


def test_a_foreign_key_that_cannot_be_looked_up_is_told(db_path: Path) -> None:
    with closing(sqlite3.connect(db_path)) as connection:
        connection.executescript(
            "CREATE TABLE parent (id INTEGER); CREATE TABLE child (p REFERENCES parent (id));"
            "INSERT INTO child VALUES (1)"
        )

    (problem,) = verify(db_path).problems

    assert problem.startswith("foreign keys could not be checked: foreign key mismatch")


def test_an_index_of_a_function_that_is_not_here_is_told(db_path: Path) -> None:
    with closing(sqlite3.connect(db_path)) as connection:
        connection.create_function("own", 1, abs, deterministic=True)
        connection.executescript("CREATE TABLE t (n); CREATE INDEX i ON t (own(n))")

    assert verify(db_path).problems[0].startswith("it could not be checked: ")


LOCKS = """
c = connect("delete")
c.execute("CREATE TABLE note (words TEXT)")
c.execute("BEGIN EXCLUSIVE")
hold()
"""


def test_a_lock_is_no_damage(db_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hardlite.operations import opening
    from hardlite.operations import verify as module

    def at_once(*arguments: object) -> object:
        return opening.opened(*arguments, busy_timeout=0.01)

    monkeypatch.setattr(module, "opened", at_once)
    with keeper(db_path, LOCKS), pytest.raises(DatabaseLockedError):
        module.verify(db_path)


def test_another_way_to_look_is_not_known(notes: Engine) -> None:
    with pytest.raises(ConfigurationError, match="check= cannot be 'slow'"):
        verify(notes, check="slow")
