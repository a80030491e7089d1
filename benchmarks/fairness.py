"""Let 64 threads write for ten seconds, hardened and plain, and print who got how much.

    python benchmarks/fairness.py

Both engines have WAL, the same timeout and a connection for each thread, so that what differs is
who writes next. A wait lasts from the wish to write until the first row is in the transaction.
"""

import argparse
import dataclasses
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from hardlite import create_hardened_engine

_CREATE = text("CREATE TABLE note (writer INTEGER NOT NULL)")
_INSERT = text("INSERT INTO note VALUES (:writer)")


@dataclasses.dataclass(slots=True)
class Writer:
    """What one thread did: how often it wrote, how often it could not, how long it waited."""

    commits: int = 0
    errors: int = 0
    waits: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What all threads of one engine did."""

    writers: list[Writer]
    seconds: float
    rows: int
    integrity: str

    def row(self, name: str) -> str:
        """One line of the table; Jain's index is 1 when all shares are equal."""
        shares = [writer.commits for writer in self.writers]
        waits = sorted(wait for writer in self.writers for wait in writer.waits)
        total = sum(shares)
        jain = total**2 / (len(shares) * sum(share**2 for share in shares)) if total else 0.0
        return (
            f"{name:>10} {sum(writer.errors for writer in self.writers):>7} {total:>8} "
            f"{total / self.seconds:>8.0f} {min(shares):>6} {max(shares):>6} {jain:>7.3f} "
            f"{waits[len(waits) * 999 // 1000]:>9.3f} {waits[-1]:>9.3f}  {self.integrity}"
            f"{'' if self.rows == total else f', but {self.rows} rows'}"
        )


def main() -> None:
    """Measure one engine after the other and print a line for each."""
    options = _options()

    def hardened(url: str) -> Engine:
        return create_hardened_engine(url, timeout=options.timeout, pool_size=options.threads)

    def plain(url: str) -> Engine:
        engine = create_engine(
            url, connect_args={"timeout": options.timeout}, pool_size=options.threads
        )
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = wal")
        return engine

    print(
        f"{options.threads} threads, {options.seconds:g} s, timeout {options.timeout:g} s, "
        f"{options.work * 1000:g} ms of work in each transaction"
    )
    print(
        f"{'engine':>10} {'errors':>7} {'commits':>8} {'per s':>8} {'least':>6} {'most':>6} "
        f"{'Jain':>7} {'p99.9 s':>9} {'longest s':>9}  integrity"
    )
    for name, make in (("hardlite", hardened), ("plain", plain)):
        print(_measure(make, options).row(name), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--timeout", type=float, default=5.0, help="of a wait, in seconds")
    parser.add_argument("--work", type=float, default=0.001, help="seconds in each transaction")
    return parser.parse_args()


def _measure(make: Callable[[str], Engine], options: argparse.Namespace) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        engine = make(f"sqlite:///{Path(folder, 'app.db')}")
        try:
            with engine.begin() as connection:
                connection.execute(_CREATE)
            writers = _run(engine, options)
            with engine.connect() as connection:
                rows = connection.execute(text("SELECT count(*) FROM note")).scalar_one()
                integrity = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        finally:
            engine.dispose()
    return Outcome(writers=writers, seconds=options.seconds, rows=rows, integrity=integrity)


def _run(engine: Engine, options: argparse.Namespace) -> list[Writer]:
    start, done = threading.Barrier(options.threads + 1), threading.Event()
    writers = [Writer() for _ in range(options.threads)]

    def write_on(number: int, writer: Writer) -> None:
        start.wait()
        while not done.is_set():
            asked = time.perf_counter()
            try:
                with engine.begin() as connection:
                    connection.execute(_INSERT, {"writer": number})
                    writer.waits.append(time.perf_counter() - asked)
                    time.sleep(options.work)
            except SQLAlchemyError:
                writer.errors += 1
                writer.waits.append(time.perf_counter() - asked)
            else:
                writer.commits += 1

    threads = [threading.Thread(target=write_on, args=args) for args in enumerate(writers)]
    for thread in threads:
        thread.start()
    start.wait()
    time.sleep(options.seconds)
    done.set()
    for thread in threads:
        thread.join()
    return writers


if __name__ == "__main__":
    main()
