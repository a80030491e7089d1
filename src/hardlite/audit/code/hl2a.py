"""HL2A: a new connection for every call."""

from collections.abc import Iterator

from hardlite.audit.finding import Confidence, Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_FEWEST = 2


def _check(unit: Unit) -> Iterator[Finding]:
    linked = unit.linked
    for site in linked.databases.sites:
        if site.module is not unit.module or site.driver != "sqlite3" or not linked.concurrent:
            continue
        callers = {c for c in linked.effects.callers(site.scope) if c.module.role == "production"}
        handed = bool(site.scope.returns or site.scope.yields)
        if site.scope.kind == "function" and handed and len(callers) >= _FEWEST:
            yield at(
                "HL2A",
                unit.function_of(site.scope),
                site.call,
                f"Each of {len(callers)} callers opens a connection of its own, each time",
                Severity.MONITOR,
                confidence=Confidence.MEDIUM,
            )


RULE = Rule(code="HL2A", title="Connection for every call", category="Connection", check=_check)
