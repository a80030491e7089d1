"""The report of an audit for programs."""

import dataclasses
import json

from hardlite.audit.auditing import Audited
from hardlite.audit.scoring import plan_of

__all__ = ["json_report"]


def json_report(audited: Audited) -> str:
    """Return the report as JSON: the findings, and the plan."""
    findings = [
        {
            **dataclasses.asdict(finding),
            "severity": finding.severity.name,
            "confidence": finding.confidence.name,
        }
        for finding in audited.findings
    ]
    plan = dataclasses.asdict(plan_of(audited.findings))
    told = {
        "files": audited.files,
        "ignored": audited.ignored,
        "findings": findings,
        "plan": plan,
    }
    return json.dumps(told, indent=2) + "\n"
