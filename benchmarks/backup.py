"""What a backup does to those who write meanwhile, and how long it takes.

Processes with hardened engines write one row in each transaction and pause a little, and a database of
a given size is copied under them:

    hardlite    hardlite.backup: one read transaction, in steps, then checked and given its name
    .backup     the sqlite3 shell's own command, which begins anew when somebody has written
    in-steps    sqlite3.Connection.backup(pages=1000), as its documentation shows it
    in-one-go   sqlite3.Connection.backup()
    vacuum      VACUUM INTO

Their waits are told for the seconds before the copy begins and for those while it is made, the check
included. A way that is not done after --patience seconds is given up. What each way leaves is looked at
by hardlite.verify.
"""

import argparse
import dataclasses
import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import sqlalchemy
from contention_figures import quantile

from hardlite import backup, create_hardened_engine, verify

WAYS = ("hardlite", ".backup", "in-steps", "in-one-go", "vacuum")
GOAL = 0.1
"""Seconds that 99 of 100 transactions take at the most while hardlite makes a backup."""
QUIET = 3.0
"""Seconds of writing before a copy begins."""
_ROW = 1000
_MEGA = 1_000_000

Sample = tuple[float, float]
"""When a transaction ended, and how many seconds it took."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one way did.

    Attributes:
        took: seconds; None if it was given up.
        sound: whether the copy is good; None if there is none.
        before: seconds of each transaction before it.
        during: seconds of each transaction while it was made.
        wal: bytes of the WAL at its end.
    """

    took: float | None
    sound: bool | None
    before: list[float]
    during: list[float]
    wal: int


def make(path: Path, size: int) -> None:
    """Make a database of about ``size`` bytes, with an index."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE entry (id INTEGER PRIMARY KEY, a, b);"
            "CREATE TABLE note (id INTEGER PRIMARY KEY, worker, words)"
        )
        connection.execute(
            "INSERT INTO entry WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < ?) SELECT i, 'entry ' || i, randomblob(?) FROM n",
            (size // (_ROW + 100), _ROW),
        )
        connection.executescript("CREATE INDEX by_a ON entry (a); PRAGMA wal_checkpoint(TRUNCATE)")


def write(path: Path, worker: int, pause: float, stop: Event, out: "Queue[list[Sample]]") -> None:
    """Write until ``stop`` is set, and put down when each transaction ended and how long it took."""
    engine = create_hardened_engine(f"sqlite:///{path}")
    insert = sqlalchemy.text("INSERT INTO note (worker, words) VALUES (:worker, :words)")
    samples: list[Sample] = []
    while not stop.is_set():
        began = time.monotonic()
        with engine.begin() as connection:
            connection.execute(insert, {"worker": worker, "words": "x" * 100})
        ended = time.monotonic()
        samples.append((ended, ended - began))
        time.sleep(pause)
    engine.dispose()
    out.put(samples)


def copy(way: str, path: Path, target: Path, patience: float) -> bool:
    """Copy a database in one of the ways; say whether that came to an end."""
    if way == "hardlite":
        backup(path, target)
    elif way == ".backup":
        command = ["sqlite3", str(path), ".timeout 5000", f".backup '{target}'"]
        try:
            subprocess.run(command, check=True, timeout=patience)
        except subprocess.TimeoutExpired:
            return False
    else:
        return _by_driver(way, path, target, patience)
    return True


def _by_driver(way: str, path: Path, target: Path, patience: float) -> bool:
    until = time.monotonic() + patience

    def look(*_: int) -> None:
        if time.monotonic() > until:
            raise TimeoutError

    with closing(sqlite3.connect(path, isolation_level=None)) as source:
        if way == "vacuum":
            source.execute("VACUUM INTO ?", (str(target),))
            return True
        with closing(sqlite3.connect(target)) as made:
            try:
                source.backup(made, pages=1000 if way == "in-steps" else -1, progress=look)
            except TimeoutError:
                return False
    return True


def play(way: str, path: Path, writers: int, pause: float, patience: float) -> Outcome:
    """Let processes write, and copy the database under them."""
    target = path.with_name("copy.db")
    context = multiprocessing.get_context("spawn")
    stop, out = context.Event(), context.Queue()
    processes = [
        context.Process(target=write, args=(path, number, pause, stop, out))
        for number in range(writers)
    ]
    for process in processes:
        process.start()
    _until_all_write(path, writers)
    time.sleep(QUIET)
    began = time.monotonic()
    done = copy(way, path, target, patience)
    ended = time.monotonic()
    wal = Path(f"{path}-wal").stat().st_size
    stop.set()
    samples: list[Sample] = [sample for _ in processes for sample in out.get()]
    for process in processes:
        process.join()
    sound = verify(target, check="quick").ok if done else None
    for file in path.parent.glob("copy.db*"):
        file.unlink()
    return Outcome(
        took=ended - began if done else None,
        sound=sound,
        before=[took for when, took in samples if began - QUIET < when < began],
        during=[took for when, took in samples if began <= when <= ended],
        wal=wal,
    )


def _until_all_write(path: Path, writers: int) -> None:
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        (start,) = connection.execute("SELECT coalesce(max(id), 0) FROM note").fetchone()
        count = "SELECT count(DISTINCT worker) FROM note WHERE id > ?"
        while connection.execute(count, (start,)).fetchone()[0] < writers:
            time.sleep(0.05)


def told(way: str, outcome: Outcome) -> str:
    """Return the line of a table."""
    took = "given up" if outcome.took is None else f"{outcome.took:.1f} s"
    sound = {True: "good", False: "BAD", None: "none"}[outcome.sound]
    waits = [
        f"{quantile(sorted(waits), share) * 1000:8.1f}" if waits else "       -"
        for waits in (outcome.before, outcome.during)
        for share in (0.5, 0.99, 1.0)
    ]
    return f"{way:10} {took:>9} {sound:>5} {''.join(waits)} {outcome.wal / _MEGA:8.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy a database in each way, and print what that did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=1000, metavar="N")
    parser.add_argument("--writers", type=int, default=8, metavar="N")
    parser.add_argument("--pause", type=float, default=0.005, metavar="SECONDS")
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--directory", type=Path, help="where the database is made")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory, "app.db")
        make(path, options.megabytes * _MEGA)
        print(
            f"SQLite {sqlite3.sqlite_version}; {path.stat().st_size / _MEGA:,.0f} MB, "
            f"{options.writers} writers; milliseconds of a transaction, megabytes of the WAL"
        )
        print(
            " " * 27
            + f"{'before: p50':>12}{'p99':>5}{'max':>8}{'during: p50':>13}{'p99':>6}{'max':>8}{'WAL':>8}"
        )
        reached = True
        for way in options.ways:
            if way == ".backup" and shutil.which("sqlite3") is None:
                print(f"{way:10} (the sqlite3 shell is not installed)")
                continue
            outcome = play(way, path, options.writers, options.pause, options.patience)
            print(told(way, outcome), flush=True)
            if way == "hardlite":
                reached = _judge(outcome)
    return 0 if reached else 1


def _judge(outcome: Outcome) -> bool:
    p99 = quantile(sorted(outcome.during), 0.99) if outcome.during else 0.0
    reached = p99 < GOAL and outcome.sound is True
    print(
        f"goal: p99 under {GOAL * 1000:.0f} ms: {p99 * 1000:.1f}, {'reached' if reached else 'MISSED'}"
    )
    return reached


if __name__ == "__main__":
    sys.exit(main())
