"""The report of an audit as annotations of a workflow on GitHub."""

from collections.abc import Iterator
from typing import Final

from hardlite.audit.auditing import Audited
from hardlite.audit.finding import Finding, Severity

__all__ = ["github_report"]

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.MONITOR: "notice",
}
_ESCAPED: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def github_report(audited: Audited) -> str:
    """Return one workflow command for each finding."""
    return "".join(f"{line}\n" for line in map(_command, audited.findings))


def _command(finding: Finding) -> str:
    place = ",".join(f"{name}={value}" for name, value in _properties(finding))
    message = finding.message.translate(_ESCAPED)
    return f"::{_LEVELS[finding.severity]} {place}::{message}"


def _properties(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "file", finding.path.translate(_IN_PROPERTY)
    yield "line", str(finding.line)
    yield "endLine", str(finding.end_line)
    yield "title", finding.rule
