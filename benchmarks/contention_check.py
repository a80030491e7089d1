"""The database of a scene: its tables, and whether it holds afterwards what was reported."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from contention_figures import Outcome
from contention_scenes import Scene
from contention_systems import CHILDREN

__all__ = ["check", "create"]

_TABLES = """
CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE note (id INTEGER PRIMARY KEY, worker INTEGER NOT NULL);
CREATE TABLE item (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE child (
    id INTEGER PRIMARY KEY, item_id INTEGER NOT NULL REFERENCES item, name TEXT NOT NULL
);
INSERT INTO counter VALUES (1, 0);
"""


def create(path: Path, *, wal: bool) -> None:
    """Make the file and its tables, before any process has it open."""
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_TABLES)


def check(path: Path, scene: Scene, outcome: Outcome, *, items: int) -> list[str]:
    """Say what is not in the database as it was reported; nothing where all is well.

    Args:
        path: the database, which no process has open any more.
        scene: who took part.
        outcome: what they reported.
        items: of each import.
    """
    writing = [group for group in scene.groups if group.does != "load"]
    loads = sum(group.processes for group in scene.groups if group.does == "load")
    written = sum(outcome[group.name].written for group in writing)
    expected = [
        ("SELECT value FROM counter", written, "counter"),
        ("SELECT count(*) FROM note", written, "notes"),
        ("SELECT count(*) FROM item", loads * items, "items"),
        ("SELECT count(*) FROM child", loads * items * CHILDREN, "children"),
        ("SELECT count(*) FROM pragma_foreign_key_check", 0, "children of no item"),
    ]
    with closing(sqlite3.connect(path)) as connection:
        wrong = _differences(connection, expected)
        (integrity,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return wrong if integrity == "ok" else [*wrong, f"integrity_check: {integrity}"]


def _differences(
    connection: sqlite3.Connection, expected: Sequence[tuple[str, int, str]]
) -> list[str]:
    wrong = []
    for query, number, name in expected:
        (found,) = connection.execute(query).fetchone()
        if found != number:
            wrong.append(f"{name}: {found} in the database, {number} reported")
    return wrong
