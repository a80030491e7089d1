"""The report of an audit as a page for a browser: one file, with nothing to load and no script."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from hardlite.audit.auditing import Audited
from hardlite.audit.code import RULES
from hardlite.audit.explaining import page_of
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.scoring import Plan, plan_of
from hardlite.pages.frame import framed
from hardlite.pages.text import count, escaped

__all__ = ["html_report"]

_KINDS: Final = {
    Severity.CRITICAL: "bad",
    Severity.HIGH: "bad",
    Severity.MEDIUM: "some",
    Severity.MONITOR: "good",
}
_READY: Final = 8
_SHAKY: Final = 5
_MARKED: Final = re.compile(r"```\w*\n(?P<block>.*?)```|`(?P<word>[^`\n]+)`", re.DOTALL)


def html_report(audited: Audited, *, version: str) -> str:
    """Return a page that needs nothing but itself.

    Args:
        audited: what was found.
        version: of hardlite.
    """
    plan = plan_of(audited.findings)
    ordered = sorted(audited.findings, key=lambda f: (f.rule, -f.severity, f.path, f.line))
    groups = [list(group) for _, group in groupby(ordered, lambda finding: finding.rule)]
    groups.sort(key=lambda group: (-group[0].severity, -len(group), group[0].rule))
    body = "".join([*_summary(audited, plan), *map(_rule, groups)])
    return framed("SQLite audit", body, made_by=f"Made by hardlite {version}.")


def _summary(audited: Audited, plan: Plan) -> Iterator[str]:
    kind = "good" if plan.score >= _READY else "some" if plan.score >= _SHAKY else "bad"
    yield f'<p class="status {kind}">Ready for concurrency: {plan.score} of 10</p>'
    reasons = "".join(f"<li>{escaped(reason)}</li>" for reason in plan.reasons)
    yield f'<div class="table"><h2>Why</h2><ul>{reasons}</ul></div>'
    told = [("Files", audited.files), ("Findings that comments ignore", audited.ignored)]
    often = Counter(finding.severity for finding in audited.findings)
    told += [(severity.name, often[severity]) for severity in reversed(Severity)]
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{count(number)}</td></tr>' for name, number in told
    )
    yield f'<div class="table"><table><caption>Numbers</caption><tbody>{rows}</tbody></table></div>'
    yield from _listed("Top fixes", plan.top)
    least, most = plan.minutes
    yield from _listed(f"Fix now: {least} to {most} minutes", plan.now)
    yield from _listed("Fix soon", plan.soon)
    yield from _listed("Monitor", plan.watched)


def _listed(heading: str, rules: Sequence[str]) -> Iterator[str]:
    if rules:
        items = "".join(f"<li>{rule} {escaped(RULES[rule].title)}</li>" for rule in rules)
        yield f'<div class="table"><h2>{escaped(heading)}</h2><ol>{items}</ol></div>'


def _rule(findings: Sequence[Finding]) -> str:
    first = findings[0]
    rule, page = RULES[first.rule], page_of(first.rule)
    parts = [
        ("The problem", page.problem),
        ("Concurrency impact", page.impact),
        ("How to verify", page.verify),
        ("The fix", page.fix),
        ("Trade-off", page.trade_off),
    ]
    told = "".join(f"<dt>{name}</dt><dd>{_marked(text)}</dd>" for name, text in parts)
    places = "".join(map(_place, findings))
    return (
        f'<section class="table finding"><h2>{rule.code} {escaped(rule.title)} '
        f'<span class="label {_KINDS[first.severity]}">{first.severity.name}</span> '
        f'<span class="label">{escaped(rule.category)}</span></h2>'
        f"<ol>{places}</ol><dl>{told}</dl></section>"
    )


def _place(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" + (f" ({finding.symbol})" if finding.symbol else "")
    steps = "".join(
        f"<li>calls <code>{escaped(step.text)}</code> at {escaped(f'{step.path}:{step.line}')}</li>"
        for step in finding.steps
    )
    return (
        f"<li><strong>{escaped(where)}</strong> "
        f'<span class="label {_KINDS[finding.severity]}">{finding.severity.name}</span><br>'
        f"{escaped(finding.message)}.<br><code>{escaped(finding.source)}</code>"
        f"{f'<ul>{steps}</ul>' if steps else ''}</li>"
    )


def _marked(text: str) -> str:
    """Return the text of a page of ours, with its code as code."""
    shown, end = "", 0
    for found in _MARKED.finditer(text):
        code = found["block"] or found["word"]
        shown += f"{_lines(text[end : found.start()])}<code>{_lines(code)}</code>"
        end = found.end()
    return shown + _lines(text[end:])


def _lines(text: str) -> str:
    return "\n".join(map(escaped, text.split("\n")))
