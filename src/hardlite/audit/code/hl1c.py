"""HL1C: what holds for one connection is only set on one of them."""

import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_PER_CONNECTION: Final = re.compile(
    r"PRAGMA\s+(foreign_keys|busy_timeout|synchronous)\s*=", re.IGNORECASE
)


def _check(unit: Unit) -> Iterator[Finding]:
    databases = unit.linked.databases
    scripts = [r for r in databases.resources if r.path.endswith(".sql")]
    named = {m[1].lower() for r in scripts for m in _PER_CONNECTION.finditer(r.text)}
    named -= {
        m[1].lower()
        for module in unit.linked.program.modules
        if module.role == "production"
        for _, text in module.texts
        for m in _PER_CONNECTION.finditer(text)
    }
    for site in databases.sites if named else ():
        if site.module is unit.module and unit.module.role == "production":
            yield at(
                "HL1C",
                unit.function_of(site.scope),
                site.call,
                f"{', '.join(sorted(named))} is set by a script, once; it holds for that connection alone, not for this one",
                Severity.MEDIUM,
            )


RULE = Rule(code="HL1C", title="Pragma set once", category="WAL Config", check=_check)
