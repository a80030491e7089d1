"""HLS5: Alembic changes SQLite tables without batches."""

from collections.abc import Iterator

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    if not unit.linked.databases.orm:
        return
    for function in unit.functions:
        for call in function.calls():
            if function.external(call.func) != "alembic.context.configure":
                continue
            words = {word.arg for word in call.keywords}
            if not words & {"render_as_batch", None}:
                yield at(
                    "HLS5",
                    function,
                    call,
                    "SQLite cannot alter most of a table in place; without render_as_batch such a migration fails",
                    Severity.MEDIUM,
                )


RULE = Rule(code="HLS5", title="Alembic without batch", category="Connection", check=_check)
