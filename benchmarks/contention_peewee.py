"""peewee's SqliteQueueDatabase for contention.py.

Its writing thread executes one statement after the other and each is a transaction of its own;
`atomic()` raises. So the work inside of a transaction is a function that the statement calls while
SQLite has the write lock, and the note is counted by a trigger.
"""

import importlib
import itertools
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from contention_systems import CHILDREN, PRAGMAS, TIMEOUT, Inside, Prepare, Teller

__all__ = ["Queue"]

# A foreign writer counts its own notes; those of the queue have a negative worker.
_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS note_is_counted AFTER INSERT ON note WHEN new.worker < 0
BEGIN UPDATE counter SET value = value + 1; END
"""


class Queue:
    """One writing thread for all threads of the process."""

    errors: tuple[type[Exception], ...]

    def __init__(self, path: Path, _: int) -> None:
        peewee: Any = importlib.import_module("peewee")
        with closing(sqlite3.connect(path, timeout=TIMEOUT)) as connection, connection:
            connection.execute(_TRIGGER)
        self.errors = (peewee.PeeweeException,)
        queue: Any = importlib.import_module("playhouse.sqliteq")
        self._database = queue.SqliteQueueDatabase(
            path, pragmas=PRAGMAS, timeout=TIMEOUT, autostart=False
        )
        self._tokens = itertools.count()
        self._inside: dict[int, Inside] = {}
        self._database.register_function(self._work, "work")
        self._database.start()

    def connect(self, meet: Callable[[], object]) -> None:
        """Read the counter."""
        self._database.execute_sql("SELECT value FROM counter").fetchall()
        meet()
        self._database.close()

    def write(self, worker: int, inside: Inside) -> None:
        """Write with one statement; its `work` is called within its transaction."""
        token = next(self._tokens)
        self._inside[token] = inside
        try:
            self._execute("INSERT INTO note (worker) SELECT ? WHERE work(?)", (~worker, token))
        finally:
            del self._inside[token]

    def load(self, number: int, items: Sequence[int], prepare: Prepare, told: Teller) -> None:
        """Import row after row: that is all that a queue of statements can do."""

        def insert(statement: str, values: tuple[object, ...]) -> int:
            while True:
                asked = time.perf_counter()
                try:
                    key: int = self._execute(statement, values).lastrowid
                except self.errors as error:
                    told.refused(error, waited=time.perf_counter() - asked)
                else:
                    told.committed(wait=time.perf_counter() - asked, hold=0.0)
                    return key

        for item in items:
            name = prepare(item)
            key = insert("INSERT INTO item (number, name) VALUES (?, ?)", (number, name))
            for child in range(CHILDREN):
                values = (key, f"{name}.{child}")
                insert("INSERT INTO child (item_id, name) VALUES (?, ?)", values)

    def close(self) -> None:
        """Let the queue run empty and stop its thread."""
        self._database.stop()

    def _work(self, token: int) -> bool:
        self._inside[token]()
        return True

    def _execute(self, statement: str, values: tuple[object, ...]) -> Any:  # noqa: ANN401 - a cursor of peewee
        cursor = self._database.execute_sql(statement, values)
        cursor.fetchall()
        return cursor
