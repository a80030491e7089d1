"""What a hardened engine adds to everyday work, beside SQLAlchemy's own engine.

    python benchmarks/overhead.py --pairs 200

Two engines on two new files of the same directory do the same piece of work in turns, a block of
calls each; each pair of blocks gives one ratio. See docs/explanation/benchmarks.md.
"""

import argparse
import dataclasses
import functools
import gc
import itertools
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, create_engine, event, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from hardlite import create_hardened_engine, get_sessionmaker

_ROWS = 10_000
_SAME = (
    "busy_timeout", "journal_mode", "synchronous", "foreign_keys", "cache_size", "temp_store",
    "wal_autocheckpoint", "journal_size_limit", "mmap_size",
)  # fmt: skip

Call = Callable[[], object]
Seconds = tuple[float, float]
"""On the wall, and of the processor."""
Pair = tuple[Seconds, Seconds]
"""Of a hardened engine, and of the other."""


class Model(DeclarativeBase):
    """What the mapped classes share."""


class Note(Model):
    """A row of a few columns, as programs have them."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]
    stars: Mapped[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """An engine and its sessionmaker, and keys to ask for that are the same on both sides."""

    engine: Engine
    session: sessionmaker[Session]
    keys: Iterator[int] = dataclasses.field(
        default_factory=lambda: itertools.cycle(range(1, _ROWS, 7))
    )


@contextmanager
def select_on_open_connection(side: Side) -> Iterator[Call]:
    statement = select(Note.__table__).where(Note.id == sqlalchemy.bindparam("key"))
    with side.engine.connect() as connection:
        yield lambda: connection.execute(statement, {"key": next(side.keys)}).one()


@contextmanager
def select_with_checkout(side: Side) -> Iterator[Call]:
    statement = select(Note.__table__).where(Note.id == sqlalchemy.bindparam("key"))

    def call() -> None:
        with side.engine.connect() as connection:
            connection.execute(statement, {"key": next(side.keys)}).one()

    yield call


@contextmanager
def orm_read(side: Side) -> Iterator[Call]:
    def call() -> None:
        with side.session() as session:
            session.get_one(Note, next(side.keys))

    yield call


@contextmanager
def orm_add(side: Side) -> Iterator[Call]:
    def call() -> None:
        with side.session.begin() as session:
            session.add(Note(title="new", body="a body of some words", stars=0))

    yield call


@contextmanager
def orm_modify(side: Side) -> Iterator[Call]:
    def call() -> None:
        with side.session.begin() as session:
            session.get_one(Note, next(side.keys)).stars += 1

    yield call


UNITS: dict[str, Callable[[Side], Any]] = {
    "SELECT one row, connection open": select_on_open_connection,
    "SELECT one row, with checkout": select_with_checkout,
    "ORM unit: get": orm_read,
    "ORM unit: add, commit": orm_add,
    "ORM unit: get, modify, commit": orm_modify,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=400, help="ratios measured for each line")
    parser.add_argument("--block", type=float, default=0.004, help="seconds a block lasts, about")
    parser.add_argument("--directory", type=Path, help="where the files go; the system's temporary one")
    options = parser.parse_args()
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    print(f"{versions}, SQLAlchemy {sqlalchemy.__version__}; {options.pairs} pairs of blocks")
    print(
        "Time of a hardened engine / time of the other: the median of the pairs (lower to upper\n"
        "quartile), and the fastest block of the one / the fastest of the other. 1.05 is the goal."
    )
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        hardened = _hardened(Path(directory, "hardened.db"))
        same = _plain(Path(directory, "same.db"), _settings_of(hardened.engine))
        default = _plain(Path(directory, "default.db"), {})
        _compare("create_engine() with the same pragmas, set by a listener", hardened, same, options)
        _compare("create_engine() as it is: rollback journal, FULL", hardened, default, options)
        for side in (hardened, same, default):
            side.engine.dispose()


def _hardened(path: Path) -> Side:
    engine = create_hardened_engine(f"sqlite:///{path}")
    _fill(engine)
    return Side(engine, get_sessionmaker(engine))


def _plain(path: Path, settings: dict[str, object]) -> Side:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", functools.partial(_configure, settings=settings))
    _fill(engine)
    return Side(engine, sessionmaker(engine))


def _configure(connection: Any, _: object, settings: dict[str, object]) -> None:
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _settings_of(engine: Engine) -> dict[str, object]:
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _SAME}


def _fill(engine: Engine) -> None:
    Model.metadata.create_all(engine)
    note = {"title": "a title", "body": "a body of some words", "stars": 3}
    with engine.begin() as connection:
        connection.execute(insert(Note), [note] * _ROWS)


def _compare(title: str, hardened: Side, other: Side, options: argparse.Namespace) -> None:
    print(f"\nbeside {title}")
    print(f"{'':33}{'other':>7}{'hardened':>10}  {'wall':^23}  {'CPU':^23}  fastest wall, CPU")
    for name, unit in UNITS.items():
        with unit(hardened) as ours, unit(other) as theirs:
            calls = _calls_in(options.block, ours)
            times = [_pair(ours, theirs, calls, first=i % 2 == 0) for i in range(options.pairs)]
        _print_line(name, calls, times)


def _print_line(name: str, calls: int, times: list[Pair]) -> None:
    ours, theirs = (
        statistics.median(pair[side][0] for pair in times) / calls * 1e6 for side in (0, 1)
    )
    wall, cpu = ([pair[0][clock] / pair[1][clock] for pair in times] for clock in (0, 1))
    best_wall, best_cpu = (
        min(pair[0][clock] for pair in times) / min(pair[1][clock] for pair in times)
        for clock in (0, 1)
    )
    print(
        f"{name:32}{theirs:6.0f}us{ours:8.0f}us  {_spread(wall):^23}  {_spread(cpu):^23}"
        f"  {best_wall:12.3f}{best_cpu:7.3f}",
        flush=True,
    )


def _calls_in(seconds: float, call: Call) -> int:
    """Warm up, and find how many calls fill a block."""
    for _ in range(20):
        call()
    wall, _ = _timed(call, 50)
    return max(1, round(seconds / (wall / 50)))


def _pair(ours: Call, theirs: Call, calls: int, *, first: bool) -> Pair:
    """Time a block of each, in either order: neither always meets the other's leftovers."""
    if first:
        return _timed(ours, calls), _timed(theirs, calls)
    late = _timed(theirs, calls)
    return _timed(ours, calls), late


def _timed(call: Call, calls: int) -> Seconds:
    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _spread(ratios: list[float]) -> str:
    if len(ratios) == 1:
        return f"{ratios[0]:.3f}"
    lower, middle, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.3f} ({lower:.3f} to {upper:.3f})"


if __name__ == "__main__":
    main()
