"""The scenes of contention.py: who writes beside whom, for how long, and what is to be reached."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

__all__ = ["PREPARATION", "SCENES", "Goal", "Group", "Measure", "Scene"]

PREPARATION = 0.03
"""Seconds that an import takes to prepare one item: a page fetched, a file parsed."""

Measure = Literal[
    "errors", "p99.9 ratio", "throughput ratio", "Jain", "p99", "longest hold", "done ratio"
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Workers that do the same.

    Attributes:
        name: how they are called in the tables.
        processes: how many of them there are.
        threads: workers in each process.
        hold: seconds that each transaction lasts, from its first write until COMMIT has returned;
            0 for as long as its statements take.
        pause: seconds between two units of work, on average.
        does: units of work through the system under test, imports through it, or units of work
            of a program that knows nothing of it.
    """

    name: str
    processes: int
    threads: int = 1
    hold: float = 0.0
    pause: float = 0.0
    does: Literal["write", "load", "foreign"] = "write"

    def at_most(self, most: int) -> "Group":
        """Return a smaller group, for a quick look."""
        return dataclasses.replace(
            self, processes=min(self.processes, most), threads=min(self.threads, most)
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What hardlite is to reach in a scene.

    Attributes:
        group: whose figure it is.
        measure: which figure; a ratio is one to the recipe's figure, above 1 where hardlite is
            better. Times are seconds.
        bound: the figure to reach.
        at_least: whether more is better.
    """

    group: str
    measure: Measure
    bound: float
    at_least: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Groups that write at the same time.

    Attributes:
        title: what happens.
        groups: who takes part; the first one is plotted.
        goals: what hardlite is to reach.
    """

    title: str
    groups: Sequence[Group]
    goals: Sequence[Goal] = ()

    @property
    def timed(self) -> bool:
        """Whether it lasts a given time; else it ends with its imports."""
        return all(group.does != "load" for group in self.groups)

    def at_most(self, most: int) -> "Scene":
        """Return a smaller scene, for a quick look."""
        return dataclasses.replace(self, groups=[group.at_most(most) for group in self.groups])


def _even(title: str, *, processes: int, threads: int = 1, hold: float = 0.001) -> Scene:
    writers = Group(name="writers", processes=processes, threads=threads, hold=hold)
    goals = [Goal(group="writers", measure="errors", bound=0)]
    if processes * threads >= 32:  # noqa: PLR2004 - the size that the goals are set for
        goals += [
            Goal(group="writers", measure="p99.9 ratio", bound=50, at_least=True),
            Goal(group="writers", measure="throughput ratio", bound=1, at_least=True),
            Goal(group="writers", measure="Jain", bound=0.98, at_least=True),
        ]
    return Scene(title=title, groups=[writers], goals=goals if hold else goals[:1])


def _beside_a_stranger(gap: float) -> Scene:
    return Scene(
        title=f"4 writers beside a foreign writer that holds 20 ms and pauses {gap * 1000:g} ms",
        groups=[
            Group(name="writers", processes=4, hold=0.001, pause=0.01),
            Group(name="foreigner", processes=1, hold=0.02, pause=gap, does="foreign"),
        ],
        goals=[Goal(group="writers", measure="errors", bound=0)],
    )


_INTERACTIVE = Group(name="interactive", processes=8, pause=0.05)

SCENES: Mapping[str, Scene] = {
    "processes-2": _even("2 processes, 1 ms in each transaction, no pause", processes=2),
    "processes-8": _even("8 processes, 1 ms in each transaction, no pause", processes=8),
    "processes-32": _even("32 processes, 1 ms in each transaction, no pause", processes=32),
    "threads-64": _even(
        "64 threads of one process, 1 ms in each transaction, no pause", processes=1, threads=64
    ),
    "processes-8x8": _even(
        "8 processes of 8 threads, 1 ms in each transaction, no pause", processes=8, threads=8
    ),
    "processes-32-short": _even("32 processes, no work inside, no pause", processes=32, hold=0.0),
    "importer": Scene(
        title="8 interactive writers, 50 ms pause, beside an importer: 20 ms, back to back",
        groups=[_INTERACTIVE, Group(name="importer", processes=1, hold=0.02)],
        goals=[
            Goal(group="interactive", measure="errors", bound=0),
            Goal(group="interactive", measure="p99", bound=0.1),
        ],
    ),
    "foreign-0.2ms": _beside_a_stranger(0.0002),
    "foreign-1ms": _beside_a_stranger(0.001),
    "foreign-5ms": _beside_a_stranger(0.005),
    "imports": Scene(
        title="8 interactive writers, 50 ms pause, and 2 updates of a catalog, 5 ms, 200 ms pause,\n"
        f"beside 5 imports: {PREPARATION * 1000:g} ms to prepare an item",
        groups=[
            _INTERACTIVE,
            Group(name="catalog", processes=2, hold=0.005, pause=0.2),
            Group(name="imports", processes=5, does="load"),
        ],
        goals=[
            Goal(group="interactive", measure="errors", bound=0),
            Goal(group="catalog", measure="errors", bound=0),
            Goal(group="imports", measure="errors", bound=0),
            Goal(group="interactive", measure="p99", bound=0.1),
            Goal(group="imports", measure="longest hold", bound=0.5),
            Goal(group="imports", measure="done ratio", bound=5, at_least=True),
        ],
    ),
}
