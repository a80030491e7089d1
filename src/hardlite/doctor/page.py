"""A diagnosis as a page for a browser: one file, with nothing to load and no script."""

import importlib.metadata
from pathlib import PurePath
from typing import Final

from hardlite.doctor.diagnosis import Diagnosis
from hardlite.doctor.finding import Finding, Severity
from hardlite.pages.frame import framed
from hardlite.pages.text import escaped

__all__ = ["diagnosis_page"]

_KINDS: Final = {
    Severity.CRITICAL: "bad",
    Severity.HIGH: "bad",
    Severity.MEDIUM: "some",
    Severity.MONITOR: "good",
}


def diagnosis_page(diagnosis: Diagnosis) -> str:
    """Return a page that needs nothing but itself."""
    parts = [_verdict(diagnosis), _facts(diagnosis)]
    if diagnosis.findings:
        parts.append(_first(diagnosis))
    parts += map(_finding, diagnosis.findings)
    if diagnosis.findings:
        parts.append(_plan(diagnosis))
    parts += [f'<p class="note">{escaped(note)}</p>' for note in diagnosis.notes]
    version = importlib.metadata.version("hardlite")
    return framed(
        f"Health of {PurePath(diagnosis.path).name}",
        "".join(parts),
        made_by=f"{diagnosis.path}. Made by hardlite {version}.",
    )


def _verdict(diagnosis: Diagnosis) -> str:
    worst = diagnosis.findings[0].severity if diagnosis.findings else Severity.MONITOR
    told = diagnosis.verdict()
    return f'<p class="status {_KINDS[worst]}">{escaped(told[0].upper() + told[1:])}</p>'


def _facts(diagnosis: Diagnosis) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(told)}</td></tr>'
        for name, told in diagnosis.facts
    )
    return (
        '<div class="table"><table><caption>What was looked at</caption><tbody>'
        f"{rows}</tbody></table></div>"
    )


def _first(diagnosis: Diagnosis) -> str:
    items = "".join(
        f"<li><strong>{escaped(finding.name)}</strong>: {escaped(finding.fix)}</li>"
        for finding in diagnosis.first
    )
    return f'<div class="table"><h2>Do this first</h2><ol>{items}</ol></div>'


def _finding(finding: Finding) -> str:
    told = "".join(
        f"<dt>{escaped(heading)}</dt><dd>{escaped(text)}</dd>" for heading, text in finding.parts()
    )
    kind = _KINDS[finding.severity]
    return (
        f'<section class="table finding"><h2>{escaped(finding.name)} '
        f'<span class="label {kind}">{finding.severity.value}</span> '
        f'<span class="label">{escaped(finding.category)}</span></h2><dl>{told}</dl></section>'
    )


def _plan(diagnosis: Diagnosis) -> str:
    items = "".join(
        f"<li><strong>{escaped(step.capitalize())}</strong>: "
        f"{escaped(', '.join(dict.fromkeys(each.name for each in findings)))}</li>"
        for step, findings in diagnosis.plan()
    )
    return f'<div class="table"><h2>Plan</h2><ul>{items}</ul></div>'
