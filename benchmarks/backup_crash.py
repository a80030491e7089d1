"""Backups and restores that are killed at random moments, and what is there afterwards.

    backup    a file that has the name of a backup is a whole database, and one with a manifest is what
              the manifest says; the database itself is left alone
    restore   the database is all of the old one or all of the new one, and what is called the kept
              state is all of the old one
    online    the same, with a reader that has the database open

A killed process leaves its files as the kernel has them; this says nothing about power cuts.
"""

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from hardlite import backup, restore, verify

SCENES = ("backup", "restore", "online")
_READER = """
import sqlite3, sys
reader = sqlite3.connect(sys.argv[1])
reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""


class Crashes:
    """One database, an old state of it and a new one, and what was found wrong."""

    def __init__(self, directory: Path, rows: int, seed: int) -> None:
        self._directory = directory
        self._database = directory / "app.db"
        self._chance = random.Random(seed)  # noqa: S311 - not a secret
        self._rows = rows
        self.wrong: list[str] = []
        self._fill("old", rows)
        self._old = Path(backup(self._database, directory / "old.db").path)
        self._fill("new", rows // 2)
        self._new = Path(backup(self._database, directory / "new.db").path)

    def backup(self, kills: int) -> str:
        """Kill backups; return what was there."""
        pattern = self._directory / "made-{time}.db"
        left = {"nothing": 0, "a backup": 0, "no manifest yet": 0}
        for _ in self._killed(kills, lambda: backup(self._database, pattern)):
            found = list(self._directory.glob("made-*.db"))
            for path in found:
                has_manifest = path.with_name(f"{path.name}.manifest.json").exists()
                left["a backup" if has_manifest else "no manifest yet"] += 1
                self._require(path, "new")
            left["nothing"] += not found
            if not verify(self._database).ok:
                self.wrong.append("the database was damaged by a backup")
            for path in self._directory.glob("made-*"):
                path.unlink()
        self._require(Path(backup(self._database, pattern).path), "new")
        return _listed(left)

    def restore(self, kills: int) -> str:
        """Kill restores of a database that nobody uses; return what was there."""
        return self._restores(kills, online=False)

    def online(self, kills: int) -> str:
        """Kill restores of a database that somebody reads; return what was there."""
        # A process of its own: a child of this one would inherit what SQLite remembers of its locks.
        with subprocess.Popen(
            [sys.executable, "-c", _READER, str(self._database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as reader:
            assert reader.stdout is not None
            reader.stdout.readline()
            return self._restores(kills, online=True)

    def _restores(self, kills: int, *, online: bool) -> str:
        left = {"old": 0, "new": 0}
        restore(self._old, self._database, online=online)
        self._forget_kept()
        for _ in self._killed(kills, lambda: restore(self._new, self._database, online=online)):
            for path in self._kept():
                self._require(path, "old")
            self._forget_kept()
            left[self._require(self._database, "old", "new")] += 1
            restore(self._old, self._database, online=online)
            self._require(self._database, "old")
            self._forget_kept()
        return _listed(left)

    def _killed(self, kills: int, work: Callable[[], object]) -> Iterator[None]:
        """Run ``work`` in processes, and kill each at some moment."""
        started = time.monotonic()
        self._end(self._start(work))
        longest = 1.2 * (time.monotonic() - started)
        yield
        for _ in range(kills):
            child = self._start(work)
            time.sleep(self._chance.uniform(0, longest))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            self._end(child)
            yield

    def _start(self, work: Callable[[], object]) -> int:
        child = os.fork()
        if child == 0:
            try:
                work()
            finally:
                os._exit(0)
        return child

    def _end(self, child: int) -> None:
        os.waitpid(child, 0)

    def _require(self, path: Path, *states: str) -> str:
        found = verify(path)
        sizes = {"old": self._rows, "new": self._rows // 2}
        held = found.content.rows.get("entry") if found.content is not None else None
        for state in states:
            if found.ok and held == sizes[state]:
                return state
        self.wrong.append(f"{path.name}: {held} rows, {found.problems}")
        return states[0]

    def _kept(self) -> list[Path]:
        return [
            path
            for path in self._directory.glob("app.db.before-restore-*")
            if not path.name.endswith(("-wal", "-shm", "-journal"))
        ]

    def _forget_kept(self) -> None:
        for path in self._directory.glob("app.db.before-restore-*"):
            path.unlink()

    def _fill(self, state: str, rows: int) -> None:
        with closing(sqlite3.connect(self._database)) as connection:
            connection.executescript(
                "PRAGMA journal_mode = WAL; DROP TABLE IF EXISTS entry;"
                "CREATE TABLE entry (id INTEGER PRIMARY KEY, state, filler);"
                "CREATE INDEX by_filler ON entry (filler)"
            )
            connection.executemany(
                "INSERT INTO entry (state, filler) VALUES (?, ?)",
                ((state, f"{number:0300}") for number in range(rows)),
            )
            connection.commit()


def _listed(left: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in left.items())


def main() -> int:
    """Play the scenes, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="in each scene")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where databases are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        crashes = Crashes(Path(directory), options.rows, options.seed)
        for scene in SCENES:
            play: Callable[[int], str] = getattr(crashes, scene)
            print(f"{scene:8} killed {options.kills} times: {play(options.kills)}", flush=True)
        for told in crashes.wrong:
            print(f"WRONG: {told}")
    print("THERE IS SOMETHING WRONG." if crashes.wrong else "Every database is whole.")
    return 1 if crashes.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
