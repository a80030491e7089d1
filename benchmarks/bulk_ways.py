"""The ways that bulk.py compares, by name; run as a program, one of them once.

    python benchmarks/bulk_ways.py WAY DATA DATABASE

prints the seconds that it took as JSON.
"""

import dataclasses
import datetime as dt
import gc
import json
import marshal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bulk_peers as peers
from bulk_peers import Load
from flights import COLUMNS, NUMBERS

__all__ = ["WAYS", "Way"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to insert rows.

    Attributes:
        title: what it is called in the table.
        prepare: makes it ready on a file and returns what is timed.
        package: the package it needs.
        slow: it takes many seconds for all flights.
        dates: it is given ``time_hour`` as a datetime.
        tuples: it is given tuples.
    """

    title: str
    prepare: Callable[[Path], Load]
    package: str = "sqlalchemy"
    slow: bool = False
    dates: bool = False
    tuples: bool = False


WAYS: dict[str, Way] = {
    "raw": Way(title="raw executemany, from dicts", prepare=peers.raw_dicts),
    "raw-tuples": Way(
        title="raw executemany, from ready tuples", prepare=peers.raw_tuples, tuples=True
    ),
    "raw-batches": Way(
        title="raw executemany, from dicts, 1000 a commit", prepare=peers.raw_batches
    ),
    "hardlite-table": Way(
        title="hardlite, Table, 1000 a commit",
        prepare=lambda path: peers.hardlite(path, peers.flights_table(dates=False)),
    ),
    "hardlite-class": Way(
        title="hardlite, mapped class, 1000 a commit",
        prepare=lambda path: peers.hardlite(path, peers.flights_class()),
    ),
    "core": Way(
        title="SQLAlchemy Core execute(insert(table), rows)",
        prepare=lambda path: peers.core(path, dates=False),
    ),
    "hardlite-dates": Way(
        title="hardlite, Table with a DateTime, 1000 a commit",
        prepare=lambda path: peers.hardlite(path, peers.flights_table(dates=True)),
        dates=True,
    ),
    "core-dates": Way(
        title="SQLAlchemy Core, Table with a DateTime",
        prepare=lambda path: peers.core(path, dates=True),
        dates=True,
    ),
    "orm-bulk": Way(
        title="SQLAlchemy ORM session.execute(insert(class), rows)", prepare=peers.orm_bulk
    ),
    "orm-add-all": Way(
        title="SQLAlchemy ORM add_all, 1000 a flush", prepare=peers.orm_add_all, slow=True
    ),
    "sqlite-utils": Way(
        title="sqlite-utils insert_all, 1000 a batch",
        prepare=peers.sqlite_utils,
        package="sqlite_utils",
    ),
    "peewee-insert-many": Way(
        title="peewee insert_many, 1000 a statement",
        prepare=peers.peewee_insert_many,
        package="peewee",
        slow=True,
    ),
    "peewee-bulk-create": Way(
        title="peewee bulk_create, batch_size=1000",
        prepare=peers.peewee_bulk_create,
        package="peewee",
        slow=True,
    ),
    "django": Way(
        title="Django bulk_create, 1000 a call", prepare=peers.django, package="django", slow=True
    ),
}


def _rows(way: Way, file: Path) -> Sequence[Any]:
    values: list[tuple[Any, ...]] = marshal.loads(file.read_bytes())  # noqa: S302 - bulk.py wrote it
    if way.tuples:
        return values
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in values]
    if way.dates:
        for row in rows:
            row["time_hour"] = dt.datetime.fromisoformat(row["time_hour"]).replace(tzinfo=None)
    return rows


def _create(path: Path) -> None:
    columns = [f"{name} {'INTEGER' if name in NUMBERS else 'TEXT'}" for name in COLUMNS]
    connection = peers.connect(path)
    connection.execute(f"CREATE TABLE flights (id INTEGER PRIMARY KEY, {', '.join(columns)})")
    connection.close()


def _check(path: Path, rows: int) -> None:
    connection = sqlite3.connect(path)
    found, distance = connection.execute("SELECT count(*), sum(distance) FROM flights").fetchone()
    connection.close()
    if found != rows or not distance:
        raise RuntimeError(f"{rows} rows should be in the file, {found} are")


def _main(name: str, data: Path, database: Path) -> None:
    way = WAYS[name]
    _create(database)
    load = way.prepare(database)
    rows = _rows(way, data)
    # What exists before the clock starts is never looked at by the collector while it runs.
    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    load(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _check(database, len(rows))
    json.dump({"wall": wall, "cpu": cpu}, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
