"""What the auditor has to say: findings, each of a rule."""

import dataclasses
import enum
from collections.abc import Sequence

__all__ = ["Confidence", "Finding", "Severity", "Step"]


class Severity(enum.IntEnum):
    """How much a finding matters under load."""

    MONITOR = 0
    """Right for now: watch it, and look again at the threshold."""

    MEDIUM = 1
    """Slower, or a race under some conditions."""

    HIGH = 2
    """Errors or long waits now and then under a moderate load."""

    CRITICAL = 3
    """"Database is locked", or lost data, under an ordinary load."""


class Confidence(enum.IntEnum):
    """How sure the auditor is."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of a chain that leads to what a finding is about."""

    path: str
    line: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place, and what is wrong there.

    Attributes:
        rule: its code, such as ``HL3B``.
        path: the file, with slashes.
        line: the first line concerned.
        end_line: the last one.
        symbol: the function or class around it; empty for the module.
        message: what is wrong, in one sentence.
        severity: how much it matters.
        confidence: how sure that is.
        steps: the chain of calls, where there is one.
        source: the text of the first line, without the space around it.
        fingerprint: what it is known by after lines around it have changed.
    """

    rule: str
    path: str
    line: int
    end_line: int
    symbol: str
    message: str
    severity: Severity
    confidence: Confidence = Confidence.HIGH
    steps: Sequence[Step] = ()
    source: str = ""
    fingerprint: str = ""
