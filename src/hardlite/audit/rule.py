"""What a rule is."""

import ast
import dataclasses
from collections.abc import Callable, Iterable
from typing import Literal

from hardlite.audit.finding import Confidence, Finding, Severity, Step
from hardlite.audit.unit import Function, Unit

__all__ = ["Category", "Rule", "at"]

Category = Literal[
    "WAL Config", "Connection", "Write Contention", "Checkpoint", "Async", "Error Handling"
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        code: its name for ever.
        title: what it finds, in a few words.
        category: the kind of risk.
        check: yields what it finds in a file.
    """

    code: str
    title: str
    category: Category
    check: Callable[[Unit], Iterable[Finding]]


def at(
    code: str,
    function: Function,
    node: ast.expr | ast.stmt | ast.excepthandler | None,
    message: str,
    severity: Severity,
    *,
    confidence: Confidence = Confidence.HIGH,
    steps: Iterable[Step] = (),
) -> Finding:
    """Return a finding at a node of a function; at its ``def`` without a node."""
    line = node.lineno if node else function.scope.line
    last = line
    if isinstance(node, ast.Call):
        last = node.end_lineno or line
    return Finding(
        rule=code,
        path=function.scope.module.path,
        line=line,
        end_line=last,
        symbol=function.scope.name,
        message=message,
        severity=severity,
        confidence=confidence,
        steps=tuple(steps),
    )
