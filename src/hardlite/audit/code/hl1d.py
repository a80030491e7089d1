"""HL1D: commits that a power cut takes back, or that damage the file."""

import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_OFF: Final = re.compile(r"\bsynchronous\s*(=|\()\s*['\"]?(off|0)\b", re.IGNORECASE)


def _check(unit: Unit) -> Iterator[Finding]:
    for line, text in unit.module.texts:
        if "pragma" in text.lower() and _OFF.search(text):
            yield Finding(
                rule="HL1D",
                path=unit.module.path,
                line=line,
                end_line=line,
                symbol="",
                message="With synchronous=OFF nothing is on the disk when a commit returns",
                severity=Severity.HIGH,
            )


RULE = Rule(code="HL1D", title="Commits that are not safe", category="WAL Config", check=_check)
