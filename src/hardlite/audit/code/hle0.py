"""HLE0: a file that does not parse."""

from collections.abc import Iterator

from hardlite.audit.files import Unreadable
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule
from hardlite.audit.unit import Unit

__all__ = ["RULE", "unreadable"]


def unreadable(file: Unreadable) -> Finding:
    """Return the finding for a file that could not be read."""
    return Finding(
        rule="HLE0",
        path=file.path,
        line=file.line,
        end_line=file.line,
        symbol="",
        message=f"This file is not Python, so nothing is known of it: {file.why}",
        severity=Severity.MONITOR,
    )


def _check(_: Unit) -> Iterator[Finding]:
    """Find nothing: what could not be read does not come here."""
    return iter(())


RULE = Rule(code="HLE0", title="File that cannot be read", category="Error Handling", check=_check)
