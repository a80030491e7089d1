"""What contention.py makes of the times: percentiles, evenness, ratios, goals."""

import collections
import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from contention_scenes import Goal, Measure, Scene
from contention_workers import Served

__all__ = ["QUANTILES", "Figures", "Outcome", "Verdict", "judge", "quantile", "ratio"]

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that a ``share`` of all does not exceed (the nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def ratio(above: float, below: float) -> float:
    """Divide; nothing divided by nothing is not a number, anything else by nothing infinite."""
    if below:
        return above / below
    return math.inf if above else math.nan


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one group fared. Times are seconds.

    Attributes:
        waits: of all units of work and transactions, the failed ones included; in order.
        units: the same, from the wish to write until COMMIT had returned, or the error.
        written: units of work that the database has to hold: also those that warmed up.
        commits: transactions committed, the late ones included.
        rate: transactions committed in a second, of those within the time.
        longest_hold: from the first write of a transaction until its COMMIT had returned, at most.
        jain: Jain's index of the workers' commits: 1 where all are equal, 1/n where one has all.
        errors: transactions that failed, by what they ended with.
        cpu: seconds of the processor, all processes together.
        elapsed: seconds until the last process was through.
    """

    waits: Sequence[float]
    units: Sequence[float]
    written: int
    commits: int
    rate: float
    longest_hold: float
    jain: float
    errors: Mapping[str, int]
    cpu: float
    elapsed: float

    @classmethod
    def of(cls, served: Sequence[Served], seconds: float) -> Self:
        """Summarise the processes of a group that wrote for ``seconds``."""
        workers = [worker for process in served for worker in process.workers]
        shares = [worker.in_time for worker in workers]
        elapsed = max(process.elapsed for process in served)
        errors: collections.Counter[str] = collections.Counter()
        for worker in workers:
            errors.update(worker.errors)
        return cls(
            waits=sorted(wait for worker in workers for wait in worker.waits),
            units=sorted(unit for worker in workers for unit in worker.units),
            written=sum(worker.warmed + worker.commits for worker in workers),
            commits=sum(worker.commits for worker in workers),
            rate=sum(shares) / min(seconds, elapsed),
            longest_hold=max(worker.longest_hold for worker in workers),
            jain=ratio(sum(shares) ** 2, len(shares) * sum(share**2 for share in shares)),
            errors=errors,
            cpu=sum(process.cpu for process in served),
            elapsed=elapsed,
        )

    @classmethod
    def merged(cls, rounds: Sequence[Self]) -> Self:
        """Put the waits of all rounds together; of what is a mean by itself, take the mean."""
        errors: collections.Counter[str] = collections.Counter()
        for each in rounds:
            errors.update(each.errors)
        return cls(
            waits=sorted(wait for each in rounds for wait in each.waits),
            units=sorted(unit for each in rounds for unit in each.units),
            written=sum(each.written for each in rounds),
            commits=sum(each.commits for each in rounds),
            rate=statistics.fmean(each.rate for each in rounds),
            longest_hold=max(each.longest_hold for each in rounds),
            jain=statistics.fmean(each.jain for each in rounds),
            errors=errors,
            cpu=sum(each.cpu for each in rounds),
            elapsed=statistics.fmean(each.elapsed for each in rounds),
        )

    @property
    def failed(self) -> int:
        """How many transactions failed."""
        return sum(self.errors.values())


Outcome = Mapping[str, Figures]
"""What one system came to in a scene: the figures of each group."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A goal, and what was measured; None where there is nothing to compare with."""

    goal: Goal
    measured: float | None

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        if self.measured is None or math.isnan(self.measured):
            return False
        if self.goal.at_least:
            return self.measured >= self.goal.bound
        return self.measured <= self.goal.bound


_ALONE: Mapping[Measure, Callable[[Figures], float]] = {
    "errors": lambda ours: ours.failed,
    "Jain": lambda ours: ours.jain,
    "p99": lambda ours: quantile(ours.units, 0.99),
    "longest hold": lambda ours: ours.longest_hold,
}
_COMPARED: Mapping[Measure, Callable[[Figures, Figures], float]] = {
    "p99.9 ratio": lambda ours, theirs: ratio(
        quantile(theirs.waits, 0.999), quantile(ours.waits, 0.999)
    ),
    "throughput ratio": lambda ours, theirs: ratio(ours.rate, theirs.rate),
    "done ratio": lambda ours, theirs: ratio(theirs.elapsed, ours.elapsed),
}


def judge(scene: Scene, ours: Outcome, theirs: Outcome | None) -> list[Verdict]:
    """Compare what hardlite came to with the goals of the scene.

    Args:
        scene: has the goals.
        ours: what hardlite came to.
        theirs: what the recipe came to; None where it did not take part.
    """
    verdicts = []
    for goal in scene.goals:
        measured: float | None = None
        if goal.measure in _ALONE:
            measured = _ALONE[goal.measure](ours[goal.group])
        elif theirs is not None:
            measured = _COMPARED[goal.measure](ours[goal.group], theirs[goal.group])
        verdicts.append(Verdict(goal=goal, measured=measured))
    return verdicts
