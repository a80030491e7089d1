"""How ready a program is for concurrency: a score, what weighs most, and a plan."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Final

from hardlite.audit.code import RULES
from hardlite.audit.finding import Finding, Severity

__all__ = ["Plan", "plan_of"]

_BEST: Final = 10
_TOP: Final = 3
_MINUTES: Final = {Severity.CRITICAL: (30, 90), Severity.HIGH: (15, 60), Severity.MEDIUM: (10, 30)}
_AGAIN: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What findings come to.

    Attributes:
        score: from 1, will fail at once, to 10, ready.
        reasons: why, in two to five sentences.
        top: the rules to heed first, at most three.
        now: rules whose findings are to be mended before there is load.
        soon: those that can wait for the next round.
        watched: those to keep an eye on.
        minutes: the least and the most that ``now`` may take.
    """

    score: int
    reasons: Sequence[str]
    top: Sequence[str]
    now: Sequence[str]
    soon: Sequence[str]
    watched: Sequence[str]
    minutes: tuple[int, int]


def plan_of(findings: Sequence[Finding]) -> Plan:
    """Return the score and the plan for findings."""
    worst: dict[str, Severity] = {}
    for finding in findings:
        worst[finding.rule] = max(worst.get(finding.rule, Severity.MONITOR), finding.severity)
    often = Counter(f.rule for f in findings if f.severity is not Severity.MONITOR)
    ranked = sorted(often, key=lambda rule: (-worst[rule], -often[rule], rule))
    now = [rule for rule in ranked if worst[rule] >= Severity.HIGH]
    return Plan(
        score=_score(ranked),
        reasons=_reasons(ranked, often),
        top=ranked[:_TOP],
        now=now,
        soon=[rule for rule in ranked if rule not in now],
        watched=sorted(rule for rule in worst if rule not in often),
        minutes=_minutes(now, often, worst),
    )


def _score(rules: Sequence[str]) -> int:
    """Return the score of the rubric: what blocks the event loop weighs most, then a missing WAL."""
    blocks, no_wal = "HL5A" in rules, "HL1A" in rules
    further = len(rules) - blocks - no_wal
    if blocks and no_wal:
        return 2 if further else 3
    if blocks or "HL3A" in rules:
        return 3 if further > 2 else 4  # noqa: PLR2004 - the rubric knows two steps
    if no_wal:
        return 5 if further else 6
    return _BEST - min(further, 3)


def _reasons(rules: Sequence[str], often: Counter[str]) -> list[str]:
    told = [f"{RULES[rule].title}: {often[rule]} of {rule}." for rule in rules[:4]]
    if "HL1A" not in rules:
        told.append("No database without WAL was found.")
    if "HL5A" not in rules:
        told.append("Nothing was found to block an event loop.")
    return told[:5]


def _minutes(
    rules: Sequence[str], often: Counter[str], worst: dict[str, Severity]
) -> tuple[int, int]:
    least = sum(_MINUTES[worst[rule]][0] + _AGAIN * (often[rule] - 1) for rule in rules)
    most = sum(_MINUTES[worst[rule]][1] + 3 * _AGAIN * (often[rule] - 1) for rule in rules)
    return least, most
