"""No checkpoint of one process runs while another process writes.

Up to SQLite 3.51.2 that can lose commits (sqlite.org, "Write-Ahead Logging", section "The
WAL-Reset Bug"). strace shows in which order processes get and give back the two locks that matter:
bytes 120 (write) and 121 (checkpoint) of the -shm file (sqlite.org, "WAL-mode File Format",
section "WAL Locks").
"""

import dataclasses
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.databases import EngineFactory
from tests.fixtures.writers import count, make_counter

STRACE = shutil.which("strace")
WRITE, CHECKPOINT = 120, 121
WRITERS, TIMES, CHECKPOINTS = 3, 60, 120

PROGRAM = """
import os, sys
import sqlalchemy
from sqlalchemy import event, text
from hardlite import create_hardened_engine

path, kind, writers, times, checkpoints = sys.argv[1:3] + [int(word) for word in sys.argv[3:]]
INCREMENT = text("UPDATE counter SET number = number + 1")

def connect():
    if kind == "hardened":
        return create_hardened_engine(f"sqlite:///{path}", wal_autocheckpoint=10)
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
    event.listen(engine, "connect", lambda connection, _: connection.execute(
        "PRAGMA wal_autocheckpoint=10").fetchall())
    return engine

def write():
    engine = connect()
    for _ in range(times):
        with engine.begin() as connection:
            connection.execute(INCREMENT)
    engine.dispose()

def checkpoint():
    engine = connect()
    with engine.connect() as connection:
        for _ in range(checkpoints):
            connection.exec_driver_sql("PRAGMA wal_checkpoint").fetchall()
            connection.rollback()
    engine.dispose()

children = []
for work in [write] * writers + [checkpoint]:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children.append(pid)
sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call for a lock, from its beginning to its end, as places in the order of events."""

    process: str
    byte: int
    locks: bool
    began: int
    ended: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A lock held: surely from ``since`` to ``until``, and no longer than ``first`` to ``last``."""

    process: str
    byte: int
    first: int
    since: int
    until: int
    last: int


@pytest.fixture
def traces() -> None:
    """Skip where processes cannot be traced."""
    if STRACE is None:
        pytest.skip("needs strace")
    tried = subprocess.run(
        [STRACE, "-f", "-e", "trace=fcntl", sys.executable, "-c", ""],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    if tried.returncode:
        pytest.skip("processes may not be traced here")


@pytest.fixture
def counted(make_engine: EngineFactory) -> Engine:
    engine = make_engine()
    make_counter(engine)
    return engine


def trace(folder: Path, database: Path, kind: str) -> list[Hold]:
    """Run three processes that write and one that makes checkpoints; return what they held."""
    program, log = folder / "program.py", folder / "trace"
    program.write_text(PROGRAM, encoding="utf-8")
    numbers = [str(number) for number in (WRITERS, TIMES, CHECKPOINTS)]
    tracer = [str(STRACE), "-f", "-y", "-qq", "-e", "trace=fcntl", "-o", str(log)]
    done = subprocess.run(
        [*tracer, sys.executable, str(program), str(database), kind, *numbers],
        capture_output=True,
        encoding="utf-8",
        timeout=3 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(holds(calls(log.read_text(encoding="utf-8").splitlines())))


LOCK = re.compile(
    r"fcntl\(\d+<[^>]*-shm>, F_SETLKW?, \{l_type=F_(\w+), l_whence=SEEK_SET, "
    r"l_start=(\d+), l_len=(\d+)\}"
)


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """Read what strace wrote: a call that others come between is told in two lines."""
    begun: dict[str, tuple[int, str]] = {}
    for place, line in enumerate(lines):
        process, _, what = line.partition(" ")
        what = what.strip()
        if what.endswith("<unfinished ...>"):
            begun[process] = place, what
            continue
        began = place
        if what.startswith("<... fcntl resumed>"):
            began, first = begun.pop(process)
            what = first + what
        found = LOCK.search(what)
        if found is None or not re.search(r"\) += 0$", what):
            continue
        kind, start, length = found[1], int(found[2]), int(found[3])
        for byte in range(start, start + length):
            if byte in {WRITE, CHECKPOINT} and kind in {"WRLCK", "UNLCK"}:
                locks = kind == "WRLCK"
                yield Call(process=process, byte=byte, locks=locks, began=began, ended=place)


def holds(made: Iterable[Call]) -> Iterator[Hold]:
    """Put the call for a lock and the call that gave it back together."""
    taken: dict[tuple[str, int], Call] = {}
    for call in made:
        key = call.process, call.byte
        if call.locks:
            taken[key] = call
        elif key in taken:
            lock = taken.pop(key)
            yield Hold(
                process=call.process,
                byte=call.byte,
                first=lock.began,
                since=lock.ended,
                until=call.began,
                last=call.ended,
            )


def pairs(held: list[Hold]) -> Iterator[tuple[Hold, Hold]]:
    """Each checkpoint with each write of another process."""
    for checkpoint, write in itertools.product(held, held):
        of_interest = (checkpoint.byte, write.byte) == (CHECKPOINT, WRITE)
        if of_interest and checkpoint.process != write.process:
            yield checkpoint, write


@pytest.mark.usefixtures("traces")
def test_no_checkpoint_overlaps_a_write_of_another_process(
    counted: Engine, tmp_path: Path, db_path: Path
) -> None:
    """Not even if each lock was held as long as it can have been."""
    held = trace(tmp_path, db_path, "hardened")
    overlaps = [(c, w) for c, w in pairs(held) if c.first < w.last and w.first < c.last]

    assert overlaps == []
    assert len({hold.process for hold in held if hold.byte == WRITE}) >= WRITERS
    assert sum(hold.byte == CHECKPOINT for hold in held) >= CHECKPOINTS
    assert count(counted) == WRITERS * TIMES


@pytest.mark.usefixtures("traces")
def test_without_the_gate_checkpoints_do_overlap_writes(
    counted: Engine, tmp_path: Path, db_path: Path
) -> None:
    """The test above would see it: here they surely overlap."""
    counted.dispose()
    held = trace(tmp_path, db_path, "plain")
    overlaps = [(c, w) for c, w in pairs(held) if c.since < w.until and w.since < c.until]

    assert overlaps
