"""An import program that is killed again and again: in the end every row is in, once."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.arrivals import PATIENCE

ITEMS = 240
BATCH = 6
KILLS = 10

PROGRAM = """
import sys
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, insert
from hardlite import batched_unit_of_work, create_hardened_engine

path, work, on_error = sys.argv[1:]
metadata = MetaData()
parents = Table("parents", metadata, Column("id", Integer, primary_key=True))
entries = Table(
    "entries", metadata,
    Column("n", Integer), Column("parent", ForeignKey("parents.id", deferrable=True, initially="DEFERRED")),
)

def add(session, item):
    session.execute(insert(parents), {"id": item["n"]})
    session.execute(insert(entries), {"n": item["n"], "parent": item["parent"]})

def row(n):
    # Every fortieth is bad, and only COMMIT finds that.
    return {"n": n, "parent": -1 if n % 40 == 20 else n if work == "function" else None}

engine = create_hardened_engine(f"sqlite:///{path}")
metadata.create_all(engine)
report = batched_unit_of_work(
    engine, map(row, range(ITEMS)), add if work == "function" else entries, batch_size=BATCH,
    on_error=on_error, resume_key="k", progress=lambda batch: print(batch.last_item, flush=True),
)
engine.dispose()
assert report.error is None, report.error
""".replace("ITEMS", str(ITEMS)).replace("BATCH", str(BATCH))


def start(database: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(database), *arguments],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("work", "on_error"), [("table", "isolate"), ("function", "isolate"), ("function", "continue")]
)
def test_an_import_that_is_killed_ten_times_has_each_item_once(
    db_path: Path, work: str, on_error: str
) -> None:
    """It is killed after a number of batches that nobody chose, at whatever it is doing then."""
    chance = random.Random(f"{work} {on_error}")  # noqa: S311 - it is to be repeatable
    promised = -1
    for _ in range(KILLS):
        with start(db_path, work, on_error) as process:
            assert process.stdout is not None
            for _batch in range(chance.randrange(1, 6)):
                promised = max(promised, int(process.stdout.readline() or -1))
            process.kill()
            process.wait(PATIENCE)
            assert process.returncode in {0, -signal.SIGKILL}
        with closing(sqlite3.connect(db_path)) as connection:
            position, committed = connection.execute(
                "SELECT position, committed FROM hardlite_progress"
            ).fetchone()
            (count,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        assert position > promised
        assert count == committed

    with start(db_path, work, on_error) as process:
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    with closing(sqlite3.connect(db_path)) as connection:
        numbers = [n for (n,) in connection.execute("SELECT n FROM entries ORDER BY n")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    batch_is_bad = {n // BATCH for n in range(ITEMS) if n % 40 == 20}
    if on_error == "isolate":
        assert numbers == [n for n in range(ITEMS) if n % 40 != 20]
    else:
        assert numbers == [n for n in range(ITEMS) if n // BATCH not in batch_is_bad]
