"""HL4C: a file and the database are written side by side."""

import ast
from collections.abc import Iterator

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Confidence, Finding, Severity
from hardlite.audit.paths import text_of
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        file: ast.Call | None = None
        for call in function.calls():
            if _appends(call) or (_flushes(call) and not function.effect(call)):
                file = file or call
            elif file is not None and function.own_effect(call) & Effect.WRITES:
                yield at(
                    "HL4C",
                    function,
                    file,
                    "The file is written before the row that stands for it: after a crash in between they differ",
                    Severity.MEDIUM,
                    confidence=Confidence.MEDIUM,
                )
                break


def _flushes(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "flush"
        and isinstance(call.func.value, ast.Name)
        and not call.args
    )


def _appends(call: ast.Call) -> bool:
    named = ast.unparse(call.func).rpartition(".")[2] == "open"
    return named and any(
        text_of(arg)[:1] in {"a", "w"} and len(text_of(arg)) <= len("a+b") for arg in call.args[1:2]
    )


RULE = Rule(code="HL4C", title="File beside the database", category="Checkpoint", check=_check)
