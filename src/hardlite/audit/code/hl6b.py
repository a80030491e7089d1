"""HL6B: asking for the progress writes."""

import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.routes import is_route
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_ASKS: Final = re.compile(r"status|progress|poll|heartbeat", re.IGNORECASE)
_CHANGES: Final = re.compile(r"update|set|post|put|change|cancel|create|save", re.IGNORECASE)


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        scope = function.scope
        name = scope.plain_name
        if not is_route(scope) or not _ASKS.search(name) or _CHANGES.search(name):
            continue
        if unit.linked.effects.own(scope) & Effect.COMMITS:
            yield at(
                "HL6B",
                function,
                None,
                "Each time somebody asks for the state, this takes the write lock",
                Severity.HIGH,
            )


RULE = Rule(code="HL6B", title="Poll that writes", category="Write Contention", check=_check)
