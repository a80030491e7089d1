"""HL3E: a read transaction stays open over slow work."""

import ast
from collections.abc import Iterator

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.paths import path_of
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit, own_nodes

__all__ = ["RULE"]

_CURSORS = {"Cursor()", "AsyncCursor()"}


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        for node, _ in function.nodes:
            if not isinstance(node, ast.For | ast.AsyncFor) or not _is_cursor(node.iter, function):
                continue
            hands_out = function.scope.is_async and any(
                isinstance(n, ast.Yield) for n in own_nodes(node)
            )
            if hands_out or function.effects_in(*node.body) & Effect.SLOW:
                yield at(
                    "HL3E",
                    function,
                    node,
                    "The cursor holds a read transaction open for as long as this loop takes, and checkpoints wait",
                    Severity.MEDIUM,
                )


def _is_cursor(node: ast.expr, function: Function) -> bool:
    path = path_of(node)
    return bool(path) and function.external(node) in _CURSORS


RULE = Rule(code="HL3E", title="Reader over slow work", category="Write Contention", check=_check)
