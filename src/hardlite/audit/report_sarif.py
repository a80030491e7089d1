"""The report of an audit in SARIF 2.1.0, as code scanning services read it."""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from hardlite.audit.auditing import Audited
from hardlite.audit.code import RULES
from hardlite.audit.explaining import page_of
from hardlite.audit.finding import Confidence, Finding, Severity, Step

__all__ = ["sarif_report"]

Json = Mapping[str, object]

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.MONITOR: "note",
}
_RANKS: Final = {Confidence.HIGH: 90.0, Confidence.MEDIUM: 60.0, Confidence.LOW: 30.0}
_PLACES: Final = {code: place for place, code in enumerate(RULES)}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_report(audited: Audited, *, version: str) -> str:
    """Return the report as SARIF.

    Args:
        audited: what was found.
        version: of hardlite.
    """
    driver = {
        "name": "hardlite audit",
        "version": version,
        "rules": [_rule(code) for code in RULES],
    }
    results = [_result(finding) for finding in audited.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> Json:
    page = page_of(code)
    return {
        "id": code,
        "name": RULES[code].title,
        "shortDescription": {"text": RULES[code].title},
        "fullDescription": {"text": page.problem},
        "help": {"text": page.text, "markdown": page.text},
        "properties": {"tags": [RULES[code].category]},
    }


def _result(finding: Finding) -> Json:
    found: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": _PLACES[finding.rule],
        "level": _LEVELS[finding.severity],
        "rank": _RANKS[finding.confidence],
        "message": {"text": f"{finding.message}."},
        "locations": [_place(finding.path, finding.line, finding.end_line)],
        "partialFingerprints": {"hardlite/v2": finding.fingerprint},
    }
    if finding.steps:
        found["codeFlows"] = [{"threadFlows": [{"locations": _flow(finding.steps)}]}]
    return found


def _flow(steps: Sequence[Step]) -> list[Json]:
    return [
        {"location": {**_place(s.path, s.line, s.line), "message": {"text": s.text}}} for s in steps
    ]


def _place(path: str, line: int, end_line: int) -> Json:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path)},
            "region": {"startLine": line, "endLine": end_line},
        }
    }
