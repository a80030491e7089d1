"""HL2C: a connection that an error, or nothing at all, closes."""

import ast
from collections.abc import Iterator

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.reading import uses_memory, within
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit, own_nodes

__all__ = ["RULE"]

_OPENS = {"sqlite3.connect", "sqlite3.dbapi2.connect"}


def _check(unit: Unit) -> Iterator[Finding]:
    used = unit.linked.context_makers
    for function in unit.functions:
        if function.scope.kind == "module" or uses_memory(function):
            continue
        seen: set[str] = set()
        for node, parents in function.nodes:
            if not isinstance(node, ast.Call) or function.external(node.func) not in _OPENS:
                continue
            holder = parents[-1] if parents else None
            if isinstance(holder, ast.withitem) or function.scope in used:
                yield at(
                    "HL2C",
                    function,
                    node,
                    "`with` on a sqlite3 connection commits, and does not close it",
                    Severity.MEDIUM,
                )
            elif isinstance(holder, ast.Assign) and _leaks(holder, parents, function) and not seen:
                seen.add("")
                yield at(
                    "HL2C",
                    function,
                    node,
                    "The connection is not closed when something between here and its close() fails",
                    Severity.MEDIUM,
                )


def _leaks(  # noqa: PLR0911 - one for each way a connection goes on
    holder: ast.Assign, parents: tuple[ast.AST, ...], function: Function
) -> bool:
    target = holder.targets[0]
    if not isinstance(target, ast.Name) or within(parents, ast.withitem):
        return False
    name = target.id
    closed = False
    for node, around in function.nodes:
        match node:
            case ast.Return() | ast.Yield() if _hands_on(node.value, name):
                return False
            case ast.Global() if name in node.names:
                return False
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]) if _hands_on(
                node.value, name
            ):
                return False
            case ast.withitem() if _mentions(node.context_expr, name) and "closing" in ast.unparse(
                node.context_expr
            ):
                return False
            case ast.Call(func=ast.Attribute(attr="close", value=ast.Name(id=called))) if (
                called == name
            ):
                closed = True
                if _in_finally(node, around):
                    return False
            case ast.Call() if _keeps(node, name):
                return False
            case _:
                pass
    return closed


def _hands_on(node: ast.expr | None, name: str) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(isinstance(part, ast.Name) and part.id == name for part in parts) or (
        isinstance(node, ast.Call)
        and any(_hands_on(arg, name) for arg in [*node.args, *(w.value for w in node.keywords)])
        and not isinstance(node.func, ast.Attribute)
    )


def _keeps(node: ast.Call, name: str) -> bool:
    kept = isinstance(node.func, ast.Attribute) and node.func.attr in {
        "append",
        "add",
        "put",
        "put_nowait",
        "register",
        "push",
        "callback",
        "enter_context",
    }
    return kept and any(_mentions(arg, name) for arg in node.args)


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in own_nodes(node))


def _in_finally(node: ast.AST, around: tuple[ast.AST, ...]) -> bool:
    return any(
        isinstance(each, ast.Try)
        and any(node in set(ast.walk(last)) for last in [*each.finalbody, *each.handlers])
        for each in around
    )


RULE = Rule(code="HL2C", title="Connection that is not closed", category="Connection", check=_check)
