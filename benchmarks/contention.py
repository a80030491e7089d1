"""Let many write to one file, with hardlite and with others, and print who waited how long.

    python benchmarks/contention.py --seconds 10 --plot contention.html

Each scene is played by every system in turn: real processes, started together, on a new file.
Every unit of work is counted in the database itself; the program fails if a count does not agree
with the commits that were reported. See docs/explanation/benchmarks.md.
"""

import argparse
import datetime as dt
import math
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from contention_check import check, create
from contention_figures import Figures, Outcome
from contention_plot import browser, page, save
from contention_scenes import SCENES, Scene
from contention_systems import PRAGMAS, SYSTEMS, TIMEOUT, System
from contention_tables import heading, lines_of, ratios
from contention_workers import play


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print; 1 where a database does not hold what was reported."""
    options = _options(arguments)
    missing = [name for name in options.systems if SYSTEMS[name].version is None]
    names = [name for name in options.systems if name not in missing]
    scenes = {name: SCENES[name].at_most(options.at_most) for name in options.scene}
    explanation = _explanation(names, options)
    print(explanation)
    results: dict[str, dict[str, Outcome]] = {}
    wrong: list[str] = []
    for name, scene in scenes.items():
        print(heading(scene), flush=True)
        rounds = [
            _round(f"{name}, {number + 1}", scene, names, options, wrong)
            for number in range(options.rounds)
        ]
        results[name] = {system: _merged([each[system] for each in rounds]) for system in names}
        for system, outcome in results[name].items():
            print(*lines_of(system, outcome), sep="\n")
        print(*ratios(scene, results[name]), sep="\n", flush=True)
    for system in missing:
        print(f"missing: {SYSTEMS[system].title} ({SYSTEMS[system].package} is not installed)")
    if options.plot is not None:
        save(page(scenes, results, explanation), options.plot, scenes=len(scenes))
    return _closing(wrong)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--scene", nargs="+", choices=SCENES, default=list(SCENES), metavar="NAME",
        help=f"one or more of: {', '.join(SCENES)}; all if left out",
    )  # fmt: skip
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME",
        help=f"one or more of: {', '.join(SYSTEMS)}; all if left out",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=10.0, help="that each scene lasts")
    parser.add_argument(
        "--rounds", type=int, default=1, help="of each scene, in which the systems take turns"
    )
    parser.add_argument("--items", type=int, default=100, help="of each import of `imports`")
    parser.add_argument(
        "--at-most", type=int, default=sys.maxsize, metavar="N",
        help="processes of a group and threads of a process, for a quick look",
    )  # fmt: skip
    parser.add_argument(
        "--plot", type=Path, metavar="FILE",
        help="write a page of plots, .html, or by a Chromium on the PATH a picture of it, .png",
    )  # fmt: skip
    parser.add_argument(
        "--directory", type=Path, help="where the files go; the system's temporary one"
    )
    options = parser.parse_args(arguments)
    if options.plot is not None and options.plot.suffix not in {".html", ".png"}:
        parser.error("--plot takes a name that ends in .html or .png")
    if options.plot is not None and options.plot.suffix == ".png" and browser() is None:
        parser.error("a picture needs a Chromium on the PATH; take a name that ends in .html")
    return options


def _round(
    title: str,
    scene: Scene,
    names: Sequence[str],
    options: argparse.Namespace,
    wrong: list[str],
) -> dict[str, Outcome]:
    outcomes = {}
    for name in names:
        _say(f"{title}: {SYSTEMS[name].title}")
        outcomes[name], lost = _play(SYSTEMS[name], scene, options)
        wrong += [f"{title}, {SYSTEMS[name].title}: {what}" for what in lost]
    _say("")
    return outcomes


def _merged(rounds: Sequence[Outcome]) -> Outcome:
    return {group: Figures.merged([each[group] for each in rounds]) for group in rounds[0]}


def _play(
    system: System, scene: Scene, options: argparse.Namespace
) -> tuple[Outcome, Sequence[str]]:
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory, "app.db")
        create(path, wal=system.wal)
        served = play(system, scene, path, seconds=options.seconds, items=options.items)
        seconds = options.seconds if scene.timed else math.inf
        outcome = {
            group.name: Figures.of([part for part in served if part.group == group.name], seconds)
            for group in scene.groups
        }
        return outcome, check(path, scene, outcome, items=options.items)


def _explanation(names: Sequence[str], options: argparse.Namespace) -> str:
    versions = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    versions |= {SYSTEMS[name].package: str(SYSTEMS[name].version) for name in names}
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    told = ", ".join(f"{package} {version}" for package, version in versions.items())
    lines = [
        f"{day}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors; {told}",
        f"{options.rounds} x {options.seconds:g} s a scene; a wait is given up after {TIMEOUT:g} s",
        f"pragmas: {', '.join(f'{name} {value}' for name, value in PRAGMAS.items())}",
    ]
    for name in names:
        about = SYSTEMS[name].about.replace("\n", "\n    ")
        lines.append(f"  {SYSTEMS[name].title}: {about}")
    lines.append("Failed units are among the waits; p99.9 of fewer than 1000 is their longest.")
    return "\n".join(lines)


def _say(text: str) -> None:
    """Say how far it is, on a line that the next one overwrites; only to a person."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _closing(wrong: Sequence[str]) -> int:
    if not wrong:
        print("\nEvery counter equals the commits reported, and every database is sound.")
        return 0
    print("\nWRONG: commits were lost or made up.", *wrong, sep="\n  ", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
