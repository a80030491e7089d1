"""Migrations by many processes at once, and killed at random moments: none lost, none half done.

Run: python benchmarks/migrations.py [--processes 8] [--rounds 50] [--kills 100] [--rows 20000]

together  processes upgrade the same file to the head at once, a fresh one and an old one
kills     kill -9 at a random moment of each revision of this repository, again and again

After each, the database is looked at with plain sqlite3: it is sound, it is at the old or the new
revision, every row is there, and no reference is broken. After a kill, the next run gets to the new
revision. The exit code is 1 if anything was wrong.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from migrations_files import REVISIONS, copy, fault_in, fill, upgrade, version


def in_child(work: Callable[[], object]) -> int:
    """Do ``work`` in a process of its own, and return its id; it ends with 1 if that fails."""
    pid = os.fork()
    if pid == 0:
        _end_with(work)
    return pid


def _end_with(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        print(f"process {os.getpid()}: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended_well(pid: int) -> bool:
    """Wait for a process, and say whether it ended with 0."""
    return os.waitpid(pid, 0)[1] == 0


def run(database: Path, revision: str, told: Path | None = None) -> float:
    """Upgrade in a process of its own; return the seconds it took."""
    started = time.monotonic()
    if not ended_well(in_child(lambda: upgrade(database, revision, told))):
        raise SystemExit(f"{database} could not be upgraded to {revision}")
    return time.monotonic() - started


def together(folder: Path, template: Path, processes: int, rounds: int) -> int:
    """Let processes upgrade the same file at once; return how many rounds went wrong."""
    wrong = 0
    for kind in ("fresh", "old"):
        longest, applied = 0.0, 0
        for number in range(rounds):
            home = folder / f"{kind}-{number}"
            home.mkdir()
            database, told = home / "app.db", home / "told"
            if kind == "old":
                copy(template, database)
            gate = home / "go"
            started = time.monotonic()
            pids = [
                in_child(lambda: (wait_for(gate), upgrade(database, "head", told)))  # noqa: B023
                for _ in range(processes)
            ]
            gate.touch()
            results = [ended_well(pid) for pid in pids]
            longest = max(longest, time.monotonic() - started)
            ran = told.read_text(encoding="utf-8").split() if told.exists() else []
            expected = list(REVISIONS if kind == "fresh" else REVISIONS[2:])
            fault = fault_in(database, "old" if kind == "old" else "fresh")
            if not all(results) or ran != expected or fault or version(database) != REVISIONS[-1]:
                wrong += 1
                print(f"{kind} round {number}: {results}, ran {ran}: {fault}")
            else:
                applied += 1
        print(
            f"together, {kind} file: {rounds} rounds of {processes} processes, {applied} in which "
            f"all succeeded and one did the work; the longest round {longest:.2f} s"
        )
    return wrong


def wait_for(gate: Path) -> None:
    """Wait until a file is there, so that processes begin together."""
    while not gate.exists():
        time.sleep(0.001)


def kills(folder: Path, template: Path, count: int, chance: random.Random) -> int:
    """Kill each revision at random moments; return how many times something was wrong."""
    wrong = 0
    for place, revision in enumerate(REVISIONS):
        old = REVISIONS[place - 1] if place else None
        rows = "old" if place >= 2 else "fresh"  # noqa: PLR2004 - the rows are those of 0002
        source = None if place == 0 else folder / f"at-{old}.db"
        if place == 2:  # noqa: PLR2004
            source = template
        typical = statistics.median(
            run(fresh_copy(folder, f"typical-{revision}-{n}", source), revision) for n in range(3)
        )
        states = {"old": 0, "new": 0}
        for number in range(count):
            database = fresh_copy(folder, f"kill-{revision}-{number}", source)
            pid = in_child(lambda: upgrade(database, revision, None))  # noqa: B023
            time.sleep(chance.uniform(0, 1.1 * typical))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            at = version(database)
            fault = fault_in(database, rows)
            if at not in {old, revision}:
                fault = fault or f"it is at {at}"
            states["new" if at == revision else "old"] += 1
            run(database, revision)
            fault = fault or fault_in(database, rows)
            if fault or version(database) != revision:
                wrong += 1
                print(f"{revision}, kill {number}: {fault}")
        following = fresh_copy(folder, f"next-{revision}", source)
        run(following, revision)
        copy(following, folder / f"at-{revision}.db")
        print(
            f"kills, {revision}: {count} within {1.1 * typical:.2f} s; {states['old']} left it at "
            f"the old revision, {states['new']} at the new one; {wrong} wrong so far"
        )
    return wrong


def fresh_copy(folder: Path, name: str, source: Path | None) -> Path:
    """Return a database in a directory of its own: a copy, or nothing yet."""
    home = folder / name
    home.mkdir()
    if source is not None:
        copy(source, home / "app.db")
    return home / "app.db"


def main() -> int:
    """Run the scenes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311 - it is to be repeatable
    with tempfile.TemporaryDirectory(prefix="migrations-") as name:
        folder = Path(name)
        template = folder / "template.db"
        run(template, REVISIONS[1])
        fill(template, arguments.rows)
        wrong = together(folder, template, arguments.processes, arguments.rounds)
        wrong += kills(folder, template, arguments.kills, chance)
    print("nothing was wrong" if not wrong else f"{wrong} were wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
