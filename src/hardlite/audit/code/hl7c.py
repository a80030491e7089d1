"""HL7C: the log of a database is removed."""

import ast
from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit, own_nodes

__all__ = ["RULE"]

_LOGS: Final = ("-wal", "-shm")


def _check(unit: Unit) -> Iterator[Finding]:
    if not any(text.endswith(_LOGS) for _, text in unit.module.texts):
        return
    for function in unit.functions:
        if function.scope.kind == "module" or function.scope.plain_name == "close":
            continue
        if _names_log(function) and any(
            ast.unparse(c.func).endswith((".unlink", ".remove")) for c in function.calls()
        ):
            yield at(
                "HL7C",
                function,
                None,
                "The -wal file holds committed data until a checkpoint: removing it loses that, or damages the database",
                Severity.HIGH,
            )


def _names_log(function: Function) -> bool:
    texts = [
        n.value
        for n in own_nodes(function.node)
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]
    # With the empty suffix among them, the database itself is removed too.
    return "" not in texts and any(text.endswith(_LOGS) for text in texts)


RULE = Rule(code="HL7C", title="Log removed", category="Error Handling", check=_check)
