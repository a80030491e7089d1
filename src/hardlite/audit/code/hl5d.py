"""HL5D: background work writes beside the handlers of requests."""

import ast
from collections.abc import Iterator

from hardlite.audit.catalogue import Effect
from hardlite.audit.facts import Scope
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.paths import path_of
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit

__all__ = ["RULE"]

_STARTS = {"threading.Thread", "multiprocessing.Process", "asyncio.create_task"}


def _check(unit: Unit) -> Iterator[Finding]:
    linked = unit.linked
    if not linked.answers_requests:
        return
    for function in unit.functions:
        for call in function.calls():
            started = _started(call, function)
            if started is None or not linked.effects.of(started) & (Effect.WRITES | Effect.COMMITS):
                continue
            yield at(
                "HL5D",
                function,
                call,
                f"{started.plain_name} writes the database beside the requests, and nothing orders the two",
                Severity.MEDIUM,
            )


def _started(call: ast.Call, function: Function) -> Scope | None:
    """Return the function that a call starts in the background."""
    given = next((w.value for w in call.keywords if w.arg == "target"), None)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "add_task" and call.args:
        given = call.args[0]
    elif function.external(call.func) not in _STARTS:
        return None
    elif given is None and call.args and isinstance(call.args[0], ast.Call):
        given = call.args[0].func
    return function.linked.program.callee(path_of(given), function.scope)


RULE = Rule(code="HL5D", title="Background writer", category="Async", check=_check)
