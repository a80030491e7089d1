"""HL7B: after an error a transaction stays open, or half of it is committed."""

import ast
from collections.abc import Iterator, Sequence

from hardlite.audit.catalogue import Effect
from hardlite.audit.code.hl7a import is_broad, is_of_the_database
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.reading import long_lived, within
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Parents, Unit

__all__ = ["RULE"]

_DRIVERS = {"Connection()", "Cursor()", "AsyncConnection()", "AsyncCursor()"}
_TWO = 2


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        if function.scope.kind != "function":
            continue
        first = next(_of_tries(function), None) or _without_rollback(function)
        if first is not None:
            yield first


def _of_tries(function: Function) -> Iterator[Finding]:
    for node, parents in function.nodes:
        if not isinstance(node, ast.Try):
            continue
        for handler in node.handlers:
            if not is_of_the_database(handler, function) and not is_broad(handler):
                continue
            where: ast.stmt | ast.excepthandler = node
            message = _half_done(node, handler, parents, function)
            if not message:
                where, message = handler, _failed_session(node, handler, parents, function)
            if message:
                yield at("HL7B", function, where, message, Severity.HIGH)


def _half_done(
    node: ast.Try, handler: ast.ExceptHandler, parents: Parents, function: Function
) -> str:
    """A swallowed error inside ``with connection`` lets it commit what was done before."""
    block = within(parents, ast.With)
    if not isinstance(block, ast.With) or _raises(handler) or _rolls_back(handler.body, function):
        return ""
    if not any(function.external(item.context_expr) == "Connection()" for item in block.items):
        return ""
    if not _writes_twice(node.body, function):
        return ""
    return "The error ends inside `with connection`, which then commits the half that was done"


def _failed_session(
    node: ast.Try, handler: ast.ExceptHandler, parents: Parents, function: Function
) -> str:
    """A Session whose flush or commit failed refuses everything until it is rolled back."""
    if _rolls_back([*handler.body, *node.finalbody], function) or not _commits_shared(
        node.body, function
    ):
        return ""
    direct = any(function.own_effect(call) & Effect.COMMITS for call in function.calls(*node.body))
    if function.effects_in(*handler.body) & (Effect.DATABASE | Effect.PENDING) & ~Effect.ROLLS_BACK:
        return "The handler goes on with a session whose transaction has failed, without a rollback"
    if not direct:
        return ""
    if _raises(handler):
        return "The session outlives this function, and nobody rolls back its failed transaction"
    if within(parents, ast.For, ast.While):
        return (
            "The next round goes on with a session whose transaction has failed, without a rollback"
        )
    return ""


def _commits_shared(body: Sequence[ast.stmt], function: Function) -> bool:
    """Say whether a session that outlives the function is committed."""
    for call in function.calls(*body):
        effect = function.effect(call)
        if effect & Effect.COMMITS and effect & Effect.ORM and isinstance(call.func, ast.Attribute):
            if function.own_effect(call):
                if long_lived(call.func.value, function):
                    return True
            elif "session" in ast.unparse(call.func) or long_lived(call.func, function):
                return True
    return False


def _without_rollback(function: Function) -> Finding | None:
    """Several writes on a connection that lives on, and nothing that undoes them."""
    effects = [function.own_effect(call) for call in function.calls()]
    if any(effect & Effect.ROLLS_BACK for effect in effects):
        return None
    if sum(bool(effect & Effect.WRITES) for effect in effects) < _TWO:
        return None
    if any(
        isinstance(node, ast.With | ast.AsyncWith) and _manages(node, function)
        for node, _ in function.nodes
    ):
        return None
    first = _two_in_a_row(function.body, function)
    if first is None:
        return None
    return at(
        "HL7B",
        function,
        first,
        "When a later write fails, this one stays in an open transaction of a connection that lives on",
        Severity.HIGH,
    )


def _two_in_a_row(body: Sequence[ast.stmt], function: Function) -> ast.Call | None:
    """Return the first of two writes that no commit separates and no branch keeps apart."""
    first: ast.Call | None = None
    for statement in body:
        for block in _blocks(statement):
            found = _two_in_a_row(block, function)
            if found is not None:
                return found
        for call in function.calls(statement):
            effect = function.own_effect(call)
            if effect & Effect.COMMITS:
                first = None
            elif effect & Effect.WRITES and _lives_on(call, function):
                if first is not None:
                    return first
                first = None if isinstance(statement, ast.If) else call
    return None


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    return [
        block for name in ("body", "orelse", "finalbody") if (block := getattr(statement, name, []))
    ]


def _lives_on(call: ast.Call, function: Function) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return function.external(owner) in _DRIVERS and long_lived(owner, function)


def _manages(node: ast.With | ast.AsyncWith, function: Function) -> bool:
    return any(function.external(item.context_expr) in _DRIVERS for item in node.items)


def _writes_twice(body: Sequence[ast.stmt], function: Function) -> bool:
    return sum(bool(function.own_effect(c) & Effect.WRITES) for c in function.calls(*body)) > 1


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _rolls_back(body: Sequence[ast.stmt], function: Function) -> bool:
    return any(function.nearby_effect(c) & Effect.ROLLS_BACK for c in function.calls(*body))


RULE = Rule(
    code="HL7B", title="No rollback after an error", category="Error Handling", check=_check
)
