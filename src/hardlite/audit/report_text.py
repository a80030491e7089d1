"""The report of an audit to read: the block of each finding, the score, and the plan."""

from collections.abc import Iterator, Sequence
from typing import Final

from hardlite.audit.auditing import Audited
from hardlite.audit.code import RULES
from hardlite.audit.explaining import page_of
from hardlite.audit.finding import Finding
from hardlite.audit.scoring import Plan, plan_of

__all__ = ["text_report"]

_COMMANDS: Final = """\
Verification commands:
  sqlite3 your_database.db "PRAGMA journal_mode;"
  ls -la your_database.db-wal
  hardlite who your_database.db --watch"""
_WATCH: Final = """\
Watch: seconds waited for the write lock, size of the -wal file, number of "database is locked"
errors, and how long write transactions last."""


def text_report(audited: Audited) -> str:
    """Return the whole report.

    Args:
        audited: what was found.
    """
    return "\n".join(_lines(audited)) + "\n"


def _lines(audited: Audited) -> Iterator[str]:
    told: set[str] = set()
    for finding in audited.findings:
        yield from _block(finding, in_full=finding.rule not in told)
        told.add(finding.rule)
    plan = plan_of(audited.findings)
    ignored = f", and {audited.ignored} that comments ignore" if audited.ignored else ""
    yield f"{len(audited.findings)} findings{ignored} in {audited.files} files."
    yield f"Score: {plan.score} of 10"
    yield from (f"  - {reason}" for reason in plan.reasons)
    yield from _listed("Top fixes", plan.top)
    yield from _listed("Fix now", plan.now)
    yield from _listed("Fix soon", plan.soon)
    yield from _listed("Monitor", plan.watched)
    yield from _effort(plan)
    yield _COMMANDS
    yield _WATCH


def _block(finding: Finding, *, in_full: bool) -> Iterator[str]:
    """Yield the block of a finding; what its rule says stands with the first one of the rule."""
    lines = f"{finding.line}" + (f"-{finding.end_line}" if finding.end_line > finding.line else "")
    yield f"[SEVERITY: {finding.severity.name}] {finding.rule}"
    yield f"Location: {finding.path} : {lines}" + (f" ({finding.symbol})" if finding.symbol else "")
    yield f"Risk Category: {RULES[finding.rule].category}"
    yield f"The Problem: {finding.message}."
    yield f"Confidence: {finding.confidence.name.capitalize()}"
    yield from (f"  calls {step.text} at {step.path}:{step.line}" for step in finding.steps)
    if in_full:
        page = page_of(finding.rule)
        yield from _part("", page.problem)
        yield from _part("Concurrency Impact:", page.impact)
        yield from _part("How to Verify:", page.verify)
        yield from _part("The Fix:", page.fix)
        yield from _part("Trade-off Consideration:", page.trade_off)
    yield ""


def _part(heading: str, text: str) -> Iterator[str]:
    if heading:
        yield heading
    yield from (f"  {line}".rstrip() for line in text.splitlines())


def _listed(heading: str, rules: Sequence[str]) -> Iterator[str]:
    if rules:
        yield f"{heading}:"
        yield from (f"  {rule} {RULES[rule].title}" for rule in rules)


def _effort(plan: Plan) -> Iterator[str]:
    if plan.now:
        least, most = plan.minutes
        yield f"Time for what is to be fixed now: {least} to {most} minutes."
