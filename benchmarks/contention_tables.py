"""What contention.py prints: a table for each scene, ratios and goals below it."""

import math
from collections.abc import Iterator, Mapping

from contention_figures import QUANTILES, Figures, Outcome, Verdict, judge, quantile, ratio
from contention_scenes import Group, Scene
from contention_systems import RECIPE, SUBJECT, SYSTEMS

__all__ = ["heading", "lines_of", "milliseconds", "ratios"]

_SHOWN_ERRORS = 3


def milliseconds(value: float) -> str:
    """Tell seconds in milliseconds, with three digits that count."""
    if math.isnan(value):
        return "-"
    value *= 1000
    for bound, digits in ((1, 3), (10, 2), (100, 1)):
        if value < bound:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def heading(scene: Scene) -> str:
    """The title of a scene and the two lines above its table."""
    spans = "".join(
        f"  {f'-- {what}, ms --':^{8 * len(QUANTILES)}}" for what in ("wait", "asked to commit")
    )
    names = f"  {''.join(f'{name:>8}' for name in QUANTILES)}" * 2
    return (
        f"\n{scene.title}\n{'':52}{spans}\n"
        f"  {'system':20}{'group':12}{'errors':>7}{'commits':>8}{'per s':>9}{names}"
        f"{'hold max':>10}{'Jain':>7}{'CPU s':>7}"
    )


def lines_of(system: str, outcome: Outcome) -> Iterator[str]:
    """A line for each group, and below them what the errors were."""
    for number, (group, figures) in enumerate(outcome.items()):
        title = "" if number else SYSTEMS[system].title
        times = "".join(
            "  "
            + "".join(f"{milliseconds(quantile(times, share)):>8}" for share in QUANTILES.values())
            for times in (figures.waits, figures.units)
        )
        yield (
            f"  {title:20}{group:12}{figures.failed:>7,}{figures.commits:>8,}{figures.rate:>9,.1f}"
            f"{times}{milliseconds(figures.longest_hold):>10}{figures.jain:>7.3f}{figures.cpu:>7.2f}"
        )
    for group, figures in outcome.items():
        yield from _errors(group, figures)


def _errors(group: str, figures: Figures) -> Iterator[str]:
    common = sorted(figures.errors.items(), key=lambda pair: -pair[1])
    for what, times in common[:_SHOWN_ERRORS]:
        yield f"      {group}: {times:,} x {what:.110}"
    if len(common) > _SHOWN_ERRORS:
        yield f"      {group}: and {len(common) - _SHOWN_ERRORS} other errors"


def ratios(scene: Scene, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """How hardlite compares with each other system, and whether it reached the goals."""
    ours = outcomes.get(SUBJECT)
    if ours is None:
        return
    others = {name: outcome for name, outcome in outcomes.items() if name != SUBJECT}
    if others:
        yield f"  {'times better than':20}{'group':12}{'p99.9 wait':>12}{'throughput':>12}{'done':>8}"
    for system, theirs in others.items():
        for group in scene.groups:
            if group.does != "foreign":
                figures = _better(ours[group.name], theirs[group.name], group)
                yield f"  {SYSTEMS[system].title:20}{group.name:12}{figures}"
    for verdict in judge(scene, ours, outcomes.get(RECIPE)):
        yield f"  goal: {_told(verdict)}"


def _better(ours: Figures, theirs: Figures, group: Group) -> str:
    # The transactions of one system's imports are other ones than those of another's.
    if group.does == "load":
        return f"{'-':>12}{'-':>12}{ratio(theirs.elapsed, ours.elapsed):>8.2f}"
    waits = (quantile(figures.waits, QUANTILES["p99.9"]) for figures in (theirs, ours))
    return f"{ratio(*waits):>12.2f}{ratio(ours.rate, theirs.rate):>12.2f}{'':>8}".rstrip()


def _told(verdict: Verdict) -> str:
    goal = verdict.goal
    scale, unit = (1000, " ms") if goal.measure in {"p99", "longest hold"} else (1, "")
    bound = f"{goal.bound * scale:g}{unit}"
    wanted = f"{goal.group} {goal.measure} {'at least' if goal.at_least else 'at most'} {bound}"
    if verdict.measured is None:
        return f"{wanted}: nothing to compare with"
    word = "reached" if verdict.reached else "MISSED"
    return f"{wanted}: {verdict.measured * scale:.4g}{unit}, {word}"
