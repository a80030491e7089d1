"""The report of an audit for programs."""

import dataclasses
import json

from hardlite.audit.auditing import Audited
from hardlite.audit.fingerprints import fingerprints
from hardlite.audit.scoring import plan_of

__all__ = ["json_report"]


def json_report(audited: Audited) -> str:
    """Return the report as JSON: the findings, and the plan."""
    findings = [
        {
            **dataclasses.asdict(finding),
            "severity": finding.severity.name,
            "confidence": finding.confidence.name,
            "fingerprint": fingerprint,
        }
        for finding, fingerprint in zip(
            audited.findings, fingerprints(audited.findings), strict=True
        )
    ]
    plan = dataclasses.asdict(plan_of(audited.findings))
    return json.dumps({"files": audited.files, "findings": findings, "plan": plan}, indent=2) + "\n"
