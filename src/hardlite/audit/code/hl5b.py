"""HL5B: a new aiosqlite connection, and its thread, for every query."""

import ast
from collections.abc import Iterator

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.reading import is_startup
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        if not function.scope.is_async or is_startup(function):
            continue
        for node, _ in function.nodes:
            if isinstance(node, ast.AsyncWith):
                for item in node.items:
                    call = item.context_expr
                    if (
                        isinstance(call, ast.Call)
                        and function.external(call.func) == "aiosqlite.connect"
                    ):
                        yield at(
                            "HL5B",
                            function,
                            call,
                            "Each call starts a thread and opens the file anew",
                            Severity.MEDIUM,
                        )


RULE = Rule(code="HL5B", title="aiosqlite connection per query", category="Async", check=_check)
