"""What is wrong before anything is written: exit code 2, one message, nothing changed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]

SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE plain (id INTEGER, name TEXT);
CREATE VIEW seen AS SELECT * FROM people
"""


@pytest.fixture
def files(tmp_path: Path, sql: Sql, write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory, which is the current one, with good and bad files."""
    # As hardlite leaves it, so that merely opening it changes nothing.
    sql(f"PRAGMA journal_mode=wal;{SCHEMA}")
    write("people.csv", "id,name\n1,Ann\n")
    write("empty.csv", "")
    write("short.csv", "id\n1\n")
    write("latin.csv", b"id,name\n1,B\xf6b\n")
    write("latin-header.csv", "id,größe\n".encode("latin-1"))
    write("notes.txt", "These are not the rows you are looking for.\n" * 100)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["people.csv"], "Missing argument"),
        (["people.csv", "app.db", "--on-error", "shrug"], "--on-error"),
        (["people.csv", "app.db", "--batch-size", "0"], "--batch-size"),
        (["people.csv", "app.db", "--color"], "No such option"),
        (["none.csv", "app.db"], "There is no file none.csv. Check the path."),
        (["folder", "app.db"], "folder is a directory. Name a file in it."),
        (["empty.csv", "app.db"], "empty.csv is empty."),
        (["latin-header.csv", "app.db"], "latin-header.csv is not UTF-8: byte 0xf6"),
        (["short.csv", "app.db", "--table", "people"], "lacks columns that the table people must"),
        (["notes.txt", "app.db", "--table", "people"], "has columns that the table people lacks"),
        (
            ["people.csv", "app.db", "--table", "poeple"],
            "Did you mean --table people? Add --create",
        ),
        (["people.csv", "app.db", "--table", "x"], "app.db has no table x. Add --create"),
        (["people.csv", "app.db", "--table", "seen"], "seen is a view."),
        (["-", "app.db"], "standard input does not say which table it is for. Add --table"),
        (["-", "-", "app.db", "--table", "people"], "Standard input is named twice."),
        (["people.csv", "none.db"], "There is no database none.db."),
        (["people.csv", "none/app.db", "--create"], "There is no directory none."),
        (["people.csv", "folder"], "folder is a directory."),
        (["app.db", "people.csv"], "app.db is a SQLite database, not a source"),
        (["people.csv", "notes.txt"], "notes.txt cannot be used: file is not a database."),
        (["people.csv", "people.csv/x.db", "--create"], "There is no directory people.csv."),
        (["people.csv", "sqlite:/x://"], "is not a database URL."),
        (["people.csv", "sqlite+nothing:///none.db"], "There is no database none.db."),
        (["people.csv", "sqlite://host/app.db"], "cannot be used: Invalid SQLite URL"),
        (["people.csv", "postgresql://host/app"], "app is not a SQLite database"),
        (["people.csv", "sqlite:///app.db?hardlite_colour=red"], "no setting 'colour'"),
        (["people.csv", "file:app.db?mode=ro"], "There is no database file:app.db?mode=ro."),
        (["people.csv", "app.db", "--table", "plain", "--conflict", "update"], "needs a key"),
        (["people.csv", "app.db", "--report", "none/r.json"], "cannot be written to none/r.json"),
        (["people.csv", "app.db", "--report", "folder"], "cannot replace folder"),
        (["people.csv", "app.db", "--report", "app.db"], "would replace app.db"),
        (["people.csv", "new.db", "--create", "--report", "new.db"], "would replace new.db"),
        (["people.csv", "app.db", "--report", "./people.csv"], "would replace people.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_misuse_is_told_in_one_message_and_changes_nothing(
    hardlite: Command, files: Path, arguments: Sequence[str], complaint: str
) -> None:
    before = {path: path.read_bytes() for path in files.iterdir() if path.is_file()}

    ran = hardlite("import", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert complaint in " ".join(ran.err.split())
    assert {path: path.read_bytes() for path in files.iterdir() if path.is_file()} == before
