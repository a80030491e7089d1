"""The runbook is run: each fault is planted, and each command prints what the page shows."""

import contextlib
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hardlite import backup
from tests.fixtures.lock_keepers import keeper, needs_proc

pytest.importorskip("typer", reason="the command line is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "runbook.md"
SECTION = re.compile(r"^## (?P<title>.+?)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)

CRASH = """
import os, sqlite3
c = sqlite3.connect("app.db", isolation_level=None)
c.execute("CREATE TABLE big (a)")
c.executemany("INSERT INTO big VALUES (?)", [("x" * 3000,)] * 50)
os._exit(0)
"""
WRITES = "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()"
READS = "c = connect(); c.execute('BEGIN'); c.execute('SELECT * FROM post').fetchall(); hold()"


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    with keeper(path, WRITES):
        yield


@contextlib.contextmanager
def stopped(path: Path) -> Iterator[None]:
    with keeper(path, WRITES) as child:
        child.stop()
        try:
            yield
        finally:
            child.go_on()


@contextlib.contextmanager
def pinned(path: Path) -> Iterator[None]:
    with keeper(path, READS):
        run(
            path,
            "PRAGMA wal_autocheckpoint = 0",
            "CREATE TABLE wide (a)",
            "INSERT INTO wide VALUES (zeroblob(20000000))",
        )
        yield


@contextlib.contextmanager
def of_another_user(path: Path) -> Iterator[None]:
    with keeper(path, "c = connect(); c.execute('INSERT INTO post (id) VALUES (3)'); hold()"):
        wal = path.with_name("app.db-wal")
        wal.chmod(0o444)
        yield
        wal.chmod(0o644)


@contextlib.contextmanager
def damaged(path: Path) -> Iterator[None]:
    backup(path, path.with_name("good.db"))
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 200] = b"\xff" * 200
    path.write_bytes(content)
    yield


@contextlib.contextmanager
def emptied(path: Path) -> Iterator[None]:
    path.write_bytes(b"")
    yield


@contextlib.contextmanager
def killed(path: Path) -> Iterator[None]:
    subprocess.run([sys.executable, "-c", CRASH], check=True, cwd=path.parent)
    yield


@contextlib.contextmanager
def without_index(path: Path) -> Iterator[None]:
    run(
        path,
        "CREATE TABLE answer (id INTEGER PRIMARY KEY, post_id REFERENCES post (id))",
        "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
        "INSERT INTO answer SELECT i, 1 FROM n",
        "ANALYZE",
    )
    yield


PLANTED: dict[str, Callable[[Path], contextlib.AbstractContextManager[None]]] = {
    '"database is locked"': held,
    "Nothing is written any more": stopped,
    "The -wal file grows": pinned,
    '"attempt to write a readonly database"': of_another_user,
    '"database disk image is malformed"': damaged,
    '"no such table"': emptied,
    "A program was killed": killed,
    "Deleting takes long": without_index,
}


def sections() -> dict[str, str]:
    text = PAGE.read_text(encoding="utf-8")
    return {match["title"]: match["body"] for match in SECTION.finditer(text)}


def same_for_everybody(text: str, folder: Path) -> str:
    """Leave out what differs from machine to machine: numbers, processes and places."""
    text = text.replace(str(folder), "/srv")
    text = re.sub(r"process (\d+) \(.*?, user \w+\)", r"process \1", text)
    text = re.sub(r"; THIS PROCESS IS.*", "", text)
    return re.sub(r"\d[\d.,]*", "1", text)


def as_pattern(shown: str) -> str:
    """A line of three dots stands for any lines, and three dots in a line for any text."""
    lines = [re.escape(line).replace(r"\.\.\.", ".*") for line in shown.splitlines()]
    return "".join(r"(?:.*\n)*?" if line == ".*" else f"{line}\n" for line in lines)


def commands(body: str) -> list[tuple[str, str]]:
    """The commands of a section, each with what it prints."""
    text = "".join(block["text"] for block in BLOCK.finditer(body))
    _, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


@needs_proc
@pytest.mark.parametrize("title", PLANTED)
def test_each_command_prints_what_the_page_shows(title: str, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    run(
        path,
        "PRAGMA journal_mode = wal",
        "CREATE TABLE post (id INTEGER PRIMARY KEY, words TEXT)",
        "INSERT INTO post VALUES (1, 'first')",
    )
    found = commands(sections()[title])
    assert found
    with PLANTED[title](path):
        for command, shown in found:
            name, *arguments = shlex.split(command)
            if name != "hardlite":
                continue
            ran = subprocess.run(
                [sys.executable, "-m", "hardlite", *arguments],
                cwd=tmp_path,
                capture_output=True,
                encoding="utf-8",
                check=False,
                env={**os.environ, "COLUMNS": "200"},
            )

            printed = same_for_everybody(ran.stdout + ran.stderr, tmp_path)
            pattern = as_pattern(same_for_everybody(shown, Path("/srv")))
            assert re.fullmatch(pattern, printed), printed


def test_every_section_says_what_you_see_how_to_know_and_what_to_do() -> None:
    found = sections()

    assert PLANTED.keys() <= found.keys()
    for body in found.values():
        for part in ("**Symptom.** ", "**Diagnosis.** ", "**Fix.** "):
            assert part in body
