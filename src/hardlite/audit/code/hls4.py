"""HLS4: foreign keys are declared and not enforced."""

import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.databases import Site
from hardlite.audit.facts import Module
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_ENFORCED: Final = re.compile(r"foreign_keys\s*[=(]\s*(on|1|true|\{)", re.IGNORECASE)
_DECLARED: Final = re.compile(r"\bREFERENCES\s+\w+|FOREIGN KEY\s*\(", re.IGNORECASE)


def _check(unit: Unit) -> Iterator[Finding]:
    databases, by_orm = unit.linked.databases, unit.linked.declares_keys
    listening = [m for m in databases.listeners if any("PRAGMA" in text for _, text in m.texts)]
    for sites in databases.by_key():
        site = sites[0]
        if site.module is not unit.module or unit.module.role != "production":
            continue
        declared = by_orm if site.driver == "engine" else _says(_DECLARED, [site.module])
        speaking = listening if site.driver == "engine" else []
        if declared and not _says(_ENFORCED, [*speaking, *(s.module for s in sites)]):
            yield _found(unit, site)
    if (
        unit.module in listening
        and by_orm
        and databases.orm
        and not databases.sites_of_engines
        and not _says(_ENFORCED, listening)
    ):
        line = next(line for line, text in unit.module.texts if "PRAGMA" in text)
        yield Finding(
            rule="HLS4",
            path=unit.module.path,
            line=line,
            end_line=line,
            symbol="",
            message=_MESSAGE,
            severity=Severity.MEDIUM,
        )


_MESSAGE: Final = (
    "Foreign keys are declared, and no connection turns them on: SQLite does not enforce them"
)


def _found(unit: Unit, site: Site) -> Finding:
    return at("HLS4", unit.function_of(site.scope), site.call, _MESSAGE, Severity.MEDIUM)


def _says(pattern: re.Pattern[str], modules: list[Module]) -> bool:
    return any(pattern.search(text) for module in modules for _, text in module.texts)


RULE = Rule(code="HLS4", title="Foreign keys off", category="Connection", check=_check)
