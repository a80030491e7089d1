"""What a hardened engine adds to everyday work, beside SQLAlchemy's own engine.

    python benchmarks/overhead.py --pairs 200

Two engines, each in a process of its own and on a new file of its own, do the same piece of work
in turns, a block of calls each; each pair of blocks gives one ratio. In one process they would
also be compared by how well the interpreter's caches fit the classes of the one or the other; and
as no two processes are laid out alike in memory, there are several pairs of them.
See docs/explanation/benchmarks.md.
"""

import argparse
import functools
import gc
import multiprocessing
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Self

import sqlalchemy
from overhead_units import UNITS, Call, Side, fill
from sqlalchemy import create_engine, event
from sqlalchemy.orm import sessionmaker

from hardlite import create_hardened_engine, get_sessionmaker
from hardlite.turns.gate_registry import gate_for

_SAME = (
    "busy_timeout", "journal_mode", "synchronous", "foreign_keys", "cache_size", "temp_store",
    "wal_autocheckpoint", "journal_size_limit", "mmap_size",
)  # fmt: skip

Seconds = tuple[float, float]
"""Of one call: on the wall, and of the processor."""
Pair = tuple[Seconds, Seconds]
"""Of a hardened engine, and of the other."""


def main() -> None:
    """Measure beside both engines and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--processes", type=int, default=4, help="pairs of processes, one after the other"
    )
    parser.add_argument("--pairs", type=int, default=100, help="pairs of blocks in each of them")
    parser.add_argument("--block", type=float, default=0.004, help="seconds a block lasts, about")
    parser.add_argument(
        "--directory", type=Path, help="where the files go; the system's temporary one"
    )
    options = parser.parse_args()
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    print(
        f"{versions}, SQLAlchemy {sqlalchemy.__version__}; {options.pairs} pairs of blocks "
        f"in each of {options.processes} pairs of processes"
    )
    print(
        "Time of a hardened engine / time of the other: the median of the pairs (lower to upper\n"
        "quartile), and the fastest block of the one / the fastest of the other."
    )
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        title = "a plain engine, create_engine() as it is; 1.05 is the goal"
        _compare(title, {}, Path(directory, "plain"), options)
        settings = _settings_of_a_hardened_engine(Path(directory, "asked.db"))
        title = "create_engine() with the same pragmas: what hardlite itself takes"
        _compare(title, settings, Path(directory, "same"), options)
        _print_cost_of_a_turn(Path(directory, "turn.db"), options)


def _print_cost_of_a_turn(path: Path, options: argparse.Namespace) -> None:
    """Measure what a turn costs when nobody else wants one: the queue, the locks and the note."""
    engine = create_hardened_engine(f"sqlite:///{path}")
    engine.connect().close()
    gate = gate_for(str(path.resolve()))
    calls = _calls_in(options.block, lambda: gate.take(0).release())
    blocks = [
        _timed(lambda: gate.take(0).release(), calls)[0] * 1e6
        for _ in range(options.processes * options.pairs)
    ]
    engine.dispose()
    print(
        f"\na turn that nobody else wants: {statistics.median(blocks):.1f}us, "
        f"fastest block {min(blocks):.1f}us; 15us is the goal"
    )


class Worker:
    """A process with one engine, which does blocks of calls when it is told to.

    Args:
        path: its database file.
        settings: the pragmas of a plain engine; None for a hardened one.
    """

    def __init__(self, path: Path, settings: dict[str, object] | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, path, settings), daemon=True)
        self._process.start()
        there.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join()
        self._pipe.close()

    def begin(self, unit: str, seconds: float) -> int:
        """Make ready for a unit; say how many calls of it fill ``seconds``."""
        self._pipe.send((unit, seconds))
        calls: int = self._pipe.recv()
        return calls

    def timed(self, calls: int) -> Seconds:
        """Do a block of calls; return the seconds of one."""
        self._pipe.send(calls)
        seconds: Seconds = self._pipe.recv()
        return seconds

    def end(self) -> None:
        """End the unit."""
        self._pipe.send(0)


def _serve(pipe: Pipe, path: Path, settings: dict[str, object] | None) -> None:
    side = _hardened(path) if settings is None else _plain(path, settings)
    while order := pipe.recv():
        name, seconds = order
        with UNITS[name](side) as call:
            pipe.send(_calls_in(seconds, call))
            while calls := pipe.recv():
                pipe.send(_timed(call, calls))
    side.engine.dispose()


def _hardened(path: Path) -> Side:
    engine = create_hardened_engine(f"sqlite:///{path}")
    fill(engine)
    return Side(engine, get_sessionmaker(engine))


def _plain(path: Path, settings: dict[str, object]) -> Side:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", functools.partial(_configure, settings=settings))
    fill(engine)
    return Side(engine, sessionmaker(engine))


def _configure(connection: sqlite3.Connection, _: object, settings: dict[str, object]) -> None:
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _settings_of_a_hardened_engine(path: Path) -> dict[str, object]:
    engine = create_hardened_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        asked = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _SAME}
    engine.dispose()
    return asked


def _calls_in(seconds: float, call: Call) -> int:
    """Warm up, and find how many calls fill a block."""
    for _ in range(20):
        call()
    wall, _ = _timed(call, 50)
    return max(1, round(seconds / wall))


def _timed(call: Call, calls: int) -> Seconds:
    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls


def _compare(
    title: str, settings: dict[str, object], directory: Path, options: argparse.Namespace
) -> None:
    times: dict[str, list[Pair]] = {unit: [] for unit in UNITS}
    for number in range(options.processes):
        place = directory / str(number)
        place.mkdir(parents=True)
        with (
            Worker(place / "ours.db", None) as ours,
            Worker(place / "theirs.db", settings) as theirs,
        ):
            for unit in UNITS:
                times[unit] += _pairs(unit, ours, theirs, options)
    print(f"\nbeside {title}")
    print(f"{'':33}{'other':>7}{'hardened':>10}  {'wall':^23}  {'CPU':^23}  fastest wall, CPU")
    for unit, pairs in times.items():
        _print_line(unit, pairs)


def _pairs(unit: str, ours: Worker, theirs: Worker, options: argparse.Namespace) -> Iterator[Pair]:
    calls = min(ours.begin(unit, options.block), theirs.begin(unit, options.block))
    for number in range(options.pairs):
        yield _pair(ours, theirs, calls, first=number % 2 == 0)
    ours.end()
    theirs.end()


def _pair(ours: Worker, theirs: Worker, calls: int, *, first: bool) -> Pair:
    """Time a block of each, in either order: neither always meets the other's leftovers."""
    if first:
        return ours.timed(calls), theirs.timed(calls)
    late = theirs.timed(calls)
    return ours.timed(calls), late


def _print_line(name: str, times: list[Pair]) -> None:
    ours, theirs = (statistics.median(pair[side][0] for pair in times) * 1e6 for side in (0, 1))
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


def _spread(ratios: list[float]) -> str:
    if len(ratios) == 1:
        return f"{ratios[0]:.3f}"
    lower, middle, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.3f} ({lower:.3f} to {upper:.3f})"


if __name__ == "__main__":
    main()
