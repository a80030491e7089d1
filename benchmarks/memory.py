"""How much memory an import of very many rows takes: the peak above what there was at the start.

    python benchmarks/memory.py --rows 10000000

The rows are generated one by one, so what grows is the import, and SQLite's page cache up to the
size it was given. So it is measured twice, each time in a process of its own: with the cache of
the default profile, and with SQLite's own of 2 MiB. See docs/explanation/benchmarks.md.
"""

import argparse
import dataclasses
import functools
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table

from hardlite import Profile, batched_unit_of_work, create_hardened_engine

_GOAL = 30
_CACHES = {"the default profile": Profile().cache_size, "SQLite by itself": -2000}
_READINGS = Table(
    "readings",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("sensor", String),
    Column("value", Integer),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an import took: MiB, and seconds."""

    start: float
    peak: float
    elapsed: float


def main() -> None:
    """Measure with both caches and print."""
    options = _options()
    print(f"{options.rows} rows, {options.batch_size} a batch; goal: under {_GOAL} MiB above start")
    print(
        f"{'page cache of':24}{'at most':>10}{'start':>10}{'peak':>10}{'above':>10}{'rows/s':>12}"
    )
    for name, cache_size in _CACHES.items():
        measure = functools.partial(_measure, options, cache_size)
        with multiprocessing.get_context("spawn").Pool(1) as process:
            measured = process.apply(measure)
        sizes = [-cache_size / 1024, measured.start, measured.peak, measured.peak - measured.start]
        told = "".join(f"{size:6.1f} MiB" for size in sizes)
        print(f"{name:24}{told}{options.rows / measured.elapsed:12,.0f}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument(
        "--directory", type=Path, help="where the files go; the system's temporary one"
    )
    return parser.parse_args()


def _measure(options: argparse.Namespace, cache_size: int) -> Measured:
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory, "readings.db")
        engine = create_hardened_engine(f"sqlite:///{path}", cache_size=cache_size)
        load = functools.partial(
            batched_unit_of_work, engine, work=_READINGS, batch_size=options.batch_size
        )
        _READINGS.create(engine)
        # What is loaded at the first batch and stays is part of the start.
        load(_rows(-10, 0))
        start = _memory("VmRSS")
        report = load(_rows(0, options.rows))
        peak = _memory("VmHWM")
        engine.dispose()
    report.raise_for_rejections()
    return Measured(start=start, peak=peak, elapsed=report.elapsed)


def _rows(first: int, end: int) -> Iterator[dict[str, object]]:
    for number in range(first, end):
        yield {"id": number, "sensor": f"sensor {number % 1000}", "value": number * 7 % 1009}


def _memory(name: str) -> float:
    """Return a line of Linux's account of this process; elsewhere the most it ever had. In MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text("ascii").splitlines())
        return int(lines[name].split()[0]) / 1024
    # macOS counts bytes, the others KiB.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
