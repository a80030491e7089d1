"""HL1B: nothing ever shortens the write-ahead log of a connection that stays open."""

import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Confidence, Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_SHORTENS: Final = re.compile(r"wal_checkpoint|journal_size_limit", re.IGNORECASE)


def _check(unit: Unit) -> Iterator[Finding]:
    texts = unit.module.texts
    if any(_SHORTENS.search(text) for _, text in texts):
        return
    for site in unit.linked.databases.sites:
        kept = site.scope.owner is not None and any(
            path[-2:-1] == (".connect",) and there is site.scope
            for bound in site.scope.owner.bindings.values()
            for path, there in bound
        )
        if site.module is unit.module and kept and unit.linked.databases.has_wal(site):
            yield at(
                "HL1B",
                unit.function_of(site.scope),
                site.call,
                "This connection stays open, and nothing truncates the log that it leaves",
                Severity.MONITOR,
                confidence=Confidence.MEDIUM,
            )


RULE = Rule(code="HL1B", title="Log that only grows", category="WAL Config", check=_check)
