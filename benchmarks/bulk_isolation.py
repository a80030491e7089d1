"""The ways that bulk.py compares to keep the good rows of an import that has bad ones.

    python benchmarks/bulk_isolation.py WAY SHARE DATA DATABASE

prints the seconds that it took as JSON. The flights have the foreign keys of the demo. SHARE is
how many of a hundred rows break one, spread by chance; "real" leaves the flights as they are.
"""

import gc
import itertools
import json
import marshal
import operator
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bulk_peers as peers
from bulk_peers import Load, Row
from flights import COLUMNS, NUMBERS, PARENTS, parent_values

__all__ = ["SHARES", "WAYS"]

SHARES = ("0", "0.05", "1", "5", "16", "real", "50", "100")
_INSERT = f"INSERT INTO flights ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_BATCH = 1000
_Values = tuple[Any, ...]


def _isolate(path: Path) -> Load:
    """What hardlite does."""
    from hardlite import batched_unit_of_work, create_hardened_engine

    engine, table = create_hardened_engine(f"sqlite:///{path}"), peers.flights_table(dates=False)
    engine.connect().close()
    return lambda rows: batched_unit_of_work(
        engine, rows, table, batch_size=_BATCH, on_error="isolate"
    )


def _in_batches(path: Path, write: Callable[[sqlite3.Connection, list[_Values]], None]) -> Load:
    connection = peers.connect(path)
    connection.isolation_level = None
    take = operator.itemgetter(*COLUMNS)

    def load(rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _BATCH):
            connection.execute("BEGIN IMMEDIATE")
            write(connection, list(map(take, rows[start : start + _BATCH])))
            connection.execute("COMMIT")

    return load


def _bisect(connection: sqlite3.Connection, rows: list[_Values]) -> None:
    """Halve what fails, each part in a savepoint."""
    connection.execute("SAVEPOINT part")
    try:
        connection.executemany(_INSERT, rows)
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK TO part")
        if len(rows) > 1:
            middle = len(rows) // 2
            _bisect(connection, rows[:middle])
            _bisect(connection, rows[middle:])
    connection.execute("RELEASE part")


def _one_by_one(connection: sqlite3.Connection, rows: list[_Values]) -> None:
    """Give each row a savepoint."""
    for row in rows:
        connection.execute("SAVEPOINT one")
        try:
            connection.execute(_INSERT, row)
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")


WAYS: dict[str, Callable[[Path], Load]] = {
    "hardlite": _isolate,
    "bisection": lambda path: _in_batches(path, _bisect),
    "savepoints": lambda path: _in_batches(path, _one_by_one),
}


def _is_good(row: Row, parents: dict[str, frozenset[str]]) -> bool:
    return all(row[name] is None or row[name] in there for name, there in parents.items())


def _rows(share: str, file: Path, parents: dict[str, frozenset[str]]) -> tuple[list[Row], int]:
    """Return the rows and how many of them are good."""
    values: list[_Values] = marshal.loads(file.read_bytes())  # noqa: S302 - bulk.py wrote it
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in values]
    good = [row for row in rows if _is_good(row, parents)]
    if share == "real":
        return rows, len(good)
    chance = random.Random(1)  # noqa: S311 - nothing is kept secret
    bad = [row | {"dest": "nowhere"} for row in good]
    are_bad = [chance.random() * 100 < float(share) for _ in rows]
    pairs = zip(are_bad, itertools.cycle(zip(good, bad, strict=True)), strict=False)
    return [both[is_bad] for is_bad, both in pairs], are_bad.count(False)


def _create(path: Path, parents: dict[str, frozenset[str]]) -> None:
    connection = peers.connect(path)
    for column, (table, key) in PARENTS.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({key} TEXT PRIMARY KEY)")
        there = [(value,) for value in parents[column]]
        connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)", there)
    columns = [
        f"{name} {'INTEGER' if name in NUMBERS else 'TEXT'}"
        + (f" REFERENCES {PARENTS[name][0]}" if name in PARENTS else "")
        for name in COLUMNS
    ]
    connection.execute(f"CREATE TABLE flights (id INTEGER PRIMARY KEY, {', '.join(columns)})")
    connection.commit()
    connection.close()


def _main(name: str, share: str, data: Path, database: Path) -> None:
    parents = parent_values()
    _create(database, parents)
    load = WAYS[name](database)
    rows, good = _rows(share, data, parents)
    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    load(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    connection = sqlite3.connect(database)
    (kept,) = connection.execute("SELECT count(*) FROM flights").fetchone()
    connection.close()
    if kept != good:
        raise RuntimeError(f"{good} rows are good, {kept} are in the file")
    json.dump({"wall": wall, "cpu": cpu, "rejected": len(rows) - kept}, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
