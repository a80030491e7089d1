"""Imports under a resume key, killed and hindered in every way: no row lost, none twice.

Run: python benchmarks/crash.py [--kills 200] [--calls 40] [--errors 30] [--images 60]

kills    kill -9 at random moments, again and again, until each import is done
calls    kill -9 at chosen system calls (needs strace)
errors   EIO and ENOSPC from chosen system calls on the files of the database (needs strace)
full     files that may not grow any further, as on a full disk
images   what a power cut may leave on the disk, at chosen moments (needs strace)

After each, the database is looked at with plain sqlite3: it is sound, every row that was promised to
be in is in, and none is there twice. Then the import is run again to its end, and each row is in once.
The exit code is 1 if anything was wrong.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from crash_case import SUFFIXES, Case, Tally
from crash_images import TRACE, events_of, image

CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"
ERRORS = ("pwrite64:error=EIO", "pwrite64:error=ENOSPC", "fdatasync,fsync:error=EIO")
QUIET = ("strace", "-f", "-qq", "-o", "/dev/null")
ENOUGH = 0.1
"""How probable it is that an import that was killed may come to its end."""
SCENES = ("kills", "calls", "errors", "full", "images")


class Crashes:
    """The scenes.

    Args:
        directory: where databases are made.
        rows: how many each import has.
        seed: of the random numbers.
    """

    def __init__(self, directory: Path, rows: int, seed: int) -> None:
        self._directory = directory
        self._rows = rows
        self._chance = random.Random(seed)  # noqa: S311 - it is to be repeatable

    def kills(self, count: int) -> Tally:
        """Kill an import at random moments until it is done, then the next one."""
        tally = Tally()
        batch = self._seconds_of_a_batch()
        case = self._case()
        for _ in range(count):
            run = case.start()
            target = self._chance.randrange(self._rows)
            for promised in run.promises():
                if promised >= target:
                    break
            time.sleep(self._chance.uniform(0, 1.5 * batch))
            run.kill()
            run.end()
            case.check(tally, run.promised)
            if run.promised == self._rows or self._chance.random() < ENOUGH:
                case.finish(tally)
                case.remove()
                case = self._case()
        case.finish(tally)
        case.remove()
        return tally

    def calls(self, count: int) -> Tally:
        """Kill an import at its k-th write, sync, truncation or deletion."""
        trace = self._directory / "calls"
        case = self._case()
        case.start("strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(trace)).end()
        case.remove()
        with trace.open(encoding="utf-8", errors="replace") as lines:
            total = sum(1 for _ in lines)
        chosen = self._chance.sample(range(1, total + 1), min(count, total))
        return self._each(f"{CALLS}:signal=KILL:when={number}" for number in chosen)

    def errors(self, count: int) -> Tally:
        """Let system calls on the database fail, once or from then on."""
        return self._each(
            f"{self._chance.choice(ERRORS)}:when={self._chance.randrange(1, 120)}"
            f"{self._chance.choice(('', '+'))}"
            for _ in range(count)
        )

    def full(self, count: int) -> Tally:
        """Let no file grow beyond a size."""
        tally = Tally()
        case = self._case()
        case.finish(tally)
        size = case.database.stat().st_size
        case.remove()
        for _ in range(count):
            case = self._case()
            run = case.start(largest=self._chance.randrange(size // 10, size))
            run.end()
            case.check(tally, run.promised)
            case.finish(tally)
            case.remove()
        return tally

    def images(self, count: int) -> Tally:
        """Cut the power at random moments; with synchronous FULL every promise is kept."""
        tally = Tally()
        for durable in (False, True):
            case = Case(self._directory, self._rows, durable=durable)
            before = {str(file): file.read_bytes() for file in case.files()}
            trace = self._directory / "writes"
            case.start(*TRACE, "-o", str(trace)).end()
            names = [f"{case.database}{suffix}" for suffix in SUFFIXES]
            events = events_of(trace, names)
            whole, _ = image(events, before, self._chance, arrived=1.0, torn=False)
            if whole.get(names[0]) != case.database.read_bytes():
                raise ValueError("the trace does not tell all that was written")
            for number in range(count):
                cut = self._chance.randrange(len(events))
                arrived, torn = ((0.0, False), (0.5, False), (0.5, True), (1.0, False))[number % 4]
                files, promised = image(
                    events[:cut], before, self._chance, arrived=arrived, torn=torn
                )
                for file in (*case.files(), Path(f"{case.database}-shm")):
                    file.unlink(missing_ok=True)
                for path, content in files.items():
                    Path(path).write_bytes(content)
                case.check(tally, promised if durable or arrived == 1.0 else 0)
                case.finish(tally)
            case.remove()
        return tally

    def _each(self, injections: Iterable[str]) -> Tally:
        tally = Tally()
        for injection in injections:
            case = self._case()
            paths = [f"-P{case.database}{suffix}" for suffix in SUFFIXES]
            only = [] if "KILL" in injection else paths
            run = case.start(*QUIET, *only, "-e", f"inject={injection}")
            run.end()
            case.check(tally, run.promised)
            case.finish(tally)
            case.remove()
        return tally

    def _case(self) -> Case:
        return Case(self._directory, self._rows)

    def _seconds_of_a_batch(self) -> float:
        case = self._case()
        times = [time.monotonic() for _ in case.start().promises()]
        case.remove()
        return (times[-1] - times[0]) / len(times)


def main() -> int:
    """Play the scenes, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    defaults = {"kills": 200, "calls": 40, "errors": 30, "full": 10, "images": 60}
    for scene in SCENES:
        parser.add_argument(f"--{scene}", type=int, default=defaults[scene], metavar="N")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where databases are made")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        crashes = Crashes(Path(directory), options.rows, options.seed)
        for scene in SCENES:
            if scene in {"calls", "errors", "images"} and shutil.which("strace") is None:
                print(f"{scene:7} (strace is not installed)")
                continue
            play: Callable[[int], Tally] = getattr(crashes, scene)
            tally = play(getattr(options, scene))
            print(f"{scene:7} {tally}", flush=True)
            wrong += tally.wrong
    print("Nothing was lost, nothing is there twice." if not wrong else "THERE IS SOMETHING WRONG.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
