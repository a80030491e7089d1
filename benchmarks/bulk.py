"""Insert the real flights with hardlite and with others, and print who is how fast.

    python benchmarks/bulk.py --rounds 5

Each run is a process of its own on a new file; the ways take turns (A B C, A B C), so that what
else the machine does meets all of them. See docs/explanation/benchmarks.md.
"""

import argparse
import dataclasses
import importlib.util
import json
import marshal
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bulk_isolation
from bulk_peers import PRAGMAS
from bulk_ways import WAYS
from flights import flight_values

_SUBJECTS = ("hardlite-table", "hardlite-class", "hardlite-dates")
_ISOLATED_ROWS = 100_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Seconds that one run took: on the wall, and of the processor for this process."""

    wall: float
    cpu: float
    rejected: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Results:
    """The runs of each way, one for each round; slow ways may have fewer."""

    rows: int
    runs: dict[str, list[Run]]

    def rate(self, name: str) -> float:
        """Rows a second, the median of all rounds."""
        return self.rows / statistics.median(run.wall for run in self.runs[name])

    def faster(self, name: str, peer: str, clock: str) -> list[float]:
        """How many times faster ``name`` was than ``peer``, in each round that has both."""
        pairs = zip(self.runs[name], self.runs[peer], strict=False)
        return [getattr(theirs, clock) / getattr(ours, clock) for ours, theirs in pairs]

    def at_best(self, name: str, peer: str) -> float:
        """Compare the least CPU time of both: what else the machine does only ever adds to it."""
        ours, theirs = (min(run.cpu for run in self.runs[which]) for which in (name, peer))
        return theirs / ours


def main() -> None:
    """Measure and print."""
    options = _options()
    missing = {name: way.package for name, way in WAYS.items() if not _is_there(way.package)}
    names = [name for name in options.ways if name not in missing]
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        data = Path(directory, "flights")
        values = flight_values(options.rows)
        data.write_bytes(marshal.dumps(values))
        results = Results(len(values), {name: [] for name in names})
        fewer = Path(directory, "fewer")
        fewer.write_bytes(marshal.dumps(values[:_ISOLATED_ROWS]))
        isolated_rows = min(len(values), _ISOLATED_ROWS)
        del values
        _explain(results.rows, options.rounds, Path(directory))
        for number in range(options.rounds):
            for name in names:
                if number < options.slow_rounds or not WAYS[name].slow:
                    _say(f"round {number + 1} of {options.rounds}: {name}")
                    results.runs[name].append(_run("bulk_ways.py", name, data, Path(directory)))
        _say("")
        _print_rates(results)
        for subject in _SUBJECTS:
            _print_comparison(results, subject)
        _measure_isolation(options, isolated_rows, fewer, Path(directory))
    for name in options.ways:
        if name in missing:
            print(f"missing: {WAYS[name].title} (package {missing[name]} is not installed)")


def _measure_isolation(options: argparse.Namespace, rows: int, data: Path, directory: Path) -> None:
    if options.shares:
        print(
            f"\nThe good rows kept and the bad ones found, of {rows} flights with foreign keys, "
            "1000 a commit: rows/s\n"
            f"{'bad, of 100':>12}{'rejected':>10}"
            + "".join(f"{name:>12}" for name in bulk_isolation.WAYS)
            + "".join(f"{'times ' + name:>18}" for name in list(bulk_isolation.WAYS)[1:])
        )
    for share in options.shares:
        results = Results(rows, {name: [] for name in bulk_isolation.WAYS})
        for number in range(options.slow_rounds):
            for name, runs in results.runs.items():
                _say(f"round {number + 1} of {options.slow_rounds}: {share} bad, {name}")
                runs.append(_run("bulk_isolation.py", name, share, data, directory))
        _say("")
        rates = "".join(f"{results.rate(name):12,.0f}" for name in results.runs)
        peers = list(results.runs)[1:]
        times = "".join(
            f"{statistics.median(results.faster('hardlite', peer, 'wall')):18.2f}" for peer in peers
        )
        print(f"{share:>12}{results.runs['hardlite'][0].rejected:10}{rates}{times}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, help="how many flights; all if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--slow-rounds", type=int, default=1, help="rounds the slow ways take part in"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument(
        "--shares",
        nargs="*",
        choices=bulk_isolation.SHARES,
        default=bulk_isolation.SHARES,
        metavar="SHARE",
        help="of bad rows among a hundred, for the ways to keep the others; none to leave it out",
    )
    parser.add_argument(
        "--directory", type=Path, help="where the files go; the system's temporary one"
    )
    return parser.parse_args()


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _run(program: str, *arguments: str | Path) -> Run:
    """Run ``program`` with these arguments, of which the last is a directory for its file."""
    *given, directory = arguments
    with tempfile.TemporaryDirectory(dir=directory) as place:
        path = Path(__file__).with_name(program)
        command = [sys.executable, str(path), *map(str, given), str(Path(place, "flights.db"))]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8")
    return Run(**json.loads(done.stdout))


def _explain(rows: int, rounds: int, directory: Path) -> None:
    pragmas = ", ".join(f"{name} {value}" for name, value in PRAGMAS.items())
    print(f"{rows} flights of 19 columns, {rounds} rounds, files under {directory.parent}")
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; all with {pragmas}"
    )
    print(
        "Timed: from a list of dicts (ready tuples where it says so) on an open connection until "
        "COMMIT\nhas returned, objects made on the way included. One transaction, unless it says "
        "1000 a commit.\n",
        flush=True,
    )


def _say(text: str) -> None:
    """Say how far it is, on a line that the next one overwrites; only to a person."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _print_rates(results: Results) -> None:
    has_raw = bool(results.runs.get("raw"))
    print(f"{'':53}{'rows/s':>9}{_heading('of raw') if has_raw else ''}")
    for name, runs in results.runs.items():
        if runs:
            shares = _ratios(results, name, "raw") if has_raw else ""
            print(f"{WAYS[name].title:53}{results.rate(name):9,.0f}{shares}", flush=True)


def _print_comparison(results: Results, subject: str) -> None:
    if not results.runs.get(subject):
        return
    print(f"\n{WAYS[subject].title}, times as fast as\n{'':62}{_heading('times')}")
    for name, runs in results.runs.items():
        if runs and name not in _SUBJECTS and WAYS[name].dates == WAYS[subject].dates:
            print(f"  {WAYS[name].title:60}{_ratios(results, subject, name)}")


def _heading(what: str) -> str:
    return f"  {what + ', wall':>23}  {what + ', CPU':>23}  {'best CPU':>13}"


def _ratios(results: Results, name: str, peer: str) -> str:
    wall, cpu = (_spread(results.faster(name, peer, clock)) for clock in ("wall", "cpu"))
    return f"  {wall:>23}  {cpu:>23}  {results.at_best(name, peer):13.2f}"


def _spread(ratios: Sequence[float]) -> str:
    """The median, with the least and the greatest of the rounds."""
    middle = f"{statistics.median(ratios):.2f}"
    return middle if len(ratios) == 1 else f"{middle} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
