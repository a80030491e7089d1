"""An import to be killed, and what must hold of its database afterwards."""

import csv
import dataclasses
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

PROGRAM = Path(__file__).with_name("crash_import.py")
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE items (pk INTEGER PRIMARY KEY, ext_id INTEGER NOT NULL, name TEXT NOT NULL,
                    amount INTEGER NOT NULL);
CREATE INDEX items_by_name ON items (name, ext_id);
"""
SUFFIXES = ("", "-wal", "-journal")
_PROMISE = "committed "


@dataclasses.dataclass
class Tally:
    """What was found in one scene; everything but the runs should be 0."""

    runs: int = 0
    lost: int = 0
    twice: int = 0
    damaged: int = 0
    unfinished: int = 0

    @property
    def wrong(self) -> int:
        """How much is wrong altogether."""
        return self.lost + self.twice + self.damaged + self.unfinished

    def __str__(self) -> str:
        return (
            f"{self.runs} runs; {self.lost} rows lost, {self.twice} twice, "
            f"{self.damaged} databases damaged, {self.unfinished} imports not finished"
        )


class Run:
    """The program, running; its promises are read from its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.promised = 0

    def promises(self) -> Iterator[int]:
        """Yield how many rows are promised to be in, each time that is said."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_PROMISE):
                self.promised = int(line.removeprefix(_PROMISE))
                yield self.promised

    def kill(self) -> None:
        """End it with everything that it started, as kill -9 does."""
        os.killpg(self._process.pid, 9)

    def end(self) -> int:
        """Hear all that it still says, and return its exit code."""
        for _ in self.promises():
            pass
        return self._process.wait()


class Case:
    """A database, a file of rows and a resume key.

    Args:
        directory: where a new directory is made for it.
        rows: how many rows the file has.
        durable: every promise has to survive a power cut.
    """

    def __init__(self, directory: Path, rows: int, *, durable: bool = False) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=directory))
        self.database = self.directory / "app.db"
        self.rows = rows
        self._durable = durable
        self._file = self.directory / "rows.csv"
        chance = random.Random(rows)  # noqa: S311 - what is written means nothing
        self._expected = [
            (number, "x" * chance.randrange(5, 120), chance.randrange(10**6))
            for number in range(rows)
        ]
        with self._file.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([("ext_id", "name", "amount"), *self._expected])
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(SCHEMA)

    def files(self) -> list[Path]:
        """Return the files of the database that are there."""
        paths = [Path(f"{self.database}{suffix}") for suffix in SUFFIXES]
        return [path for path in paths if path.exists()]

    def start(self, *prefix: str, largest: int | None = None) -> Run:
        """Start the import.

        Args:
            prefix: a program that runs it, with its arguments.
            largest: bytes that a file may have at the most.
        """
        command = [*prefix, sys.executable, str(PROGRAM), str(self.database), str(self._file)]
        options = ["--durable"] if self._durable else []
        process = subprocess.Popen(
            [*command, "--resume", "k", "--batch-size", "50", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            start_new_session=True,
        )
        if largest is not None:
            limit = resource.RLIMIT_FSIZE
            resource.prlimit(process.pid, limit, (largest, resource.RLIM_INFINITY))
        return Run(process)

    def check(self, tally: Tally, promised: int) -> None:
        """Look with plain sqlite3, on a copy: what was promised is in, and nothing is twice."""
        tally.runs += 1
        with tempfile.TemporaryDirectory(dir=self.directory) as copy:
            for file in self.files():
                shutil.copy(file, copy)
            try:
                found = _rows_of(Path(copy, self.database.name))
            except sqlite3.DatabaseError:
                tally.damaged += 1
                return
        if found is None:
            tally.damaged += 1
            return
        tally.lost += sum(row not in found for row in self._expected[:promised])
        tally.twice += sum(found.values()) - len(found)

    def finish(self, tally: Tally) -> None:
        """Run the import to its end; then all rows are in, each once."""
        if self.start().end() != 0:
            tally.unfinished += 1
        self.check(tally, self.rows)

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.directory)


def _rows_of(database: Path) -> Counter[Sequence[object]] | None:
    """Return the rows of a sound database; None if it is not sound."""
    with closing(sqlite3.connect(database)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not sound or connection.execute("PRAGMA foreign_key_check").fetchall():
            return None
        return Counter(connection.execute("SELECT ext_id, name, amount FROM items"))
