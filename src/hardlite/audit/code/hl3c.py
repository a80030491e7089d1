"""HL3C: writes that nothing commits."""

import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_WRITES: Final = re.compile(
    r"^\s*(INSERT\s+|REPLACE\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM)", re.IGNORECASE
)
_ENDS: Final = {".commit", ".executescript"}


def _check(unit: Unit) -> Iterator[Finding]:
    scopes = list(unit.module.scope.functions())
    writes = any(_WRITES.search(text) for _, text in unit.module.texts)
    if not writes or any(call.path[-1] in _ENDS for scope in scopes for call in scope.calls):
        return
    if any(
        path[-1] == "with"
        for scope in scopes
        for bound in scope.bindings.values()
        for path, _ in bound
    ):
        return
    for site in unit.linked.databases.sites:
        kept = site.scope.owner and any(
            path[-1] == "()" and path[-2:-1] == (".connect",)
            for b in site.scope.owner.bindings.values()
            for path, _ in b
        )
        if (
            site.module is unit.module
            and site.driver == "sqlite3"
            and kept
            and not (site.option("isolation_level") or site.option("autocommit"))
        ):
            yield at(
                "HL3C",
                unit.function_of(site.scope),
                site.call,
                "Nothing in this file commits: the first write keeps the lock until the connection goes",
                Severity.HIGH,
            )


RULE = Rule(code="HL3C", title="Writes without a commit", category="Write Contention", check=_check)
