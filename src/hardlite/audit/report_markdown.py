"""The report of an audit in Markdown, for a comment or a page of a project."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hardlite.audit.auditing import Audited
from hardlite.audit.code import RULES
from hardlite.audit.explaining import page_of
from hardlite.audit.finding import Finding
from hardlite.audit.scoring import plan_of

__all__ = ["markdown_report"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown_report(audited: Audited) -> str:
    """Return the whole report.

    Args:
        audited: what was found.
    """
    return "\n".join(_lines(audited)) + "\n"


def _lines(audited: Audited) -> Iterator[str]:
    plan = plan_of(audited.findings)
    yield "# SQLite audit\n"
    yield f"{len(audited.findings)} findings in {audited.files} files. Score: **{plan.score} of 10**.\n"
    yield from (f"- {_plain(reason)}" for reason in plan.reasons)
    yield from _listed("Top fixes", plan.top)
    yield from _listed("Fix now", plan.now)
    yield from _listed("Fix soon", plan.soon)
    yield from _listed("Monitor", plan.watched)
    for rule in (*plan.now, *plan.soon, *plan.watched):
        yield from _rule(rule, [f for f in audited.findings if f.rule == rule])


def _listed(heading: str, rules: Sequence[str]) -> Iterator[str]:
    if rules:
        yield f"\n## {heading}\n"
        yield from (f"1. {rule} {_plain(RULES[rule].title)}" for rule in rules)


def _rule(rule: str, findings: Sequence[Finding]) -> Iterator[str]:
    heading, _, text = page_of(rule).text.partition("\n")
    yield f"\n#{heading}\n"
    yield from map(_place, findings)
    yield re.sub("^## ", "### ", text.rstrip(), flags=re.MULTILINE)


def _place(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" + (f" ({finding.symbol})" if finding.symbol else "")
    steps = "".join(f"; calls {s.text} at {s.path}:{s.line}" for s in finding.steps)
    told = f"{_plain(where)}: {_plain(finding.message)}{_plain(steps)}."
    return f"- **{finding.severity.name}** {told}"


def _plain(text: str) -> str:
    """Return text in which Markdown finds nothing to do."""
    return _SPECIAL.sub(r"\\\1", text)
